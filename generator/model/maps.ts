import { type Btf, quote } from "../../runtime/btf/index.js";
import { GenerateError } from "../errors.js";
import type { MapDefinition } from "./map-grammar.js";
import type { EventCase, MapClass, MapModel, ValueType } from "./model.js";
import type { Types } from "./types.js";

/** Asks for the types that a map's entries are made of. */
export function reachMap(types: Types, map: MapDefinition): void {
  for (const { type } of map.events) types.reach(type, `${map.name}_event`);
  if (map.inner) reachMap(types, map.inner);
  if (map.key !== undefined) types.reach(map.key, `${map.name}_key`);
  if (map.value !== undefined && map.events.length === 0) types.reach(map.value, `${map.name}_value`);
}

/** Which class a kind of map has, and which of its types the class is made from. */
const classes: Readonly<Record<string, readonly [MapClass, ...("key" | "value" | "record")[]]>> = {
  HASH: ["HashMap", "key", "value"],
  LRU_HASH: ["HashMap", "key", "value"],
  CGROUP_STORAGE: ["HashMap", "key", "value"],
  ARRAY: ["ArrayMap", "value"],
  PERCPU_HASH: ["PerCpuHashMap", "key", "value"],
  LRU_PERCPU_HASH: ["PerCpuHashMap", "key", "value"],
  PERCPU_CGROUP_STORAGE: ["PerCpuHashMap", "key", "value"],
  PERCPU_ARRAY: ["PerCpuArrayMap", "value"],
  LPM_TRIE: ["LpmTrie", "key", "value"],
  QUEUE: ["Queue", "value"],
  STACK: ["Stack", "value"],
  BLOOM_FILTER: ["BloomFilter", "value"],
  RINGBUF: ["RingBuf", "record"],
  PERF_EVENT_ARRAY: ["PerfEventArray", "record"],
  USER_RINGBUF: ["UserRingBuf", "record"],
  PROG_ARRAY: ["ProgArray"],
  CGROUP_ARRAY: ["FdArray"],
  XSKMAP: ["FdArray"],
  REUSEPORT_SOCKARRAY: ["FdArray"],
  STACK_TRACE: ["StackTraceMap"],
  TASK_STORAGE: ["StorageMap", "value"],
  SK_STORAGE: ["StorageMap", "value"],
  INODE_STORAGE: ["StorageMap", "value"],
  CGRP_STORAGE: ["StorageMap", "value"],
  SOCKMAP: ["SockMap", "key"],
  SOCKHASH: ["SockMap", "key"],
  DEVMAP: ["RedirectMap", "value"],
  DEVMAP_HASH: ["RedirectMap", "value"],
  CPUMAP: ["RedirectMap", "value"],
  ARENA: ["ArenaMap"],
  ARRAY_OF_MAPS: ["ArrayOfMaps"],
  HASH_OF_MAPS: ["HashOfMaps", "key"],
};

/** The map as the skeleton has it, and warnings about what it cannot tell. */
export function mapModel(btf: Btf, types: Types, map: MapDefinition): { map: MapModel; warnings: string[] } {
  const warnings: string[] = [];
  const [mapClass, ...takes] = classes[map.type] ?? (["RawMap"] as const);
  if (mapClass === "RawMap")
    warnings.push(
      `map "${map.name}": BPF_MAP_TYPE_${map.type} has no class of its own, its keys and values are bytes`,
    );
  if (takes.includes("record") && map.events.length === 0)
    warnings.push(
      `map "${map.name}": the type of its records is not known, they are bytes — --event ${map.name}=TYPE`,
    );
  for (const what of map.unknown)
    warnings.push(
      `map ${quote(map.name)}: libbpf knows no ${quote(what)} — it opens the object with relaxedMaps only`,
    );
  const bytes = (length: number): ValueType => ({ kind: "numbers", codec: "u8", length });
  const typeOf = {
    key: () => (map.key === undefined ? numberOrBytes(map, map.keySize) : types.value(map.key)),
    value: () => (map.value === undefined ? numberOrBytes(map, map.valueSize) : types.value(map.value)),
    record: () => recordType(btf, types, map) ?? bytes(0),
  };
  const inner = map.inner && mapModel(btf, types, map.inner);
  warnings.push(...(inner?.warnings ?? []));
  const innerMap = inner?.map ?? (map.type.endsWith("_OF_MAPS") ? unknownMap : undefined);
  if (innerMap === unknownMap)
    warnings.push(
      `map "${map.name}": does not say what is in it, so those maps are bytes — define it with __array(values, struct { ... })`,
    );
  return {
    map: {
      name: map.name,
      type: `BPF_MAP_TYPE_${map.type}`,
      class: mapClass,
      types: takes.map((of) => typeOf[of]()),
      ...(innerMap && { inner: innerMap }),
      c: inC(types, map, takes),
      maxEntries: map.maxEntries,
    },
    warnings,
  };
}

/** What is in a map of maps that does not say it. */
const unknownMap: MapModel = {
  name: "",
  type: "map of unknown type",
  class: "RawMap",
  types: [],
  c: {},
  maxEntries: 0,
};

/** Kinds whose keys or values are numbers even when only their sizes are given. */
const numbered = /^(SOCKMAP|DEVMAP|DEVMAP_HASH|CPUMAP)$/;

function numberOrBytes(map: MapDefinition, size: number): ValueType {
  if (numbered.test(map.type) && size === 4) return { kind: "number", codec: "u32" };
  return { kind: "numbers", codec: "u8", length: size };
}

function recordType(btf: Btf, types: Types, map: MapDefinition): ValueType | undefined {
  const [only, ...others] = map.events;
  if (!only || (others.length === 0 && !only.when)) return only && types.value(only.type);
  const cases = map.events.map(({ name, type, when }): EventCase => {
    const value = types.value(type);
    const flexible = types.isFlexible(type);
    if (!when) return { name, type: value, flexible };
    const member = types.member(type, when.field);
    if (!member)
      throw new GenerateError(
        `--event ${map.name}=${name}@${when.field}: no such field of a number`,
        "ERR_BPF_OPTION",
      );
    return { name, type: value, flexible, when: { ...member, value: when.value } };
  });
  const names = new Set<string>();
  const sizes = new Set<number>();
  for (const [i, { name, type, when }] of map.events.entries()) {
    const size = btf.size(type);
    if (!when && sizes.has(size) && !cases[i]!.flexible)
      throw new GenerateError(
        `--event ${map.name}=${name}: has the size of another type of this map — use ${map.name}=${name}@FIELD=VALUE`,
        "ERR_BPF_OPTION",
      );
    if (names.has(name))
      throw new GenerateError(
        `--event ${map.name}=${name}: is the name of two types of this map — name each type once`,
        "ERR_BPF_OPTION",
      );
    names.add(name);
    sizes.add(size);
  }
  return { kind: "events", cases };
}

/** The types that the map's class is made from, as C writes them. */
function inC(types: Types, map: MapDefinition, takes: readonly string[]): MapModel["c"] {
  const describe = (id: number | undefined, size: number): string =>
    id !== undefined ? types.c(id) : numbered.test(map.type) && size === 4 ? "__u32" : `__u8[${size}]`;
  if (takes.includes("record"))
    return map.events.length === 0
      ? {}
      : { value: map.events.map(({ type }) => types.c(type)).join("` or `") };
  return {
    ...(takes.includes("key") && { key: describe(map.key, map.keySize) }),
    ...(takes.includes("value") && { value: describe(map.value, map.valueSize) }),
  };
}
