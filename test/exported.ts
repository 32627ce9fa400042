import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as runtime from "../runtime/index.js";

/** Whether pages name what there is: pieces of code such as `object.map(name)` or `xdp.attach`. */

/** How pages call an object, and what it is one of. */
const instances: Readonly<Record<string, readonly { readonly prototype: object }[]>> = {
  object: [runtime.BpfObject],
  program: [runtime.Program],
  map: [runtime.RawMap, runtime.HashMap, runtime.UserRingBuf],
  link: [runtime.Link],
  ring: [runtime.RingBuffer],
};

/** Whether there is what a piece of code uses. */
export function exists(code: string): boolean {
  const [, name = "", member] = /^(\w+)(?:\(\))?(?:\.(\w+))?/.exec(code) ?? [];
  const classes = instances[name];
  if (classes) return member !== undefined && classes.some(({ prototype }) => member in prototype);
  const value = (runtime as Record<string, unknown>)[name];
  if (value === undefined || member === undefined) return value !== undefined;
  // Of what is called, only the call itself can be looked at.
  return /^\w+\(\)/.test(code) ? typeof value === "function" : member in (value as object);
}

/** The text of a file of the project. */
export function textOf(file: string): string {
  return readFileSync(fileURLToPath(new URL(`../${file}`, import.meta.url)), "utf8");
}
