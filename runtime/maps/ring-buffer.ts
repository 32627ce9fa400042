import { bytes } from "../codec/codec.js";
import { MapType, mapTypeName } from "../kernel/types.js";
import { EPOLLIN, Epoll } from "./epoll.js";
import type { MapHandle } from "./info.js";
import { BpfMap } from "./map.js";
import { RingBuf } from "./ringbuf.js";

const INT_MAX = 0x7fff_ffff;

/** The records of a ring as bytes, and a descriptor to wait on. */
class Reader extends RingBuf<Uint8Array> {
  readonly epoll: Epoll;

  constructor(handle: MapHandle) {
    super(handle, bytes(0));
    try {
      this.epoll = new Epoll(this.where, this.fd, EPOLLIN);
    } catch (error) {
      super.release();
      throw error;
    }
  }

  protected override release(): void {
    super.release();
    this.epoll.close();
  }

  protected override get where(): string {
    return `RingBuffer of map "${this.name}"`;
  }
}

/** What {@link RingBuffer} calls for each record; a number below 0 stops. */
// biome-ignore lint/suspicious/noConfusingVoidType: so that a function that returns nothing is one
export type RecordCallback = (record: Uint8Array) => number | void;

const STOP: unique symbol = Symbol("stop");

/**
 * Records of a `BPF_MAP_TYPE_RINGBUF` by callback, as libbpf's `ring_buffer__new` gives them: for objects without a
 * skeleton, and for what comes from C. In a new application `for await` over a skeleton's {@link RingBuf} does the
 * same without blocking.
 *
 * ```ts
 * using ring = new RingBuffer(object.map("rb"), (bytes) => console.log(decode(Event, bytes)));
 * while (!stopped) {
 *   ring.poll(100);
 *   await new Promise(setImmediate); // timers and signal handlers run between polls only
 * }
 * ```
 *
 * A ring has one stream of records: whoever reads first has them. Closing the map's object closes it, too.
 */
export class RingBuffer {
  readonly #reader: Reader;
  readonly #where: string;
  readonly #callback: RecordCallback;

  /**
   * @param map the ring: `object.map(name)`, or a map of a skeleton.
   * @param callback gets a copy of each record, its own to keep. When it returns a number below 0, reading stops behind
   * that record, and `poll` or `consume` return the number; what it throws, they throw.
   * @throws TypeError when the map is no ring buffer.
   */
  constructor(map: BpfMap, callback: RecordCallback) {
    if (!(map instanceof BpfMap))
      throw new TypeError(`RingBuffer: takes a map of an object or a skeleton, not ${typeof map}`);
    this.#where = `RingBuffer of map "${map.name}"`;
    if (map.type !== MapType.RINGBUF)
      throw new TypeError(`${this.#where}: the map is of type ${mapTypeName(map.type)}, not ringbuf`);
    if (typeof callback !== "function")
      throw new TypeError(`${this.#where}: takes a function, not ${typeof callback}`);
    this.#callback = callback;
    this.#reader = BpfMap.another(map, Reader);
  }

  /** A descriptor that is readable when there are records, for an event loop of one's own; open until `close()`. */
  get epollFd(): number {
    void this.#reader.fd;
    return this.#reader.epoll.fd;
  }

  /**
   * Waits for records, at most so many milliseconds, and calls back for all that are there
   * (`ring_buffer__poll`). It blocks the whole process meanwhile: no timer fires, and no handler of a signal runs.
   * @param timeoutMs 0 does not wait; -1 waits for ever, and then only a signal without a handler ends the process.
   * @returns how many records there were: 0 after the time or a signal; or what the callback stopped with.
   */
  poll(timeoutMs: number): number {
    if (typeof timeoutMs !== "number")
      throw new TypeError(`${this.#where}: poll takes milliseconds as a number, not ${typeof timeoutMs}`);
    if (!Number.isInteger(timeoutMs) || timeoutMs < -1 || timeoutMs > INT_MAX)
      throw new RangeError(`${this.#where}: timeoutMs ${timeoutMs} is outside -1 … ${INT_MAX}`);
    const done = this.consume();
    if (done !== 0 || timeoutMs === 0) return done;
    this.#reader.epoll.wait(timeoutMs);
    return this.consume();
  }

  /**
   * Calls back for all records that are there now (`ring_buffer__consume`), or for so many at most
   * (`ring_buffer__consume_n`, with every libbpf).
   * @returns how many there were, or what the callback stopped with.
   */
  consume(most: number = Number.POSITIVE_INFINITY): number {
    if (typeof most !== "number")
      throw new TypeError(`${this.#where}: consume takes a number of records, not ${typeof most}`);
    if (most !== Number.POSITIVE_INFINITY && (!Number.isInteger(most) || most < 1))
      throw new RangeError(`${this.#where}: ${most} is no number of records`);
    let stopped = 0;
    let count = 0;
    try {
      return this.#reader.drain((record) => {
        const result = this.#callback(record);
        count++;
        if (typeof result === "number" && result < 0) stopped = result;
        else if (count < most) return;
        else stopped = count;
        throw STOP;
      });
    } catch (error) {
      if (error === STOP) return stopped;
      throw error;
    }
  }

  /** Ends it, and leaves the map as it is (`ring_buffer__free`). Safe to call again. */
  close(): void {
    BpfMap.release(this.#reader);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
