import { expectCodec } from "../codec/codec.js";
import { hostLittleEndian, Memory } from "../codec/memory.js";
import type { Codec, Input, View } from "../codec/types.js";
import { stateError } from "../errors.js";
import { MapType } from "../kernel/types.js";
import { expectType, type MapHandle } from "./info.js";
import { BpfMap } from "./map.js";
import { pageSize } from "./mapping.js";
import { BPF_F_SEGV_ON_FAULT } from "./types.js";

const LOW_32 = 0xffff_ffffn;

/** An arena as it is mapped into this process, both here and for BPF programs. */
export interface MappedArena {
  readonly bytes: Uint8Array;
  /** The address of its first byte, which pointers in it are relative to. */
  readonly start: bigint;
}

/**
 * `BPF_MAP_TYPE_ARENA`: memory that BPF programs and this process share, up to 4 GB, in which pointers mean the same
 * to both. `max_entries` is its size in pages; pages appear when they are first touched.
 *
 * Places are byte offsets from the arena's start, or pointers as BPF programs put them there (a `bigint`). Writes are
 * not atomic against BPF. Needs libbpf 1.4 and kernel 6.9.
 *
 * ```ts
 * for (let at = loaded.bss.head; at !== 0n; ) {
 *   const node = loaded.maps.arena.view(Node, at);
 *   console.log(node.value);
 *   at = node.next;
 * }
 * ```
 */
export class ArenaMap extends BpfMap {
  static override readonly kinds: readonly MapType[] = [MapType.ARENA];
  readonly #memory: Memory | undefined;
  readonly #start: bigint;

  constructor(handle: MapHandle & { readonly mapped?: MappedArena | undefined }) {
    super(handle);
    expectType(this, MapType.ARENA);
    const { mapped } = handle;
    // Nobody could stop the signal that ends the process when a page is touched that is not there.
    if (mapped && !(this.flags & BPF_F_SEGV_ON_FAULT))
      this.#memory = new Memory(mapped.bytes, hostLittleEndian);
    this.#start = mapped?.start ?? 0n;
  }

  /** How many bytes there are: `max_entries` pages. */
  get length(): number {
    return this.maxEntries * pageSize();
  }

  /** A copy of the value at a place; a place that is not inside the arena is a RangeError. */
  read<T>(codec: Codec<T>, at: number | bigint): T {
    expectCodec(this.where, codec);
    return codec.decode(this.#use(), this.#offset(at));
  }

  /** Writes a value to a place. */
  write<T>(codec: Codec<T>, at: number | bigint, value: Input<T>): void {
    expectCodec(this.where, codec);
    const memory = this.#use();
    const offset = this.#offset(at);
    // Encoded aside first: a value that is refused changes nothing.
    const encoded = Memory.alloc(codec.size, hostLittleEndian);
    codec.encode(encoded, 0, value);
    memory.setBytes(offset, encoded.bytes(0, codec.size));
  }

  /** The value at a place, in place. Once the map is closed, every use of the view throws. */
  view<T>(codec: Codec<T>, at: number | bigint): View<T> {
    expectCodec(this.where, codec);
    return codec.view(this.#use(), this.#offset(at));
  }

  protected override release(): void {
    super.release();
    this.#memory?.release(this.where);
  }

  #use(): Memory {
    void this.fd;
    if (this.#memory) return this.#memory;
    throw stateError(
      this.where,
      this.flags & BPF_F_SEGV_ON_FAULT
        ? "cannot be read safely — declare it without BPF_F_SEGV_ON_FAULT"
        : "is not mapped — libbpf maps an arena that it creates, not one that is reused",
    );
  }

  #offset(at: number | bigint): number {
    if (typeof at !== "number" && typeof at !== "bigint")
      throw new TypeError(`${this.where}: a place is a byte offset or a pointer, not ${typeof at}`);
    // BPF programs may leave out the upper half of a pointer: it is the same in the whole arena.
    const isPointer = typeof at === "bigint" && (at >> 32n === 0n || at >> 32n === this.#start >> 32n);
    const offset = isPointer ? Number(((at as bigint) - this.#start) & LOW_32) : Number(at);
    if (Number.isInteger(offset) && offset >= 0 && offset < this.length) return offset;
    const shown = typeof at === "bigint" ? `0x${at.toString(16)}` : at;
    throw new RangeError(`${this.where}: ${shown} is not inside its ${this.length} bytes`);
  }
}
