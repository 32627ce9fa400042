import type { KeyForm } from "../codec/codec.js";
import { bytes, decode, encode } from "../codec/codec.js";
import type { Memory } from "../codec/memory.js";
import type { Codec, Input } from "../codec/types.js";
import { EINVAL, ENOENT, ENOTSUPP, kernelBefore, libbpf, systemError } from "../ffi/native.js";
import { MapType } from "../kernel/types.js";
import {
  type Batch,
  type Batched,
  deleteBatch,
  readBatches,
  updateBatch,
  Walk,
  WriteBatch,
} from "./batch.js";
import { Entry, expectIterable } from "./entry.js";
import { expectCodec, expectSizes, type MapHandle, valueBytes } from "./info.js";
import { BpfMap } from "./map.js";
import { BPF_F_LOCK, type GetOptions, lockFlag, type SetOptions, setFlags } from "./options.js";

/** What all maps with values share: finding, storing and removing one entry at a time. */
export abstract class EntryMap<K, V> extends BpfMap {
  protected readonly entry: Entry<K, V>;
  // The kernel writes so many bytes: nobody may change these.
  readonly #keySize: number;
  readonly #valueSize: number;

  constructor(handle: MapHandle, key: Codec<K>, value: Codec<V>) {
    super(handle);
    expectSizes(this, key.size, value.size);
    this.#keySize = this.keySize;
    this.#valueSize = valueBytes(this);
    this.entry = new Entry(this.where, key, this.#keySize, value, this.#valueSize);
  }

  /** The same map, by the same descriptor, with keys and values as bytes. */
  get raw(): RawMap {
    return this.as(RawMap);
  }

  /** Looks a key up, and leaves the value in the entry. */
  protected find(
    key: Input<K>,
    syscall: "bpf_map_lookup_elem" | "bpf_map_lookup_and_delete_elem" = "bpf_map_lookup_elem",
    options?: GetOptions,
  ): boolean {
    this.entry.setKey(key);
    const { keyAt, valueAt } = this.entry;
    if (options === undefined) return this.exists(syscall, libbpf[syscall](this.descriptor, keyAt, valueAt));
    const flags = lockFlag(options, this);
    return this.exists(syscall, libbpf[`${syscall}_flags`](this.descriptor, keyAt, valueAt, flags), flags);
  }

  /** Stores a value: `flags` are `BPF_NOEXIST`, `BPF_F_LOCK`, … */
  protected store(key: Input<K>, value: Input<V>, flags: number | bigint = 0): void {
    this.entry.set(key, value);
    const { keyAt, valueAt } = this.entry;
    const result = libbpf.bpf_map_update_elem(this.descriptor, keyAt, valueAt, flags);
    if (result < 0) this.refuse("bpf_map_update_elem", result, flags);
  }

  /** What batches need to know of the map. */
  protected get batched(): Batched {
    return {
      fd: () => this.fd,
      check: (syscall, result) => this.check(syscall, result),
      keySize: this.#keySize,
      valueSize: this.#valueSize,
      maxEntries: this.maxEntries,
    };
  }

  /**
   * Stores many entries, in batches where the kernel can. Those before a failing one stay.
   * @param expect throws for an entry that the map does not take.
   */
  protected storeMany(
    entries: Iterable<readonly [Input<K>, Input<V>]>,
    flags: number,
    expect?: (key: Input<K>) => void,
  ): void {
    const batch = new WriteBatch(this.batched, this.entry, entries);
    try {
      for (const [key, value] of entries) {
        expect?.(key);
        batch.add(key, value);
        if (batch.isFull) this.#storeBatch(batch.take(), flags);
      }
    } finally {
      // What comes before an entry that cannot be encoded is stored.
      this.#storeBatch(batch.take(), flags);
    }
  }

  #storeBatch(batch: Batch, flags: number): void {
    if (batch.count === 0 || updateBatch(this.batched, batch, flags)) return;
    for (let i = 0; i < batch.count; i++) {
      this.entry.setKeyBytes(batch.keys.subarray(i * this.#keySize, (i + 1) * this.#keySize));
      this.entry.setValueBytes(batch.values.subarray(i * this.#valueSize, (i + 1) * this.#valueSize));
      const { keyAt, valueAt } = this.entry;
      const result = libbpf.bpf_map_update_elem(this.descriptor, keyAt, valueAt, flags);
      if (result < 0) this.refuse("bpf_map_update_elem", result, flags);
    }
  }

  /** Removes a key and says whether it was there. */
  protected erase(key: Input<K>): boolean {
    this.entry.setKey(key);
    return this.exists("bpf_map_delete_elem", libbpf.bpf_map_delete_elem(this.descriptor, this.entry.keyAt));
  }

  /** False when the kernel has no such key; any other failure is an error. */
  protected exists(syscall: string, result: number, flags: number | bigint = 0): boolean {
    if (result === 0) return true;
    if (result !== ENOENT) this.refuse(syscall, result, flags);
    return false;
  }

  /** The key after another one, or the first, as bytes. */
  protected nextKey(previous?: Uint8Array): Uint8Array | undefined {
    if (previous) this.entry.setKeyBytes(previous);
    const { keyAt } = this.entry;
    const result = libbpf.bpf_map_get_next_key(this.descriptor, previous ? keyAt : 0, keyAt);
    if (result === ENOENT) return undefined;
    if (result === ENOTSUPP && this.descriptor >= 0)
      throw systemError(this.where, "bpf_map_get_next_key", -result, {
        what: `the kernel does not list what is in a map of this type`,
        todo: "look entries up by their keys",
      });
    this.check("bpf_map_get_next_key", result);
    return this.entry.keyBytes();
  }

  /** Every key, found one by one. A key that was deleted meanwhile makes the kernel start over. */
  protected *listKeys(): Generator<K> {
    let key = this.nextKey();
    for (let i = 0; key && i < this.maxEntries; i++) {
      const next = this.nextKey(key);
      this.entry.setKeyBytes(key);
      yield this.entry.key();
      key = next;
    }
  }

  /** Throws for what the kernel refuses, and says what may be wrong. */
  protected refuse(syscall: string, result: number, flags: number | bigint): void {
    if (this.descriptor >= 0 && result === EINVAL && Number(flags) & BPF_F_LOCK) {
      const todo = "lock takes a value with a struct bpf_spin_lock in it";
      throw systemError(this.where, syscall, -result, { todo });
    }
    this.check(syscall, result);
  }

  protected override release(): void {
    super.release();
    this.entry.release();
  }
}

/**
 * A map with keys: `BPF_MAP_TYPE_HASH`, `BPF_MAP_TYPE_LRU_HASH`. Like a JavaScript `Map`, except that keys and
 * values are copies: what is in the kernel changes only by {@link set} and {@link delete}.
 */
export class HashMap<K, V> extends EntryMap<K, V> {
  static override readonly kinds: readonly MapType[] = [
    MapType.HASH,
    MapType.LRU_HASH,
    MapType.CGROUP_STORAGE,
    MapType.RHASH,
  ];
  readonly #value: Codec<V>;
  readonly #decodeKey: Codec<K>["decode"];

  constructor(handle: MapHandle, key: Codec<K>, value: Codec<V>) {
    super(handle, key, value);
    this.#value = value;
    this.#decodeKey = ((key as KeyForm<K>).keyForm ?? key).decode;
  }

  /** The value of a key, or undefined (`bpf_map_lookup_elem`). */
  get(key: Input<K>, options?: GetOptions): V | undefined {
    return this.find(key, "bpf_map_lookup_elem", options) ? this.entry.value() : undefined;
  }

  /**
   * Stores a value (`bpf_map_update_elem`).
   * @throws BpfError `E2BIG` when the map is full, `EEXIST` and `ENOENT` as `mode` asks.
   */
  set(key: Input<K>, value: Input<V>, options?: SetOptions): void {
    this.store(key, value, setFlags(options, this));
  }

  /** Whether there is a value for the key. */
  has(key: Input<K>): boolean {
    return this.find(key);
  }

  /** Removes a key (`bpf_map_delete_elem`) and says whether it was there. */
  delete(key: Input<K>): boolean {
    return this.erase(key);
  }

  /**
   * Removes a key and returns its value, in one step (`bpf_map_lookup_and_delete_elem`, kernel 5.14). Where the kernel
   * cannot, older ones and for tries, in two: what is written between them is lost.
   */
  take(key: Input<K>, options?: GetOptions): V | undefined {
    const flags = lockFlag(options, this);
    this.entry.setKey(key);
    return this.#takeEntry(flags) ? this.entry.value() : undefined;
  }

  /** Removes the entry of the key that is set, and leaves its value. */
  #takeEntry(flags = 0): boolean {
    const { keyAt, valueAt } = this.entry;
    const fd = this.descriptor;
    const taken =
      flags === 0
        ? libbpf.bpf_map_lookup_and_delete_elem(fd, keyAt, valueAt)
        : libbpf.bpf_map_lookup_and_delete_elem_flags(fd, keyAt, valueAt, flags);
    const cannot = taken === ENOTSUPP || (taken === EINVAL && flags !== 0 && kernelBefore(5, 14));
    if (!cannot) return this.exists("bpf_map_lookup_and_delete_elem", taken, flags);
    const found = libbpf.bpf_map_lookup_elem_flags(fd, keyAt, valueAt, flags);
    return (
      this.exists("bpf_map_lookup_elem", found, flags) &&
      this.exists("bpf_map_delete_elem", libbpf.bpf_map_delete_elem(fd, keyAt))
    );
  }

  /**
   * Stores many entries, in batches where the kernel can (`bpf_map_update_batch`, kernel 5.6): several times faster
   * than {@link set}. Those before a failing one stay.
   */
  setMany(entries: Iterable<readonly [Input<K>, Input<V>]>, options?: SetOptions): void {
    const flags = setFlags(options, this);
    expectIterable(`${this.where}: setMany()`, entries);
    // The kernel takes no modes in batches.
    if (flags & ~BPF_F_LOCK) {
      for (const [key, value] of entries) this.set(key, value, options);
      return;
    }
    this.storeMany(entries, flags);
  }

  /** Removes many keys, in batches where the kernel can (`bpf_map_delete_batch`); says how many were there. */
  deleteMany(keys: Iterable<Input<K>>): number {
    expectIterable(`${this.where}: deleteMany()`, keys);
    const batch = new WriteBatch(this.batched, this.entry, keys);
    let deleted = 0;
    for (const key of keys) {
      batch.addKey(key);
      if (batch.isFull) deleted += this.#delete(batch.take());
    }
    return deleted + this.#delete(batch.take());
  }

  /** Removes every entry that was there when it was called. */
  clear(): void {
    for (const batch of this.#batches()) this.#delete(batch);
  }

  /**
   * Every entry, removed as it is read, in batches where the kernel can (`bpf_map_lookup_and_delete_batch`, kernel
   * 5.6): for counts that are collected now and then, of which none is lost. After a `break` up to a batch of entries
   * more than were seen are removed.
   */
  takeAll(): IterableIterator<[K, V]> {
    return new Walk(this.#batches(true), this.#decoder());
  }

  /** How many entries there are, by looking at each. */
  count(): number {
    let sum = 0;
    for (const { count } of this.#batches()) sum += count;
    return sum;
  }

  /** Every entry, as it is when it is read; entries that come and go meanwhile may or may not be seen. */
  entries(): IterableIterator<[K, V]> {
    return new Walk(this.#batches(), this.#decoder());
  }

  /** Every key. */
  keys(): IterableIterator<K> {
    const { keySize } = this.batched;
    const decodeKey = this.#decodeKey;
    return new Walk(this.#batches(), (keys, _, i) => decodeKey(keys, i * keySize));
  }

  /** Every value. */
  values(): IterableIterator<V> {
    const { valueSize } = this.batched;
    const value = this.#value;
    return new Walk(this.#batches(), (_, values, i) => value.decode(values, i * valueSize));
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }

  #decoder(): (keys: Memory, values: Memory, index: number) => [K, V] {
    const { keySize, valueSize } = this.batched;
    const [decodeKey, value] = [this.#decodeKey, this.#value];
    return (keys, values, i) => [decodeKey(keys, i * keySize), value.decode(values, i * valueSize)];
  }

  #delete({ keys, count }: Batch): number {
    if (count === 0) return 0;
    const { batched } = this;
    const inOne = deleteBatch(batched, keys, count);
    if (inOne !== undefined) return inOne;
    let deleted = 0;
    for (let i = 0; i < count; i++) {
      this.entry.setKeyBytes(keys.subarray(i * batched.keySize, (i + 1) * batched.keySize));
      const result = libbpf.bpf_map_delete_elem(this.descriptor, this.entry.keyAt);
      if (this.exists("bpf_map_delete_elem", result)) deleted++;
    }
    return deleted;
  }

  /** Raw entries in batches, or one by one where the kernel has no batches. */
  *#batches(take = false): Generator<Batch> {
    if (!(yield* readBatches(this.batched, take))) yield* this.#oneByOne(take);
  }

  /** Bounded by `maxEntries`: a key that was deleted meanwhile makes the kernel start over. */
  *#oneByOne(take: boolean): Generator<Batch> {
    let key = this.nextKey();
    for (let i = 0; key && i < Math.max(1, this.maxEntries); i++) {
      // Before anybody may delete this one.
      const next = this.nextKey(key);
      this.entry.setKeyBytes(key);
      const { keyAt, valueAt } = this.entry;
      const there = take
        ? this.#takeEntry()
        : this.exists("bpf_map_lookup_elem", libbpf.bpf_map_lookup_elem(this.descriptor, keyAt, valueAt));
      if (there) yield { keys: key, values: this.entry.valueBytes(), count: 1 };
      key = next;
    }
  }
}

/** A map of any kind, with keys and values as bytes; a per-CPU map's value is that of all possible CPUs. */
export class RawMap extends HashMap<Uint8Array, Uint8Array> {
  static override readonly kinds: readonly MapType[] = [];

  constructor(handle: MapHandle) {
    super(handle, bytes(handle.keySize), bytes(valueBytes(handle)));
  }

  /**
   * The value of a key, or undefined, by codecs (`bpf_map_lookup_elem`): for objects without a skeleton.
   *
   * ```ts
   * const started = object.map("exec_start").lookup(u32, u64, pid);
   * ```
   *
   * @param keyCodec of exactly the bytes of a key.
   * @param valueCodec of exactly the bytes of a value: in a per-CPU map of one value, rounded up to 8 bytes, for each
   * possible CPU, as `array(u64, possibleCpus())`.
   * @throws RangeError when a codec does not fit the map.
   */
  lookup<K, V>(keyCodec: Codec<K>, valueCodec: Codec<V>, key: Input<NoInfer<K>>): V | undefined {
    expectCodec(this.where, "key", keyCodec, this.keySize);
    expectCodec(this.where, "value", valueCodec, valueBytes(this));
    const found = this.get(encode(keyCodec, key));
    return found && decode(valueCodec, found);
  }

  /**
   * Stores a value by codecs (`bpf_map_update_elem`).
   * @param flags `BPF_ANY` (0, what it is when left out), `BPF_NOEXIST` (1), `BPF_EXIST` (2), `BPF_F_LOCK` (4).
   * @throws BpfError `E2BIG` when the map is full, `EEXIST` and `ENOENT` as `flags` asks.
   */
  update<K, V>(
    keyCodec: Codec<K>,
    valueCodec: Codec<V>,
    key: Input<NoInfer<K>>,
    value: Input<NoInfer<V>>,
    flags: number | bigint = 0,
  ): void {
    expectCodec(this.where, "key", keyCodec, this.keySize);
    expectCodec(this.where, "value", valueCodec, valueBytes(this));
    const bits = typeof flags === "number" && Number.isInteger(flags) ? BigInt(flags) : flags;
    if (typeof bits !== "bigint" || BigInt.asUintN(64, bits) !== bits)
      throw new RangeError(`${this.where}: flags are an integer of 64 bits, not ${String(flags)}`);
    this.store(encode(keyCodec, key), encode(valueCodec, value), bits);
  }

  /** Removes a key by its codec (`bpf_map_delete_elem`) and says whether it was there. */
  remove<K>(keyCodec: Codec<K>, key: Input<NoInfer<K>>): boolean {
    expectCodec(this.where, "key", keyCodec, this.keySize);
    return this.delete(encode(keyCodec, key));
  }
}
