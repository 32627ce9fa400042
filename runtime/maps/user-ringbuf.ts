import { Memory } from "../codec/memory.js";
import type { Codec, Input } from "../codec/types.js";
import { closedError } from "../errors.js";
import { RawMap } from "./hash.js";
import { BpfMap, type MapHandle } from "./map.js";
import { type Mapping, mapMemory, pageSize } from "./mapping.js";

const HEADER = 8;

/**
 * `BPF_MAP_TYPE_USER_RINGBUF` (kernel 6.1): typed records to BPF programs, which take them out with
 * `bpf_user_ringbuf_drain()`.
 */
export class UserRingBuf<T> extends BpfMap {
  readonly #codec: Codec<T>;
  readonly #consumer: Mapping;
  readonly #producer: Mapping;
  readonly #memory: Memory;
  readonly #consumed: BigUint64Array;
  readonly #produced: BigUint64Array;
  readonly #headers: Int32Array;
  #position: number;

  constructor(handle: MapHandle, codec: Codec<T>) {
    super(handle);
    this.#codec = codec;
    const page = pageSize();
    // Here it is the first page that belongs to the kernel, and the second, with the records, that is ours.
    this.#consumer = mapMemory(this.where, handle.fd, page, false);
    try {
      this.#producer = mapMemory(this.where, handle.fd, page + 2 * handle.maxEntries, true, page);
    } catch (error) {
      this.#consumer.close();
      throw error;
    }
    this.#consumed = new BigUint64Array(this.#consumer.bytes.buffer, 0, 1);
    this.#produced = new BigUint64Array(this.#producer.bytes.buffer, 0, 1);
    this.#headers = new Int32Array(this.#producer.bytes.buffer, page, (2 * handle.maxEntries) / 4);
    this.#memory = new Memory(this.#producer.bytes.subarray(page));
    this.#position = Number(Atomics.load(this.#produced, 0));
  }

  /** Puts a record in; false when there is no room for it now. */
  submit(value: Input<T>): boolean {
    if (this.descriptor < 0) throw closedError(this.where);
    const { size } = this.#codec;
    const taken = this.#position - Number(Atomics.load(this.#consumed, 0));
    const whole = Math.ceil(size / 8) * 8 + HEADER;
    if (taken + whole > this.maxEntries) return false;
    const at = this.#position & (this.maxEntries - 1);
    this.#codec.encode(this.#memory, at + HEADER, value);
    Atomics.store(this.#headers, at >> 2, size);
    this.#position += whole;
    Atomics.store(this.#produced, 0, BigInt(this.#position));
    return true;
  }

  /** The same map, by the same descriptor, with keys and values as bytes. */
  get raw(): RawMap {
    return this.as(RawMap);
  }

  protected override release(): void {
    super.release();
    this.#memory.release(this.where);
    this.#consumer.close();
    this.#producer.close();
  }
}
