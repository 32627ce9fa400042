// The runtime that the corpus gives to generated skeletons: the real codecs, which also tell what they are made of,
// and in place of maps and skeletons just what generated code says of them.
import type { StructSpec, UnionPart, UnionSpec } from "../../runtime/codec/struct.js";
import type { Codec } from "../../runtime/codec/types.js";
import type { FieldTable } from "../../runtime/codec/view.js";
import * as runtime from "../../runtime/codegen.js";

export * from "../../runtime/codegen.js";

/** What a generated struct or union is made of, with the offsets that stand in the generated text. */
export interface Composite {
  readonly name: string;
  readonly size: number;
  readonly fields: FieldTable;
  readonly unions?: readonly UnionPart[];
}

/** The codecs of structs and unions, and what each is made of. */
export const composites: Map<object, Composite> = new Map();
/** The codecs of arrays that are no typed arrays, and their elements'. */
export const elements: WeakMap<object, object> = new WeakMap();
/** The codecs of bit-fields, and where each lies. */
export const bitFields: WeakMap<object, { readonly bit: number; readonly width: number }> = new WeakMap();

export function struct<T extends object>(spec: StructSpec<T>): Codec<T> {
  const codec = runtime.struct(spec);
  composites.set(codec, spec as unknown as Composite);
  return codec;
}

export function union<T extends object>(spec: UnionSpec<T>): Codec<T> {
  const codec = runtime.union<T>(spec);
  composites.set(codec, spec as unknown as Composite);
  return codec;
}

export function array<T>(element: Codec<T>, length: number): Codec<T[]> {
  const codec = runtime.array(element, length);
  elements.set(codec, element);
  return codec;
}

export function tuple<T>(element: Codec<T>, length: number): Codec<T[]> {
  return array(element, length);
}

function bitField<T>(codec: Codec<T>, bit: number, width: number): Codec<T> {
  bitFields.set(codec, { bit, width });
  return codec;
}

export function bits(bit: number, width: number, signed: boolean): Codec<number> {
  return bitField(runtime.bits(bit, width, signed), bit, width);
}

export function bits64(bit: number, width: number, signed: boolean): Codec<bigint> {
  return bitField(runtime.bits64(bit, width, signed), bit, width);
}

export function bitBool(bit: number): Codec<boolean> {
  return bitField(runtime.bitBool(bit), bit, 1);
}

/** A map as generated code says it: its class, the codecs of its entries and, of a map of maps, what is in it. */
export interface RecordedMap {
  readonly class: string;
  readonly parts: readonly (Codec<unknown> | RecordedMap)[];
}

export function map(MapClass: { readonly name: string }, ...parts: RecordedMap["parts"]): RecordedMap {
  return { class: MapClass.name, parts };
}

/** A section as generated code says it. */
export interface RecordedSection {
  readonly section: string;
  readonly size: number;
  readonly fields: FieldTable;
}

/** A skeleton as generated code says it. */
export interface RecordedSkeleton {
  readonly programs: Readonly<Record<string, unknown>>;
  readonly maps: Readonly<Record<string, RecordedMap>>;
  readonly globals: Readonly<Record<string, RecordedSection>>;
}

export function skeleton(spec: RecordedSkeleton): RecordedSkeleton {
  return spec;
}
