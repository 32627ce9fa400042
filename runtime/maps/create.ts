import { check, EINVAL, libbpf, libc, opts, systemError, unsigned } from "../ffi/native.js";
import { probe } from "../kernel/probe.js";
import { possibleCpus } from "../kernel/system.js";
import { withToken } from "../kernel/token.js";
import { MapType, mapTypeName } from "../kernel/types.js";
import { BPF_F_MMAPABLE } from "./types.js";

const BPF_F_NO_PREALLOC = 1;
const BPF_F_NUMA_NODE = 4;
const BPF_F_TOKEN_FD = 0x10000;

/** How a map is made without an object: what `__uint` and `__type` say in C. */
export interface CreateOptions {
  /** As the kernel keeps it: letters, digits, `_` and `.`, at most 15 of them. */
  readonly name?: string | undefined;
  /** Which of the types that the class is for, its first when left out; `RawMap` must be told. */
  readonly type?: MapType | undefined;
  /** How many entries it may hold; bytes for a ring buffer. Storage maps and, by default, perf buffers need none. */
  readonly maxEntries?: number | undefined;
  /** `BPF_F_*`, besides those that every map of the type has. */
  readonly flags?: number | undefined;
  /** The NUMA node that it is allocated on. */
  readonly numaNode?: number | undefined;
  /** `map_extra`: of a Bloom filter the number of hash functions, of an arena its address. */
  readonly extra?: bigint | undefined;
  /** Bytes of a key, where no codec says it. */
  readonly keySize?: number | undefined;
  /** Bytes of a value, where no codec says it. */
  readonly valueSize?: number | undefined;
  /** Of a map of maps: one like those that go in. */
  readonly inner?: { readonly fd: number } | undefined;
  /** Where a bpffs is mounted that BPF was delegated to, for a process without privileges; needs libbpf 1.4 and kernel 6.9. */
  readonly tokenPath?: string | undefined;
}

/** Which kernel has the types that not all have which this runtime is for, from 5.10 on. */
export const mapTypesSince: ReadonlyMap<number, string> = new Map([
  [MapType.INODE_STORAGE, "5.10"],
  [MapType.TASK_STORAGE, "5.11"],
  [MapType.BLOOM_FILTER, "5.16"],
  [MapType.USER_RINGBUF, "6.1"],
  [MapType.CGRP_STORAGE, "6.2"],
  [MapType.ARENA, "6.9"],
  [MapType.INSN_ARRAY, "6.19"],
]);

/** All that `bpf_map_create` is told. */
export interface MapTemplate {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly extra?: bigint | undefined;
  readonly numaNode?: number | undefined;
  /** The descriptor of the BTF that the types of key and value are of; only with those. */
  readonly btfFd?: number | undefined;
  readonly keyTypeId?: number | undefined;
  readonly valueTypeId?: number | undefined;
  readonly innerFd?: number | undefined;
  readonly tokenFd?: number | undefined;
}

/** Makes a map (`bpf_map_create`) and returns its descriptor. */
export function createFd(where: string, name: string, template: MapTemplate): number {
  const { type, keySize, valueSize, maxEntries, flags, extra, numaNode } = template;
  const make = (btf: Pick<MapTemplate, "btfFd" | "keyTypeId" | "valueTypeId">): number =>
    libbpf.bpf_map_create(
      type,
      name,
      keySize,
      valueSize,
      maxEntries,
      opts("bpf_map_create_opts", {
        map_flags: template.tokenFd === undefined ? flags : (flags | BPF_F_TOKEN_FD) >>> 0,
        token_fd: template.tokenFd,
        map_extra: extra,
        inner_map_fd: template.innerFd,
        numa_node: flags & BPF_F_NUMA_NODE ? numaNode : undefined,
        btf_fd: btf.btfFd,
        btf_key_type_id: btf.keyTypeId,
        btf_value_type_id: btf.valueTypeId,
      }),
    );
  // Types without what they are of would be of descriptor 0: so it is where the kernel does not take the object's BTF.
  const fd = make(template.btfFd === undefined ? {} : template);
  // As libbpf does it: kinds that take no BTF refuse it, and others are the same without.
  const made = fd < 0 && template.btfFd !== undefined ? make({}) : fd;
  const version = mapTypesSince.get(type);
  if (made !== EINVAL || version === undefined || probe.mapType(type))
    return check(where, "bpf_map_create", made);
  const what = `this kernel has no maps of type ${mapTypeName(type)}`;
  throw systemError(where, "bpf_map_create", -made, { what, todo: `Linux ${version} or newer has them` });
}

const storage: ReadonlySet<number> = new Set([
  MapType.SK_STORAGE,
  MapType.INODE_STORAGE,
  MapType.TASK_STORAGE,
  MapType.CGRP_STORAGE,
]);
/** The flags that every map of a type must have. */
const needed: ReadonlyMap<number, number> = new Map<number, number>([
  ...[MapType.LPM_TRIE, MapType.RHASH, ...storage].map((type): [number, number] => [type, BPF_F_NO_PREALLOC]),
  [MapType.ARENA, BPF_F_MMAPABLE],
]);

/** Bytes of a key and of a value, of the codecs that the class of a type takes. */
function sizesOf(type: number, [first = 4, second = first]: readonly number[]): readonly [number, number] {
  switch (type) {
    case MapType.RINGBUF:
    case MapType.USER_RINGBUF:
    case MapType.ARENA:
      return [0, 0];
    case MapType.QUEUE:
    case MapType.STACK:
    case MapType.BLOOM_FILTER:
      return [0, first];
    case MapType.PROG_ARRAY:
    case MapType.PERF_EVENT_ARRAY:
    case MapType.CGROUP_ARRAY:
    case MapType.XSKMAP:
    case MapType.REUSEPORT_SOCKARRAY:
    case MapType.SOCKMAP:
    case MapType.ARRAY_OF_MAPS:
      return [4, 4];
    case MapType.SOCKHASH:
    case MapType.HASH_OF_MAPS:
      return [first, 4];
    case MapType.STACK_TRACE:
      return [4, 8 * 127];
    case MapType.ARRAY:
    case MapType.PERCPU_ARRAY:
    case MapType.DEVMAP:
    case MapType.DEVMAP_HASH:
    case MapType.CPUMAP:
      return [4, first];
    default:
      return storage.has(type) ? [4, first] : [first, second];
  }
}

/**
 * Makes a map as an application asks for it, and returns its descriptor.
 * @param kinds the types that the class is for; none for any.
 * @param sizes the sizes of the class' codecs.
 */
export function createByOptions(
  options: CreateOptions,
  kinds: readonly number[],
  sizes: readonly number[],
): number {
  if (typeof options !== "object" || options === null)
    throw new TypeError(`create(): takes an object such as { maxEntries: 1024 }, not ${typeof options}`);
  const { name = "", type = kinds[0], flags = 0, numaNode, extra } = options;
  if (typeof name !== "string" || !/^[\w.]{0,15}$/.test(name))
    throw new TypeError(`create(): a name is of letters, digits, "_" and ".", at most 15 — "" is one, too`);
  const where = `map "${name}"`;
  if (type === undefined)
    throw new TypeError(`create(): which type of map? — create({ type: MapType.HASH, ... })`);
  unsigned(`${where}: type`, type);
  if (kinds.length > 0 && !kinds.includes(type))
    throw new TypeError(
      `create(): ${mapTypeName(type)} has another class — this one is for ${kinds.map(mapTypeName).join(", ")}`,
    );
  const [keySize, valueSize] = sizesOf(type, sizes);
  const perfBuffers = type === MapType.PERF_EVENT_ARRAY ? possibleCpus() : undefined;
  const maxEntries = options.maxEntries ?? perfBuffers ?? (storage.has(type) ? 0 : undefined);
  if (maxEntries === undefined) throw new TypeError(`${where}: how large? — create({ maxEntries, ... })`);
  if (extra !== undefined && (typeof extra !== "bigint" || BigInt.asUintN(64, extra) !== extra))
    throw new TypeError(`${where}: extra is a bigint of 64 bits`);
  const template = {
    type,
    keySize: unsigned(`${where}: keySize`, options.keySize ?? keySize),
    valueSize: unsigned(`${where}: valueSize`, options.valueSize ?? valueSize),
    maxEntries: unsigned(`${where}: maxEntries`, maxEntries),
    flags:
      (unsigned(`${where}: flags`, flags) |
        (needed.get(type) ?? 0) |
        (numaNode === undefined ? 0 : BPF_F_NUMA_NODE)) >>>
      0,
    extra,
    innerFd: options.inner === undefined ? undefined : unsigned(`${where}: inner`, options.inner?.fd),
    numaNode: numaNode === undefined ? undefined : unsigned(`${where}: numaNode`, numaNode),
  };
  const { tokenPath } = options;
  if (tokenPath === undefined) return createOfTemplate(where, name, template);
  return withToken(where, tokenPath, (tokenFd) => createOfTemplate(where, name, { ...template, tokenFd }));
}

function createOfTemplate(where: string, name: string, template: MapTemplate): number {
  if (!storage.has(template.type)) return createFd(where, name, template);
  // Such a map is refused without the types of its key and value.
  const btf = storageBtf(template.valueSize);
  const { tokenFd } = template;
  const options =
    tokenFd === undefined ? 0 : opts("bpf_btf_load_opts", { btf_flags: BPF_F_TOKEN_FD, token_fd: tokenFd });
  const btfFd = check(where, "bpf_btf_load", libbpf.bpf_btf_load(btf, btf.length, options));
  try {
    return createFd(where, name, { ...template, btfFd, keyTypeId: 1, valueTypeId: 3 });
  } finally {
    libc.close(btfFd);
  }
}

/** BTF with three types: 1 `int`, 2 `unsigned char`, 3 an array of those, of the given size. */
function storageBtf(valueSize: number): Uint8Array {
  const [KIND_INT, KIND_ARRAY, SIGNED] = [1, 3, 1];
  const strings = Buffer.from("\0int\0byte\0");
  const types = Uint32Array.of(
    ...[1, KIND_INT << 24, 4, (SIGNED << 24) | 32],
    ...[5, KIND_INT << 24, 1, 8],
    ...[0, KIND_ARRAY << 24, 0, 2, 1, valueSize],
  );
  const header = Uint32Array.of(0x0001_eb9f, 24, 0, types.byteLength, types.byteLength, strings.length);
  return Buffer.concat([header, types].map((words) => new Uint8Array(words.buffer)).concat(strings));
}
