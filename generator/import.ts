import { readFileSync } from "node:fs";
import { declarations, javascript } from "../templates/emit.js";
import { GenerateError } from "./errors.js";
import { generate } from "./generate.js";
import type { GenerateOptions } from "./model/options.js";

/** What can be told of objects that are imported. */
export type ImportOptions = Pick<GenerateOptions, "events" | "types" | "charArrays">;

/** An object as a module. */
export interface ObjectModule {
  /** JavaScript: what its skeleton says, with the object in it. */
  readonly code: string;
  /** The declarations that TypeScript looks for in {@link declarationsFile}. */
  readonly declarations: string;
  /** What the user should know, one sentence each. */
  readonly warnings: readonly string[];
}

/** Whether a path or URL is that of an object that is imported as a module. */
export function isObject(path: string): boolean {
  return /\.bpf\.o$/.test(path);
}

/**
 * `watch.bpf.o` → `watch.bpf.d.o.ts`, where TypeScript looks for the declarations of `./watch.bpf.o` when
 * `allowArbitraryExtensions` is on.
 */
export function declarationsFile(file: string): string {
  return file.replace(/\.o$/, ".d.o.ts");
}

/** Reads an object and makes it a module; what is wrong with it is said with its name. */
export function moduleOf(file: string, options: ImportOptions = {}): ObjectModule {
  try {
    const { text, warnings } = generate(readFileSync(file), { ...options, file });
    return { code: javascript(text), declarations: declarations(text), warnings };
  } catch (error) {
    if (!(error instanceof GenerateError)) throw error;
    throw new GenerateError(`${file}: ${error.message}`, error.code, error);
  }
}
