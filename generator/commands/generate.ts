import { declarations, javascript } from "../../templates/emit.js";
import type { GivenOptions, Job, Making } from "../command.js";
import { generate as generateSkeleton, generateTypes } from "../generate.js";
import { refuseObject, withObject, write } from "./files.js";
import { warn } from "./say.js";

/** What is made of an object. */
export interface Made {
  readonly text: string;
  readonly warnings: readonly string[];
}

/** Makes the text of a file from an object's bytes: a skeleton or types; of `FILE.d.ts` the declarations, of `FILE.js` the rest. */
export function make(
  bytes: Uint8Array,
  object: string,
  output: string | undefined,
  { make: kind, options }: Making,
): Made {
  const all: GivenOptions & { file: string } = { ...options, file: object };
  const { text, warnings } = kind === "types" ? generateTypes(bytes, all) : generateSkeleton(bytes, all);
  return { text: inFormOf(output ?? "")(text), warnings };
}

/** What a file's name says that it holds. */
function inFormOf(output: string): (text: string) => string {
  if (/\.d(\.\w+)?\.[mc]?ts$/.test(output)) return declarations;
  if (/\.m?js$/.test(output)) return javascript;
  return (text) => text;
}

/** Generates all files, or none when one object is refused. */
export function generate({ jobs, ...making }: { readonly jobs: readonly Job[] } & Making): void {
  const made = jobs.map(({ object, output }) => ({
    object,
    output,
    ...withObject(object, (bytes) => make(bytes, object, output, making)),
  }));
  for (const { output } of made) if (output !== undefined) refuseObject(output);
  for (const { object, output, text, warnings } of made) {
    warn(object, warnings);
    if (output === undefined) process.stdout.write(text);
    else write(output, text);
  }
}
