import { u32 } from "../codec/codec.js";
import type { Codec, Input, View } from "../codec/types.js";
import { closedError, stateError } from "../errors.js";
import { EntryMap } from "./hash.js";
import type { MapHandle } from "./map.js";
import { MappedMemory } from "./mapping.js";
import { BPF_F_MMAPABLE } from "./types.js";

/**
 * `BPF_MAP_TYPE_ARRAY`: `length` values, all there from the start, numbered from 0. One declared with
 * `BPF_F_MMAPABLE` is mapped, and read and written without system calls.
 */
export class ArrayMap<V> extends EntryMap<number, V> {
  readonly #value: Codec<V>;
  readonly #stride: number;
  #mapped: MappedMemory | undefined;

  constructor(handle: MapHandle, value: Codec<V>) {
    super(handle, u32, value);
    this.#value = value;
    this.#stride = Math.ceil(value.size / 8) * 8;
  }

  /** How many values there are: `max_entries`. */
  get length(): number {
    return this.maxEntries;
  }

  /** The value at an index. A bad index is a RangeError. */
  get(index: number): V {
    this.#checkIndex(index);
    if (this.flags & BPF_F_MMAPABLE) return this.#value.decode(this.#map().memory, index * this.#stride);
    // Every index exists; the kernel has no values where a map is being torn down.
    if (!this.find(index)) throw closedError(this.where);
    return this.entry.value();
  }

  /** Replaces the value at an index. A bad index is a RangeError. */
  set(index: number, value: Input<V>): void {
    this.#checkIndex(index);
    this.store(index, value);
  }

  /**
   * The value at an index, in place: only of a map with `BPF_F_MMAPABLE`. Writes are not atomic against BPF.
   * Once the map is closed, every use of the view throws.
   */
  view(index: number): View<V> {
    this.#checkIndex(index);
    void this.fd;
    if (!(this.flags & BPF_F_MMAPABLE))
      throw stateError(
        this.where,
        "has no memory to view — declare it with __uint(map_flags, BPF_F_MMAPABLE)",
      );
    return this.#value.view(this.#map().memory, index * this.#stride);
  }

  /** Every index with its value. */
  *entries(): IterableIterator<[number, V]> {
    for (let index = 0; index < this.maxEntries; index++) yield [index, this.get(index)];
  }

  /** Every value. */
  *values(): IterableIterator<V> {
    for (let index = 0; index < this.maxEntries; index++) yield this.get(index);
  }

  [Symbol.iterator](): IterableIterator<[number, V]> {
    return this.entries();
  }

  protected override release(): void {
    super.release();
    this.#mapped?.close();
  }

  #map(): MappedMemory {
    this.#mapped ??= new MappedMemory(this.where, this.fd, this.#stride * this.maxEntries);
    return this.#mapped;
  }

  #checkIndex(index: number): void {
    if (!(Number.isInteger(index) && index >= 0 && index < this.maxEntries))
      throw new RangeError(`${this.where}: index ${index} is outside 0 … ${this.maxEntries - 1}`);
  }
}
