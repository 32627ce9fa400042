import { type Btf, type BtfOfKind, quote } from "../../runtime/btf/index.js";
import { GenerateError } from "../errors.js";
import { cType, typeName } from "./c-type.js";

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
  /** What it says that libbpf knows nothing of. */
  readonly unknown: readonly string[];
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

/** What `__uint` says. */
const numberNames: ReadonlySet<string> = new Set(
  "type max_entries map_flags numa_node key_size value_size pinning map_extra".split(" "),
);

/** Reads a definition made with `__uint`, `__type`, `__array` and `__ulong`; what libbpf refuses is refused. */
export function readMap(
  btf: Btf,
  where: string,
  mapName: string,
  id: number,
  isInner = false,
): MapDefinition {
  const definition = btf.strip(id);
  if (definition.kind !== "struct" || definition.members.length > MAX_ATTRIBUTES)
    throw new GenerateError(`${where}: is not a BTF map definition — define it with __uint and __type`);
  const numbers: Record<string, number> = Object.create(null);
  const types: { key?: number; value?: number; values?: number } = {};
  const unknown: string[] = [];
  for (const { name, type } of definition.members) {
    if (name === "key" || name === "value") types[name] = pointee(btf, type, where, name);
    else if (name === "values") types.values = type;
    else if (numberNames.has(name)) numbers[name] = attribute(btf, type, where, name);
    else unknown.push(name);
  }
  checkNumbers(numbers, where, isInner);
  const type = mapTypes[numbers.type!] ?? String(numbers.type);
  const isRecords = recordTypes.has(type);
  const { key, value, values } = types;
  if (values !== undefined) checkValues(btf, definition, where, type, values, isInner);
  const inner =
    values !== undefined && type.endsWith("_OF_MAPS") ? readInner(btf, where, mapName, values) : undefined;
  const size = (what: "key" | "value"): number => {
    const of = types[what];
    const said = numbers[`${what}_size`];
    // A buffer's records are of no size: the runtime takes the type's away before it loads.
    if (of === undefined || (what === "value" && isRecords)) return said ?? 0;
    const its = sizeOf(btf, of, where, what);
    if (said !== undefined && said !== its)
      throw new GenerateError(
        `${where}: ${what}_size: is ${said}, but its type has ${its} bytes — leave one out`,
      );
    return its;
  };
  return {
    name: mapName,
    type,
    ...(key !== undefined && { key }),
    ...(value !== undefined && { value }),
    ...(inner && { inner }),
    keySize: size("key"),
    valueSize: size("value"),
    maxEntries: numbers.max_entries ?? 0,
    events: isRecords && value !== undefined ? [{ name: typeName(btf, value), type: value }] : [],
    unknown,
  };
}

function checkNumbers(numbers: Readonly<Record<string, number>>, where: string, isInner: boolean): void {
  if (!numbers.type)
    throw new GenerateError(`${where}: has no type — give it one with __uint(type, BPF_MAP_TYPE_...)`);
  const { pinning } = numbers;
  if (pinning === undefined) return;
  if (isInner) throw new GenerateError(`${where}: pinning: an inner map cannot be pinned — leave it out`);
  if (pinning > 1)
    throw new GenerateError(
      `${where}: pinning: is ${pinning} — LIBBPF_PIN_NONE and LIBBPF_PIN_BY_NAME are all that libbpf knows`,
    );
}

/** `__array(values, T)` says what is in a map from the start. */
function checkValues(
  btf: Btf,
  definition: BtfOfKind<"struct">,
  where: string,
  type: string,
  values: number,
  isInner: boolean,
): void {
  const refuse = (what: string): never => {
    throw new GenerateError(`${where}: values: ${what}`);
  };
  // Before looking in: a crafted definition may have itself for values.
  if (isInner) refuse("are maps of maps themselves — libbpf allows one level");
  if (!type.endsWith("_OF_MAPS") && type !== "PROG_ARRAY")
    refuse(`a ${type} has none — they are of maps of maps and of PROG_ARRAY`);
  if (definition.members.at(-1)!.name !== "values") refuse("are not last — put __array(values, ...) last");
  const array = btf.strip(values);
  const element = array.kind === "array" && array.length === 0 ? btf.strip(array.element) : undefined;
  const to = element?.kind === "ptr" ? btf.strip(element.to).kind : undefined;
  if (type === "PROG_ARRAY" && to !== "func_proto")
    refuse("are no functions — define them with __array(values, int (void *))");
  if (type !== "PROG_ARRAY" && to !== "struct")
    refuse("are no maps — define them with __array(values, struct { ... })");
}

function readInner(btf: Btf, where: string, name: string, values: number): MapDefinition | undefined {
  const array = btf.strip(values);
  const element = array.kind === "array" ? btf.strip(array.element) : undefined;
  return element?.kind === "ptr"
    ? readMap(btf, `${where}: values`, `${name}_inner`, element.to, true)
    : undefined;
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

/** `__uint(name, N)` is a pointer to an array of N; `__ulong(map_extra, N)` an enum with the one value N. */
function attribute(btf: Btf, id: number, where: string, name: string): number {
  const type = btf.strip(id);
  const isEnum = type.kind === "enum" || type.kind === "enum64";
  if (name === "map_extra" && isEnum && type.values.length === 1) return Number(type.values[0]!.value);
  const array = type.kind === "ptr" ? btf.strip(type.to) : type;
  if (type.kind !== "ptr" || array.kind !== "array")
    throw new GenerateError(`${where}: ${quote(name)}: is not a number — define it with __uint`);
  return array.length;
}

function pointee(btf: Btf, id: number, where: string, name: string): number {
  const type = btf.strip(id);
  if (type.kind !== "ptr")
    throw new GenerateError(`${where}: ${name}: is not a type — define it with __type`);
  return type.to;
}
