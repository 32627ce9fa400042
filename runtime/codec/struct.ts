import { inspect } from "node:util";
import type { KeyForm } from "./codec.js";
import { Memory, OwnMemory } from "./memory.js";
import { inside } from "./path.js";
import type { Codec, PlainKeys, UnionMembers } from "./types.js";
import {
  AT,
  CODEC,
  type FieldCodec,
  type FieldTable,
  fieldProperties,
  isView,
  type Live,
  MEMORY,
  toJson,
  type ViewClass,
  viewClass,
} from "./view.js";

/**
 * The bytes of a decoded union: an own enumerable symbol property, so that spread keeps them as they are at that
 * moment and deep-equal sees them. The bytes of plain members between several unions are zero in it.
 */
const BYTES: unique symbol = Symbol("union bytes");

/** Offset and codec of each member, as the compiler laid them out. */
export type Fields<T> = {
  readonly [K in keyof T]: readonly [at: number, codec: Codec<T[K]>];
};

/** An anonymous union inside a struct: where it lies and the members that it promotes. */
export interface UnionPart<F = FieldTable> {
  readonly at: number;
  readonly size: number;
  readonly fields: F;
}

type UnionParts<G extends readonly object[]> = { readonly [I in keyof G]: UnionPart<Fields<G[I]>> };

/** What generated code says of a struct. */
export interface StructSpec<T> {
  /** The C name, for errors: `struct event`. */
  readonly name: string;
  /** `sizeof`. */
  readonly size: number;
  readonly fields: { readonly [K in PlainKeys<T>]: readonly [at: number, codec: FieldCodec] };
  /** The member that is a flexible array, or a struct that ends in one. */
  readonly flexible?: PlainKeys<T>;
  /** The struct's anonymous unions, when it has any. */
  readonly unions?: UnionParts<UnionMembers<T>>;
  /** Straight-line reads of `fields`. */
  decode(m: Memory, at: number, size?: number): Pick<T, PlainKeys<T>>;
  /**
   * Straight-line writes of `fields`; padding has been zeroed. What is written may be whatever `Input<T>` says, which
   * each write checks for itself; here the compiler looks at the names only, as skeletons must be cheap to check.
   */
  encode(m: Memory, at: number, value: { readonly [K in PlainKeys<T>]: never }): void;
}

/** The codec of a struct. */
export function struct<T extends object>(spec: StructSpec<T>): Codec<T> & KeyForm<T> {
  const { name, size, encode: encodeFields } = spec;
  const fields = spec.fields as FieldTable;
  const unions = (spec.unions ?? []) as readonly UnionPart[];
  const hasGaps = Object.values(fields).reduce((sum, [, field]) => sum + field.size, 0) < size;
  const Decoded = unions.length > 0 ? unionsClass(unions) : undefined;
  const decodeFields = spec.decode as (m: Memory, at: number, size?: number) => T;
  let StructView: ViewClass<T> | undefined;
  let liveFields: PropertyDescriptorMap | undefined;

  const codec: Codec<T> & Live = {
    size,
    decode: Decoded
      ? (m, at, available) => Object.assign(Decoded.copy(m, at), decodeFields(m, at, available))
      : decodeFields,
    encode(m, at, value) {
      if (typeof value !== "object" || value === null) throw notAnObject(name, value);
      if (hasGaps) m.zero(at, size);
      try {
        encodeFields(m, at, value as never);
      } catch (error) {
        throw explain(size, fields, value as Record<string, unknown>, error);
      }
      if (Decoded) encodeUnions(codec, Decoded, name, m, at, value);
    },
    view(m, at, available) {
      StructView ??= viewClass(codec, allFields(fields, unions), spec.flexible as string | undefined);
      return new StructView(m, at, available);
    },
    live(m, at) {
      liveFields ??= Owned.properties(fields);
      return Object.defineProperties(Decoded ? new Decoded(m, at) : new Owned(m, at), liveFields);
    },
  };
  const keyFields = Object.entries(fields).filter(([, [, field]]) => "keyForm" in field);
  if (keyFields.length === 0) return codec;
  return Object.assign(codec, { keyForm: { ...codec, decode: withKeyText(keyFields, codec.decode) } });
}

/** What generated code says of a union. */
export interface UnionSpec<T> {
  /** The C name, for errors: `union addr`. */
  readonly name: string;
  /** `sizeof`. */
  readonly size: number;
  readonly fields: Fields<UnionMembers<T>[0] & object>;
}

/** The codec of a union: decoded values keep all its bytes and show every member. */
export function union<T extends object>(spec: UnionSpec<T>): Codec<T> {
  const { name, size } = spec;
  const fields = spec.fields as FieldTable;
  const Decoded = unionsClass([{ at: 0, size, fields }]);
  let UnionView: ViewClass<T> | undefined;
  const codec: Codec<T> & Live = {
    size,
    decode: (m, at) => Decoded.copy(m, at) as T,
    encode(m, at, value) {
      if (typeof value !== "object" || value === null) throw notAnObject(name, value);
      encodeUnions(codec, Decoded, name, m, at, value);
    },
    view(m, at) {
      UnionView ??= viewClass(codec, fields);
      return new UnionView(m, at);
    },
    live: (m, at) => new Decoded(m, at),
  };
  return codec;
}

/** What reads a member of a decoded union: plain values as they are, anything else so that changing it counts. */
function live(codec: FieldCodec): (m: OwnMemory, at: number) => unknown {
  return codec.live ?? codec.decode;
}

/** What reads and writes a place in the memory of a decoded value. */
class Owned {
  readonly #memory: OwnMemory;
  readonly #at: number;
  /** The structs, unions and arrays that members have been read as. */
  #members: Map<string, unknown> | undefined;
  constructor(m: OwnMemory, at: number) {
    this.#memory = m;
    this.#at = at;
  }
  get [MEMORY](): OwnMemory {
    return this.#memory;
  }
  get [AT](): number {
    return this.#at;
  }
  /** Properties for members; one that is a struct, a union or an array is made when first read, and kept. */
  static properties(fields: FieldTable): PropertyDescriptorMap {
    const properties = fieldProperties(fields, live);
    for (const [name, [offset, codec]] of Object.entries(fields)) {
      if (!codec.live) continue;
      properties[name]!.get = function (this: Owned) {
        this.#members ??= new Map();
        let member = this.#members.get(name);
        if (member === undefined) {
          member = codec.live!(this.#memory, this.#at + offset);
          this.#members.set(name, member);
        }
        return member;
      };
    }
    return properties;
  }
  static {
    Object.defineProperties(Owned.prototype, {
      [inspect.custom]: { value: inspectMembers },
      toJSON: { value: membersToJson, writable: true, configurable: true },
      // Lets Object.assign() make an own member of that name.
      ["__proto__"]: { value: undefined, writable: true, configurable: true },
    });
  }
}

interface UnionsClass {
  /** An object whose promoted members read and write `m`. */
  new (m: OwnMemory, at: number): Owned;
  /** The same, over a copy of the unions' bytes. */
  copy(m: Memory, at: number): Owned;
  readonly layout: UnionsLayout;
}

/** Makes the class of what has unions: its members are accessors over the bytes of the unions. */
function unionsClass(parts: readonly UnionPart[]): UnionsClass {
  const layout = unionsLayout(parts);
  const bytesProperty: PropertyDescriptor = {
    enumerable: true,
    get(this: Owned) {
      return unionBytes(layout, this[MEMORY], this[AT]);
    },
  };
  class WithUnions extends Owned {
    static readonly layout = layout;
    static copy(m: Memory, at: number): WithUnions {
      return new WithUnions(new OwnMemory(unionBytes(layout, m, at), m.littleEndian), -layout.start);
    }
    constructor(m: OwnMemory, at: number) {
      super(m, at);
      Object.defineProperty(this, BYTES, bytesProperty);
    }
  }
  for (const { at, fields } of parts)
    Object.defineProperties(WithUnions.prototype, Owned.properties(shifted(fields, at)));
  return WithUnions;
}

interface UnionsLayout {
  readonly parts: readonly UnionPart[];
  /** Where the first union starts, rounded down so that members stay aligned. */
  readonly start: number;
  /** From there to the end of the last union. */
  readonly size: number;
}

function unionsLayout(parts: readonly UnionPart[]): UnionsLayout {
  const first = Math.min(...parts.map(({ at }) => at));
  const start = first - (first % 8);
  return { parts, start, size: Math.max(...parts.map(({ at, size }) => at + size)) - start };
}

/** A copy of the bytes of the unions, those between them zero. */
function unionBytes({ parts, start, size }: UnionsLayout, m: Memory, at: number): Uint8Array {
  if (parts[0]!.size === size) return m.bytes(at + start, size);
  const bytes = new Uint8Array(size);
  for (const part of parts) bytes.set(m.bytes(at + part.at, part.size), part.at - start);
  return bytes;
}

function membersToJson(this: object): unknown {
  const json: Record<string, unknown> = Object.create(null);
  for (const member in this) json[member] = toJson((this as Record<string, unknown>)[member]);
  return json;
}

function inspectMembers(this: object): unknown {
  const shown: Record<string, unknown> = {};
  for (const member in this) {
    const value = (this as Record<string, unknown>)[member];
    Object.defineProperty(shown, member, { value, enumerable: true });
  }
  return shown;
}

/**
 * Writes the unions of `value`: byte by byte when it is a view or as it was decoded; else the bytes that it has
 * from a spread, then the members that it names itself.
 */
function encodeUnions(
  codec: object,
  Decoded: UnionsClass,
  name: string,
  m: Memory,
  at: number,
  value: object,
): void {
  const { parts, start, size } = Decoded.layout;
  if (value instanceof Decoded || (isView(value) && value[CODEC] === codec)) {
    for (const part of parts) m.setBytes(at + part.at, value[MEMORY].bytes(value[AT] + part.at, part.size));
    return;
  }
  const kept = (value as { readonly [BYTES]?: Uint8Array })[BYTES];
  const bytes = kept?.length === size ? kept : undefined;
  for (const part of parts) {
    const from = part.at - start;
    encodeUnion(name, part, m, at + part.at, value, bytes?.subarray(from, from + part.size));
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
  const members = value as Readonly<Record<string, unknown>>;
  const named = Object.keys(part.fields).filter(
    (member) => Object.hasOwn(members, member) && members[member] !== undefined,
  );
  const write = (member: string, to: Memory, start: number): void => {
    const [offset, codec] = part.fields[member]!;
    try {
      codec.encode(to, start + offset, members[member] as never);
    } catch (error) {
      throw inside(member, error);
    }
  };
  // A union without members has nothing to choose from.
  if (!bytes && Object.keys(part.fields).length === 0) {
    m.zero(at, part.size);
    return;
  }
  if (!bytes && named.length === 1) {
    m.zero(at, part.size);
    write(named[0]!, m, at);
    return;
  }
  const written: [member: string, as: Uint8Array][] = [];
  for (const member of named) {
    const aside = Memory.alloc(part.size, m.littleEndian);
    if (bytes) aside.setBytes(0, bytes);
    write(member, aside, 0);
    const as = aside.bytes(0, part.size);
    if (!bytes || as.some((byte, i) => byte !== bytes[i])) written.push([member, as]);
  }
  if (written.length > 1 || (!bytes && written.length === 0)) {
    const known = Object.keys(part.fields).join(", ");
    const given =
      written.length === 0 ? "none is given" : `${written.map(([member]) => member).join(" and ")} are given`;
    throw new TypeError(`${name}: a union takes exactly one of its members (${known}), ${given}`);
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
function explain(size: number, fields: FieldTable, value: Record<string, unknown>, error: unknown): unknown {
  for (const [member, [at, codec]] of Object.entries(fields)) {
    try {
      codec.encode(Memory.alloc(size), at, value[member] as never);
    } catch (cause) {
      if (value[member] !== undefined) return inside(member, cause);
      const hint = Object.hasOwn(value, MEMORY) ? " — to spread a view, copy() it: { ...copy(view) }" : "";
      return inside(member, new TypeError(`is missing${hint}`));
    }
  }
  return error;
}

function notAnObject(name: string, value: unknown): TypeError {
  return new TypeError(`a ${name} takes an object, not ${value === null ? "null" : typeof value}`);
}
