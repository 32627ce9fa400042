import { isIPv4, isIPv6 } from "node:net";
import { bytes } from "../codec/codec.js";
import type { Memory } from "../codec/memory.js";
import type { Codec, Input } from "../codec/types.js";
import { MapType } from "../kernel/types.js";
import { HashMap } from "./hash.js";
import type { MapHandle } from "./info.js";
import type { SetOptions } from "./options.js";

/** An address prefix, made by {@link cidr}: a key of any {@link LpmTrie} over such addresses. */
export class Cidr {
  /** How many leading bits count. */
  readonly prefixLength: number;
  /** The address, in network byte order: 4 bytes or 16. */
  readonly address: Uint8Array;

  constructor(prefixLength: number, address: Uint8Array) {
    this.prefixLength = prefixLength;
    this.address = address;
  }
}

/**
 * Makes a key of address text: `"10.0.0.0/8"`, `"2001:db8::/32"`; without a length all bits count.
 * @throws TypeError when the text is no address, RangeError when its length does not fit it.
 */
export function cidr(text: string): Cidr {
  const [, host = "", length] = /^([^/]*)(?:\/(\d+))?$/.exec(text) ?? [];
  const address = isIPv4(host) ? v4(host) : isIPv6(host) && !host.includes("%") ? v6(host) : undefined;
  if (!address)
    throw new TypeError(`cidr(): ${JSON.stringify(text)} is not an address — "10.0.0.0/8", "2001:db8::/32"`);
  const bits = 8 * address.length;
  const prefixLength = length === undefined ? bits : Number(length);
  if (prefixLength > bits)
    throw new RangeError(`cidr(): /${length} is longer than the ${bits} bits of ${host}`);
  return new Cidr(prefixLength, address);
}

function v4(host: string): Uint8Array {
  return Uint8Array.from(host.split("."), Number);
}

function v6(host: string): Uint8Array {
  const tail = /(\d+\.\d+\.\d+\.\d+)$/.exec(host)?.[1];
  const [a, b, c, d] = tail === undefined ? [] : v4(tail);
  const hex = (high: number, low: number): string => ((high << 8) | low).toString(16);
  const groups = tail === undefined ? host : `${host.slice(0, -tail.length)}${hex(a!, b!)}:${hex(c!, d!)}`;
  const [before = [], after = []] = groups.split("::").map((part) => (part === "" ? [] : part.split(":")));
  const zeros = groups.includes("::") ? 8 - before.length - after.length : 0;
  const words = [...before, ...Array<string>(zeros).fill("0"), ...after].map((word) =>
    Number.parseInt(word, 16),
  );
  return Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
}

/**
 * `BPF_MAP_TYPE_LPM_TRIE`: as {@link HashMap}, except that {@link HashMap.get} finds the entry with the longest
 * prefix that matches. Keys are the C struct (a `__u32` with the prefix length, then the bytes), or {@link cidr}.
 */
export class LpmTrie<K, V> extends HashMap<K, V> {
  static override readonly kinds: readonly MapType[] = [MapType.LPM_TRIE];
  constructor(handle: MapHandle, key: Codec<K>, value: Codec<V>) {
    super(handle, prefixKey(key), value);
  }

  /** The value of the longest prefix that matches the key. */
  override get(key: Input<K> | Cidr): V | undefined {
    return super.get(key as Input<K>);
  }

  /** Stores the value of exactly this prefix. */
  override set(key: Input<K> | Cidr, value: Input<V>, options?: SetOptions): void {
    super.set(key as Input<K>, value, options);
  }

  /** Whether any prefix matches the key. */
  override has(key: Input<K> | Cidr): boolean {
    return super.has(key as Input<K>);
  }

  /** Removes exactly this prefix. */
  override delete(key: Input<K> | Cidr): boolean {
    return super.delete(key as Input<K>);
  }
}

/** The key's codec, which takes a {@link Cidr} besides. */
function prefixKey<K>(key: Codec<K>): Codec<K> {
  const address = bytes(key.size - 4);
  return {
    ...key,
    encode(m: Memory, at: number, value: Input<K>) {
      if (!(value instanceof Cidr)) {
        key.encode(m, at, value);
        return;
      }
      if (value.address.length !== address.size)
        throw new RangeError(
          `an address of ${value.address.length} bytes does not fit a key of ${address.size}`,
        );
      m.setU32(at, value.prefixLength);
      address.encode(m, at + 4, value.address);
    },
  };
}
