import { Memory } from "../codec/memory.js";
import type { Codec, Input, View } from "../codec/types.js";
import { stateError } from "../errors.js";
import { type Area, borrow, giveBack, libbpf } from "../ffi/native.js";
import { about, RawMap } from "./hash.js";
import { BpfMap, expectSizes, type MapHandle } from "./map.js";
import { MappedMemory } from "./mapping.js";
import { BPF_F_MMAPABLE } from "./types.js";

const VALUE_OFFSET = 8;

/**
 * `BPF_MAP_TYPE_ARRAY`: `length` values, all there from the start, numbered from 0. One declared with
 * `BPF_F_MMAPABLE` is mapped, and read and written without system calls.
 */
export class ArrayMap<V> extends BpfMap {
  readonly #value: Codec<V>;
  readonly #area: Area;
  readonly #memory: Memory;
  readonly #stride: number;
  #mapped: MappedMemory | undefined;

  constructor(handle: MapHandle, value: Codec<V>) {
    super(handle);
    expectSizes(handle, 4, value.size);
    this.#value = value;
    this.#stride = Math.ceil(value.size / 8) * 8;
    this.#area = borrow(VALUE_OFFSET + value.size);
    this.#memory = new Memory(this.#area.bytes);
  }

  /** How many values there are: `max_entries`. */
  get length(): number {
    return this.maxEntries;
  }

  /** The value at an index. A bad index is a RangeError. */
  get(index: number): V {
    this.#checkIndex(index);
    if (this.flags & BPF_F_MMAPABLE) return this.#value.decode(this.#map().memory, index * this.#stride);
    this.#memory.setU32(0, index);
    const { address } = this.#area;
    const result = libbpf.bpf_map_lookup_elem(this.descriptor, address, address + VALUE_OFFSET);
    this.check("bpf_map_lookup_elem", result);
    return this.#value.decode(this.#memory, VALUE_OFFSET);
  }

  /** Replaces the value at an index. A bad index is a RangeError. */
  set(index: number, value: Input<V>): void {
    this.#checkIndex(index);
    const { address } = this.#area;
    try {
      this.#value.encode(this.#memory, VALUE_OFFSET, value);
    } catch (error) {
      throw about(this.where, "value", error);
    }
    this.#memory.setU32(0, index);
    const result = libbpf.bpf_map_update_elem(this.descriptor, address, address + VALUE_OFFSET, 0n);
    this.check("bpf_map_update_elem", result);
  }

  /**
   * The value at an index, in place: only of a map with `BPF_F_MMAPABLE`. Writes are not atomic against BPF.
   * Once the map is closed, every use of the view throws.
   */
  view(index: number): View<V> {
    this.#checkIndex(index);
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

  /** The same map, by the same descriptor, with keys and values as bytes. */
  get raw(): RawMap {
    return this.as(RawMap);
  }

  protected override release(): void {
    super.release();
    this.#mapped?.close();
    this.#memory.release(this.where);
    giveBack(this.#area);
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
