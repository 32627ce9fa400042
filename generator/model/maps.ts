import {
  type Btf,
  type BtfOfKind,
  type ElfFile,
  type ElfSymbol,
  quote,
  sectionNamed,
} from "../../runtime/btf/index.js";
import { GenerateError } from "../errors.js";
import type { MapModel, ValueType } from "./model.js";
import { cType, type Types } from "./types.js";

/** `BPF_MAP_TYPE_*`, by number. */
const mapTypes: readonly string[] = (
  "UNSPEC HASH ARRAY PROG_ARRAY PERF_EVENT_ARRAY PERCPU_HASH PERCPU_ARRAY STACK_TRACE CGROUP_ARRAY LRU_HASH " +
  "LRU_PERCPU_HASH LPM_TRIE ARRAY_OF_MAPS HASH_OF_MAPS DEVMAP SOCKMAP CPUMAP XSKMAP SOCKHASH CGROUP_STORAGE " +
  "REUSEPORT_SOCKARRAY PERCPU_CGROUP_STORAGE QUEUE STACK SK_STORAGE DEVMAP_HASH STRUCT_OPS RINGBUF INODE_STORAGE " +
  "TASK_STORAGE BLOOM_FILTER USER_RINGBUF CGRP_STORAGE ARENA INSN_ARRAY"
).split(" ");

/** A map as its definition in C says it, types as BTF ids. */
export interface MapDefinition {
  readonly name: string;
  /** Without `BPF_MAP_TYPE_`; a number for a type newer than this generator. */
  readonly type: string;
  readonly key?: number;
  readonly keySize: number;
  readonly value?: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** Of a buffer of records: what the records are. */
  readonly event?: number;
}

const recordTypes: ReadonlySet<string> = new Set(["RINGBUF", "PERF_EVENT_ARRAY", "USER_RINGBUF"]);

/**
 * The maps of `.maps`, in the order of the section.
 * @param events what `--event` says of maps: map name to type name.
 */
export function readMaps(
  btf: Btf,
  elf: ElfFile,
  symbols: readonly ElfSymbol[],
  events: ReadonlyMap<string, string>,
): MapDefinition[] {
  const section = btf.named("datasec", ".maps");
  const index = sectionNamed(elf, ".maps")?.index;
  if (!section || index === undefined) return [];
  const offsets = new Map(
    symbols.filter((symbol) => symbol.section === index).map(({ name, value }) => [name, value]),
  );
  const variables = section.vars.map(({ type }) => {
    const variable = btf.type(type);
    if (variable.kind !== "var") throw new GenerateError(`.BTF: .maps: type ${type} is not a variable`);
    return { variable, at: offsets.get(variable.name) ?? 0 };
  });
  variables.sort((a, b) => a.at - b.at);
  const tags = eventTags(btf);
  const maps = variables.map(({ variable }) => {
    const map = readMap(btf, variable);
    const event = events.get(variable.name) ?? tags.get(variable.id);
    if (event === undefined)
      return recordTypes.has(map.type) && map.value ? { ...map, event: map.value } : map;
    if (!recordTypes.has(map.type))
      throw new GenerateError(
        `map ${quote(map.name)}: has no events — it is a ${map.type}`,
        "ERR_BPF_OPTION",
      );
    return { ...map, event: typeNamed(btf, event) };
  });
  for (const name of events.keys())
    if (!maps.some((map) => map.name === name))
      throw new GenerateError(
        `--event ${name}: the object has no such map — it has: ${maps.map((map) => map.name).join(", ") || "none"}`,
        "ERR_BPF_OPTION",
      );
  return maps;
}

/** `__attribute__((btf_decl_tag("event:TYPE")))` on a map: the map's id to TYPE. */
function eventTags(btf: Btf): Map<number, string> {
  const tags = new Map<number, string>();
  for (const type of btf.types)
    if (type.kind === "decl_tag" && type.component === -1 && type.name.startsWith("event:"))
      tags.set(type.to, type.name.slice("event:".length));
  return tags;
}

/** The id of a type by its C name, `struct event` or just `event`. */
export function typeNamed(btf: Btf, name: string): number {
  const [, keyword, bare] = /^(?:(struct|union|enum)\s+)?(.*)$/s.exec(name.trim()) as unknown as [
    string,
    string?,
    string?,
  ];
  const kinds =
    keyword === "enum"
      ? (["enum", "enum64"] as const)
      : keyword === "struct" || keyword === "union"
        ? ([keyword] as const)
        : (["struct", "union", "enum", "enum64", "typedef", "int", "float"] as const);
  for (const kind of kinds) {
    const found = btf.named(kind, bare ?? "");
    if (found) return found.id;
  }
  throw new GenerateError(
    `type ${quote(name)}: the object's BTF has no such type — ` +
      `put \`${keyword ?? "struct"} ${bare} *unused __attribute__((unused));\` into the C source to keep it`,
    "ERR_BPF_OPTION",
  );
}

function readMap(btf: Btf, variable: BtfOfKind<"var">): MapDefinition {
  const where = `map ${quote(variable.name)}`;
  const definition = btf.strip(variable.to);
  if (definition.kind !== "struct")
    throw new GenerateError(`${where}: is not a BTF map definition — define it with __uint and __type`);
  const numbers: Record<string, number> = {};
  const types: { key?: number; value?: number } = {};
  for (const { name, type } of definition.members) {
    if (name === "key" || name === "value") types[name] = pointee(btf, type, where, name);
    else if (name !== "values") numbers[name] = attribute(btf, type, where, name);
  }
  const type = mapTypes[numbers.type ?? 0] ?? String(numbers.type);
  return {
    name: variable.name,
    type,
    ...types,
    keySize: numbers.key_size ?? (types.key === undefined ? 0 : btf.size(types.key)),
    valueSize: numbers.value_size ?? (types.value === undefined ? 0 : btf.size(types.value)),
    maxEntries: numbers.max_entries ?? 0,
  };
}

/** `__uint(name, N)` is a pointer to an array of N; `__ulong(name, N)` an enum with the one value N. */
function attribute(btf: Btf, id: number, where: string, name: string): number {
  const type = btf.strip(id);
  if ((type.kind === "enum" || type.kind === "enum64") && type.values.length === 1)
    return Number(type.values[0]!.value);
  const array = type.kind === "ptr" ? btf.strip(type.to) : type;
  if (array.kind !== "array")
    throw new GenerateError(`${where}: ${quote(name)}: is not a number — define it with __uint`);
  return array.length;
}

function pointee(btf: Btf, id: number, where: string, name: string): number {
  const type = btf.strip(id);
  if (type.kind !== "ptr")
    throw new GenerateError(`${where}: ${name}: is not a type — define it with __type`);
  return type.to;
}

/** Asks for the types that a map's entries are made of. */
export function reachMap(types: Types, map: MapDefinition): void {
  if (map.event !== undefined) types.reach(map.event, `${map.name}_event`);
  if (recordTypes.has(map.type)) return;
  if (map.key !== undefined) types.reach(map.key, `${map.name}_key`);
  if (map.value !== undefined) types.reach(map.value, `${map.name}_value`);
}

/** The map as the skeleton has it, and a warning when it has no typed class. */
export function mapModel(btf: Btf, types: Types, map: MapDefinition): { map: MapModel; warning?: string } {
  const describe = (id: number | undefined, size: number): string =>
    id === undefined ? `${size} bytes` : cType(btf, id);
  const value = (id: number | undefined, size: number): ValueType =>
    id === undefined ? { kind: "numbers", codec: "u8", length: size } : types.value(id);
  const key = describe(map.key, map.keySize);
  const of = describe(map.value, map.valueSize);
  const base = { name: map.name, type: `BPF_MAP_TYPE_${map.type}`, maxEntries: map.maxEntries };
  switch (map.type) {
    case "HASH":
    case "LRU_HASH":
      return {
        map: {
          ...base,
          class: "HashMap",
          c: { key, value: of },
          key: value(map.key, map.keySize),
          value: value(map.value, map.valueSize),
        },
      };
    case "ARRAY":
      return {
        map: { ...base, class: "ArrayMap", c: { value: of }, value: value(map.value, map.valueSize) },
      };
    case "RINGBUF":
      if (map.event === undefined)
        return {
          map: { ...base, class: "RingBuf", c: {} },
          warning: `map "${map.name}": the type of its records is not known, they are bytes — --event ${map.name}=TYPE`,
        };
      return {
        map: {
          ...base,
          class: "RingBuf",
          c: { value: cType(btf, map.event) },
          record: types.value(map.event),
        },
      };
    default:
      return {
        map: { ...base, class: "RawMap", c: { key, value: of } },
        warning: `map "${map.name}": BPF_MAP_TYPE_${map.type} has no typed class yet, its keys and values are bytes`,
      };
  }
}
