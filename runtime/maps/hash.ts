import type { KeyForm } from "../codec/codec.js";
import { bytes, decode, encode } from "../codec/codec.js";
import { Memory } from "../codec/memory.js";
import type { Codec, Input } from "../codec/types.js";
import { EINVAL, ENOENT, ENOSPC, ENOTSUPP, libbpf, opts } from "../ffi/native.js";
import { Entry } from "./entry.js";
import { BpfMap, expectSizes, type MapHandle, valueBytes } from "./map.js";

/** How {@link HashMap.set} treats a key that is there already. */
export interface SetOptions {
  /** `"any"`: create or replace · `"create"`: the key must be new · `"replace"`: the key must exist. */
  readonly mode?: "any" | "create" | "replace" | undefined;
}

const modes = { any: 0n, create: 1n, replace: 2n } as const;
const FIRST_BATCH = 256;
const BIGGEST_BATCH = 4096;

/** What all maps with values share: finding, storing and removing one entry at a time. */
export abstract class EntryMap<K, V> extends BpfMap {
  protected readonly entry: Entry<K, V>;

  constructor(handle: MapHandle, key: Codec<K>, value: Codec<V>) {
    super(handle);
    expectSizes(this, key.size, value.size);
    this.entry = new Entry(this.where, key, this.keySize, value, valueBytes(this));
  }

  /** The same map, by the same descriptor, with keys and values as bytes. */
  get raw(): RawMap {
    return this.as(RawMap);
  }

  /** Looks a key up, and leaves the value in the entry. */
  protected find(
    key: Input<K>,
    syscall: "bpf_map_lookup_elem" | "bpf_map_lookup_and_delete_elem" = "bpf_map_lookup_elem",
  ): boolean {
    this.entry.setKey(key);
    return this.exists(syscall, libbpf[syscall](this.descriptor, this.entry.keyAt, this.entry.valueAt));
  }

  protected store(key: Input<K>, value: Input<V>, flags = 0n): void {
    this.entry.set(key, value);
    const { keyAt, valueAt } = this.entry;
    this.check("bpf_map_update_elem", libbpf.bpf_map_update_elem(this.descriptor, keyAt, valueAt, flags));
  }

  /** Removes a key and says whether it was there. */
  protected erase(key: Input<K>): boolean {
    this.entry.setKey(key);
    return this.exists("bpf_map_delete_elem", libbpf.bpf_map_delete_elem(this.descriptor, this.entry.keyAt));
  }

  /** False when the kernel has no such key; any other failure is an error. */
  protected exists(syscall: string, result: number): boolean {
    if (result === 0) return true;
    if (result !== ENOENT) this.check(syscall, result);
    return false;
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
  readonly #value: Codec<V>;
  readonly #keySize: number;
  readonly #valueSize: number;
  readonly #decodeKey: Codec<K>["decode"];

  constructor(handle: MapHandle, key: Codec<K>, value: Codec<V>) {
    super(handle, key, value);
    this.#value = value;
    // The kernel writes so many bytes: nobody may change these.
    this.#keySize = this.keySize;
    this.#valueSize = valueBytes(this);
    this.#decodeKey = ((key as KeyForm<K>).keyForm ?? key).decode;
  }

  /** The value of a key, or undefined (`bpf_map_lookup_elem`). */
  get(key: Input<K>): V | undefined {
    return this.find(key) ? this.entry.value() : undefined;
  }

  /**
   * Stores a value (`bpf_map_update_elem`).
   * @throws BpfError `E2BIG` when the map is full, `EEXIST` and `ENOENT` as `mode` asks.
   */
  set(key: Input<K>, value: Input<V>, options?: SetOptions): void {
    const name = options?.mode ?? "any";
    const mode = Object.hasOwn(modes, name) ? modes[name] : undefined;
    if (mode === undefined) throw new TypeError(`${this.where}: mode is "any", "create" or "replace"`);
    this.store(key, value, mode);
  }

  /** Whether there is a value for the key. */
  has(key: Input<K>): boolean {
    return this.find(key);
  }

  /** Removes a key (`bpf_map_delete_elem`) and says whether it was there. */
  delete(key: Input<K>): boolean {
    return this.erase(key);
  }

  /** Removes a key and returns its value, in one step (`bpf_map_lookup_and_delete_elem`, kernel 5.14). */
  take(key: Input<K>): V | undefined {
    return this.find(key, "bpf_map_lookup_and_delete_elem") ? this.entry.value() : undefined;
  }

  /** Stores many entries, one by one; those before a failing one stay. */
  setMany(entries: Iterable<readonly [Input<K>, Input<V>]>, options?: SetOptions): void {
    for (const [key, value] of entries) this.set(key, value, options);
  }

  /** Removes many keys and says how many of them were there. */
  deleteMany(keys: Iterable<Input<K>>): number {
    let deleted = 0;
    for (const key of keys) if (this.delete(key)) deleted++;
    return deleted;
  }

  /** Removes every entry that was there when it was called. */
  clear(): void {
    for (const { keys, count } of this.#batches())
      for (let i = 0; i < count; i++) {
        this.entry.setKeyBytes(keys.subarray(i * this.#keySize, (i + 1) * this.#keySize));
        this.exists("bpf_map_delete_elem", libbpf.bpf_map_delete_elem(this.descriptor, this.entry.keyAt));
      }
  }

  /** How many entries there are, by looking at each. */
  count(): number {
    let sum = 0;
    for (const { count } of this.#batches()) sum += count;
    return sum;
  }

  /** Every entry, as it is when it is read; entries that come and go meanwhile may or may not be seen. */
  entries(): IterableIterator<[K, V]> {
    const [keySize, valueSize, decodeKey, value] = [
      this.#keySize,
      this.#valueSize,
      this.#decodeKey,
      this.#value,
    ];
    return new Walk(this.#batches(), (keys, values, i) => [
      decodeKey(keys, i * keySize),
      value.decode(values, i * valueSize),
    ]);
  }

  /** Every key. */
  keys(): IterableIterator<K> {
    const [keySize, decodeKey] = [this.#keySize, this.#decodeKey];
    return new Walk(this.#batches(), (keys, _, i) => decodeKey(keys, i * keySize));
  }

  /** Every value. */
  values(): IterableIterator<V> {
    const [valueSize, value] = [this.#valueSize, this.#value];
    return new Walk(this.#batches(), (_, values, i) => value.decode(values, i * valueSize));
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }

  /**
   * Raw entries in batches (`bpf_map_lookup_batch`), or one by one where the kernel has no batches. A batch is
   * good until the next one.
   */
  *#batches(): Generator<Batch> {
    const valueSize = this.#valueSize;
    let size = Math.min(FIRST_BATCH, Math.max(1, this.maxEntries));
    const position = [0, 1].map(() => new Uint8Array(Math.max(8, this.#keySize))) as [Uint8Array, Uint8Array];
    const count = new Uint32Array(1);
    // The same room for every batch: what is decoded is a copy, and fresh memory costs more than the system call.
    let keys = new Uint8Array(0);
    let values = keys;
    for (let started = false; ; ) {
      if (values.length < size * valueSize) {
        keys = new Uint8Array(size * this.#keySize);
        values = new Uint8Array(size * valueSize);
      }
      count[0] = size;
      const [from, to] = position;
      const options = opts("bpf_map_batch_opts", {});
      const result = libbpf.bpf_map_lookup_batch(
        this.fd,
        started ? from : null,
        to,
        keys,
        values,
        count,
        options,
      );
      if (result === ENOSPC) {
        // A bucket holds more than a batch: nothing was read, ask again with more room.
        size *= 2;
        continue;
      }
      if (!started && (result === ENOTSUPP || result === EINVAL)) {
        yield* this.#oneByOne();
        return;
      }
      if (result !== ENOENT) this.check("bpf_map_lookup_batch", result);
      if (count[0] > 0) yield { keys, values, count: count[0] };
      if (result === ENOENT) return;
      started = true;
      position.reverse();
      if (size < BIGGEST_BATCH) size *= 2;
    }
  }

  /** Bounded by `maxEntries`: a key deleted meanwhile makes the kernel start over. */
  *#oneByOne(): Generator<Batch> {
    let previous: Uint8Array | undefined;
    for (let i = 0; i < this.maxEntries; i++) {
      if (previous) this.entry.setKeyBytes(previous);
      const result = libbpf.bpf_map_get_next_key(
        this.descriptor,
        previous ? this.entry.keyAt : 0,
        this.entry.keyAt,
      );
      if (result === ENOENT) return;
      this.check("bpf_map_get_next_key", result);
      previous = this.entry.keyBytes();
      const found = libbpf.bpf_map_lookup_elem(this.descriptor, this.entry.keyAt, this.entry.valueAt);
      if (found === ENOENT) continue;
      this.check("bpf_map_lookup_elem", found);
      yield { keys: previous, values: this.entry.valueBytes(), count: 1 };
    }
  }
}

/** Raw entries, one after the other. */
interface Batch {
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
  readonly count: number;
}

/** Goes over entries a batch at a time. By hand: a generator that yields each of them takes twice as long. */
class Walk<T> implements IterableIterator<T> {
  readonly #batches: Iterator<Batch>;
  readonly #decode: (keys: Memory, values: Memory, index: number) => T;
  #keys: Memory = nothing;
  #values: Memory = nothing;
  #index = 0;
  #count = 0;

  constructor(batches: Iterator<Batch>, decode: (keys: Memory, values: Memory, index: number) => T) {
    this.#batches = batches;
    this.#decode = decode;
  }

  next(): IteratorResult<T, undefined> {
    if (this.#index >= this.#count && !this.#nextBatch()) return { value: undefined, done: true };
    return { value: this.#decode(this.#keys, this.#values, this.#index++), done: false };
  }

  return(): IteratorResult<T, undefined> {
    this.#batches.return?.();
    this.#index = this.#count;
    return { value: undefined, done: true };
  }

  [Symbol.iterator](): this {
    return this;
  }

  #nextBatch(): boolean {
    const { value, done } = this.#batches.next() as IteratorResult<Batch, undefined>;
    if (done) return false;
    this.#keys = new Memory(value.keys);
    this.#values = new Memory(value.values);
    this.#index = 0;
    this.#count = value.count;
    return true;
  }
}

const nothing = Memory.alloc(0);

/** A map of any kind, with keys and values as bytes; a per-CPU map's value is that of all possible CPUs. */
export class RawMap extends HashMap<Uint8Array, Uint8Array> {
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
    this.#expectSize("key", keyCodec);
    this.#expectSize("value", valueCodec);
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
    this.#expectSize("key", keyCodec);
    this.#expectSize("value", valueCodec);
    const bits = typeof flags === "number" && Number.isInteger(flags) ? BigInt(flags) : flags;
    if (typeof bits !== "bigint" || BigInt.asUintN(64, bits) !== bits)
      throw new RangeError(`${this.where}: flags are an integer of 64 bits, not ${String(flags)}`);
    this.store(encode(keyCodec, key), encode(valueCodec, value), bits);
  }

  /** Removes a key by its codec (`bpf_map_delete_elem`) and says whether it was there. */
  remove<K>(keyCodec: Codec<K>, key: Input<NoInfer<K>>): boolean {
    this.#expectSize("key", keyCodec);
    return this.delete(encode(keyCodec, key));
  }

  #expectSize(what: "key" | "value", codec: { readonly size: number }): void {
    const size = what === "key" ? this.keySize : valueBytes(this);
    if (typeof codec?.size !== "number")
      throw new TypeError(`${this.where}: ${what}: a codec such as u32 is needed, not ${typeof codec}`);
    if (codec.size !== size)
      throw new RangeError(
        `${this.where}: its ${what}s have ${size} bytes, not the codec's ${codec.size} — use a codec that fits`,
      );
  }
}
