import fc from "fast-check";
import * as codecs from "../../../runtime/codec/codec.js";
import { struct, type UnionPart, union } from "../../../runtime/codec/struct.js";
import type { Codec } from "../../../runtime/codec/types.js";
import type { FieldTable } from "../../../runtime/codec/view.js";

const codecNamed: typeof codecs = { ...codecs };

/** A C type, and where a compiler puts what is in it. */
export type Layout =
  | { readonly kind: "number"; readonly of: Numeric }
  | { readonly kind: "bool" }
  | { readonly kind: "text"; readonly length: number }
  | { readonly kind: "numbers"; readonly of: Element; readonly length: number }
  | { readonly kind: "array"; readonly of: Layout; readonly length: number }
  | { readonly kind: "bits"; readonly bit: number; readonly width: number; readonly as: BitKind }
  | { readonly kind: "struct"; readonly size: number; readonly members: Members; readonly unions: Unions }
  | { readonly kind: "union"; readonly size: number; readonly members: Members };

export type Members = readonly { readonly name: string; readonly at: number; readonly type: Layout }[];
type Unions = readonly { readonly at: number; readonly size: number; readonly members: Members }[];
export type BitKind = "unsigned" | "signed" | "unsigned 64" | "signed 64" | "bool";

const elements = ["u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64", "f32", "f64"] as const;

type Element = (typeof elements)[number];
export type Numeric = Element | "u128" | "s128";

/** `sizeof`. */
export function sizeOf(type: Layout): number {
  switch (type.kind) {
    case "number":
      return codecNamed[type.of].size;
    case "bool":
      return 1;
    case "text":
      return type.length;
    case "numbers":
      return codecNamed[type.of].size * type.length;
    case "array":
      return sizeOf(type.of) * type.length;
    case "bits":
      return 0;
    default:
      return type.size;
  }
}

function alignOf(type: Layout): number {
  if (type.kind === "number") return sizeOf(type);
  if (type.kind === "numbers") return codecNamed[type.of].size;
  if (type.kind === "array") return alignOf(type.of);
  if (type.kind === "struct" || type.kind === "union")
    return type.size % 8 === 0 ? 8 : type.size % 4 === 0 ? 4 : type.size % 2 === 0 ? 2 : 1;
  return 1;
}

/** The codec of a layout. */
export function codecOf(type: Layout): Codec<unknown> {
  return codec(type) as unknown as Codec<unknown>;
}

function codec(type: Layout): FieldTable[string][1] {
  switch (type.kind) {
    case "number":
      return codecNamed[type.of];
    case "bool":
      return codecs.bool;
    case "text":
      return codecs.text(type.length);
    case "numbers":
      return codecNamed[`${type.of}Array`](type.length);
    case "array":
      return codecs.array(codecOf(type.of), type.length);
    case "bits":
      if (type.as === "bool") return codecs.bitBool(type.bit);
      return (type.as.endsWith("64") ? codecs.bits64 : codecs.bits)(
        type.bit,
        type.width,
        type.as.startsWith("signed"),
      );
    case "union":
      return union({ name: "union u", size: type.size, fields: table(type.members) } as never);
    case "struct":
      return structCodec(type.size, table(type.members), type.unions);
  }
}

export function table(members: Members): FieldTable {
  return Object.fromEntries(members.map(({ name, at, type }) => [name, [at, codec(type)] as const]));
}

/** A struct of which reads and writes go from field to field, as generated code does. */
export function structCodec(size: number, fields: FieldTable, unions: Unions = []): Codec<object> {
  const all = Object.entries(fields);
  return struct<object>({
    name: "struct s",
    size,
    fields: fields as object,
    unions: unions.map((part): UnionPart => ({ ...part, fields: table(part.members) })) as never,
    decode: (m, at) =>
      Object.fromEntries(all.map(([name, [offset, codec]]) => [name, codec.decode(m, at + offset)])),
    encode(m, at, value) {
      for (const [name, [offset, codec]] of all)
        codec.encode(m, at + offset, (value as Record<string, unknown>)[name] as never);
    },
  });
}

const hostile = ["__proto__", "constructor", "then", "toString", "length", "0", "hasOwnProperty", "valueOf"];

const leaf: fc.Arbitrary<Layout> = fc.oneof(
  fc.record({
    kind: fc.constant("number" as const),
    of: fc.constantFrom<Numeric[]>(...elements, "u128", "s128"),
  }),
  fc.constant({ kind: "bool" as const }),
  fc.record({ kind: fc.constant("text" as const), length: fc.integer({ min: 1, max: 40 }) }),
  fc.record({
    kind: fc.constant("numbers" as const),
    of: fc.constantFrom(...elements),
    length: fc.integer({ min: 1, max: 20 }),
  }),
);

type Item = Layout | { readonly kind: "field"; readonly width: number; readonly as: BitKind };

const field: fc.Arbitrary<Item> = fc
  .constantFrom<BitKind>("unsigned", "signed", "unsigned 64", "signed 64", "bool")
  .chain((as) => {
    const max = as === "bool" ? 1 : as.endsWith("64") ? 64 : 32;
    return fc.record({
      kind: fc.constant("field" as const),
      width: fc.integer({ min: 1, max }),
      as: fc.constant(as),
    });
  });

/** Lays items out as C does, one behind the other, bit-fields side by side. */
function layOut(
  items: readonly Item[],
  names: readonly string[],
  packed: boolean,
): { end: number; members: Members } {
  let bit = 0;
  const members = items.map((item, i) => {
    const name = names[i]!;
    if (item.kind === "field") {
      const { width, as } = item;
      const from = bit;
      bit += width;
      return { name, at: 0, type: { kind: "bits" as const, bit: from, width, as } };
    }
    const align = packed ? 1 : alignOf(item);
    const at = Math.ceil(bit / 8 / align) * align;
    bit = 8 * (at + sizeOf(item));
    return { name, at, type: item };
  });
  return { end: Math.ceil(bit / 8), members };
}

const namesOf = (count: number): fc.Arbitrary<string[]> =>
  fc.shuffledSubarray([...hostile, ..."abcdefghijklmnopqrstuvwxyz"], { minLength: count, maxLength: count });

function composite(inner: fc.Arbitrary<Layout>): fc.Arbitrary<Layout> {
  const items = (with_: fc.Arbitrary<Item>): fc.Arbitrary<Item[]> =>
    fc.array(with_, { minLength: 1, maxLength: 5 });
  const asUnion = (of: readonly Layout[], names: readonly string[], at: number) => ({
    at,
    size: Math.max(...of.map(sizeOf)),
    members: of.map((type, i) => ({ name: names[i]!, at: 0, type })),
  });
  const aStruct = fc
    .record({
      items: items(fc.oneof({ weight: 3, arbitrary: inner }, { weight: 2, arbitrary: field })),
      packed: fc.boolean(),
      tail: fc.nat(3),
      parts: fc.array(fc.array(inner, { minLength: 1, maxLength: 3 }), { maxLength: 2 }),
    })
    .chain((made) =>
      namesOf(made.items.length + made.parts.flat().length).map((names): Layout => {
        const { end, members } = layOut(made.items, names, made.packed);
        let used = made.items.length;
        let size = end;
        const unions = made.parts.map((of) => {
          const at = made.packed ? size : Math.ceil(size / 8) * 8;
          const part = asUnion(of, names.slice(used), at);
          used += of.length;
          size = at + part.size;
          return part;
        });
        return { kind: "struct", size: made.packed ? size : size + made.tail, members, unions };
      }),
    );
  const aUnion = fc
    .array(inner, { minLength: 1, maxLength: 4 })
    .chain((of) => namesOf(of.length).map((names): Layout => ({ kind: "union", ...asUnion(of, names, 0) })));
  const anArray = fc.record({
    kind: fc.constant("array" as const),
    of: inner,
    length: fc.integer({ min: 1, max: 4 }),
  });
  return fc.oneof(aStruct, aUnion, anArray);
}

/** Any type that a struct may be made of, a few levels deep. */
export const anyLayout: fc.Arbitrary<Layout> = [1, 2].reduce<fc.Arbitrary<Layout>>(
  (inner) => fc.oneof(leaf, composite(inner)),
  leaf,
);
/** A struct, union or array. */
export const anyComposite: fc.Arbitrary<Layout> = composite(anyLayout);

/** A value to encode: of a union, one member. */
export function valuesOf(type: Layout): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case "number":
      return numeric(type.of);
    case "bool":
      return fc.boolean();
    case "text":
      return fc
        .string({ unit: fc.constantFrom("a", "Z", " ", "é", "€", "\udcff"), maxLength: type.length })
        .map((text) => [...text].slice(0, Math.floor(type.length / 3)).join(""));
    case "numbers": {
      const items = fc.array(numeric(type.of), { minLength: type.length, maxLength: type.length });
      return items.map((array) => codecsArray(type.of, array));
    }
    case "array":
      return fc.array(valuesOf(type.of), { minLength: type.length, maxLength: type.length });
    case "bits": {
      if (type.as === "bool") return fc.boolean();
      const span = 2n ** BigInt(type.width);
      const min = type.as.startsWith("signed") ? -span / 2n : 0n;
      const value = fc.bigInt({ min, max: min + span - 1n });
      return type.as.endsWith("64") ? value : value.map(Number);
    }
    case "union":
      return oneOf(type.members);
    case "struct":
      return fc
        .tuple(
          fc.tuple(...type.members.map((member) => valuesOf(member.type))),
          fc.tuple(...type.unions.map(({ members }) => oneOf(members))),
        )
        .map(([plain, promoted]) =>
          Object.fromEntries([
            ...plain.map((value, i): [string, unknown] => [type.members[i]!.name, value]),
            ...promoted.flatMap((one) => Object.entries(one)),
          ]),
        );
  }
}

const oneOf = (members: Members): fc.Arbitrary<Record<string, unknown>> =>
  fc
    .constantFrom(...members)
    .chain(({ name, type }) => valuesOf(type).map((value) => Object.fromEntries([[name, value]])));

function numeric(of: Numeric): fc.Arbitrary<number | bigint> {
  if (of === "f32") return fc.float({ noNaN: true });
  if (of === "f64") return fc.double({ noNaN: true });
  const bits = BigInt(of.slice(1));
  const min = of.startsWith("s") ? -(2n ** (bits - 1n)) : 0n;
  const value = fc.bigInt({ min, max: min + 2n ** bits - 1n });
  return bits > 32n ? value : value.map(Number);
}

function codecsArray(of: Element, items: readonly (number | bigint)[]): unknown {
  const made = codecs.decode<ArrayLike<unknown>>(
    codecNamed[`${of}Array`](items.length) as unknown as Codec<ArrayLike<unknown>>,
    new Uint8Array(codecNamed[of].size * items.length),
  );
  for (const [i, item] of items.entries()) (made as Record<number, unknown>)[i] = item;
  return made;
}
