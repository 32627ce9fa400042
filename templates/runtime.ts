/** Every name of the runtime that generated code may use; a type test holds it against the runtime's exports. */
export type RuntimeName =
  | "ArrayMap"
  | "ArrayView"
  | "Codec"
  | "HashMap"
  | "Input"
  | "Program"
  | "RawMap"
  | "RawTracepoint"
  | "RingBuf"
  | "Skeleton"
  | "SkeletonOptionsWithObject"
  | "Tracepoint"
  | "Union"
  | "Unions"
  | "Uprobe"
  | "View"
  | "Xdp"
  | "array"
  | "arrayMap"
  | "bitBool"
  | "bits"
  | "bits64"
  | "bool"
  | "file"
  | "hashMap"
  | "inline"
  | "none"
  | "program"
  | "ptr"
  | "rawMap"
  | "ringBuf"
  | "section"
  | "skeleton"
  | "struct"
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
