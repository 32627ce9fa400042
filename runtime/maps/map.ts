import type { FieldTable } from "../codec/view.js";
import { BpfError, closedError } from "../errors.js";
import { check, errno, libbpf, libc, systemError } from "../ffi/native.js";
import { possibleCpus } from "../kernel/system.js";
import { MapType, mapTypeName } from "../kernel/types.js";

const E2BIG = -7;

/** What a map object is made of: the numbers of a map that exists in the kernel. */
export interface MapHandle {
  readonly name: string;
  readonly fd: number;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Of a map of maps: what a map that fits in has. */
  readonly inner?: MapHandle | undefined;
}

/** What generated code says of a struct_ops map: where in its struct the members lie that can be set before it is loaded. */
export interface ShadowSpec {
  /** Bytes of the struct. */
  readonly size: number;
  /** Offset and codec of each member that is data. */
  readonly fields: FieldTable;
  /** Offset of each member that is a function. */
  readonly functions: Readonly<Record<string, number>>;
}

/** How to make the object of a map: generated code says it of each. */
export interface MapSpec<M> {
  /** Of a struct_ops map. */
  readonly shadow?: ShadowSpec;
  /** Whether the skeleton's `attach()` attaches it: a struct_ops map. */
  readonly auto: boolean;
  create(handle: MapHandle): M;
}

/** What the kernel says of a map: `struct bpf_map_info`. */
export interface MapInfo {
  readonly type: number;
  readonly id: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** The name as the kernel keeps it, at most 15 bytes. */
  readonly name: string;
}

/** Part of the maps of every kind. Its descriptor belongs to whoever opened it; a skeleton closes its maps. */
export abstract class BpfMap {
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
    this.check("bpf_obj_pin", libbpf.bpf_obj_pin(this.descriptor, path));
    this.#pinned.push(path);
  }

  /** Removes what {@link pin} made, or the given pin. */
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

  /** A new object of another class for the same map, by the same descriptor, which ends with this one at the latest. */
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
    for (const other of this.#others) BpfMap.release(other);
  }

  /** Closes a map object without closing its descriptor: for whoever owns that. Safe to call again. */
  static release(map: BpfMap): void {
    if (map.descriptor >= 0) map.release();
  }

  /** Throws for a negative result, as closed when the map is. */
  protected check(syscall: string, result: number): number {
    if (result >= 0) return result;
    if (this.descriptor < 0) throw closedError(this.where);
    const todo = `it holds at most ${this.maxEntries}: raise its max_entries, or delete some`;
    throw systemError(this.where, syscall, -result, result === E2BIG ? { todo } : {});
  }
}

/** Throws unless the kernel knows the map by these numbers: buffers of other sizes must never reach it. */
function verify({ name, fd, type, keySize, valueSize, maxEntries }: MapHandle): void {
  const info = mapInfo(`map "${name}"`, fd);
  if (
    info.type === type &&
    info.keySize === keySize &&
    info.valueSize === valueSize &&
    info.maxEntries === maxEntries
  )
    return;
  throw new TypeError(`map "${name}": is another map in the kernel — maps come from an object or a skeleton`);
}

/** Asks the kernel what it knows of a map. */
function mapInfo(where: string, fd: number): MapInfo {
  const bytes = new Uint8Array(88);
  const size = new Uint32Array([bytes.length]);
  check(where, "bpf_obj_get_info_by_fd", libbpf.bpf_obj_get_info_by_fd(fd, bytes, size));
  const [type, id, keySize, valueSize, maxEntries, flags] = new Uint32Array(
    bytes.buffer,
  ) as unknown as number[];
  const name = new TextDecoder().decode(bytes.subarray(24, 40)).replace(/\0.*$/s, "");
  return { type, id, keySize, valueSize, maxEntries, flags, name } as MapInfo;
}

/** The numbers of a map by its descriptor. */
export function mapHandleOf(name: string, fd: number): MapHandle {
  return { ...mapInfo(`map "${name}"`, fd), name, fd };
}

/** Opens a map by its pin on bpffs (`bpf_obj_get`). The caller closes the descriptor with {@link closeFd}. */
export function openPinned(path: string): number {
  return check(path, "bpf_obj_get", libbpf.bpf_obj_get(path));
}

/** Closes a descriptor. */
export function closeFd(fd: number): void {
  libc.close(fd);
}

const perCpuTypes: ReadonlySet<number> = new Set([
  MapType.PERCPU_HASH,
  MapType.PERCPU_ARRAY,
  MapType.LRU_PERCPU_HASH,
  MapType.PERCPU_CGROUP_STORAGE,
]);

/** The bytes that the kernel reads and writes for one value: of all CPUs in a per-CPU map. */
export function valueBytes(handle: Pick<MapHandle, "type" | "valueSize">): number {
  if (!perCpuTypes.has(handle.type)) return handle.valueSize;
  return Math.ceil(handle.valueSize / 8) * 8 * possibleCpus();
}

/** Throws unless the map is of the kind that its class lays memory out for. */
export function expectType({ name, type }: Pick<MapHandle, "name" | "type">, expected: number): void {
  if (type === expected) return;
  throw new BpfError(
    `map "${name}": is a ${mapTypeName(type)}, not a ${mapTypeName(expected)} — regenerate the skeleton from this object`,
    { code: "ERR_BPF_LAYOUT" },
  );
}

/** Throws unless the map has the sizes of the codecs it is about to be used with. */
export function expectSizes(
  handle: Pick<MapHandle, "name" | "type" | "keySize" | "valueSize">,
  keySize: number,
  valueSize: number,
): void {
  if (handle.keySize === keySize && valueBytes(handle) === valueSize) return;
  throw new BpfError(
    `map "${handle.name}": ${mapTypeName(handle.type)} with keys of ${handle.keySize} and values of ` +
      `${handle.valueSize} bytes, not ${keySize} and ${valueSize} — regenerate the skeleton from this object`,
    { code: "ERR_BPF_LAYOUT" },
  );
}
