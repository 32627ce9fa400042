// Every kind of map, and every operation on it, as the running kernel and libbpf have them. Knows no test runner, so
// that it runs on other kernels, too.
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmdirSync, statSync } from "node:fs";
import {
  ArrayMap,
  BloomFilter,
  BpfMap,
  cidr,
  codecs,
  FdArray,
  HashMap,
  type Input,
  LpmTrie,
  MapType,
  type Owned,
  PerCpuArrayMap,
  PerCpuHashMap,
  PerfEventArray,
  ProgArray,
  possibleCpus,
  probe,
  Queue,
  RawMap,
  RedirectMap,
  RingBuf,
  SockMap,
  Stack,
  StackTraceMap,
  StorageMap,
  UserRingBuf,
} from "../../../runtime/index.js";
import { type Batched, deleteBatch, readBatches, updateBatch } from "../../../runtime/maps/batch.js";
import { valueBytes } from "../../../runtime/maps/info.js";
import { KernelMapKinds } from "../../fixtures/kernel-map-kinds.skel.js";
import { trigger } from "../child.js";
import { type Outcomes, Row, refused, same } from "./cells.js";
import { cookieOf, pidfd, readyXdpSocket, sendTo, udpSocket } from "./descriptors.js";

type Kinds = ReturnType<typeof KernelMapKinds.load>;
type Maps = Kinds["maps"];
type Name = keyof Maps;

/** What is tried. */
export const columns: readonly string[] = [
  ...["create", "open by id, pin", "info", "set", "get", "modes", "lock", "delete", "take"],
  ...["iterate", "lookup batch", "update batch", "delete batch", "take batch", "full", "freeze"],
  ...["JS to BPF", "BPF to JS"],
];

const packet = new Uint8Array(64);
/** Why a map that has them is not frozen. */
const cannotFreeze = "the kernel freezes no map with locks in its values";

/** Loads one map, and those of its programs that are asked for. */
function load(maps: readonly Name[], programs: readonly string[]): Kinds {
  return KernelMapKinds.load((opened) => {
    for (const [name, map] of Object.entries(opened.maps)) map.autocreate = maps.includes(name as Name);
    for (const [name, program] of Object.entries(opened.programs)) program.autoload = programs.includes(name);
  });
}

/** What all kinds have. */
function common(row: Row, map: BpfMap, create: () => Owned<BpfMap>): void {
  row.try("create", () => create().close());
  row.try("open by id, pin", () => {
    using byId = BpfMap.open({ id: map.info().id }, RawMap);
    same(byId.info().id, map.info().id);
    const pin = `/sys/fs/bpf/rows${process.pid}`;
    map.pin(pin);
    try {
      using byPin = BpfMap.open({ pin }, RawMap);
      same(byPin.info().id, map.info().id);
    } finally {
      map.unpin();
    }
  });
  row.try("info", () => same([map.info().type, map.info().maxEntries], [map.type, map.maxEntries]));
}

function batched(map: BpfMap): Batched {
  return {
    fd: () => map.fd,
    check: (_, result) => {
      if (result < 0) throw new Error(`errno ${-result}`);
      return result;
    },
    keySize: map.keySize,
    valueSize: valueBytes(map),
    maxEntries: map.maxEntries,
  };
}

/** Which batches the kernel has; without them many entries go one by one. */
function batches(row: Row, raw: RawMap, key: Uint8Array, value: Uint8Array): void {
  const one = "one by one: the kernel has no such batch for this kind";
  const kernel = batched(raw);
  row.try("update batch", () => updateBatch(kernel, { keys: key, values: value, count: 1 }, 0) || one);
  raw.set(key, value);
  const read = (take: boolean): string | undefined => {
    let seen = 0;
    const reading = readBatches(kernel, take);
    let next = reading.next();
    for (; !next.done; next = reading.next()) seen += next.value.count;
    if (!next.value) return one;
    same(seen > 0, true);
    return undefined;
  };
  row.try("lookup batch", () => read(false));
  row.try("take batch", () => read(true));
  row.try("delete batch", () => {
    raw.set(key, value);
    return deleteBatch(kernel, key, 1) === undefined ? one : same(raw.has(key), false);
  });
}

interface Keyed<K, V> {
  readonly name: Name;
  readonly program?: string;
  readonly key: (n: number) => Input<K>;
  readonly value: (n: bigint) => Input<V>;
  readonly number: (value: V | undefined) => bigint;
  readonly create: () => Owned<BpfMap>;
  /** Never is full: makes room by itself. */
  readonly evicts?: boolean;
  readonly locks?: boolean;
}

/** Kinds that are like a JavaScript `Map`. */
function keyed<K, V>(row: Row, { name, key, value, number, create, evicts, locks }: Keyed<K, V>): void {
  using kinds = load([name], [`on_${name}`]);
  const map = kinds.maps[name] as unknown as HashMap<K, V>;
  common(row, map, create);
  row.try("set", () => map.set(key(1), value(77n)));
  row.try("get", () => {
    same(number(map.get(key(1))), 77n);
    same([map.get(key(3)), map.has(key(1)), map.has(key(3))], [undefined, true, false]);
  });
  row.try("JS to BPF", () => {
    kinds.programs[`on_${name}` as "on_hash"].testRun({ data: packet });
    same(kinds.bss.seen, 77n);
  });
  row.try("BPF to JS", () => same(number(map.get(key(2))), 4242n));
  row.try("modes", () => {
    map.clear();
    refused("ENOENT", () => map.set(key(1), value(1n), { mode: "replace" }));
    map.set(key(1), value(1n), { mode: "create" });
    refused("EEXIST", () => map.set(key(1), value(2n), { mode: "create" }));
    map.set(key(1), value(3n), { mode: "replace" });
    same(number(map.get(key(1))), 3n);
  });
  if (locks)
    row.try("lock", () => {
      map.set(key(1), value(5n), { lock: true });
      same(number(map.get(key(1), { lock: true })), 5n);
    });
  else row.none("values of this kind take no lock", "lock");
  row.try("delete", () => {
    map.set(key(1), value(1n));
    same([map.delete(key(1)), map.delete(key(1))], [true, false]);
    map.setMany([
      [key(1), value(1n)],
      [key(2), value(2n)],
    ]);
    same(map.deleteMany([key(1), key(3), key(2)]), 2);
  });
  row.try("take", () => {
    map.set(key(1), value(9n));
    same(number(map.take(key(1))), 9n);
    same(map.take(key(1)), undefined);
  });
  row.try("iterate", () => {
    map.clear();
    map.setMany([
      [key(1), value(1n)],
      [key(2), value(2n)],
      [key(3), value(3n)],
    ]);
    same([...map.values()].map(number).sort(), [1n, 2n, 3n]);
    same([map.count(), [...map.keys()].length], [3, 3]);
    let seen = 0;
    for (const [each] of map) {
      seen++;
      map.delete(each as Input<K>);
    }
    same([seen, map.count()], [3, 0]);
    map.set(key(1), value(1n));
  });
  const [rawKey] = map.raw.keys();
  batches(row, map.raw, rawKey!, map.raw.get(rawKey!)!);
  if (evicts) row.none("is never full: the entry that was used least makes room", "full");
  else
    row.try("full", () => {
      for (let n = 1; n <= 4; n++) map.set(key(n), value(1n));
      refused(name === "lpm_trie" ? "ENOSPC" : "E2BIG", () => map.set(key(5), value(1n)));
    });
  row.try(
    "freeze",
    () => {
      map.freeze();
      refused("EPERM", () => map.set(key(1), value(1n)));
    },
    cannotFreeze,
  );
}

const u32 = (n: number): number => n;
const u64 = (n: bigint): bigint => n;
const locked = (n: bigint): { lock: { val: number }; n: bigint } => ({ lock: { val: 0 }, n });
const unlocked = (value: { readonly n: bigint } | undefined): bigint => value?.n ?? -1n;
/** On whichever CPU the program ran, it saw that CPU's value. */
const everyCpu = (n: bigint): bigint[] => Array<bigint>(possibleCpus()).fill(n);
const first = (values: readonly bigint[] | undefined): bigint => {
  const other = values?.find((n) => n !== 0n);
  return other ?? -1n;
};

/** Arrays, of one value or of one a CPU. */
function array<V>(
  row: Row,
  name: "array" | "percpu_array",
  value: (n: bigint) => Input<V>,
  number: (value: V) => bigint,
  create: () => Owned<BpfMap>,
): void {
  using kinds = load([name], [`on_${name}`]);
  const map = kinds.maps[name] as unknown as ArrayMap<V>;
  common(row, map, create);
  row.try("set", () => map.set(1, value(77n)));
  row.try("get", () => same(number(map.get(1)), 77n));
  row.try("JS to BPF", () => {
    kinds.programs[`on_${name}`].testRun({ data: packet });
    same(kinds.bss.seen, 77n);
  });
  row.try("BPF to JS", () => same(number(map.get(2)), 4242n));
  row.none("entries of an array are always there", "modes", "delete", "take", "delete batch", "take batch");
  row.none("an index outside is a RangeError", "full");
  if (name === "array")
    row.try("lock", () => {
      map.set(3, value(5n), { lock: true });
      same(number(map.get(3, { lock: true })), 5n);
    });
  else row.none("values of this kind take no lock", "lock");
  row.try("iterate", () => {
    map.setMany([
      [0, value(1n)],
      [3, value(3n)],
    ]);
    same(
      [...map].map(([index, each]) => [index, number(each)]).filter(([index]) => index !== 1 && index !== 2),
      [
        [0, 1n],
        [3, 3n],
      ],
    );
  });
  const all: Record<string, string> = {};
  const scratch = new Row();
  batches(scratch, map.raw, new Uint8Array(4), map.raw.get(new Uint8Array(4))!);
  Object.assign(all, scratch.cells);
  for (const column of ["lookup batch", "update batch"]) row.cells[column] = all[column]!;
  row.try(
    "freeze",
    () => {
      map.freeze();
      refused("EPERM", () => map.set(1, value(1n)));
    },
    cannotFreeze,
  );
}

/** Queues and stacks. */
function ordered(row: Row, name: "queue" | "stack", create: () => Owned<BpfMap>): void {
  using kinds = load([name], [`on_${name}`]);
  const map = kinds.maps[name];
  common(row, map, create);
  row.try("set", () => map.push(77n));
  row.try("get", () => same(map.peek(), 77n));
  row.try("JS to BPF", () => {
    kinds.programs[`on_${name}`].testRun({ data: packet });
    same(kinds.bss.seen, 77n);
  });
  row.try("BPF to JS", () => same(map.peek(), 4242n));
  row.try("take", () => {
    map.pop();
    for (const n of [1n, 2n, 3n]) map.push(n);
    const order = name === "queue" ? [1n, 2n, 3n] : [3n, 2n, 1n];
    same([map.pop(), map.pop(), map.pop(), map.pop()], [...order, undefined]);
  });
  row.try("full", () => {
    for (let n = 0n; n < 4n; n++) map.push(n);
    refused("E2BIG", () => map.push(4n));
    map.push(4n, { evict: true });
    same(map.peek(), name === "queue" ? 1n : 4n);
  });
  noKeys(row);
  row.try("freeze", () => {
    map.freeze();
    refused("EPERM", () => map.push(1n));
  });
}

function noKeys(row: Row): void {
  row.none(
    "has no keys",
    "modes",
    "delete",
    "iterate",
    "lookup batch",
    "update batch",
    "delete batch",
    "take batch",
  );
  row.none("values of this kind take no lock", "lock");
}

function bloom(row: Row): void {
  using kinds = load(["bloom_filter"], ["on_bloom_filter"]);
  const map = kinds.maps.bloom_filter;
  common(row, map, () => BpfMap.create({ maxEntries: 4, extra: 3n }, BloomFilter, codecs.u64));
  row.try("set", () => map.add(77n));
  row.try("get", () => same([map.has(77n), map.has(1n)], [true, false]));
  row.try("JS to BPF", () => {
    kinds.programs.on_bloom_filter.testRun({ data: packet });
    same(kinds.bss.seen, 77n);
  });
  row.try("BPF to JS", () => same(map.has(4242n), true));
  noKeys(row);
  row.none("what was added stays", "take");
  row.none("is never full, it only tells less", "full");
  row.try("freeze", () => {
    map.freeze();
    refused("EPERM", () => map.add(1n));
  });
}

const noBatch = "is small: entries go one by one";
/** What kinds that hold descriptors have no use for. */
function fewOperations(row: Row, ...others: string[]): void {
  row.none("holds descriptors, not values", "take", "lock", ...others);
  row.none(noBatch, "lookup batch", "update batch", "delete batch", "take batch");
}

/** Maps that XDP programs redirect to. */
function redirect(row: Row, name: "devmap" | "devmap_hash" | "cpumap"): void {
  const program = name === "cpumap" ? "in_cpumap" : "in_devmap";
  using kinds = load([name], [`on_${name}`, program]);
  const map = kinds.maps[name] as unknown as RedirectMap<unknown>;
  const { fd } = kinds.programs[program];
  const value = (with_: number): Input<unknown> =>
    name === "cpumap"
      ? { qsize: 192, bpf_prog: { fd: with_ } }
      : { ifindex: Number(readFileSync("/sys/class/net/lo/ifindex", "utf8")), bpf_prog: { fd: with_ } };
  const key = name === "cpumap" ? 0 : 1;
  common(row, map, () =>
    BpfMap.create({ type: MapType[name.toUpperCase() as "CPUMAP"], maxEntries: 1 }, RedirectMap, codecs.u32),
  );
  row.try("set", () => map.set(key, value(fd)));
  row.try("get", () => {
    const got = map.get(key) as { bpf_prog: { id: number } };
    same(got.bpf_prog.id > 0, true);
  });
  row.try("JS to BPF", () => {
    if (name === "cpumap") map.set(1, value(0));
    kinds.programs[`on_${name}`].testRun({ data: packet });
    same(kinds.bss.seen, 77n);
  });
  row.none("BPF programs do not write into maps that they redirect to", "BPF to JS");
  row.try("modes", () => {
    if (name === "cpumap") return refused("EEXIST", () => map.set(key, value(0), { mode: "create" }));
    return refused("EEXIST", () => map.set(key, value(-1), { mode: "create" }));
  });
  row.try("iterate", () => same([...map.keys()].includes(key), true));
  row.try("delete", () => {
    map.delete(key);
    same(map.has(key), false);
  });
  fewOperations(row);
  row.try("full", () => {
    if (name !== "devmap_hash") return refused("E2BIG", () => map.set(4, value(0)));
    for (let n = 10; n < 14; n++) map.set(n, value(-1));
    return refused("E2BIG", () => map.set(20, value(-1)));
  });
  row.try("freeze", () => {
    map.freeze();
    refused("EPERM", () => map.set(key, value(0)));
  });
}

function xsk(row: Row): void {
  using kinds = load(["xskmap"], ["on_xskmap"]);
  const map = kinds.maps.xskmap;
  common(row, map, () => BpfMap.create({ type: MapType.XSKMAP, maxEntries: 1 }, FdArray));
  const [socket, other] = [readyXdpSocket(), readyXdpSocket()];
  try {
    row.try("set", () => map.set(1, socket));
    row.try("JS to BPF", () => {
      kinds.programs.on_xskmap.testRun({ data: packet });
      same(kinds.bss.seen, 77n);
    });
    row.try("modes", () => refused("EEXIST", () => map.set(1, other, { mode: "create" })));
    row.try("delete", () => same(map.delete(1), true));
    row.try("full", () => refused("E2BIG", () => map.set(4, socket)));
    row.try("freeze", () => {
      map.freeze();
      refused("EPERM", () => map.set(1, socket));
    });
  } finally {
    closeSync(socket);
    closeSync(other);
  }
  fewOperations(row, "get", "iterate");
  row.none("BPF programs do not write into maps that they redirect to", "BPF to JS");
}

function programs(row: Row): void {
  using kinds = load(["prog_array"], ["on_prog_array", "in_prog_array"]);
  const map = kinds.maps.prog_array;
  common(row, map, () => BpfMap.create({ maxEntries: 1 }, ProgArray));
  row.try("set", () => map.set(1, kinds.programs.in_prog_array));
  row.try("get", () => same([(map.programId(1) ?? 0) > 0, map.programId(0)], [true, undefined]));
  row.try("JS to BPF", () => {
    kinds.programs.on_prog_array.testRun({ data: packet });
    same(kinds.bss.seen, 77n);
  });
  row.try("delete", () => same([map.delete(1), map.delete(1)], [true, false]));
  row.try("full", () => refused("E2BIG", () => map.set(4, kinds.programs.in_prog_array)));
  fewOperations(row, "modes", "iterate");
  row.none("BPF programs jump by it, and write nothing", "BPF to JS");
  row.try("freeze", () => {
    map.freeze();
    refused("EPERM", () => map.set(1, kinds.programs.in_prog_array));
  });
}

function nested(row: Row, name: "array_of_maps" | "hash_of_maps"): void {
  using kinds = load([name], [`on_${name}`]);
  const map = kinds.maps[name];
  using inner = map.create();
  common(row, map, () =>
    BpfMap.create(
      {
        type: name === "array_of_maps" ? MapType.ARRAY_OF_MAPS : MapType.HASH_OF_MAPS,
        ...{ keySize: 4, valueSize: 4, maxEntries: 2, inner },
      },
      RawMap,
    ),
  );
  row.try("set", () => map.set(1, inner));
  row.try("get", () => {
    inner.set(1, { n: 77n });
    using got = map.get(1)!;
    same(got.get(1)?.n, 77n);
    same(map.get(3), undefined);
  });
  row.try("JS to BPF", () => {
    kinds.programs[`on_${name}`].testRun({ data: packet });
    same(kinds.bss.seen, 77n);
  });
  row.try("BPF to JS", () => same(inner.get(2)?.n, 4242n));
  if (name === "hash_of_maps") {
    row.try("iterate", () => same([...kinds.maps.hash_of_maps.keys()], [1]));
    row.try("modes", () => refused("EEXIST", () => map.set(1, inner, { mode: "create" })));
  } else row.none("entries of an array are always there", "iterate", "modes");
  row.try("delete", () => {
    same(map.delete(1), true);
    same(map.get(1), undefined);
  });
  fewOperations(row);
  row.try("full", () => {
    if (name === "array_of_maps") return refused("E2BIG", () => map.set(4, inner));
    for (let n = 1; n <= 4; n++) map.set(n, inner);
    return refused("E2BIG", () => map.set(5, inner));
  });
  row.try("freeze", () => {
    map.freeze();
    refused("EPERM", () => map.set(1, inner));
  });
}

function records(row: Row, name: "ringbuf" | "perf_event_array"): void {
  using kinds = load([name], [`on_${name}`]);
  const map = kinds.maps[name];
  common(row, map, () =>
    name === "ringbuf"
      ? BpfMap.create({ maxEntries: 4096 }, RingBuf, codecs.u64)
      : BpfMap.create({}, PerfEventArray, codecs.u64),
  );
  row.try("BPF to JS", () => {
    const got: bigint[] = [];
    map.drain(() => undefined);
    kinds.programs[`on_${name}`].testRun({ data: packet });
    map.drain((record) => void got.push(record));
    same(got, [4242n]);
  });
  noRecords(row);
  row.none("records go the other way: see USER_RINGBUF", "JS to BPF");
}

function noRecords(row: Row): void {
  row.none(
    "has records, not entries",
    "set",
    "get",
    "modes",
    "lock",
    "delete",
    "take",
    "iterate",
    "full",
    "freeze",
  );
  row.none("has records, not entries", "lookup batch", "update batch", "delete batch", "take batch");
}

function userRecords(row: Row): void {
  using kinds = load(["user_ringbuf"], ["on_user_ringbuf"]);
  const map = kinds.maps.user_ringbuf;
  common(row, map, () => BpfMap.create({ maxEntries: 4096 }, UserRingBuf, codecs.u64));
  noRecords(row);
  row.try("JS to BPF", () => {
    same(map.submit(77n), true);
    kinds.programs.on_user_ringbuf.testRun({ data: packet });
    same(kinds.bss.seen, 77n);
  });
  row.try("full", () => {
    let sent = 0;
    while (map.submit(1n)) sent++;
    same(sent, 256);
  });
  row.none("records go the other way: see RINGBUF", "BPF to JS");
}

function sockets(row: Row, name: "sockmap" | "sockhash"): void {
  using kinds = load([name], [`on_${name}`]);
  const map = kinds.maps[name];
  const socket = udpSocket();
  try {
    common(row, map, () =>
      name === "sockmap"
        ? BpfMap.create({ maxEntries: 1 }, SockMap, codecs.u32)
        : BpfMap.create({ type: MapType.SOCKHASH, maxEntries: 1 }, SockMap, codecs.u32),
    );
    row.try("set", () => map.set(1, socket));
    row.try("get", () => same([map.cookie(1), map.cookie(3)], [cookieOf(socket), undefined]));
    row.try("JS to BPF", () => {
      kinds.programs[`on_${name}`].testRun({ data: packet });
      same(kinds.bss.seen, 2n);
    });
    row.try("BPF to JS", () => same(map.cookie(2), cookieOf(socket)));
    row.try("modes", () => refused("EEXIST", () => map.set(1, socket, { mode: "create" })));
    row.try("iterate", () => same([...map.keys()].includes(1), true));
    row.try("delete", () => same([map.delete(1), map.delete(1)], [true, false]));
    row.try("full", () => {
      if (name === "sockmap") return refused("E2BIG", () => map.set(4, socket));
      for (let n = 1; n <= 4; n++) map.set(n, socket);
      return refused("E2BIG", () => map.set(5, socket));
    });
    fewOperations(row);
    row.try("freeze", () => {
      map.freeze();
      refused("EPERM", () => map.set(1, socket));
    });
  } finally {
    closeSync(socket);
  }
}

function reuseport(row: Row): void {
  using kinds = load(["reuseport_sockarray"], ["on_reuseport_sockarray"]);
  const map = kinds.maps.reuseport_sockarray;
  const socket = udpSocket();
  try {
    common(row, map, () => BpfMap.create({ type: MapType.REUSEPORT_SOCKARRAY, maxEntries: 1 }, FdArray));
    row.try("set", () => map.set(1, socket));
    row.try("get", () => same([map.cookie(1), map.cookie(0)], [cookieOf(socket), undefined]));
    row.try("JS to BPF", () => {
      using _link = kinds.programs.on_reuseport_sockarray.attach({ socket });
      sendTo(socket);
      same(kinds.bss.seen, 77n);
    });
    row.try("modes", () => refused("EEXIST", () => map.set(1, socket, { mode: "create" })));
    row.try("delete", () => same([map.delete(1), map.delete(1)], [true, false]));
    row.try("full", () => refused("E2BIG", () => map.set(4, socket)));
    fewOperations(row, "iterate");
    row.none("BPF programs do not write into it", "BPF to JS");
    row.try("freeze", () => {
      map.freeze();
      refused("EPERM", () => map.set(1, socket));
    });
  } finally {
    closeSync(socket);
  }
}

interface Stored {
  readonly name: "sk_storage" | "task_storage" | "cgrp_storage" | "inode_storage";
  /** A descriptor of what values belong to. */
  readonly open: () => number;
  /** Runs the program. */
  readonly run?: (kinds: Kinds, fd: number) => void;
  readonly also?: readonly Name[];
}

function storage(row: Row, { name, open, run, also = [] }: Stored): void {
  using kinds = load([name, ...also], run ? [`on_${name}`] : []);
  const takesLocks = name === "sk_storage" || name === "inode_storage";
  const value = (n: bigint): { n: bigint } => (takesLocks ? locked(n) : { n });
  const map = kinds.maps[name] as StorageMap<{ readonly n: bigint }>;
  const fd = open();
  try {
    common(row, map, () =>
      BpfMap.create({ type: MapType[name.toUpperCase() as "SK_STORAGE"] }, StorageMap, codecs.u64),
    );
    row.try("set", () => map.set(fd, value(77n)));
    row.try("get", () => same(map.get(fd)?.n, 77n));
    if (run) {
      row.try(
        "JS to BPF",
        () => {
          run(kinds, fd);
          same(kinds.bss.seen, 77n);
        },
        "this kernel refuses the program that would read it",
      );
      row.try("BPF to JS", () => same(map.get(fd)?.n, 4242n));
    } else row.none("takes an LSM program, which this machine's kernel refuses", "JS to BPF", "BPF to JS");
    if (takesLocks)
      row.try("lock", () => {
        map.set(fd, value(5n), { lock: true });
        same(map.get(fd, { lock: true })?.n, 5n);
      });
    else row.none("the values of this test have no lock, since tracing programs may not take it", "lock");
    row.try("delete", () => {
      same([map.delete(fd), map.delete(fd)], [true, false]);
      same(map.get(fd), undefined);
    });
    row.try("modes", () => {
      refused("ENOENT", () => map.set(fd, value(1n), { mode: "replace" }));
      map.set(fd, value(1n), { mode: "create" });
      refused("EEXIST", () => map.set(fd, value(1n), { mode: "create" }));
    });
    row.try("take", () => {
      map.set(fd, value(9n));
      const bytes = new Uint8Array(Uint32Array.of(fd).buffer);
      same([map.raw.take(bytes)!.includes(9), map.raw.take(bytes)], [true, undefined]);
    });
    row.try("iterate", () => map.raw.count(), "the kernel does not list what such maps hold");
    row.none(
      "the kernel does not list what such maps hold",
      "lookup batch",
      "update batch",
      "delete batch",
      "take batch",
    );
    row.none("has no limit of its own", "full");
    row.try(
      "freeze",
      () => {
        map.freeze();
        refused("EPERM", () => map.set(fd, value(1n)));
      },
      cannotFreeze,
    );
  } finally {
    closeSync(fd);
  }
}

/** A folder of cgroup v2 of our own. */
function withCgroup(use: (folder: string) => void): void {
  const root = execFileSync("findmnt", ["-nt", "cgroup2", "-o", "TARGET"], { encoding: "utf8" }).split(
    "\n",
    1,
  )[0]!;
  const folder = `${root}/bpf-tsgen-rows-${process.pid}`;
  mkdirSync(folder);
  try {
    use(folder);
  } finally {
    rmdirSync(folder);
  }
}

function cgroupArray(row: Row): void {
  using kinds = load(["cgroup_array"], ["on_cgroup_array"]);
  kinds.bss.target = process.pid;
  const map = kinds.maps.cgroup_array;
  common(row, map, () => BpfMap.create({ type: MapType.CGROUP_ARRAY, maxEntries: 1 }, FdArray));
  const root = execFileSync("findmnt", ["-nt", "cgroup2", "-o", "TARGET"], { encoding: "utf8" }).split(
    "\n",
    1,
  )[0]!;
  const fd = openSync(root, "r");
  try {
    row.try("set", () => map.set(1, fd));
    row.try("JS to BPF", () => {
      using _link = kinds.programs.on_cgroup_array.attach();
      trigger();
      same(kinds.bss.seen, 77n);
    });
    row.try("delete", () => same([map.delete(1), map.delete(1)], [true, false]));
    row.try("full", () => refused("E2BIG", () => map.set(4, fd)));
    fewOperations(row, "get", "modes", "iterate");
    row.none("BPF programs ask by it, and write nothing", "BPF to JS");
    row.try("freeze", () => {
      map.freeze();
      refused("EPERM", () => map.set(1, fd));
    });
  } finally {
    closeSync(fd);
  }
}

function stacks(row: Row): void {
  using kinds = load(["stack_trace", "stack_of_files"], ["on_stack_trace", "on_stack_of_files"]);
  kinds.bss.target = process.pid;
  const map = kinds.maps.stack_trace;
  common(row, map, () => BpfMap.create({ maxEntries: 16 }, StackTraceMap));
  row.try("BPF to JS", () => {
    {
      using _link = kinds.programs.on_stack_trace.attach();
      trigger();
    }
    const addresses = map.get(Number(kinds.bss.seen))!;
    same([addresses.length > 0, addresses.every((address) => address > 0n)], [true, true]);
    using _link = kinds.programs.on_stack_of_files.attach();
    trigger();
    const frames = kinds.maps.stack_of_files.frames(Number(kinds.bss.seen))!;
    same(frames.length > 0, true);
    same(
      frames.every(({ buildId, address }) =>
        address === undefined ? buildId?.length === 20 : address >= 0n,
      ),
      true,
    );
  });
  row.try("get", () =>
    same([map.get(2 ** 20), map.get(Number([...map.keys()][0]))?.length === 0], [undefined, false]),
  );
  row.try("iterate", () => same([...map.keys()].length > 0, true));
  row.try("delete", () => {
    for (const id of map.keys()) same(map.delete(id), true);
    same([...map.keys()], []);
  });
  row.none("only the kernel puts stacks in", "set", "modes", "lock", "take", "full", "JS to BPF", "freeze");
  row.none(noBatch, "lookup batch", "update batch", "delete batch", "take batch");
}

/** Values that belong to an attachment of a program to a cgroup. */
function cgroupStorage(row: Row, name: "cgroup_storage" | "percpu_cgroup_storage"): void {
  using kinds = load([name], [`on_${name}`]);
  const map = kinds.maps[name] as unknown as HashMap<unknown, unknown>;
  const isPerCpu = name === "percpu_cgroup_storage";
  const value = (n: bigint): Input<unknown> => (isPerCpu ? everyCpu(n) : locked(n));
  const number = (got: unknown): bigint =>
    isPerCpu ? first(got as bigint[]) : unlocked(got as { n: bigint });
  common(row, map, () =>
    BpfMap.create(
      {
        type: isPerCpu ? MapType.PERCPU_CGROUP_STORAGE : MapType.CGROUP_STORAGE,
        keySize: 16,
        valueSize: 8,
        maxEntries: 0,
      },
      RawMap,
    ),
  );
  withCgroup((folder) => {
    using _link = kinds.programs[`on_${name}`].attach({ cgroup: folder });
    const key = { cgroup_inode_id: statSync(folder, { bigint: true }).ino, attach_type: 1 };
    row.try("set", () => map.set(key, value(77n), { mode: "replace" }));
    row.try("get", () => same(number(map.get(key)), 77n));
    row.try("JS to BPF", () => {
      // A packet out of a process in that cgroup.
      spawnSync("bash", ["-c", `echo $$ > ${folder}/cgroup.procs; echo > /dev/udp/127.0.0.1/9`]);
      same(kinds.bss.seen, 77n);
    });
    row.try("BPF to JS", () =>
      same(isPerCpu ? (map.get(key) as bigint[]).includes(4242n) : number(map.get(key)) === 4242n, true),
    );
    row.try("iterate", () => same([...map.keys()].length, 1));
    if (isPerCpu) row.none("values of this kind take no lock", "lock");
    else
      row.try("lock", () => {
        map.set(key, value(5n), { mode: "replace", lock: true });
        same(number(map.get(key, { lock: true })), 5n);
      });
    row.none(
      "values come and go with the attachment of a program: they are only replaced",
      "modes",
      "delete",
      "take",
      "full",
    );
    row.none(noBatch, "lookup batch", "update batch", "delete batch", "take batch");
    row.try(
      "freeze",
      () => {
        map.freeze();
        refused("EPERM", () => map.set(key, value(1n), { mode: "replace" }));
      },
      cannotFreeze,
    );
  });
}

const rows: Readonly<Record<string, (row: Row) => void>> = {
  HASH: (row) =>
    keyed(row, {
      name: "hash",
      key: u32,
      value: locked,
      number: unlocked,
      locks: true,
      create: () => BpfMap.create({ maxEntries: 4 }, HashMap, codecs.u32, codecs.u64),
    }),
  LRU_HASH: (row) =>
    keyed(row, {
      name: "lru_hash",
      key: u32,
      value: u64,
      number: (n: bigint | undefined) => n ?? -1n,
      evicts: true,
      create: () => BpfMap.create({ type: MapType.LRU_HASH, maxEntries: 4 }, HashMap, codecs.u32, codecs.u64),
    }),
  PERCPU_HASH: (row) =>
    keyed(row, {
      name: "percpu_hash",
      key: u32,
      value: everyCpu,
      number: first,
      create: () => BpfMap.create({ maxEntries: 4 }, PerCpuHashMap, codecs.u32, codecs.u64),
    }),
  LRU_PERCPU_HASH: (row) =>
    keyed(row, {
      name: "lru_percpu_hash",
      key: u32,
      value: everyCpu,
      number: first,
      evicts: true,
      create: () =>
        BpfMap.create(
          { type: MapType.LRU_PERCPU_HASH, maxEntries: 4 },
          PerCpuHashMap,
          codecs.u32,
          codecs.u64,
        ),
    }),
  LPM_TRIE: (row) =>
    keyed(row, {
      name: "lpm_trie",
      key: (n) => cidr(`${n}.0.0.0/32`) as never,
      value: u64,
      number: (n: bigint | undefined) => n ?? -1n,
      create: () => BpfMap.create({ maxEntries: 4 }, LpmTrie, codecs.bytes(8), codecs.u64),
    }),
  ARRAY: (row) =>
    array(row, "array", locked, unlocked, () => BpfMap.create({ maxEntries: 4 }, ArrayMap, codecs.u64)),
  PERCPU_ARRAY: (row) =>
    array(row, "percpu_array", everyCpu, first, () =>
      BpfMap.create({ maxEntries: 4 }, PerCpuArrayMap, codecs.u64),
    ),
  QUEUE: (row) => ordered(row, "queue", () => BpfMap.create({ maxEntries: 4 }, Queue, codecs.u64)),
  STACK: (row) => ordered(row, "stack", () => BpfMap.create({ maxEntries: 4 }, Stack, codecs.u64)),
  BLOOM_FILTER: bloom,
  RINGBUF: (row) => records(row, "ringbuf"),
  USER_RINGBUF: userRecords,
  PERF_EVENT_ARRAY: (row) => records(row, "perf_event_array"),
  PROG_ARRAY: programs,
  ARRAY_OF_MAPS: (row) => nested(row, "array_of_maps"),
  HASH_OF_MAPS: (row) => nested(row, "hash_of_maps"),
  STACK_TRACE: stacks,
  TASK_STORAGE: (row) =>
    storage(row, {
      name: "task_storage",
      open: () => pidfd(process.pid),
      run: (kinds) => {
        kinds.bss.target = process.pid;
        using _link = kinds.programs.on_task_storage.attach();
        trigger();
      },
    }),
  SK_STORAGE: (row) =>
    storage(row, {
      name: "sk_storage",
      open: udpSocket,
      also: ["sockets"],
      run: (kinds, fd) => {
        kinds.maps.sockets.set(1, fd);
        kinds.programs.on_sk_storage.testRun({ data: packet });
      },
    }),
  INODE_STORAGE: (row) =>
    storage(row, { name: "inode_storage", open: () => openSync("/proc/self/exe", "r") }),
  CGRP_STORAGE: (row) => {
    const root = execFileSync("findmnt", ["-nt", "cgroup2", "-o", "TARGET"], { encoding: "utf8" }).split(
      "\n",
      1,
    )[0]!;
    storage(row, {
      name: "cgrp_storage",
      // The cgroup that this process is in.
      open: () => openSync(`${root}${/^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))![1]}`, "r"),
      run: (kinds) => {
        kinds.bss.target = process.pid;
        using _link = kinds.programs.on_cgrp_storage.attach();
        trigger();
      },
    });
  },
  CGROUP_ARRAY: cgroupArray,
  CGROUP_STORAGE: (row) => cgroupStorage(row, "cgroup_storage"),
  PERCPU_CGROUP_STORAGE: (row) => cgroupStorage(row, "percpu_cgroup_storage"),
  SOCKMAP: (row) => sockets(row, "sockmap"),
  SOCKHASH: (row) => sockets(row, "sockhash"),
  REUSEPORT_SOCKARRAY: reuseport,
  DEVMAP: (row) => redirect(row, "devmap"),
  DEVMAP_HASH: (row) => redirect(row, "devmap_hash"),
  CPUMAP: (row) => redirect(row, "cpumap"),
  XSKMAP: xsk,
  ARENA: (row) => {
    row.try("create", () => BpfMap.create({ type: MapType.ARENA, maxEntries: 1 }, RawMap).close());
    row.none("is memory that both sides have mapped, without entries", ...columns.slice(1));
  },
  STRUCT_OPS: (row) => row.none("holds programs of an object, and is attached: see their table", ...columns),
  INSN_ARRAY: (row) => row.none("holds jump tables, which libbpf makes of a program's", ...columns),
  RHASH: (row) => {
    using map = BpfMap.create({ type: MapType.RHASH, maxEntries: 4 }, HashMap, codecs.u32, codecs.u64);
    row.try("set", () => map.set(1, 77n));
    row.try("get", () => same(map.get(1), 77n));
    row.none(
      "as HASH, which it grows like",
      ...columns.filter((column) => column !== "set" && column !== "get"),
    );
  },
};

/** Tries everything. A kind that the kernel does not have says so in each of its cells. */
export function run(): Outcomes {
  const outcomes: Outcomes = {};
  for (const [name, fill] of Object.entries(rows)) {
    const row = new Row();
    outcomes[name] = row.cells;
    if (!probe.mapType(MapType[name as keyof typeof MapType])) {
      row.none("this kernel has no such maps", ...columns);
      continue;
    }
    const whole = new Row();
    whole.try("all", () => fill(row));
    const failed = whole.cells.all!;
    for (const column of columns) row.cells[column] ??= failed === "ok" ? "WRONG: not tried" : failed;
  }
  return outcomes;
}
