import { hostLittleEndian, Memory } from "../codec/memory.js";
import type { Codec } from "../codec/types.js";
import { borrow, check, checkPointer, giveBack, libbpf, unsigned, viewNative } from "../ffi/native.js";
import { MapType } from "../kernel/types.js";
import type { MapHandle } from "./info.js";
import { pageSize } from "./mapping.js";
import { RecordMap } from "./records.js";

/** `struct perf_event_header`, and where `struct perf_event_mmap_page` keeps the positions. */
const HEADER = 8;
const PERF_RECORD_LOST = 2;
const PERF_RECORD_SAMPLE = 9;
const DATA_HEAD = 1024;
const DATA_TAIL = 1032;
/** Pages of each CPU's ring, when nothing else is asked for. */
const PAGES = 64;
const MOST_PAGES = 65_536;

/** How large the rings of a perf event array are. */
export interface PerfOptions {
  /** Pages of each CPU's ring: a power of two, 64 when left out. */
  readonly pages?: number | undefined;
}

/** A number of pages, or an error. */
export function pagesOf(where: string, value: unknown): number {
  const pages = unsigned(where, value);
  if (pages >= 1 && pages <= MOST_PAGES && Number.isInteger(Math.log2(pages))) return pages;
  throw new RangeError(`${where}: ${pages} is no power of two up to ${MOST_PAGES}`);
}

/** The kernel writes a sample's size before its bytes. */
const SAMPLE_SIZE = 4;
const MAX_RECORD = 65_536;

/** The ring of one CPU: of those that are online when the map is first used. */
interface Ring {
  readonly memory: Memory;
  readonly bytes: Uint8Array;
  readonly positions: BigUint64Array;
  readonly size: number;
  /** How far this side has read; ahead of what the kernel has been told until the next commit. */
  tail: number;
  head: number;
}

/**
 * `BPF_MAP_TYPE_PERF_EVENT_ARRAY`: typed records from `bpf_perf_event_output()`, in a ring for each CPU; ordered
 * within a CPU only. A record has up to 7 bytes behind its end, as the kernel rounds sizes up.
 */
export class PerfEventArray<T> extends RecordMap<T> {
  static override readonly kinds: readonly MapType[] = [MapType.PERF_EVENT_ARRAY];
  readonly #buffer: number;
  readonly #rings: Ring[];
  /** A record that goes over the end of its ring is put together here. */
  readonly #joined = new Uint8Array(MAX_RECORD);
  readonly #joinedMemory = new Memory(this.#joined);
  #memory: Memory = this.#joinedMemory;
  #current = 0;
  #lost = 0n;

  constructor(handle: MapHandle, codec: Codec<T>, options: PerfOptions = {}) {
    super(handle, codec);
    const pages = pagesOf(`${this.where}: pages`, options.pages ?? handle.pages ?? PAGES);
    // libbpf opens the events and maps the rings; they are read here, and its own poll is never called.
    const pointer = libbpf.perf_buffer__new(this.fd, pages, 0, 0, 0, 0);
    this.#buffer = checkPointer(this.where, "perf_buffer__new", pointer);
    try {
      const count = libbpf.perf_buffer__buffer_cnt(this.#buffer);
      this.#rings = Array.from({ length: count }, (_, index) => this.#ring(index));
    } catch (error) {
      libbpf.perf_buffer__free(this.#buffer);
      throw error;
    }
    this.#joinedMemory.seal(`a record of ${this.where}`, "is read-only — copy() it to change it");
  }

  /** How many records the kernel has dropped because their ring was full. */
  get lost(): bigint {
    return this.#lost;
  }

  protected get memory(): Memory {
    return this.#memory;
  }

  protected get readyFd(): number {
    return check(this.where, "perf_buffer__epoll_fd", libbpf.perf_buffer__epoll_fd(this.#buffer));
  }

  protected get capacity(): number {
    return this.#rings.reduce((sum, { size }) => sum + size / HEADER, 0);
  }

  protected get ringSize(): number {
    return this.#rings[0]?.size ?? 0;
  }

  protected get position(): number {
    return this.#rings.reduce((sum, { tail }) => sum + tail, 0);
  }

  protected advance(): boolean {
    // Of each ring what was there when it came to its turn: a CPU that never stops cannot hold up the others. The
    // current one is asked again in the end, before giving up.
    for (let tried = 0; tried <= this.#rings.length; tried++) {
      const ring = this.#rings[this.#current]!;
      while (ring.tail < ring.head) if (this.#sample(ring)) return true;
      this.#commit(ring);
      this.#current = (this.#current + 1) % this.#rings.length;
      const next = this.#rings[this.#current]!;
      next.head = Number(Atomics.load(next.positions, 0));
    }
    return false;
  }

  protected commit(): void {
    const ring = this.#rings[this.#current];
    if (ring) this.#commit(ring);
  }

  protected override release(): void {
    super.release();
    for (const { memory } of this.#rings) memory.release(this.where);
    this.#joinedMemory.release(this.where);
    libbpf.perf_buffer__free(this.#buffer);
  }

  #ring(index: number): Ring {
    const out = borrow(16);
    const result = libbpf.perf_buffer__buffer(this.#buffer, index, out.address, out.address + 8);
    const view = new DataView(out.bytes.buffer);
    const address = Number(view.getBigUint64(0, hostLittleEndian));
    const size = Number(view.getBigUint64(8, hostLittleEndian));
    giveBack(out);
    check(this.where, "perf_buffer__buffer", result);
    // SAFETY: mapped until perf_buffer__free() in release(), before which the memory is released.
    const page = pageSize();
    const mapped = viewNative(address, page + size);
    const bytes = mapped.subarray(page);
    const memory = new Memory(bytes);
    memory.seal(`a record of ${this.where}`, "is read-only — copy() it to change it");
    const positions = new BigUint64Array(mapped.buffer, mapped.byteOffset + DATA_HEAD, 2);
    const tail = Number(Atomics.load(positions, (DATA_TAIL - DATA_HEAD) / 8));
    return { memory, bytes, positions, size, tail, head: tail };
  }

  #commit({ positions, tail }: Ring): void {
    Atomics.store(positions, (DATA_TAIL - DATA_HEAD) / 8, BigInt(tail));
  }

  /** Reads one record of the ring, and says whether it is a sample. */
  #sample(ring: Ring): boolean {
    const at = ring.tail % ring.size;
    // A header never goes over the end: records are multiples of 8 bytes.
    const type = ring.memory.u32(at);
    const size = ring.memory.u16(at + 6);
    ring.tail += size;
    let start = at;
    this.#memory = ring.memory;
    if (at + size > ring.size) {
      const first = ring.size - at;
      this.#joined.set(ring.bytes.subarray(at));
      this.#joined.set(ring.bytes.subarray(0, size - first), first);
      this.#memory = this.#joinedMemory;
      start = 0;
    }
    if (type === PERF_RECORD_LOST) this.#lost += this.#memory.u64(start + 2 * HEADER);
    if (type !== PERF_RECORD_SAMPLE) return false;
    this.recordSize = this.#memory.u32(start + HEADER);
    this.recordAt = start + HEADER + SAMPLE_SIZE;
    return true;
  }
}
