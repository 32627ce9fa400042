import { Memory } from "../codec/memory.js";
import type { Input } from "../codec/types.js";
import { EINVAL, ENOENT, ENOSPC, ENOTSUPP, libbpf, opts } from "../ffi/native.js";
import type { Entry } from "./entry.js";

const EINTR = -4;
const FIRST_BATCH = 256;
const BIGGEST_BATCH = 4096;
/** How many entries are encoded for one update or delete. */
const WRITE_BATCH = 1024;
/** Larger values come in smaller batches. */
const BATCH_BYTES = 2 ** 21;

/** Raw entries, one after the other. The arrays are used anew for the next batch. */
export interface Batch {
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
  readonly count: number;
}

/** What batches need of their map. */
export interface Batched {
  /** The descriptor; throws when the map is closed. */
  fd(): number;
  /** Throws for a negative result. */
  check(syscall: string, result: number): number;
  readonly keySize: number;
  /** Of all possible CPUs, in a per-CPU map. */
  readonly valueSize: number;
  readonly maxEntries: number;
}

/** How many entries a batch is of, at most. */
function batchSize(map: Pick<Batched, "keySize" | "valueSize">, most: number): number {
  return Math.max(1, Math.min(most, Math.floor(BATCH_BYTES / Math.max(1, map.keySize + map.valueSize))));
}

/** Whether the kernel has no such batches: since 5.6 for hashes and arrays, for other kinds later or never. */
function isUnsupported(result: number): boolean {
  return result === ENOTSUPP || result === EINVAL;
}

/**
 * Entries in batches (`bpf_map_lookup_batch`, `bpf_map_lookup_and_delete_batch`).
 * @param take whether they are removed as they are read.
 * @returns false when the kernel has no such batches for the map, and nothing was read.
 */
export function* readBatches(map: Batched, take: boolean): Generator<Batch, boolean> {
  const syscall = take ? "bpf_map_lookup_and_delete_batch" : "bpf_map_lookup_batch";
  const biggest = batchSize(map, BIGGEST_BATCH);
  let size = Math.min(FIRST_BATCH, biggest, Math.max(1, map.maxEntries));
  let keys = new Uint8Array(size * map.keySize);
  let values = new Uint8Array(size * map.valueSize);
  let [from, to] = [0, 1].map(() => new Uint8Array(Math.max(8, map.keySize))) as [Uint8Array, Uint8Array];
  const count = new Uint32Array(1);
  const grow = (): void => {
    size *= 2;
    keys = new Uint8Array(size * map.keySize);
    values = new Uint8Array(size * map.valueSize);
  };
  let interrupted = 0;
  for (let started = false; ; ) {
    count[0] = size;
    const result = libbpf[syscall](map.fd(), started ? from : null, to, keys, values, count, 0);
    if (result === ENOSPC) {
      // A bucket holds more than a batch: nothing was read, ask again with more room.
      grow();
      continue;
    }
    if (!started && isUnsupported(result)) return false;
    // Older kernels give up on a key that vanishes again and again; they have said where to go on, or nothing.
    if (result === EINTR && interrupted++ < 1000 && count[0] === 0) continue;
    if (result !== ENOENT && result !== EINTR) map.check(syscall, result);
    if (count[0] > 0) yield { keys, values, count: count[0] };
    if (result === ENOENT) return true;
    started = true;
    [from, to] = [to, from];
    if (size < biggest) grow();
  }
}

/**
 * Stores entries (`bpf_map_update_batch`) up to the first that the kernel refuses, which is an error.
 * @returns false when the kernel has no such batches.
 */
export function updateBatch(map: Batched, { keys, values, count }: Batch, flags: number): boolean {
  const done = Uint32Array.of(count);
  const options = flags === 0 ? 0 : opts("bpf_map_batch_opts", { elem_flags: BigInt(flags) });
  const result = libbpf.bpf_map_update_batch(map.fd(), keys, values, done, options);
  if (isUnsupported(result)) return false;
  map.check("bpf_map_update_batch", result);
  return true;
}

/**
 * Removes keys (`bpf_map_delete_batch`).
 * @returns how many of them were there; undefined when the kernel has no such batches.
 */
export function deleteBatch(map: Batched, keys: Uint8Array, count: number): number | undefined {
  let deleted = 0;
  const done = new Uint32Array(1);
  for (let at = 0; at < count; ) {
    done[0] = count - at;
    const rest = at === 0 ? keys : keys.subarray(at * map.keySize);
    const result = libbpf.bpf_map_delete_batch(map.fd(), rest, done, 0);
    if (isUnsupported(result)) return undefined;
    // It stops at a key that is not there, and has counted those before.
    if (result !== ENOENT) map.check("bpf_map_delete_batch", result);
    deleted += done[0];
    at += result === ENOENT ? done[0] + 1 : count - at;
  }
  return deleted;
}

/** Collects entries to be written at once, encoded. */
export class WriteBatch<K, V> {
  readonly #map: Batched;
  readonly #entry: Entry<K, V>;
  readonly #size: number;
  readonly #keys: Uint8Array;
  readonly #values: Uint8Array;
  readonly #keyMemory: Memory;
  readonly #valueMemory: Memory;
  #count = 0;

  /** @param source where the entries come from: when it is an array, there is room for no more than it has. */
  constructor(map: Batched, entry: Entry<K, V>, source: unknown) {
    const most = batchSize(map, WRITE_BATCH);
    this.#map = map;
    this.#entry = entry;
    this.#size = Array.isArray(source) ? Math.min(most, Math.max(1, source.length)) : most;
    this.#keys = new Uint8Array(this.#size * map.keySize);
    this.#values = new Uint8Array(this.#size * map.valueSize);
    this.#keyMemory = new Memory(this.#keys);
    this.#valueMemory = new Memory(this.#values);
  }

  get isFull(): boolean {
    return this.#count === this.#size;
  }

  add(key: Input<K>, value: Input<V>): void {
    this.#encodeKey(key);
    this.#entry.encodeValue(this.#valueMemory, this.#count * this.#map.valueSize, value);
    this.#count++;
  }

  /** Without a value: to be deleted. */
  addKey(key: Input<K>): void {
    this.#encodeKey(key);
    this.#count++;
  }

  #encodeKey(key: Input<K>): void {
    this.#entry.encodeKey(this.#keyMemory, this.#count * this.#map.keySize, key);
  }

  /** What there is; it begins anew. */
  take(): Batch {
    const count = this.#count;
    this.#count = 0;
    return { keys: this.#keys, values: this.#values, count };
  }
}

/** Goes over entries a batch at a time. By hand: a generator that yields each of them takes twice as long. */
export class Walk<T> implements IterableIterator<T> {
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
