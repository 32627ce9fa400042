import {
  type Btf,
  type BtfOfKind,
  type ElfFile,
  type ElfSymbol,
  FormatError,
  quote,
  sectionNamed,
} from "../../runtime/btf/index.js";
import { GenerateError } from "../errors.js";
import { cType } from "./c-type.js";

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
  /** Of a buffer of records: what the records may be. */
  readonly events: readonly EventDefinition[];
  /** Of a map of maps: what is in it. */
  readonly inner?: MapDefinition;
}

/** A type of record, as `--event`, a decl tag or the map's value say it. */
export interface EventDefinition {
  /** The C name that tells it from the map's other types. */
  readonly name: string;
  readonly type: number;
  /** `FIELD=VALUE` of `--event MAP=TYPE@FIELD=VALUE`. */
  readonly when?: { readonly field: string; readonly value: bigint };
}

/** A definition says no more than this many things; libbpf refuses what it does not know. */
const MAX_ATTRIBUTES = 64;

/** Kinds of maps that records go through. */
export const recordTypes: ReadonlySet<string> = new Set(["RINGBUF", "PERF_EVENT_ARRAY", "USER_RINGBUF"]);

/**
 * The maps of `.maps`, in the order of the section.
 * @param events what `--event` says of maps: map name to types, each `TYPE` or `TYPE@FIELD=VALUE`.
 */
export function readMaps(
  btf: Btf,
  elf: ElfFile,
  symbols: readonly ElfSymbol[],
  events: ReadonlyMap<string, readonly string[]>,
): MapDefinition[] {
  const section = btf.named("datasec", ".maps");
  const index = sectionNamed(elf, ".maps")?.index;
  const variables = section && index !== undefined ? sectionVariables(btf, section, symbols, index) : [];
  const tags = eventTags(btf);
  const maps = variables.map((variable) => {
    const map = readMap(btf, `map ${quote(variable.name)}`, variable.name, variable.to);
    const said = events.get(variable.name) ?? tags.get(variable.id);
    if (said === undefined) return map;
    if (!recordTypes.has(map.type))
      throw new GenerateError(
        `map ${quote(map.name)}: has no events — it is a ${map.type}`,
        "ERR_BPF_OPTION",
      );
    return { ...map, events: said.map((event) => readEvent(btf, event)) };
  });
  for (const name of events.keys())
    if (!maps.some((map) => map.name === name))
      throw new GenerateError(
        `--event ${name}: the object has no such map — it has: ${maps.map((map) => map.name).join(", ") || "none"}`,
        "ERR_BPF_OPTION",
      );
  return maps;
}

function sectionVariables(
  btf: Btf,
  section: BtfOfKind<"datasec">,
  symbols: readonly ElfSymbol[],
  index: number,
): BtfOfKind<"var">[] {
  const offsets = new Map(
    symbols.filter((symbol) => symbol.section === index).map(({ name, value }) => [name, value]),
  );
  const variables = section.vars.map(({ type }) => {
    const variable = btf.type(type);
    if (variable.kind !== "var") throw new FormatError(".BTF", `.maps: type ${type} is not a variable`);
    return { variable, at: offsets.get(variable.name) ?? 0 };
  });
  return variables.sort((a, b) => a.at - b.at).map(({ variable }) => variable);
}

/** `TYPE`, or `TYPE@FIELD=VALUE`. */
function readEvent(btf: Btf, text: string): EventDefinition {
  const [, name, field, value] = /^([^@]*)(?:@([^=]+)=(.*))?$/s.exec(text) ?? [];
  const type = typeNamed(btf, name ?? "");
  if (field === undefined) return { name: typeName(btf, type), type };
  if (!/^-?(0x[\da-f]+|\d+)$/i.test(value!))
    throw new GenerateError(
      `--event ${quote(text)}: ${quote(value!)} is not a number — use TYPE@FIELD=NUMBER`,
      "ERR_BPF_OPTION",
    );
  const number = value!.startsWith("-") ? -BigInt(value!.slice(1)) : BigInt(value!);
  return { name: typeName(btf, type), type, when: { field, value: number } };
}

/** `__attribute__((btf_decl_tag("event:TYPE")))` on a map, once or more: the map's id to TYPEs. */
function eventTags(btf: Btf): Map<number, string[]> {
  const tags = new Map<number, string[]>();
  for (const type of btf.types) {
    if (type.kind !== "decl_tag" || type.component !== -1 || !type.name.startsWith("event:")) continue;
    const tagged = tags.get(type.to) ?? [];
    tags.set(type.to, tagged);
    tagged.push(type.name.slice("event:".length));
  }
  return tags;
}

/**
 * The id of a type by its C name, `struct event` or just `event`.
 * @param isRaw whether there is no C source to put the type into.
 */
export function typeNamed(btf: Btf, name: string, isRaw = false): number {
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
    const found = bare ? btf.named(kind, bare) : undefined;
    if (found) return found.id;
  }
  if (isRaw)
    throw new GenerateError(
      `type ${quote(name)}: there is no such type — see bpftool btf dump`,
      "ERR_BPF_OPTION",
    );
  throw new GenerateError(
    `type ${quote(name)}: the object's BTF has no such type — ` +
      `put \`${keyword ?? "struct"} ${bare} *unused __attribute__((unused));\` into the C source to keep it`,
    "ERR_BPF_OPTION",
  );
}

/** Reads a definition made with `__uint`, `__type`, `__array` and `__ulong`, as libbpf does. */
function readMap(btf: Btf, where: string, mapName: string, id: number, isInner = false): MapDefinition {
  const definition = btf.strip(id);
  if (definition.kind !== "struct" || definition.members.length > MAX_ATTRIBUTES)
    throw new GenerateError(`${where}: is not a BTF map definition — define it with __uint and __type`);
  const numbers: Record<string, number> = Object.create(null);
  const types: { key?: number; value?: number; values?: number } = {};
  for (const { name, type } of definition.members) {
    if (name === "key" || name === "value") types[name] = pointee(btf, type, where, name);
    else if (name === "values") types.values = type;
    else numbers[name] = attribute(btf, type, where, name);
  }
  const { key, value } = types;
  const type = mapTypes[numbers.type ?? 0] ?? String(numbers.type);
  const isRecords = recordTypes.has(type);
  // Before looking in: a crafted definition may have itself for values.
  if (isInner && type.endsWith("_OF_MAPS"))
    throw new GenerateError(`${where}: are maps of maps themselves — libbpf allows one level`);
  const inner = type.endsWith("_OF_MAPS") ? readInner(btf, where, mapName, types.values) : undefined;
  return {
    name: mapName,
    type,
    ...(key !== undefined && { key }),
    ...(value !== undefined && { value }),
    ...(inner && { inner }),
    keySize: numbers.key_size ?? (key === undefined ? 0 : sizeOf(btf, key, where, "key")),
    valueSize:
      numbers.value_size ?? (value === undefined || isRecords ? 0 : sizeOf(btf, value, where, "value")),
    maxEntries: numbers.max_entries ?? 0,
    events: isRecords && value !== undefined ? [{ name: typeName(btf, value), type: value }] : [],
  };
}

/** `__array(values, struct { … })` is a flexible array of pointers to a map definition. */
function readInner(
  btf: Btf,
  where: string,
  name: string,
  values: number | undefined,
): MapDefinition | undefined {
  // Then the application has to give libbpf an inner map before it loads.
  if (values === undefined) return undefined;
  const array = btf.strip(values);
  const element = array.kind === "array" ? btf.strip(array.element) : undefined;
  if (element?.kind !== "ptr")
    throw new GenerateError(
      `${where}: values: are no maps — define them with __array(values, struct { ... })`,
    );
  return readMap(btf, `${where}: values`, `${name}_inner`, element.to, true);
}

/** A struct that is only declared has no size: libbpf refuses the object, and so say we. */
function sizeOf(btf: Btf, id: number, where: string, what: string): number {
  const type = btf.strip(id);
  if (btf.isMissing(id))
    throw new GenerateError(
      `${where}: ${what}: the compiler left its type out of BTF — floats need clang 13 or newer`,
    );
  if (type.kind !== "fwd") return btf.size(id);
  throw new GenerateError(
    `${where}: ${what}: the compiler left ${cType(btf, id)} out of BTF — ` +
      `put \`${cType(btf, id)} unused __attribute__((unused));\` into the C source to keep it`,
  );
}

function typeName(btf: Btf, id: number): string {
  const type = btf.type(id);
  return "name" in type && type.name !== "" ? type.name : cType(btf, id);
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
