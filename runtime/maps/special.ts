import { s32, u32, u64Array } from "../codec/codec.js";
import type { Codec, Input } from "../codec/types.js";
import { EntryMap, HashMap } from "./hash.js";
import type { MapHandle } from "./map.js";

/** What has a descriptor: a program, a map, a link. */
export interface HasFd {
  readonly fd: number;
}

/** A descriptor in a value of the map's size: 4 bytes, or 8 where the kernel returns a cookie in its place. */
function descriptor(handle: MapHandle): Codec<number> {
  return { ...s32, size: handle.valueSize === 8 ? 8 : 4 };
}

/**
 * Numbered slots for what descriptors stand for: `BPF_MAP_TYPE_CGROUP_ARRAY` (cgroups), `BPF_MAP_TYPE_XSKMAP`
 * (AF_XDP sockets), `BPF_MAP_TYPE_REUSEPORT_SOCKARRAY` (sockets).
 */
export class FdArray<F extends HasFd | number = number> extends EntryMap<number, number> {
  constructor(handle: MapHandle) {
    super(handle, u32, descriptor(handle));
  }

  /** Puts what the descriptor stands for into a slot (`bpf_map_update_elem`). */
  set(index: number, value: F): void {
    this.store(index, typeof value === "number" ? value : value.fd);
  }

  /** Empties a slot (`bpf_map_delete_elem`) and says whether there was something in it. */
  delete(index: number): boolean {
    return this.erase(index);
  }
}

/** `BPF_MAP_TYPE_PROG_ARRAY`: the programs that `bpf_tail_call()` jumps to, by number. */
export class ProgArray extends FdArray<HasFd> {}

/** `BPF_MAP_TYPE_STACK_TRACE`: the call stacks that `bpf_get_stackid()` has stored. */
export class StackTraceMap extends EntryMap<number, BigUint64Array> {
  constructor(handle: MapHandle) {
    super(handle, u32, u64Array(handle.valueSize / 8));
  }

  /** The addresses of a stack, innermost first; undefined when there is no such stack. */
  get(id: number): bigint[] | undefined {
    if (!this.find(id)) return undefined;
    const addresses = Array.from(this.entry.value());
    const end = addresses.indexOf(0n);
    return end === -1 ? addresses : addresses.slice(0, end);
  }

  /** Forgets a stack (`bpf_map_delete_elem`) and says whether it was there. */
  delete(id: number): boolean {
    return this.erase(id);
  }
}

/**
 * `BPF_MAP_TYPE_TASK_STORAGE` (keys are pidfds), `BPF_MAP_TYPE_SK_STORAGE` (sockets), `BPF_MAP_TYPE_INODE_STORAGE`
 * (open files), `BPF_MAP_TYPE_CGRP_STORAGE` (cgroup folders): a value that belongs to a kernel object, found by a
 * descriptor of it, gone with it. The kernel cannot list them.
 */
export class StorageMap<V> extends EntryMap<number, V> {
  constructor(handle: MapHandle, value: Codec<V>) {
    super(handle, s32, value);
  }

  /** The value that belongs to what the descriptor stands for, or undefined. */
  get(fd: number): V | undefined {
    return this.find(fd) ? this.entry.value() : undefined;
  }

  /** Makes or replaces that value. */
  set(fd: number, value: Input<V>): void {
    this.store(fd, value);
  }

  /** Removes that value and says whether there was one. */
  delete(fd: number): boolean {
    return this.erase(fd);
  }
}

/** `BPF_MAP_TYPE_SOCKMAP`, `BPF_MAP_TYPE_SOCKHASH`: sockets by key, for redirecting between them. */
export class SockMap<K> extends EntryMap<K, number> {
  constructor(handle: MapHandle, key: Codec<K>) {
    super(handle, key, descriptor(handle));
  }

  /** Puts a socket into the map, by its descriptor (`bpf_map_update_elem`). */
  set(key: Input<K>, socket: number): void {
    this.store(key, socket);
  }

  /** Takes a socket out (`bpf_map_delete_elem`) and says whether it was there. */
  delete(key: Input<K>): boolean {
    return this.erase(key);
  }
}

/**
 * `BPF_MAP_TYPE_DEVMAP`, `BPF_MAP_TYPE_DEVMAP_HASH` (interface numbers), `BPF_MAP_TYPE_CPUMAP` (queue sizes): where
 * XDP programs redirect to. A value may be a struct that has a program's descriptor in it besides.
 */
export class RedirectMap<V> extends HashMap<number, V> {
  constructor(handle: MapHandle, value: Codec<V>) {
    super(handle, u32, value);
  }
}
