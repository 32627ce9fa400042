import { BpfError } from "../errors.js";
import { check, libbpf } from "../ffi/native.js";
import { possibleCpus } from "../kernel/system.js";
import { MapType, mapTypeName } from "../kernel/types.js";
import type { MapTemplate } from "./create.js";

/** What a map object is made of: the numbers of a map that exists in the kernel. */
export interface MapHandle {
  readonly name: string;
  readonly fd: number;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Of a map of maps: how a map that fits in is made. */
  readonly inner?: MapTemplate | undefined;
  /** Where loading has pinned it, or found it. */
  readonly pinPath?: string | undefined;
  /** Of a perf event array: pages of each CPU's ring. */
  readonly pages?: number | undefined;
}

/** What the kernel says of a map: `struct bpf_map_info`. */
export interface MapInfo {
  /** `BPF_MAP_TYPE_*`, a member of `MapType`. */
  readonly type: number;
  /** By which `BpfMap.open({ id })` finds it. */
  readonly id: number;
  /** Bytes of a key. */
  readonly keySize: number;
  /** Bytes of a value; of one CPU's value in a per-CPU map. */
  readonly valueSize: number;
  /** How many entries it may hold; bytes for a ring buffer. */
  readonly maxEntries: number;
  /** `BPF_F_*` as given when it was created. */
  readonly flags: number;
  /** The name as the kernel keeps it, at most 15 bytes. */
  readonly name: string;
  /** What `map_extra` was when it was created. */
  readonly extra: bigint;
  /** The id of the BTF that describes key and value; 0 when it has none. */
  readonly btfId: number;
}

/** Throws unless the kernel knows the map by these numbers: buffers of other sizes must never reach it. */
export function verify({ name, fd, type, keySize, valueSize, maxEntries }: MapHandle): void {
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
export function mapInfo(where: string, fd: number): MapInfo {
  const bytes = new Uint8Array(88);
  const size = new Uint32Array([bytes.length]);
  check(where, "bpf_obj_get_info_by_fd", libbpf.bpf_obj_get_info_by_fd(fd, bytes, size));
  const words = new Uint32Array(bytes.buffer) as unknown as number[];
  const [type, id, keySize, valueSize, maxEntries, flags] = words as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const name = new TextDecoder().decode(bytes.subarray(24, 40)).replace(/\0.*$/s, "");
  const extra = new BigUint64Array(bytes.buffer, 80, 1)[0]!;
  return { type, id, keySize, valueSize, maxEntries, flags, name, extra, btfId: words[16]! };
}

/** The numbers of a map by its descriptor. */
export function mapHandleOf(name: string, fd: number): MapHandle & MapInfo {
  return { ...mapInfo(`map "${name}"`, fd), name, fd };
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

/** Throws unless the map is of one of the types that a class is for. */
export function expectKind({ name, type }: Pick<MapHandle, "name" | "type">, kinds: readonly number[]): void {
  if (kinds.length === 0 || kinds.includes(type)) return;
  throw new BpfError(
    `map "${name}": is a ${mapTypeName(type)}, not a ${kinds.map(mapTypeName).join(" or ")} — ` +
      "open it as its own class, or as RawMap",
    { code: "ERR_BPF_LAYOUT" },
  );
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
      `${handle.valueSize} bytes, not ${keySize} and ${valueSize} — use codecs of its sizes, or regenerate the skeleton from this object`,
    { code: "ERR_BPF_LAYOUT" },
  );
}

/** Throws unless a codec that somebody gave has so many bytes. */
export function expectCodec(
  where: string,
  what: "key" | "value",
  codec: { readonly size: number },
  size: number,
): void {
  if (typeof codec?.size !== "number")
    throw new TypeError(`${where}: ${what}: a codec such as u32 is needed, not ${typeof codec}`);
  if (codec.size !== size)
    throw new RangeError(
      `${where}: its ${what}s have ${size} bytes, not the codec's ${codec.size} — use a codec that fits`,
    );
}
