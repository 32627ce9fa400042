import { encode } from "../codec/codec.js";
import { Memory } from "../codec/memory.js";
import type { Codec, Input } from "../codec/types.js";
import { closedError } from "../errors.js";
import { MapType } from "../kernel/types.js";
import { RawMap } from "./hash.js";
import { BpfMap, expectType, type MapHandle } from "./map.js";
import { type Mapping, mapMemory, pageSize } from "./mapping.js";

const HEADER = 8;

/**
 * `BPF_MAP_TYPE_USER_RINGBUF` (kernel 6.1): typed records to BPF programs, which take them out with
 * `bpf_user_ringbuf_drain()`.
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

  /** Puts a record in; false when there is no room for it now. */
  submit(value: Input<T>): boolean {
    // Before the place is known: a getter of the value may itself submit, or close the map.
    const record = encode(this.#codec, value);
    if (this.descriptor < 0) throw closedError(this.where);
    const whole = Math.ceil(record.length / 8) * 8 + HEADER;
    if (whole > this.#size)
      throw new RangeError(
        `${this.where}: a record of ${record.length} bytes never fits its ${this.#size} — raise its max_entries`,
      );
    const position = Number(Atomics.load(this.#produced, 0));
    if (position + whole - Number(Atomics.load(this.#consumed, 0)) > this.#size) return false;
    const at = position & (this.#size - 1);
    this.#memory.setBytes(at + HEADER, record);
    Atomics.store(this.#headers, at >> 2, record.length);
    Atomics.store(this.#produced, 0, BigInt(position + whole));
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
