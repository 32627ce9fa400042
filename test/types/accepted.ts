/** What must compile: an application of each skeleton, as people write it. Nothing here runs. */
import { BpfMap, codecs, HashMap, type Owned, PerCpuArrayMap, RawMap } from "bpf-tsgen-runtime";
import * as bpf from "bpf-tsgen-runtime/codegen";
import { Linked } from "../fixtures/linked.skel.js";
import { Hostile, Members, Promoted } from "../golden/hostile.skel.js";
import { Kinds } from "../golden/kinds.skel.js";
import {
  Address,
  Arrays,
  BitFields,
  Connection,
  Enums,
  Nested,
  type Numbers,
  Pair,
  record,
  State,
  Types,
} from "../golden/types.skel.js";

/** `true` when the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>): void => {};

/** A value that was decoded can be written back, whatever its type. */
export function decodedIsInput(m: Parameters<typeof Pair.decode>[0]): void {
  const roundTrip = <T>(codec: bpf.Codec<T>, value: bpf.Input<T>): void => codec.encode(m, 0, value);
  roundTrip(Pair, Pair.decode(m, 0));
  roundTrip(Arrays, Arrays.decode(m, 0));
  roundTrip(Address, Address.decode(m, 0));
  roundTrip(Nested, Nested.decode(m, 0));
  roundTrip(Connection, Connection.decode(m, 0));
  roundTrip(Enums, Enums.decode(m, 0));
  roundTrip(BitFields, BitFields.decode(m, 0));
  roundTrip(record, record.decode(m, 0, 40));
  roundTrip(Members, Members.decode(m, 0));
  roundTrip(Promoted, Promoted.decode(m, 0));
  roundTrip(Connection, { ...Connection.decode(m, 0), port: 80 });
  roundTrip(Nested, { ...Nested.decode(m, 0), promoted: 1 });
}

/** The members of a struct that are not its anonymous unions'. */
export type Plain = Pick<Nested, PlainMember>;
type PlainMember = "pair" | "version" | "middle" | "either" | "address" | "promoted" | "twice_promoted";

/** What may be written besides. */
export function inputs(numbers: Numbers, plain: Plain): void {
  const codecs = <T>(_: bpf.Codec<T>, __: bpf.Input<NoInfer<T>>): void => {};
  codecs(Address, { v4: 0x7f00_0001 });
  codecs(Address, { v6: [0, 1, 2] });
  codecs(Address, { pair: { x: 1, y: 2 } });
  codecs(Connection, { from: { v4: 1 }, to: { version: { major: 1, minor: 2 } }, port: 1, family: 2 });
  codecs(Nested, { ...plain, whole: 1n, deep_word: 2 });
  codecs(record, { at: 1n, length: 1, name: new Uint8Array(6), tail: [{ x: 1, y: 2 }] });
  const arrays: bpf.Input<Arrays> = {
    text: "text",
    lines: ["a", new Uint8Array(8), "c"],
    bytes: [1, 2, 3, 4, 5, 6],
    levels: new Int8Array(4),
    ports: new Uint16Array(4),
    totals: [1n, 2n],
    reals: [0.5, 1],
    pointers: new BigUint64Array(3),
    flags: [true, false, true, false, true],
    huge: [1n, -1n],
    pairs: [
      { x: 1, y: 2 },
      { x: 3, y: 4 },
    ],
    many: Array.from({ length: 17 }, () => ({ x: 1, y: 2 })),
    grid: [
      [1, 2, 3],
      [4, 5, 6],
    ],
    cube: [
      [
        [Pair0, Pair0],
        [Pair0, Pair0],
      ],
      [
        [Pair0, Pair0],
        [Pair0, Pair0],
      ],
    ],
    nothing: {},
    none: [],
  };
  codecs(Arrays, arrays);
  // An enum offers its values and takes what it does not know.
  const states: State[] = [State.STATE_RUNNING, 10, 77, numbers.u32];
  void states;
}

/** A view of any type is written like a value, wherever a value is. */
export function views(m: Parameters<typeof Pair.view>[0]): void {
  const write = <T>(codec: bpf.Codec<T>, value: bpf.Input<NoInfer<T>>): void =>
    codec.encode(m, 0, value as bpf.Input<T>);
  write(Pair, Pair.view(m, 0));
  write(Address, Address.view(m, 0));
  write(Arrays, Arrays.view(m, 0));
  write(Nested, Nested.view(m, 0));
  write(Connection, Connection.view(m, 0));
  write(Connection, { ...bpf.copy(Connection.view(m, 0)), from: Address.view(m, 0), to: { v4: 1 } });
  write(record, { at: 1n, length: 1, name: "x", tail: record.view(m, 0, 32).tail });
  const arrays = Arrays.view(m, 0);
  arrays.pairs = Arrays.view(m, 8).pairs;
  arrays.pairs = [arrays.pairs[0]!, { x: 1, y: 2 }];
  arrays.cube = Arrays.view(m, 8).cube;
  const connection = Connection.view(m, 0);
  connection.from = connection.to;
  // The view of an empty union, and what it is written from.
  write(Nothing, {});
}

declare const Nothing: bpf.Codec<bpf.Union<object>>;

const Pair0: Pair = { x: 0, y: 0 };

/** The life of a skeleton. */
export async function life(): Promise<void> {
  using opened = Types.open({ name: "other", logLevel: 1 });
  opened.rodata.wanted = State.STATE_DONE;
  opened.rodata.flags.two = -1;
  opened.rodata.flags = {
    one: 1,
    two: 0,
    state: 3,
    yes: true,
    rest: 1,
    across: 1n,
    signed_across: -1n,
    small: 1,
    next: 2,
  };
  opened.rodata.ports[1] = 8080;
  opened.rodata.ports = [1, 2, 3];
  opened.rodata.filter = "a*";
  opened.data.corners[1]!.x = 3;
  opened.data.origin = { v4: 1 };
  opened.maps.connections.maxEntries = 10;
  opened.programs.on_write.autoload = false;
  const { shadow } = opened.maps.operations;
  same<typeof shadow.start, bpf.StructOpsFunction>(true);
  shadow.start = opened.programs.start;
  shadow.stop = null;
  shadow.state = State.STATE_IDLE;
  shadow.on = !shadow.on;
  shadow.levels[1]! += 1;
  shadow.levels = [1, 2, 3];
  shadow.at.x = 1;
  shadow.at = { x: 1, y: 2 };
  shadow.word = 1;
  shadow.name = "other";
  opened.maps.operations.autocreate = false;
  opened.programs.packets.setTarget("function");

  using loaded = opened.load();
  loaded.attach();
  loaded.programs.on_write.attach();
  loaded.programs.on_write.attach({ cookie: 1n });
  loaded.programs.on_write.attach({ category: "syscalls", name: "sys_enter_read" });
  loaded.programs.anywhere.attach({ name: "sys_enter" });
  loaded.programs.on_call.attach({ path: "/bin/true", symbol: "main", pid: 1 });
  loaded.programs.on_call.attach({ path: "/bin/true", offset: 64 });
  loaded.programs.packets.attach("lo");
  loaded.programs.packets.attach({ ifindex: 1 });

  loaded.bss.pointer += 1n;
  loaded.bss.cache.hits++;
  loaded.bss.cache = { hits: 1, misses: 2 };
  const { hits }: { hits: number } = bpf.copy(loaded.bss.cache);
  void hits;
  const version: number = loaded.kconfig.LINUX_KERNEL_VERSION;
  void version;

  const nested = loaded.maps.connections.get({ from: { v4: 1 }, to: { v4: 2 }, port: 1, family: 2 });
  same<typeof nested, Nested | undefined>(true);
  if (nested) loaded.maps.connections.set({ from: { v4: 1 }, to: { v4: 2 }, port: 1, family: 2 }, nested);
  for (const [name, numbers] of loaded.maps.by_name) {
    same<typeof name, string>(true);
    same<typeof numbers, Numbers>(true);
    same<typeof numbers.u64, bigint>(true);
  }
  const counter = loaded.maps.counter.get(0);
  same<typeof counter, bigint>(true);
  for await (const { at, tail } of loaded.maps.records) {
    same<typeof at, bigint>(true);
    same<typeof tail, Pair[]>(true);
  }
  for await (const bytes of loaded.maps.untyped) same<typeof bytes, Uint8Array>(true);
  const link: { destroy(): void } | undefined = loaded.links.on_write;
  void link;
}

const PROTO = "__proto__";

/** Names that mean something to JavaScript are names like others. */
export async function hostile(): Promise<void> {
  const loaded = await Promise.resolve(Hostile.load());
  const found = loaded.maps.constructor.get(1);
  const numbers: (number | undefined)[] = [
    found?.members.constructor,
    found?.members[PROTO],
    found?.members.then,
    found?.choices.toString,
    found?.promoted.constructor,
    loaded.data.await,
    loaded.data_foo.in_data,
    loaded.bss.__proto__member.length,
  ];
  void numbers;
  loaded.programs[PROTO].attach("lo");
  loaded.programs.hasOwnProperty.attach("lo");
  loaded.maps['a-b */ "c'].set(bpf.copy(loaded.bss.__proto__member), 1);
}

/** Written down once, for several calls. */
const configure = (opened: bpf.Opened<Types>): void => {
  opened.rodata.verbose = true;
};

/** A skeleton that brings no object. */
export function without(): void {
  Kinds.open({ object: "kinds.bpf.o" }).close();
  Kinds.load(undefined, { object: new Uint8Array() }).close();
  Kinds.attach((opened) => (opened.rodata.limit = 1), { object: "kinds.bpf.o" }).close();
  Types.load((opened) => (opened.rodata.verbose = true)).close();
  Types.load((opened) => opened.maps.counter).close();
  Types.load(configure).close();
  Types.attach().close();
}

/** Maps without an object have the types of their codecs. */
export function ownMaps(): void {
  const made = BpfMap.create({ maxEntries: 8 }, HashMap, codecs.u32, Pair);
  same<typeof made, Owned<HashMap<number, Pair>>>(true);
  made.set(1, { x: 1, y: 2 }, { mode: "create", lock: true });
  const slots = BpfMap.open({ pin: "/sys/fs/bpf/slots" }, PerCpuArrayMap, codecs.u64);
  same<typeof slots, Owned<PerCpuArrayMap<bigint>>>(true);
  const raw = BpfMap.open({ id: 1 }, RawMap);
  same<typeof raw, Owned<RawMap>>(true);
}

/** What a library knows of an object that it is a part of: a subskeleton, in C's terms. */
interface Part {
  programs: { on_read: bpf.Tracepoint };
  maps: { ones: bpf.HashMap<number, { pid: number; mode: number }> };
  globals: { bss: { readonly last_one: { readonly pid: number } } };
}

/** The skeleton of the whole object is one of each of its parts, so that no code is generated for libraries. */
export function parts(): void {
  const library = {
    configure: ({ maps, programs }: bpf.Opened<Part>): void => {
      maps.ones.maxEntries = 16;
      programs.on_read.autoload = true;
    },
    start: ({ maps, programs, bss }: bpf.Loaded<Part>): number => {
      maps.ones.set(1, { pid: bss.last_one.pid, mode: 1 });
      programs.on_read.attach();
      return maps.ones.count();
    },
  };
  library.start(Linked.attach((opened) => library.configure(opened)));
  // @ts-expect-error it has none of this
  library.start(Types.attach());
}
