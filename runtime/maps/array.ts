import { u32 } from "../codec/codec.js";
import { Memory } from "../codec/memory.js";
import type { Codec, Input, View } from "../codec/types.js";
import { closedError, stateError } from "../errors.js";
import { libbpf } from "../ffi/native.js";
import { MapType } from "../kernel/types.js";
import { type Batched, batchSize, readBatches, updateBatch } from "./batch.js";
import { expectIterable } from "./entry.js";
import { EntryMap, type GetOptions } from "./hash.js";
import { type MapHandle, valueBytes } from "./map.js";
import { MappedMemory } from "./mapping.js";
import { BPF_F_MMAPABLE } from "./types.js";

/**
 * `BPF_MAP_TYPE_ARRAY`: `length` values, all there from the start, numbered from 0. One declared with
 * `BPF_F_MMAPABLE` is mapped, and read and written without system calls.
 */
export class ArrayMap<V> extends EntryMap<number, V> {
  static override readonly kinds: readonly MapType[] = [MapType.ARRAY];
  readonly #value: Codec<V>;
  readonly #stride: number;
  readonly #valueSize: number;
  #mapped: MappedMemory | undefined;

  constructor(handle: MapHandle, value: Codec<V>) {
    super(handle, u32, value);
    this.#value = value;
    this.#valueSize = valueBytes(this);
    this.#stride = Math.ceil(this.#valueSize / 8) * 8;
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
    this.store(index, value, this.lockFlag(options));
  }

  /**
   * Replaces many values, in batches where the kernel can (`bpf_map_update_batch`, kernel 5.6). Those before a failing
   * one stay.
   */
  setMany(entries: Iterable<readonly [number, Input<V>]>, options?: GetOptions): void {
    const flags = this.lockFlag(options);
    expectIterable(`${this.where}: setMany()`, entries);
    const batched = this.#batched;
    const size = batchSize(batched, 1024);
    let keys = new Uint32Array(0);
    let values = new Uint8Array(0);
    let memory = new Memory(values);
    let count = 0;
    const flush = (): void => {
      const batch = { keys: new Uint8Array(keys.buffer), values, count };
      count = 0;
      if (batch.count === 0 || updateBatch(batched, batch, flags)) return;
      for (let i = 0; i < batch.count; i++) {
        this.entry.setKeyBytes(batch.keys.subarray(4 * i, 4 * i + 4));
        this.entry.setValueBytes(values.subarray(i * batched.valueSize, (i + 1) * batched.valueSize));
        const { keyAt, valueAt } = this.entry;
        const result = libbpf.bpf_map_update_elem(this.descriptor, keyAt, valueAt, flags);
        if (result < 0) this.refuse("bpf_map_update_elem", result, flags);
      }
    };
    try {
      for (const [index, value] of entries) {
        this.#checkIndex(index);
        if (keys.length === 0) {
          keys = new Uint32Array(size);
          values = new Uint8Array(size * batched.valueSize);
          memory = new Memory(values);
        }
        this.entry.encodeValue(memory, count * batched.valueSize, value);
        keys[count++] = index;
        if (count === size) flush();
      }
    } finally {
      // What comes before an entry that cannot be encoded is stored.
      flush();
    }
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
      const batched = this.#batched;
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

  get #batched(): Batched {
    return {
      fd: () => this.fd,
      check: (syscall, result) => this.check(syscall, result),
      keySize: 4,
      valueSize: this.#valueSize,
      maxEntries: this.maxEntries,
    };
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
