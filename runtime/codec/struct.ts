import { inspect } from "node:util";
import type { KeyForm } from "./codec.js";
import { Memory } from "./memory.js";
import { inside } from "./path.js";
import type { Codec, Input, PlainKeys, View } from "./types.js";
import { AT, composites, defineFields, type FieldTable, isView, MEMORY, toJson, viewClass } from "./view.js";

/** The bytes of a decoded union: an own enumerable symbol property, so that spread keeps it. */
const BYTES: unique symbol = Symbol("union bytes");

/** Offset and codec of each member, as the compiler laid them out. */
export type Fields<T> = {
  readonly [K in keyof T]: readonly [at: number, codec: Codec<T[K]>];
};

/** An anonymous union inside a struct: where it lies and the members that it promotes. */
export interface UnionPart {
  readonly at: number;
  readonly size: number;
  readonly fields: FieldTable;
}

/** What generated code says of a struct. */
export interface StructSpec<T> {
  /** The C name, for errors: `struct event`. */
  readonly name: string;
  /** `sizeof`. */
  readonly size: number;
  readonly fields: Fields<Pick<T, PlainKeys<T>>>;
  /** The struct's anonymous unions, when it has any. */
  readonly unions?: readonly UnionPart[];
  /** Straight-line reads of `fields`. */
  decode(m: Memory, at: number, size?: number): Pick<T, PlainKeys<T>>;
  /** Straight-line writes of `fields`; padding has been zeroed. */
  encode(m: Memory, at: number, value: Pick<Input<T>, PlainKeys<T> & keyof Input<T>>): void;
}

/** The codec of a struct. */
export function struct<T extends object>(spec: StructSpec<T>): Codec<T> & KeyForm<T> {
  const { name, size, unions = [], encode: encodeFields } = spec;
  const fields = spec.fields as FieldTable;
  const hasGaps = Object.values(fields).reduce((sum, [, field]) => sum + field.size, 0) < size;
  let StructView: (new (m: Memory, at: number) => View<T>) | undefined;

  function encode(m: Memory, at: number, value: Input<T>): void {
    if (typeof value !== "object" || value === null) throw notAnObject(name, value);
    if (hasGaps) m.zero(at, size);
    try {
      encodeFields(m, at, value as never);
    } catch (error) {
      throw explain(fields, value as Record<string, unknown>, error);
    }
    if (unions.length > 0) encodeUnions(name, unions, m, at, value);
  }

  const decodeFields = spec.decode as (m: Memory, at: number, size?: number) => T;
  const decode = unions.length > 0 ? withUnions(unions, decodeFields) : decodeFields;
  const codec: Codec<T> = {
    size,
    decode,
    encode,
    view(m, at) {
      StructView ??= viewClass(codec, allFields(fields, unions));
      return new StructView(m, at);
    },
  };
  composites.add(codec);
  const keyFields = Object.entries(fields).filter(([, [, field]]) => "keyForm" in field);
  if (keyFields.length === 0) return codec;
  return Object.assign(codec, { keyForm: { ...codec, decode: withKeyText(keyFields, decode) } });
}

/** What generated code says of a union. */
export interface UnionSpec {
  /** The C name, for errors: `union addr`. */
  readonly name: string;
  /** `sizeof`. */
  readonly size: number;
  readonly fields: FieldTable;
}

/** The codec of a union: decoded values keep all its bytes and show every member. */
export function union<T extends object>({ name, size, fields }: UnionSpec): Codec<T> {
  const parts = [{ at: 0, size, fields }];
  let UnionView: (new (m: Memory, at: number) => View<T>) | undefined;
  const codec: Codec<T> = {
    size,
    decode: withUnions(parts, () => ({}) as T),
    encode(m, at, value) {
      if (typeof value !== "object" || value === null) throw notAnObject(name, value);
      encodeUnions(name, parts, m, at, value);
    },
    view(m, at) {
      UnionView ??= viewClass(codec, fields);
      return new UnionView(m, at);
    },
  };
  composites.add(codec);
  return codec;
}

/** Adds the promoted members to what `decodeFields` yields, as accessors over a copy of the unions' bytes. */
function withUnions<T>(
  unions: readonly UnionPart[],
  decodeFields: (m: Memory, at: number, size?: number) => T,
): (m: Memory, at: number, size?: number) => T {
  const total = unions.reduce((sum, part) => sum + part.size, 0);
  class WithUnions {
    declare readonly [BYTES]: Uint8Array;
    readonly #memory: Memory;
    constructor(bytes: Uint8Array, littleEndian: boolean) {
      Object.defineProperty(this, BYTES, { value: bytes, enumerable: true });
      this.#memory = new Memory(bytes, littleEndian);
    }
    get [MEMORY](): Memory {
      return this.#memory;
    }
  }
  Object.defineProperties(WithUnions.prototype, {
    [AT]: { value: 0 },
    [inspect.custom]: { value: inspectUnion },
    toJSON: { value: unionToJson, configurable: true },
  });
  let start = 0;
  for (const part of unions) {
    defineFields(WithUnions.prototype, shifted(part.fields, start), (codec) =>
      composites.has(codec) ? codec.view : codec.decode,
    );
    start += part.size;
  }
  return (m, at, size) => {
    const bytes = new Uint8Array(total);
    let to = 0;
    for (const part of unions) {
      bytes.set(m.bytes(at + part.at, part.size), to);
      to += part.size;
    }
    return Object.assign(new WithUnions(bytes, m.littleEndian), decodeFields(m, at, size)) as T;
  };
}

function unionToJson(this: object): unknown {
  const json: Record<string, unknown> = Object.create(null);
  for (const member in this) json[member] = toJson((this as Record<string, unknown>)[member]);
  return json;
}

function inspectUnion(this: object): unknown {
  const shown: Record<string, unknown> = {};
  for (const member in this) {
    const value = (this as Record<string, unknown>)[member];
    Object.defineProperty(shown, member, { value, enumerable: true });
  }
  return shown;
}

/** Writes the unions of `value`: their bytes when it was decoded, then the members that it names itself. */
function encodeUnions(
  name: string,
  unions: readonly UnionPart[],
  m: Memory,
  at: number,
  value: object,
): void {
  const bytes = (value as { readonly [BYTES]?: Uint8Array })[BYTES];
  let from = 0;
  for (const part of unions) {
    const place = at + part.at;
    if (isView(value)) m.setBytes(place, value[MEMORY].bytes(value[AT] + part.at, part.size));
    else encodeUnion(name, part, m, place, value, bytes?.subarray(from, from + part.size));
    from += part.size;
  }
}

function encodeUnion(
  name: string,
  part: UnionPart,
  m: Memory,
  at: number,
  value: object,
  bytes: Uint8Array | undefined,
): void {
  const named = Object.keys(part.fields).filter(
    (member) => Object.hasOwn(value, member) && (value as Record<string, unknown>)[member] !== undefined,
  );
  const written: [member: string, as: Uint8Array][] = [];
  for (const member of named) {
    const aside = Memory.alloc(part.size, m.littleEndian);
    if (bytes) aside.setBytes(0, bytes);
    const [offset, codec] = part.fields[member]!;
    try {
      codec.encode(aside, offset, (value as Record<string, unknown>)[member] as never);
    } catch (error) {
      throw inside(member, error);
    }
    const as = aside.bytes(0, part.size);
    if (!bytes || as.some((byte, i) => byte !== bytes[i])) written.push([member, as]);
  }
  if (written.length > 1 || (!bytes && written.length !== 1)) {
    const members = Object.keys(part.fields).join(", ");
    const given =
      written.length === 0 ? "none is given" : `${written.map(([member]) => member).join(" and ")} are given`;
    throw new TypeError(`${name}: a union takes exactly one of its members (${members}), ${given}`);
  }
  m.setBytes(at, written[0]?.[1] ?? bytes!);
}

/** Decodes the fields that hold text once more, whole: the form in which a map key finds itself again. */
function withKeyText<T extends object>(
  keyFields: readonly (readonly [string, FieldTable[string]])[],
  decode: Codec<T>["decode"],
): Codec<T>["decode"] {
  const texts = keyFields.map(([member, [at, codec]]): [string, number, Codec<unknown>] => [
    member,
    at,
    (codec as unknown as Required<KeyForm<unknown>>).keyForm,
  ]);
  return (m, at, size) => {
    const value = decode(m, at, size) as Record<string, unknown>;
    for (const [member, offset, codec] of texts) value[member] = codec.decode(m, at + offset);
    return value as T;
  };
}

function shifted(fields: FieldTable, by: number): FieldTable {
  return by === 0
    ? fields
    : Object.fromEntries(Object.entries(fields).map(([member, [at, codec]]) => [member, [at + by, codec]]));
}

function allFields(fields: FieldTable, unions: readonly UnionPart[]): FieldTable {
  return Object.assign(Object.create(null), fields, ...unions.map((part) => shifted(part.fields, part.at)));
}

/** Finds the member that cannot be encoded, off the hot path: straight-line code does not say. */
function explain(fields: FieldTable, value: Record<string, unknown>, error: unknown): unknown {
  for (const [member, [at, codec]] of Object.entries(fields)) {
    try {
      codec.encode(Memory.alloc(at + codec.size + 32), at, value[member] as never);
    } catch (cause) {
      if (value[member] === undefined) return inside(member, new TypeError("is missing"));
      return inside(member, cause);
    }
  }
  return error;
}

function notAnObject(name: string, value: unknown): TypeError {
  return new TypeError(`a ${name} takes an object, not ${value === null ? "null" : typeof value}`);
}
