import { Memory } from "../codec/memory.js";
import type { Codec } from "../codec/types.js";
import { MapType } from "../kernel/types.js";
import { expectType, type MapHandle } from "./info.js";
import { type Mapping, mapMemory, pageSize } from "./mapping.js";
import { RecordMap } from "./records.js";

/** Of the 32-bit header word of a record, as `kernel/bpf/ringbuf.c` has it. */
const BUSY = 0x8000_0000 | 0;
const DISCARDED = 0x4000_0000;
const LENGTH = 0x3fff_ffff;
const HEADER = 8;

/**
 * `BPF_MAP_TYPE_RINGBUF`: typed records from BPF programs, in order.
 *
 * ```ts
 * for await (const event of watch.maps.events) console.log(event.pid);
 * ```
 */
export class RingBuf<T> extends RecordMap<T> {
  static override readonly kinds: readonly MapType[] = [MapType.RINGBUF];
  protected readonly memory: Memory;
  readonly #positions: Mapping;
  readonly #data: Mapping;
  readonly #consumer: BigUint64Array;
  readonly #producer: BigUint64Array;
  readonly #headers: Int32Array;
  readonly #mask: number;
  /** Positions only grow, in bytes; exact as numbers for the first eight petabytes. */
  #position = 0;
  #end = 0;

  constructor(handle: MapHandle, codec: Codec<T>) {
    super(handle, codec);
    expectType(this, MapType.RINGBUF);
    const page = pageSize();
    const size = this.maxEntries;
    // One page with the consumer's position, which is ours to write; then one with the producer's, and the
    // records, mapped twice in a row so that none is ever cut in two.
    this.#positions = mapMemory(this.where, this.fd, page, true);
    try {
      this.#data = mapMemory(this.where, this.fd, page + 2 * size, false, page);
    } catch (error) {
      this.#positions.close();
      throw error;
    }
    this.#consumer = new BigUint64Array(this.#positions.bytes.buffer, 0, 1);
    this.#producer = new BigUint64Array(this.#data.bytes.buffer, 0, 1);
    this.#headers = new Int32Array(this.#data.bytes.buffer, page, (2 * size) / 4);
    this.#mask = size - 1;
    this.memory = new Memory(this.#data.bytes.subarray(page));
    this.memory.seal(`a record of ${this.where}`, "is read-only — copy() it to change it");
    this.catchUp();
  }

  /**
   * How many bytes there are that nobody has read (`ring__avail_data_size`), of `maxEntries`: how far the reader is
   * behind. Each record takes 8 bytes more than its own, rounded up to 8.
   */
  get available(): number {
    void this.fd;
    return Number(Atomics.load(this.#producer, 0) - Atomics.load(this.#consumer, 0));
  }

  protected get readyFd(): number {
    return this.fd;
  }

  protected get capacity(): number {
    return this.maxEntries / HEADER;
  }

  protected get ringSize(): number {
    return this.maxEntries;
  }

  protected get position(): number {
    return this.#position;
  }

  protected override catchUp(): void {
    this.#position = Number(Atomics.load(this.#consumer, 0));
    this.#end = this.#position;
  }

  protected advance(): boolean {
    for (;;) {
      if (this.#position >= this.#end) {
        this.#end = Number(Atomics.load(this.#producer, 0));
        if (this.#position >= this.#end) return false;
      }
      const at = this.#position & this.#mask;
      const header = Atomics.load(this.#headers, at >> 2);
      if (header & BUSY) return false;
      const length = header & LENGTH;
      this.#position += (length + HEADER + 7) & ~7;
      if (!(header & DISCARDED)) {
        this.recordAt = at + HEADER;
        this.recordSize = length;
        return true;
      }
      this.commit();
    }
  }

  protected commit(): void {
    Atomics.store(this.#consumer, 0, BigInt(this.#position));
  }

  protected override release(): void {
    super.release();
    this.memory.release(this.where);
    this.#positions.close();
    this.#data.close();
  }
}
