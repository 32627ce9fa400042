import { BpfError } from "../errors.js";
import type { Memory } from "./memory.js";
import type { Codec, Input, View } from "./types.js";

/** What tells a type of record from others of the same size: a field, and the value that it has. */
export interface Discriminator {
  readonly at: number;
  readonly codec: Codec<number> | Codec<bigint> | Codec<boolean>;
  readonly value: number | bigint | boolean;
}

/** One of the types of records that are sent through one map. */
export interface EventCase<T> {
  readonly codec: Codec<T>;
  /** Whether the record may be longer than its type: it ends in a flexible array. */
  readonly flexible?: boolean;
  readonly when?: Discriminator;
}

/** `{ type: "C_NAME", value }` for each type of record. */
export type Events<T> = { [K in keyof T]: { readonly type: K; readonly value: T[K] } }[keyof T];

type Cases<T> = { readonly [K in keyof T]: EventCase<T[K]> };

/**
 * The codec of records of several types: a record's size says which it is, and where sizes are equal, a field.
 * Cases are tried in order.
 */
export function events<T extends object>(cases: Cases<T>): Codec<Events<T>> {
  const all = Object.entries(cases) as [keyof T & string, EventCase<unknown>][];
  const find = (m: Memory, at: number, size: number | undefined): [keyof T & string, EventCase<unknown>] => {
    const found = all.find(([, { codec, flexible, when }]) => {
      if (size !== undefined && (flexible ? size < codec.size : size !== codec.size)) return false;
      return when === undefined || when.codec.decode(m, at + when.at) === when.value;
    });
    if (found) return found;
    const known = all.map(([type, { codec }]) => `${type} (${codec.size})`).join(", ");
    throw new BpfError(`a record of ${size} bytes: is of none of its map's types: ${known} — see --event`, {
      code: "ERR_BPF_RECORD",
    });
  };
  return {
    size: Math.min(...all.map(([, { codec }]) => codec.size)),
    decode(m, at, size) {
      const [type, { codec }] = find(m, at, size);
      return { type, value: codec.decode(m, at, size) } as Events<T>;
    },
    encode(m, at, event) {
      const { type, value } = event as { type: string; value: Input<unknown> };
      const found = all.find(([name]) => name === type);
      if (!found)
        throw new TypeError(`an event's type is one of ${all.map(([name]) => name).join(", ")}, not ${type}`);
      found[1].codec.encode(m, at, value);
    },
    view(m, at, size) {
      const [type, { codec }] = find(m, at, size);
      return { type, value: codec.view(m, at, size) } as unknown as View<Events<T>>;
    },
  };
}
