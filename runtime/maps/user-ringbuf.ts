import { encode } from "../codec/codec.js";
import { Memory } from "../codec/memory.js";
import type { Codec, Input } from "../codec/types.js";
import { closedError } from "../errors.js";
import { MapType } from "../kernel/types.js";
import { EPOLLET, EPOLLOUT, Epoll } from "./epoll.js";
import { RawMap } from "./hash.js";
import { expectType, type MapHandle } from "./info.js";
import { BpfMap } from "./map.js";
import { type Mapping, mapMemory, pageSize } from "./mapping.js";
import { Readiness } from "./readiness.js";

const HEADER = 8;
/** The most records that go in without a wait between two turns of the event loop. */
const BURST = 4096;

/** How {@link UserRingBuf.submitAsync} waits. */
export interface SubmitOptions {
  /** Ends the wait, without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** A record that waits for room. */
interface Waiter {
  readonly record: Uint8Array;
  /** Says whether it is in. */
  readonly settle: (submitted: boolean) => void;
}

/**
 * `BPF_MAP_TYPE_USER_RINGBUF` (kernel 6.1): typed records to BPF programs, which take them out with
 * `bpf_user_ringbuf_drain()`.
 *
 * ```ts
 * for (const order of orders) await market.maps.orders.submitAsync(order);
 * ```
 */
export class UserRingBuf<T> extends BpfMap {
  static override readonly kinds: readonly MapType[] = [MapType.USER_RINGBUF];
  readonly #codec: Codec<T>;
  readonly #consumer: Mapping;
  readonly #producer: Mapping;
  readonly #memory: Memory;
  readonly #consumed: BigUint64Array;
  readonly #produced: BigUint64Array;
  readonly #headers: Int32Array;
  readonly #size: number;
  readonly #waiting = new Set<Waiter>();
  #epoll: Epoll | undefined;
  #readiness: Readiness | undefined;
  /** Whether {@link #putWaiting} is under way. */
  #putting = false;
  #burst = 0;

  constructor(handle: MapHandle, codec: Codec<T>) {
    super(handle);
    this.#codec = codec;
    expectType(this, MapType.USER_RINGBUF);
    this.#size = this.maxEntries;
    const page = pageSize();
    // Here it is the first page that belongs to the kernel, and the second, with the records, that is ours.
    this.#consumer = mapMemory(this.where, this.fd, page, false);
    try {
      this.#producer = mapMemory(this.where, this.fd, page + 2 * this.#size, true, page);
    } catch (error) {
      this.#consumer.close();
      throw error;
    }
    this.#consumed = new BigUint64Array(this.#consumer.bytes.buffer, 0, 1);
    this.#produced = new BigUint64Array(this.#producer.bytes.buffer, 0, 1);
    this.#headers = new Int32Array(this.#producer.bytes.buffer, page, (2 * this.#size) / 4);
    this.#memory = new Memory(this.#producer.bytes.subarray(page));
  }

  /**
   * Puts a record in (`user_ring_buffer__reserve`, `user_ring_buffer__submit`); false when there is no room for it now,
   * or when others wait for room.
   * @throws RangeError for a value that does not fit its type, or a record that is larger than the buffer.
   */
  submit(value: Input<T>): boolean {
    const record = this.#encode(value);
    return this.#waiting.size === 0 && this.#put(record);
  }

  /**
   * Puts a record in as soon as there is room for it (`user_ring_buffer__reserve_blocking`), without blocking the event
   * loop; waiting keeps the process alive. The value is read at once, and records go in in the order of the calls.
   *
   * A program that drains with `BPF_RB_NO_WAKEUP` tells nobody that there is room.
   * @returns whether it is in: false when the signal or the map's end came first.
   * @throws as {@link submit}, by the promise.
   */
  async submitAsync(value: Input<T>, options: SubmitOptions = {}): Promise<boolean> {
    const { signal } = options ?? {};
    if (signal !== undefined && !(signal instanceof AbortSignal))
      throw new TypeError(`${this.where}: signal is an AbortSignal`);
    const record = this.#encode(value);
    if (signal?.aborted) return false;
    if (this.#waiting.size > 0 || !this.#put(record)) return this.#wait(record, signal);
    if (++this.#burst % BURST === 0) await new Promise((resolve) => setImmediate(resolve));
    return true;
  }

  /** The same map, by the same descriptor, with keys and values as bytes. */
  get raw(): RawMap {
    return this.as(RawMap);
  }

  protected override release(): void {
    super.release();
    for (const { settle } of this.#waiting) settle(false);
    this.#readiness?.close();
    this.#epoll?.close();
    this.#memory.release(this.where);
    this.#consumer.close();
    this.#producer.close();
  }

  /** A value's bytes. It comes before all else: a getter of the value may itself submit, or close the map. */
  #encode(value: Input<T>): Uint8Array {
    const record = encode(this.#codec, value);
    if (this.descriptor < 0) throw closedError(this.where);
    if (whole(record) > this.#size)
      throw new RangeError(
        `${this.where}: a record of ${record.length} bytes never fits its ${this.#size} — raise its max_entries`,
      );
    return record;
  }

  #put(record: Uint8Array): boolean {
    const position = Number(Atomics.load(this.#produced, 0));
    const end = position + whole(record);
    if (end - Number(Atomics.load(this.#consumed, 0)) > this.#size) return false;
    const at = position & (this.#size - 1);
    this.#memory.setBytes(at + HEADER, record);
    Atomics.store(this.#headers, at >> 2, record.length);
    Atomics.store(this.#produced, 0, BigInt(end));
    return true;
  }

  #wait(record: Uint8Array, signal: AbortSignal | undefined): Promise<boolean> {
    // The kernel says that it can be written to while any byte is free: what counts is that something was taken out.
    this.#epoll ??= new Epoll(this.where, this.fd, EPOLLOUT | EPOLLET);
    this.#readiness ??= new Readiness(this.#epoll.fd, this.#size);
    return new Promise((resolve) => {
      const abort = (): void => {
        waiter.settle(false);
        // Those behind it may fit.
        this.#readiness?.cancel();
      };
      const waiter: Waiter = {
        record,
        settle: (submitted) => {
          this.#waiting.delete(waiter);
          signal?.removeEventListener("abort", abort);
          resolve(submitted);
        },
      };
      this.#waiting.add(waiter);
      signal?.addEventListener("abort", abort);
      if (!this.#putting) void this.#putWaiting(this.#epoll!, this.#readiness!);
    });
  }

  /** Puts in what waits, in order, until nothing waits any more. */
  async #putWaiting(epoll: Epoll, readiness: Readiness): Promise<void> {
    this.#putting = true;
    let count = 0;
    while (this.#waiting.size > 0) {
      await readiness.wait("auto", count, Number(Atomics.load(this.#produced, 0)));
      if (this.descriptor < 0) break;
      // Taken before the look at the buffer, so that what is drained after that look wakes up again.
      epoll.wait(0);
      count = 0;
      for (const { record, settle } of this.#waiting) {
        if (!this.#put(record)) break;
        settle(true);
        count++;
      }
    }
    this.#putting = false;
  }
}

/** The bytes that a record takes in the buffer. */
const whole = (record: Uint8Array): number => Math.ceil(record.length / 8) * 8 + HEADER;
