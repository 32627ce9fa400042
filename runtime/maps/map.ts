import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import type { Codec } from "../codec/types.js";
import type { FieldTable } from "../codec/view.js";
import { closedError } from "../errors.js";
import { check, E2BIG, ENOSPC, errno, libbpf, libc, systemError } from "../ffi/native.js";
import { type MapTarget, openFromKernel, walkIds } from "../kernel/objects.js";
import { type MapType, mapTypeName } from "../kernel/types.js";
import { endAll, hasEnded, mustEnd } from "../lifetimes.js";
import { type CreateOptions, createByOptions } from "./create.js";
import { expectKind, type MapHandle, type MapInfo, mapInfo, verify } from "./info.js";

const EPERM = -1;

/** What generated code says of a struct_ops map: where in its struct the members lie that can be set before it is loaded. */
export interface ShadowSpec {
  /** Bytes of the struct. */
  readonly size: number;
  /** Offset and codec of each member that is data. */
  readonly fields: FieldTable;
  /** Offset of each member that is a function. */
  readonly functions: Readonly<Record<string, number>>;
}

/** A map of your own: close it, or let `using` do it. */
export type Owned<M> = M & {
  /** Closes the descriptor; the map itself stays as long as anything else holds it. Safe to call again. */
  close(): void;
  [Symbol.dispose](): void;
};

/** A class of maps, and what it is made from besides the map itself: codecs. */
export type MapClass<M extends BpfMap, P extends readonly unknown[]> = new (
  handle: MapHandle,
  ...parts: P
) => M;

/** How to make the object of a map: generated code says it of each. */
export interface MapSpec<M> {
  /** Of a struct_ops map. */
  readonly shadow?: ShadowSpec;
  /** Whether the skeleton's `attach()` attaches it: a struct_ops map. */
  readonly auto: boolean;
  create(handle: MapHandle): M;
}

/**
 * Part of the maps of every kind. Its descriptor belongs to whoever opened it; a skeleton closes its maps.
 *
 * Maps are also opened and made without an object, as the class that they are to be used by:
 * ```ts
 * using live = BpfMap.open({ pin: "/sys/fs/bpf/live" }, HashMap, codecs.u32, Event);
 * using seen = BpfMap.create({ maxEntries: 1024 }, LpmTrie, codecs.bytes(8), codecs.u64);
 * for (const info of BpfMap.list()) console.log(info.id, info.name);
 * ```
 */
export abstract class BpfMap {
  /** The types of maps that the class is for, the usual one first; none for any. */
  static readonly kinds: readonly MapType[] = [];
  /** The C name. */
  readonly name: string;
  /** `BPF_MAP_TYPE_*`, a member of `MapType`. */
  readonly type: number;
  /** Bytes of a key. */
  readonly keySize: number;
  /** Bytes of a value; of one CPU's value in a per-CPU map. */
  readonly valueSize: number;
  /** How many entries it may hold; bytes for a ring buffer. */
  readonly maxEntries: number;
  /** `BPF_F_*` as given when it was created. */
  readonly flags: number;
  /** -1 once closed: the kernel then refuses every operation, and no check is needed before one. */
  protected descriptor: number;
  #pinned: string[] = [];
  /** The same map as other classes, by the same descriptor: they end with this one. */
  readonly #others = new Set<BpfMap>();
  #origin: BpfMap | undefined;
  #raw: BpfMap | undefined;

  static {
    // `HashMap "live": hash, 8192 entries of 4 and 40 bytes, fd 12`
    const describe = function (this: BpfMap): string {
      const { name, type, keySize, valueSize, maxEntries, descriptor } = this;
      const sizes =
        keySize + valueSize === 0
          ? `${maxEntries} bytes`
          : `${maxEntries} entries of ${keySize} and ${valueSize} bytes`;
      const state = descriptor < 0 ? "closed" : `fd ${descriptor}`;
      return `${this.constructor.name} "${name}": ${mapTypeName(type)}, ${sizes}, ${state}`;
    };
    Object.defineProperty(BpfMap.prototype, inspect.custom, { value: describe });
  }

  constructor(handle: MapHandle) {
    // Read once, and subclasses go by what is verified: a handle may say something else when asked again.
    const { name, fd, type, keySize, valueSize, maxEntries, flags } = handle;
    verify({ name, fd, type, keySize, valueSize, maxEntries, flags });
    this.name = name;
    this.type = type;
    this.keySize = keySize;
    this.valueSize = valueSize;
    this.maxEntries = maxEntries;
    this.flags = flags;
    this.descriptor = fd;
    if (handle.pinPath !== undefined) this.#pinned.push(handle.pinPath);
  }

  /**
   * Opens a map that exists, by its id or its pin, as a handle that is to be closed.
   * @param MapClass what to use it by: `RawMap` for bytes.
   * @param parts the codecs that the class is made from: key and value of a `HashMap`, nothing for a `RawMap`.
   * @throws BpfError `ENOENT` when there is no such map, `ERR_BPF_LAYOUT` when it is of another type or size.
   */
  static open<M extends BpfMap, P extends readonly unknown[]>(
    target: MapTarget,
    MapClass: MapClass<M, P>,
    ...parts: P
  ): Owned<M> {
    const kinds = kindsOf(MapClass);
    expectParts("open()", MapClass as never, parts);
    const { where, fd } = openFromKernel("map", target);
    return own(fd, () => {
      const info = mapInfo(where, fd);
      expectKind(info, kinds);
      return new MapClass({ ...info, fd }, ...parts);
    });
  }

  /**
   * Makes a map without an object (`bpf_map_create`), as a handle that is to be closed.
   * @param parts the codecs that the class is made from, as for {@link BpfMap.open}.
   * @throws BpfError when the kernel refuses it.
   */
  static create<M extends BpfMap, P extends readonly unknown[]>(
    options: CreateOptions,
    MapClass: MapClass<M, P>,
    ...parts: P
  ): Owned<M> {
    const kinds = kindsOf(MapClass);
    expectParts("create()", MapClass as never, parts);
    const sizes = parts.map((part) => (part as Partial<Codec<unknown>> | undefined)?.size ?? 0);
    const fd = createByOptions(options, kinds, sizes);
    return own(fd, () => new MapClass({ ...mapInfo("create()", fd), fd }, ...parts));
  }

  /**
   * Every map that is in the kernel, whoever made it (`bpf_map_get_next_id`); those that vanish meanwhile are left
   * out. Takes CAP_SYS_ADMIN.
   */
  static *list(): IterableIterator<MapInfo> {
    for (const { where, fd } of walkIds("map")) yield mapInfo(where, fd);
  }

  /** The file descriptor, open until the map is closed. */
  get fd(): number {
    if (this.descriptor < 0) throw closedError(this.where);
    return this.descriptor;
  }

  /** How errors call it. */
  protected get where(): string {
    return `map "${this.name}"`;
  }

  /** Asks the kernel for what it knows of the map (`bpf_obj_get_info_by_fd`). */
  info(): MapInfo {
    return mapInfo(this.where, this.fd);
  }

  /** Pins the map to a new path on bpffs (`bpf_obj_pin`): it outlives the process until {@link unpin}. */
  pin(path: string): void {
    this.check("bpf_obj_pin", libbpf.bpf_obj_pin(this.descriptor, path), { pin: path });
    this.#pinned.push(path);
  }

  /** Removes what {@link pin} and `pinPath` made, or the given pin. */
  unpin(path?: string): void {
    void this.fd;
    const paths = path === undefined ? this.#pinned : [path];
    for (const pinned of paths)
      if (libc.unlink(pinned) !== 0) throw systemError(this.where, "unlink", errno());
    this.#pinned = path === undefined ? [] : this.#pinned.filter((other) => other !== path);
  }

  /** Ends writing from user space (`bpf_map_freeze`); BPF programs may go on writing. */
  freeze(): void {
    this.check("bpf_map_freeze", libbpf.bpf_map_freeze(this.descriptor));
  }

  /** The same map, by the same descriptor, as another class; one object, however often it is asked for. */
  protected as<M extends BpfMap>(MapClass: new (handle: MapHandle) => M): M {
    this.#raw ??= BpfMap.another(this, MapClass);
    return this.#raw as M;
  }

  /**
   * A new object of another class for the same map, by the same descriptor, which ends with this one at the latest.
   * @internal
   */
  static another<M extends BpfMap>(map: BpfMap, MapClass: new (handle: MapHandle) => M): M {
    const made = new MapClass({ ...map, fd: map.fd });
    map.#others.add(made);
    made.#origin = map;
    return made;
  }

  /** Lets go of all that the map holds. The descriptor itself is closed by its owner. */
  protected release(): void {
    this.descriptor = -1;
    if (this.#origin) this.#origin.#others.delete(this);
  }

  /** Closes a map object without closing its descriptor: for whoever owns that. Safe to call again. */
  static release(map: BpfMap): void {
    if (map.descriptor < 0) return;
    endAll([() => map.release(), ...[...map.#others].map((other) => () => BpfMap.release(other))]);
  }

  /** Throws for a negative result, as closed when the map is. */
  protected check(syscall: string, result: number, paths: { readonly pin?: string } = {}): number {
    if (result >= 0) return result;
    if (this.descriptor < 0) throw closedError(this.where);
    const isFull = result === E2BIG || (result === ENOSPC && syscall.startsWith("bpf_map_update"));
    const todo = isFull
      ? `it holds at most ${this.maxEntries}: raise its max_entries, or delete some`
      : result === EPERM
        ? whatItIsFor(this.descriptor)
        : undefined;
    throw systemError(this.where, syscall, -result, { ...paths, todo });
  }
}

/** Why the kernel refuses an operation on a map that it has given to this process; undefined when it is not known. */
function whatItIsFor(fd: number): string | undefined {
  let info: string;
  try {
    info = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
  } catch {
    return undefined;
  }
  if (/^frozen:\s*1$/m.test(info)) return "it is frozen, and from here on only BPF programs write to it";
  // The last octal digit of open(2)'s flags: O_RDONLY, O_WRONLY or O_RDWR.
  const access = /^flags:\s*\d*([0-2])$/m.exec(info)?.[1];
  const only = access === "0" ? "reading" : access === "1" ? "writing" : undefined;
  return only && `it is for ${only} only here: open it without access, or make it without such a flag`;
}

/** The types of maps that a class is for. */
function kindsOf(MapClass: unknown): readonly number[] {
  if (typeof MapClass === "function" && MapClass.prototype instanceof BpfMap)
    return (MapClass as unknown as typeof BpfMap).kinds;
  throw new TypeError("a map is opened and made as a class of maps: HashMap, RawMap, …");
}

/** Throws unless there is a codec, or what else a class is made from, for each that it takes. */
function expectParts(where: string, MapClass: typeof BpfMap, parts: readonly unknown[]): void {
  let declared: typeof BpfMap = MapClass;
  // A class without a constructor of its own is made as the one above it.
  while (declared.length === 0) declared = Object.getPrototypeOf(declared) as typeof BpfMap;
  const [needed, given] = [declared.length - 1, parts.filter((part) => Object(part) === part).length];
  if (given < Math.max(needed, parts.length))
    throw new TypeError(
      `${where}: ${MapClass.name} is made from ${needed} codecs, such as u32, and ${given} follow it`,
    );
}

/**
 * Makes a map's object, and has it own the descriptor; closes that when there is no object.
 * @param opened what tells where it was opened should it never be closed; the stack when left out.
 */
export function own<M extends BpfMap>(fd: number, make: () => M, opened?: string): Owned<M> {
  let map: M;
  try {
    map = make();
  } catch (error) {
    closeFd(fd);
    throw error;
  }
  mustEnd(map, `map "${map.name}"`, opened);
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    hasEnded(map);
    endAll([() => BpfMap.release(map), () => closeFd(fd)]);
  };
  return Object.assign(map, { close, [Symbol.dispose]: close });
}

/** Opens a map by its pin on bpffs (`bpf_obj_get`). The caller closes the descriptor with {@link closeFd}. */
export function openPinned(path: string): number {
  return check(`pin "${path}"`, "bpf_obj_get", libbpf.bpf_obj_get(path), { pin: path });
}

/** Closes a descriptor. */
export function closeFd(fd: number): void {
  libc.close(fd);
}
