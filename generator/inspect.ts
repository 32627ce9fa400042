import { type Surface, surfaceOf, type TypeSurface } from "../templates/surface.js";
import type { Change } from "./compare/change.js";
import { changes } from "./compare/changes.js";
import { buildModel, buildTypes, isRawBtf } from "./model/build.js";
import type { Model, TypesModel } from "./model/model.js";
import type { GenerateOptions } from "./model/options.js";
import { version } from "./version.js";

/** What can be told of an object that is looked at: what changes names and types in its skeleton. */
export type InspectOptions = Pick<GenerateOptions, "file" | "name" | "events" | "types" | "charArrays">;

/** What is in an object, as its skeleton has it. It is plain data, fit for JSON. */
export interface Inspection extends Surface {
  /** The types that programs, maps and globals need, each after those that it is made of. */
  readonly types: readonly InspectedType[];
  /** What the user should know, one sentence each. */
  readonly warnings: readonly string[];
}

/** A type with its padding. */
export type InspectedType = TypeSurface & {
  /** What belongs to no field; unions and enums have none. */
  readonly holes: readonly Hole[];
};

/** Padding inside a struct, or at its end. */
export interface Hole {
  /** The first bit, from the start of the struct. */
  readonly bit: number;
  /** How many bits. */
  readonly bits: number;
}

/**
 * Tells what is in a BPF object: programs, maps, global variables, and the types that they need with their layouts.
 *
 * ```ts
 * import { readFileSync } from "node:fs";
 *
 * const { maps } = inspect(readFileSync("watch.bpf.o"), { file: "watch.bpf.o" });
 * for (const { name, class: of } of maps) console.log(name, of); // live HashMap<number, Event>
 * ```
 * @param bytes the object, or raw BTF such as `/sys/kernel/btf/vmlinux`, which has only types.
 * @throws GenerateError when it is not accepted.
 */
export function inspect(bytes: Uint8Array, options: InspectOptions): Inspection {
  return inspectModel(
    isRawBtf(bytes)
      ? buildTypes(bytes, options, version)
      : // The object itself is not asked for.
        buildModel(bytes, { ...options, embed: "none" }, version),
  );
}

/** Tells what is in a model. */
export function inspectModel(model: Model | TypesModel): Inspection {
  const surface = surfaceOf(model);
  const types = surface.types.map((type) => ({ ...type, holes: holesOf(type) }));
  return { ...surface, types, warnings: model.warnings };
}

/** What has changed from one object to another. It is plain data, fit for JSON. */
export interface Difference {
  /** Whether one of the changes breaks application code. */
  readonly breaking: boolean;
  /** What application code may notice, in the order of the object. */
  readonly changes: readonly Change[];
}

/**
 * Tells what has changed for application code from one object to another. Code of the programs does not count: two
 * objects without changes have the same skeleton but for the object that it embeds.
 *
 * ```ts
 * const { breaking, changes } = diff(released, built, { file: "watch.bpf.o" });
 * for (const { of, member, message } of changes) console.log(of, member ?? "", message);
 * ```
 * @throws GenerateError when one is not accepted.
 */
export function diff(before: Uint8Array, after: Uint8Array, options: InspectOptions): Difference {
  const [was, is] = [before, after].map((bytes) => inspect(bytes, options));
  return difference(changes(was!, is!));
}

/** Sums up changes. */
export function difference(found: readonly Change[]): Difference {
  return { breaking: found.some(({ breaking }) => breaking), changes: found };
}

/** The bits of a struct that no field has. */
function holesOf(type: TypeSurface): Hole[] {
  if (type.kind !== "struct") return [];
  const holes: Hole[] = [];
  let end = 0;
  const until = (bit: number): void => {
    if (bit > end) holes.push({ bit: end, bits: bit - end });
  };
  for (const { at, size, bits } of type.members) {
    const first = bits?.at ?? 8 * at;
    until(first);
    end = Math.max(end, first + (bits?.width ?? 8 * size));
  }
  until(8 * type.size);
  return holes;
}
