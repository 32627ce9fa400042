import { bytes, s32, u32 } from "../codec/codec.js";
import { Memory } from "../codec/memory.js";
import type { Codec, Input } from "../codec/types.js";
import { stateError } from "../errors.js";
import { EINVAL } from "../ffi/native.js";
import { MapType } from "../kernel/types.js";
import { EntryMap, HashMap } from "./hash.js";
import type { MapHandle } from "./info.js";
import { type GetOptions, type SetOptions, setFlags } from "./options.js";

/** What has a descriptor: a program, a map, a link. */
export interface HasFd {
  /** The file descriptor. */
  readonly fd: number;
}

/** A descriptor in a value of the map's size: 4 bytes, or 8 where the kernel returns a cookie in its place. */
function descriptor(handle: MapHandle): Codec<number> {
  return { ...s32, size: handle.valueSize === 8 ? 8 : 4 };
}

function cookieOf(where: string, entry: { valueBytes(): Uint8Array }): bigint {
  const value = entry.valueBytes();
  if (value.length !== 8) throw stateError(where, "has no cookies — define it with __uint(value_size, 8)");
  return new Memory(value).u64(0);
}

/**
 * Numbered slots for what descriptors stand for: `BPF_MAP_TYPE_CGROUP_ARRAY` (cgroups), `BPF_MAP_TYPE_XSKMAP`
 * (AF_XDP sockets), `BPF_MAP_TYPE_REUSEPORT_SOCKARRAY` (sockets).
 */
export class FdArray<F extends HasFd | number = number> extends EntryMap<number, number> {
  static override readonly kinds: readonly MapType[] = [
    MapType.CGROUP_ARRAY,
    MapType.XSKMAP,
    MapType.REUSEPORT_SOCKARRAY,
  ];
  constructor(handle: MapHandle) {
    super(handle, u32, descriptor(handle));
  }

  /** Puts what the descriptor stands for into a slot (`bpf_map_update_elem`). */
  set(index: number, value: F, options?: SetOptions): void {
    this.store(index, typeof value === "number" ? value : value?.fd, setFlags(options, this));
  }

  /** Empties a slot (`bpf_map_delete_elem`) and says whether there was something in it. */
  delete(index: number): boolean {
    return this.erase(index);
  }

  /**
   * The cookie of the socket in a slot, as `SO_COOKIE` and `bpf_get_socket_cookie()` tell it; undefined when it is
   * empty. Only of a `BPF_MAP_TYPE_REUSEPORT_SOCKARRAY` with values of 8 bytes.
   */
  cookie(index: number): bigint | undefined {
    return this.find(index) ? cookieOf(this.where, this.entry) : undefined;
  }
}

/** `BPF_MAP_TYPE_PROG_ARRAY`: the programs that `bpf_tail_call()` jumps to, by number. */
export class ProgArray extends EntryMap<number, number> {
  static override readonly kinds: readonly MapType[] = [MapType.PROG_ARRAY];

  constructor(handle: MapHandle) {
    super(handle, u32, descriptor(handle));
  }

  /** Puts a program into a slot (`bpf_map_update_elem`). */
  set(index: number, program: HasFd): void {
    this.store(index, program?.fd);
  }

  /** The id of the program in a slot; undefined when it is empty. */
  programId(index: number): number | undefined {
    return this.find(index) ? this.entry.value() : undefined;
  }

  /** Empties a slot (`bpf_map_delete_elem`) and says whether there was a program in it. */
  delete(index: number): boolean {
    return this.erase(index);
  }
}

/** One call in a stack of user space, as `BPF_F_STACK_BUILD_ID` has it. */
export type StackFrame =
  /** In a file that is found by its build id, at an offset into the file. */
  | { readonly buildId: Uint8Array; readonly offset: bigint; readonly address?: undefined }
  /** At an address of the process: the kernel found no file there. */
  | { readonly address: bigint; readonly buildId?: undefined; readonly offset?: undefined };

const BPF_F_STACK_BUILD_ID = 0x20;
const BUILD_ID_VALID = 1;
const BUILD_ID_IP = 2;
/** `struct bpf_stack_build_id` */
const FRAME = 32;

/**
 * `BPF_MAP_TYPE_STACK_TRACE`: the call stacks that `bpf_get_stackid()` has stored. Addresses are as in
 * `/proc/kallsyms` or `/proc/PID/maps`.
 */
export class StackTraceMap extends EntryMap<number, Uint8Array> {
  static override readonly kinds: readonly MapType[] = [MapType.STACK_TRACE];

  constructor(handle: MapHandle) {
    super(handle, u32, bytes(handle.valueSize));
  }

  /** The addresses of a stack, innermost first; undefined when there is no such stack. */
  get(id: number): bigint[] | undefined {
    if (this.flags & BPF_F_STACK_BUILD_ID)
      throw stateError(this.where, "has frames with build ids, not addresses — use frames()");
    if (!this.find(id)) return undefined;
    const words = this.entry.valueBytes();
    const addresses = Array.from(new BigUint64Array(words.buffer, words.byteOffset, words.length >> 3));
    const end = addresses.indexOf(0n);
    return end === -1 ? addresses : addresses.slice(0, end);
  }

  /** The frames of a stack of user space, innermost first: of a map that was made with `BPF_F_STACK_BUILD_ID`. */
  frames(id: number): StackFrame[] | undefined {
    if (!(this.flags & BPF_F_STACK_BUILD_ID))
      throw stateError(
        this.where,
        "has addresses, not build ids — use get(), or make it with BPF_F_STACK_BUILD_ID",
      );
    if (!this.find(id)) return undefined;
    const memory = new Memory(this.entry.valueBytes());
    const frames: StackFrame[] = [];
    for (let at = 0; at + FRAME <= memory.size; at += FRAME) {
      const status = memory.s32(at);
      if (status === BUILD_ID_VALID)
        frames.push({ buildId: memory.bytes(at + 4, 20), offset: memory.u64(at + 24) });
      else if (status === BUILD_ID_IP) frames.push({ address: memory.u64(at + 24) });
      else break;
    }
    return frames;
  }

  /** The ids of the stacks that there are. */
  keys(): IterableIterator<number> {
    return this.listKeys();
  }

  /** Forgets a stack (`bpf_map_delete_elem`) and says whether it was there. */
  delete(id: number): boolean {
    return this.erase(id);
  }

  /** Forgets every stack. */
  clear(): void {
    for (const id of this.keys()) this.delete(id);
  }
}

/**
 * `BPF_MAP_TYPE_TASK_STORAGE` (keys are pidfds), `BPF_MAP_TYPE_SK_STORAGE` (sockets), `BPF_MAP_TYPE_INODE_STORAGE`
 * (open files), `BPF_MAP_TYPE_CGRP_STORAGE` (cgroup folders): a value that belongs to a kernel object, found by a
 * descriptor of it, gone with it. The kernel cannot list them.
 */
export class StorageMap<V> extends EntryMap<number, V> {
  static override readonly kinds: readonly MapType[] = [
    MapType.TASK_STORAGE,
    MapType.SK_STORAGE,
    MapType.INODE_STORAGE,
    MapType.CGRP_STORAGE,
  ];
  constructor(handle: MapHandle, value: Codec<V>) {
    super(handle, s32, value);
  }

  /** The value that belongs to what the descriptor stands for, or undefined. */
  get(fd: number, options?: GetOptions): V | undefined {
    return this.find(fd, "bpf_map_lookup_elem", options) ? this.entry.value() : undefined;
  }

  /**
   * Makes or replaces that value.
   * @throws BpfError `EEXIST` and `ENOENT` as `mode` asks, `EBADF` when nothing is open by that number.
   */
  set(fd: number, value: Input<V>, options?: SetOptions): void {
    this.store(fd, value, setFlags(options, this));
  }

  /** Removes that value and says whether there was one. */
  delete(fd: number): boolean {
    return this.erase(fd);
  }
}

/** `BPF_MAP_TYPE_SOCKMAP`, `BPF_MAP_TYPE_SOCKHASH`: sockets by key, for redirecting between them. */
export class SockMap<K> extends EntryMap<K, number> {
  static override readonly kinds: readonly MapType[] = [MapType.SOCKMAP, MapType.SOCKHASH];
  constructor(handle: MapHandle, key: Codec<K>) {
    super(handle, key, descriptor(handle));
  }

  /** Puts a socket into the map, by its descriptor (`bpf_map_update_elem`). */
  set(key: Input<K>, socket: number, options?: SetOptions): void {
    this.store(key, socket, setFlags(options, this));
  }

  /** Takes a socket out (`bpf_map_delete_elem`) and says whether it was there. */
  delete(key: Input<K>): boolean {
    return this.erase(key);
  }

  /** The keys of the sockets in a SOCKHASH; of a SOCKMAP every index, whether there is a socket or not. */
  keys(): IterableIterator<K> {
    return this.listKeys();
  }

  /** The kernel refuses to empty an empty slot of a SOCKMAP as if the index were wrong. */
  protected override exists(syscall: string, result: number, flags?: number | bigint): boolean {
    const isEmpty = syscall === "bpf_map_delete_elem" && result === EINVAL && this.type === MapType.SOCKMAP;
    return isEmpty && this.descriptor >= 0 ? false : super.exists(syscall, result, flags);
  }

  /**
   * The cookie of a socket in the map, as `SO_COOKIE` and `bpf_get_socket_cookie()` tell it; undefined when there is
   * none by that key. Only of a map with values of 8 bytes.
   */
  cookie(key: Input<K>): bigint | undefined {
    return this.find(key) ? cookieOf(this.where, this.entry) : undefined;
  }
}

/**
 * `BPF_MAP_TYPE_DEVMAP`, `BPF_MAP_TYPE_DEVMAP_HASH` (interface numbers), `BPF_MAP_TYPE_CPUMAP` (queue sizes): where
 * XDP programs redirect to. A value may be a struct that has a program's descriptor in it besides.
 */
export class RedirectMap<V> extends HashMap<number, V> {
  static override readonly kinds: readonly MapType[] = [MapType.DEVMAP, MapType.DEVMAP_HASH, MapType.CPUMAP];
  constructor(handle: MapHandle, value: Codec<V>) {
    super(handle, u32, value);
  }
}
