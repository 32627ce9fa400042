import { encode } from "../codec/codec.js";
import { Memory } from "../codec/memory.js";
import { inside } from "../codec/path.js";
import type { Codec, Input } from "../codec/types.js";
import { type Area, borrow, giveBack } from "../ffi/native.js";

/**
 * Room for one key and one value in native memory. Its addresses never change, so that an operation on a map
 * passes two numbers and marshals nothing.
 */
export class Entry<K, V> {
  /** The address of the key; NULL, as the kernel asks for, when the map has no keys. */
  readonly keyAt: number;
  /** The address of the value. */
  readonly valueAt: number;
  readonly #where: string;
  readonly #key: Codec<K>;
  readonly #value: Codec<V>;
  readonly #area: Area;
  readonly #memory: Memory;
  readonly #valueOffset: number;
  readonly #keySize: number;
  readonly #valueSize: number;
  /** Counts uses: a getter of a key or value may use the map itself, and then what is here is its own. */
  #turn = 0;

  /**
   * @param where how errors call the map.
   * @param keySize the bytes of a key, as the kernel has it.
   * @param valueSize the bytes of a value, as the kernel has it.
   */
  constructor(where: string, key: Codec<K>, keySize: number, value: Codec<V>, valueSize: number) {
    this.#where = where;
    this.#key = key;
    this.#value = value;
    this.#keySize = keySize;
    this.#valueSize = valueSize;
    this.#valueOffset = Math.ceil(keySize / 8) * 8;
    this.#area = borrow(this.#valueOffset + valueSize);
    this.#memory = new Memory(this.#area.bytes);
    this.keyAt = keySize === 0 ? 0 : this.#area.address;
    this.valueAt = this.#area.address + this.#valueOffset;
  }

  setKey(key: Input<K>): void {
    const turn = ++this.#turn;
    this.encodeKey(this.#memory, 0, key);
    if (turn !== this.#turn) this.setKeyBytes(encode(this.#key, key));
  }

  /** Sets both, for an update. */
  set(key: Input<K>, value: Input<V>): void {
    const turn = ++this.#turn;
    this.encodeValue(this.#memory, this.#valueOffset, value);
    this.encodeKey(this.#memory, 0, key);
    if (turn === this.#turn) return;
    const [keyBytes, valueBytes] = [encode(this.#key, key), encode(this.#value, value)];
    this.#memory.setBytes(0, keyBytes);
    this.#memory.setBytes(this.#valueOffset, valueBytes);
  }

  setValue(value: Input<V>): void {
    const turn = ++this.#turn;
    this.encodeValue(this.#memory, this.#valueOffset, value);
    if (turn !== this.#turn) this.#memory.setBytes(this.#valueOffset, encode(this.#value, value));
  }

  /** Writes a key into memory of the caller's. */
  encodeKey(memory: Memory, at: number, key: Input<K>): void {
    try {
      this.#key.encode(memory, at, key);
    } catch (error) {
      throw inside(`${this.#where}: key`, error);
    }
  }

  /** Writes a value into memory of the caller's. */
  encodeValue(memory: Memory, at: number, value: Input<V>): void {
    try {
      this.#value.encode(memory, at, value);
    } catch (error) {
      throw inside(`${this.#where}: value`, error);
    }
  }

  value(): V {
    return this.#value.decode(this.#memory, this.#valueOffset, this.#valueSize);
  }

  key(): K {
    return this.#key.decode(this.#memory, 0, this.#keySize);
  }

  keyBytes(): Uint8Array {
    return this.#memory.bytes(0, this.#keySize);
  }

  setKeyBytes(bytes: Uint8Array): void {
    this.#memory.setBytes(0, bytes);
  }

  setValueBytes(bytes: Uint8Array): void {
    this.#memory.setBytes(this.#valueOffset, bytes);
  }

  valueBytes(): Uint8Array {
    return this.#memory.bytes(this.#valueOffset, this.#valueSize);
  }

  /** Gives the memory back; every later use throws. */
  release(): void {
    this.#memory.release(this.#where);
    giveBack(this.#area);
  }
}

/** Throws a TypeError for what cannot be gone through. */
export function expectIterable(where: string, value: unknown): void {
  if (typeof (value as Partial<Iterable<unknown>> | undefined)?.[Symbol.iterator] !== "function")
    throw new TypeError(`${where} takes an array or another iterable, not ${typeof value}`);
}
