import type { Memory } from "../codec/memory.js";
import type { Codec, View } from "../codec/types.js";
import { isView, moveView } from "../codec/view.js";
import { BpfError, closedError, stateError } from "../errors.js";
import { RawMap } from "./hash.js";
import type { MapHandle } from "./info.js";
import { BpfMap } from "./map.js";
import { Readiness } from "./readiness.js";

/** How records are waited for. */
export interface RecordOptions {
  /** Ends the loop, without an error. */
  readonly signal?: AbortSignal | undefined;
  /**
   * `"auto"` (the default) goes over from one wake-up a record to one a millisecond when records come in a
   * flood, and to one a turn of the event loop when they would fill the ring meanwhile; `"low"` never does.
   */
  readonly latency?: "low" | "auto" | undefined;
}

/** The most records in one batch, and between two turns of the event loop: a flood cannot own the process. */
const BATCH = 4096;

/**
 * A map that BPF programs send records through. Records are read where they lie, in memory shared with the
 * kernel, and waited for in Node's event loop, which is never blocked.
 *
 * There is one stream of records, however it is read: a record counts as consumed when it is handed out, and
 * after a `break` the next consumer goes on there. One loop at a time may wait.
 */
export abstract class RecordMap<T> extends BpfMap {
  readonly #codec: Codec<T>;
  #readiness: Readiness | undefined;
  #consumer: object | undefined;
  #draining = false;
  /** Loops over records that are under way, one inside the other. */
  #depth = 0;

  /** Of the current record, after {@link advance}. */
  protected recordAt = 0;
  protected recordSize = 0;

  constructor(handle: MapHandle, codec: Codec<T>) {
    super(handle);
    this.#codec = codec;
  }

  /** Where the records lie. */
  protected abstract readonly memory: Memory;
  /** What becomes readable when there are records. */
  protected abstract readonly readyFd: number;
  /** The most records that it can hold at once: a producer that never stops cannot hold {@link drain} for ever. */
  protected abstract readonly capacity: number;
  /** Bytes of a ring: where there are several, of each. */
  protected abstract readonly ringSize: number;
  /** Bytes that were ever read; wherever it started to count. */
  protected abstract readonly position: number;
  /** Goes on where this process has stopped reading the map, by whichever object that was. */
  protected catchUp(): void {}
  /** Goes to the next record, if there is one. */
  protected abstract advance(): boolean;
  /** Gives the records up to and with the current one back to the kernel. */
  protected abstract commit(): void;

  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this.records();
  }

  /** The records as they come, until `break`, abort or close. */
  records(options: RecordOptions = {}): AsyncIterableIterator<T> {
    let burst = 0;
    return this.#consume(options, (seen) => {
      if (++burst > BATCH) {
        burst = 0;
        return TURN;
      }
      return this.advance() ? { value: this.#take(), seen: seen + 1 } : undefined;
    });
  }

  /** The records in arrays of all that are there, at most 4096: of many objects the fastest way to wait. */
  batches(options: RecordOptions = {}): AsyncIterableIterator<T[]> {
    let failed: { readonly error: unknown } | undefined;
    return this.#bursts(options, () => {
      if (failed) throw failed.error;
      const batch: T[] = [];
      try {
        this.#forEach(BATCH, () => batch.push(this.#decode()));
      } catch (error) {
        // The records before the bad one are consumed: they are handed out first.
        failed = { error };
        if (batch.length === 0) throw error;
      }
      return { value: batch, count: batch.length };
    });
  }

  /**
   * As {@link drainViews}, for as long as records come, until abort or close: the least that a flood can cost. At most
   * 4096 are handed over between two turns of the event loop.
   *
   * ```ts
   * const pids = new Set<number>();
   * await watch.maps.events.forEachView((event) => pids.add(event.pid), { signal: AbortSignal.timeout(1000) });
   * ```
   * @param handler gets the view, valid inside the call only, and the record's size in bytes. What it throws, the promise
   * is rejected with; that record is consumed, too.
   * @returns how many records there were.
   */
  async forEachView(
    handler: (record: View<T>, size: number) => void,
    options: RecordOptions = {},
  ): Promise<number> {
    const handle = this.#viewing(handler);
    const bursts = this.#bursts(options, () => {
      const count = this.#drain(BATCH, handler, handle);
      return { value: count, count };
    });
    let sum = 0;
    for await (const count of bursts) sum += count;
    return sum;
  }

  /** Hands over all records that are there now and says how many; nothing is waited for. */
  drain(handler: (record: T) => void): number {
    return this.#drain(this.capacity, handler, () => handler(this.#decode()));
  }

  /**
   * As {@link drain}, with one view that is moved from record to record: no object is made, and only the
   * fields that are looked at are read. The view is valid inside the call only.
   * @param handler gets the view, and the record's size in bytes.
   */
  drainViews(handler: (record: View<T>, size: number) => void): number {
    return this.#drain(this.capacity, handler, this.#viewing(handler));
  }

  /** The same map, by the same descriptor, with keys and values as bytes. */
  get raw(): RawMap {
    return this.as(RawMap);
  }

  protected override release(): void {
    super.release();
    this.#readiness?.close();
  }

  /** Moves one view to the current record, and hands it over. */
  #viewing(handler: (record: View<T>, size: number) => void): () => void {
    const codec = this.#codec;
    let memory: Memory | undefined;
    let view: unknown;
    return () => {
      this.#checkSize();
      if (isView(view) && memory === this.memory) moveView(view, this.recordAt, this.recordSize);
      else {
        memory = this.memory;
        view = codec.view(memory, this.recordAt, this.recordSize);
      }
      handler(view as View<T>, this.recordSize);
    };
  }

  #drain(most: number, handler: unknown, handle: () => void): number {
    if (typeof handler !== "function")
      throw new TypeError(`${this.where}: takes a function of a record, not ${typeof handler}`);
    if (this.descriptor < 0) throw closedError(this.where);
    if (this.#draining)
      throw stateError(this.where, "is being drained already — do not drain it from its own handler");
    this.#draining = true;
    try {
      return this.#forEach(most, handle);
    } finally {
      this.#draining = false;
    }
  }

  #forEach(most: number, handle: () => void): number {
    let count = 0;
    if (this.#depth++ === 0) this.catchUp();
    try {
      while (count < most && this.advance()) {
        count++;
        handle();
        if (this.descriptor < 0) break;
        if (count % BATCH === 0) this.commit();
      }
    } finally {
      this.#depth--;
      if (this.descriptor >= 0) this.commit();
    }
    return count;
  }

  #take(): T {
    try {
      return this.#decode();
    } finally {
      // A codec of the caller's may have closed the map.
      if (this.descriptor >= 0) this.commit();
    }
  }

  #decode(): T {
    this.#checkSize();
    return this.#codec.decode(this.memory, this.recordAt, this.recordSize);
  }

  #checkSize(): void {
    if (this.recordSize >= this.#codec.size) return;
    throw new BpfError(
      `${this.where}: a record of ${this.recordSize} bytes is shorter than its type of ${this.#codec.size} — ` +
        "is another type sent through this map? Say which with --event",
      { code: "ERR_BPF_RECORD" },
    );
  }

  /** A loop over what `read` makes of all the records that are there, with a turn for others after {@link BATCH}. */
  #bursts<V>(
    options: RecordOptions,
    read: () => { readonly value: V; readonly count: number },
  ): AsyncIterableIterator<V> {
    let full = false;
    return this.#consume(options, (seen) => {
      if (full) {
        full = false;
        return TURN;
      }
      const { value, count } = read();
      full = count === BATCH;
      return count > 0 ? { value, seen: seen + count } : undefined;
    });
  }

  /** The one loop that waits. `take` yields a value, nothing yet, or that others should have a turn first. */
  #consume<V>(
    options: RecordOptions,
    take: (seen: number) => Taken<V> | undefined,
  ): AsyncIterableIterator<V> {
    const { signal, latency = "auto" } = options ?? {};
    if (latency !== "auto" && latency !== "low")
      throw new TypeError(`${this.where}: latency is "auto" or "low"`);
    if (signal !== undefined && !(signal instanceof AbortSignal))
      throw new TypeError(`${this.where}: signal is an AbortSignal`);
    const me = {};
    let ended = false;
    let seen = 0;
    let waiting: Promise<void> | undefined;
    const end = (): void => {
      ended = true;
      signal?.removeEventListener("abort", end);
      if (this.#consumer === me) {
        this.#consumer = undefined;
        this.#readiness?.cancel();
      }
    };
    const attempt = (): Taken<V> | undefined => {
      try {
        return take(seen);
      } catch (error) {
        // A loop does not call return() after an error of next().
        end();
        throw error;
      }
    };
    const next = async (): Promise<IteratorResult<V, undefined>> => {
      if (!this.#consumer && !ended) {
        if (this.descriptor < 0) throw closedError(this.where);
        signal?.addEventListener("abort", end);
        this.#consumer = me;
        if (this.#depth === 0) this.catchUp();
      }
      if (!ended && this.#consumer !== me)
        throw stateError(this.where, "has a consumer already — end that loop first, by break or abort");
      while (!ended && !signal?.aborted && this.descriptor >= 0) {
        if (waiting) {
          // next() was called again before it was answered: the calls are answered in turn.
          await waiting;
          continue;
        }
        const taken = attempt();
        if (taken && taken !== TURN) {
          seen = taken.seen;
          return { value: taken.value, done: false };
        }
        if (taken === TURN) waiting = new Promise<void>((resolve) => setImmediate(resolve));
        else {
          this.#readiness ??= new Readiness(this.readyFd, this.ringSize);
          waiting = this.#readiness.wait(latency, seen, this.position);
          seen = 0;
        }
        await waiting;
        waiting = undefined;
      }
      end();
      return { value: undefined, done: true };
    };
    return {
      next,
      return: async () => {
        end();
        return { value: undefined, done: true };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}

const TURN: unique symbol = Symbol("let the event loop turn");
type Taken<V> = typeof TURN | { readonly value: V; readonly seen: number };
