import { u8Array } from "../codec/codec.js";
import type { Codec, Input } from "../codec/types.js";
import { MapType } from "../kernel/types.js";
import { EntryMap } from "./hash.js";
import type { MapHandle } from "./info.js";

const BPF_ANY = 0;
const BPF_EXIST = 2;
/** The key of maps that have none. */
const nothing = new Uint8Array(0);

/** What queues, stacks and Bloom filters share: a map without keys. */
abstract class KeylessMap<V> extends EntryMap<Uint8Array, V> {
  constructor(handle: MapHandle, value: Codec<V>) {
    super(handle, u8Array(0), value);
  }
}

/** `BPF_MAP_TYPE_QUEUE`: values come out in the order in which they went in. */
export class Queue<V> extends KeylessMap<V> {
  static override readonly kinds: readonly MapType[] = [MapType.QUEUE];
  /**
   * Adds a value (`bpf_map_update_elem`).
   * @throws BpfError `E2BIG` when it is full, unless `evict` makes room by dropping the oldest value.
   */
  push(value: Input<V>, options?: { readonly evict?: boolean | undefined }): void {
    this.store(nothing, value, options?.evict === true ? BPF_EXIST : BPF_ANY);
  }

  /** Takes the next value out (`bpf_map_lookup_and_delete_elem`); undefined when it is empty. */
  pop(): V | undefined {
    return this.find(nothing, "bpf_map_lookup_and_delete_elem") ? this.entry.value() : undefined;
  }

  /** The next value, left in (`bpf_map_lookup_elem`); undefined when it is empty. */
  peek(): V | undefined {
    return this.find(nothing) ? this.entry.value() : undefined;
  }
}

/** `BPF_MAP_TYPE_STACK`: as {@link Queue}, but the value that went in last comes out first. */
export class Stack<V> extends Queue<V> {
  static override readonly kinds: readonly MapType[] = [MapType.STACK];
}

/** `BPF_MAP_TYPE_BLOOM_FILTER` (kernel 5.16): tells of values that they may have been added, or surely have not. */
export class BloomFilter<V> extends KeylessMap<V> {
  static override readonly kinds: readonly MapType[] = [MapType.BLOOM_FILTER];
  /** Adds a value for good. */
  add(value: Input<V>): void {
    this.store(nothing, value);
  }

  /** False when the value was never added; true when it was, and now and then by mistake. */
  has(value: Input<V>): boolean {
    this.entry.setValue(value);
    return this.find(nothing);
  }
}
