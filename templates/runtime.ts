import type { MapClass, ProgramClass } from "../generator/model/model.js";

/** Every name of the runtime that generated code may use; a type test holds it against the runtime's exports. */
export type RuntimeName =
  | MapClass
  | ProgramClass
  | "Codec"
  | "Events"
  | "Input"
  | "Skeleton"
  | "SkeletonOptionsWithObject"
  | "Union"
  | "Unions"
  | "View"
  | "WithContext"
  | "array"
  | "bitBool"
  | "bits"
  | "bits64"
  | "bool"
  | "events"
  | "file"
  | "inline"
  | "map"
  | "none"
  | "program"
  | "ptr"
  | "section"
  | "skeleton"
  | "struct"
  | "structOps"
  | "StructOpsFunction"
  | "text"
  | "tuple"
  | "union"
  | `${"u" | "s"}${8 | 16 | 32 | 64}${"" | "Array"}`
  | `f${32 | 64}${"" | "Array"}`
  | "u128"
  | "s128";

/** A name of the runtime, as generated code refers to it. */
export function rt(name: RuntimeName): string {
  return `bpf.${name}`;
}
