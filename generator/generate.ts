import { renderSkeleton, renderTypesOnly } from "../templates/skeleton.js";
import { buildModel, buildTypes } from "./model/build.js";
import type { GenerateOptions, TypesOptions } from "./model/options.js";
import { version } from "./version.js";

/** A skeleton. */
export interface Generated {
  /** The exported const and interface: `ExecSnoop`. */
  readonly name: string;
  /** The TypeScript source. */
  readonly text: string;
  /** What the user should know, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Generates the skeleton of a BPF object. The same bytes and options give the same text.
 *
 * ```ts
 * import { readFileSync } from "node:fs";
 *
 * const { text } = generate(readFileSync("watch.bpf.o"), { file: "watch.bpf.o" });
 * ```
 * @param bytes the object, as `clang -g -target bpf` or `bpftool gen object` wrote it.
 * @throws GenerateError when the object, or an option for it, is not accepted.
 */
export function generate(bytes: Uint8Array, options: GenerateOptions): Generated {
  const model = buildModel(bytes, options, version);
  return { name: model.typeName, text: renderSkeleton(model), warnings: model.warnings };
}

/** A file of types. */
export interface GeneratedTypes {
  /** The TypeScript source. */
  readonly text: string;
  /** What the user should know, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Generates types and codecs only, for reading memory that no skeleton describes.
 * @param bytes an object, or raw BTF such as `/sys/kernel/btf/vmlinux`.
 * @throws GenerateError when it is not accepted, or lacks one of the types.
 */
export function generateTypes(bytes: Uint8Array, options: TypesOptions): GeneratedTypes {
  const model = buildTypes(bytes, options, version);
  return { text: renderTypesOnly(model), warnings: model.warnings };
}
