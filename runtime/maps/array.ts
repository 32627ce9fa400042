import { u32 } from "../codec/codec.js";
import { Memory } from "../codec/memory.js";
import type { Codec, Input, View } from "../codec/types.js";
import { closedError, stateError } from "../errors.js";
import { MapType } from "../kernel/types.js";
import { readBatches } from "./batch.js";
import { expectIterable } from "./entry.js";
import { EntryMap } from "./hash.js";
import { type MapHandle, valueBytes } from "./info.js";
import { MappedMemory } from "./mapping.js";
import { type GetOptions, lockFlag } from "./options.js";
import { BPF_F_MMAPABLE } from "./types.js";

/**
 * `BPF_MAP_TYPE_ARRAY`: `length` values, all there from the start, numbered from 0. One declared with
 * `BPF_F_MMAPABLE` is mapped, and read and written without system calls.
 */
export class ArrayMap<V> extends EntryMap<number, V> {
  static override readonly kinds: readonly MapType[] = [MapType.ARRAY];
  readonly #value: Codec<V>;
  readonly #stride: number;
  #mapped: MappedMemory | undefined;

  constructor(handle: MapHandle, value: Codec<V>) {
    super(handle, u32, value);
    this.#value = value;
    this.#stride = Math.ceil(valueBytes(this) / 8) * 8;
  }

  /** How many values there are: `max_entries`. */
  get length(): number {
    return this.maxEntries;
  }

  /** The value at an index. A bad index is a RangeError. */
  get(index: number, options?: GetOptions): V {
    this.#checkIndex(index);
    if (this.flags & BPF_F_MMAPABLE && !options?.lock)
      return this.#value.decode(this.#map().memory, index * this.#stride);
    // Every index exists; the kernel has no values where a map is being torn down.
    if (!this.find(index, "bpf_map_lookup_elem", options)) throw closedError(this.where);
    return this.entry.value();
  }

  /** Replaces the value at an index. A bad index is a RangeError. */
  set(index: number, value: Input<V>, options?: GetOptions): void {
    this.#checkIndex(index);
    this.store(index, value, lockFlag(options, this));
  }

  /**
   * Replaces many values, in batches where the kernel can (`bpf_map_update_batch`, kernel 5.6). Those before a failing
   * one stay.
   */
  setMany(entries: Iterable<readonly [number, Input<V>]>, options?: GetOptions): void {
    const flags = lockFlag(options, this);
    expectIterable(`${this.where}: setMany()`, entries);
    this.storeMany(entries, flags, (index) => this.#checkIndex(index));
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

  /** Every index with its value, as it is when it is read; in batches where the kernel can. */
  *entries(): IterableIterator<[number, V]> {
    let index = 0;
    if (!(this.flags & BPF_F_MMAPABLE)) {
      const batched = this.batched;
      const batches = readBatches(batched, false);
      // Arrays come in the order of their indices.
      for (let next = batches.next(); !next.done; next = batches.next()) {
        const memory = new Memory(next.value.values);
        for (let i = 0; i < next.value.count; i++)
          yield [index++, this.#value.decode(memory, i * batched.valueSize, batched.valueSize)];
      }
    }
    for (; index < this.maxEntries; index++) yield [index, this.get(index)];
  }

  /** Every value. */
  *values(): IterableIterator<V> {
    for (const [, value] of this.entries()) yield value;
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
      throw new RangeError(`${this.where}: index ${String(index)} is outside 0 … ${this.maxEntries - 1}`);
  }
}
