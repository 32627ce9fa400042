// As misuse.ts, for maps and programs of every kind, and for what is made by hand of the runtime's classes.
import { createSocket } from "node:dgram";
import { closeSync, openSync } from "node:fs";
import * as runtime from "../../../runtime/index.js";
import { BpfMap, codecs } from "../../../runtime/index.js";
import { fixture } from "../../fixtures/fixtures.js";
import { KernelMaps } from "../../fixtures/kernel-maps.skel.js";
import { KernelPrograms } from "../../fixtures/kernel-programs.skel.js";
import { trigger } from "../child.js";
import { assault, assaultAll, attempt, ended, madeByHand, prefixed, report, wrongs } from "./assault.js";

const state = process.argv[3]!;

type Maps = ReturnType<typeof KernelMaps.attach>;
type Programs = ReturnType<typeof KernelPrograms.load>;

function loadMaps(): Maps {
  const kernel = KernelMaps.attach();
  kernel.bss.target = process.pid;
  kernel.bss.send_records = true;
  trigger(50);
  kernel.detach();
  return kernel;
}

/** Every map, the handles that maps of maps give out, and raw maps. */
function partsOfMaps(kernel: Maps): Record<string, object> {
  const { maps } = kernel;
  const made = maps.by_key.create();
  maps.by_key.set(1n, made);
  // The kernel waits for all running BPF programs after each write to a map of maps: that takes minutes.
  const raws = Object.entries(maps)
    .filter(([name]) => name !== "slots" && name !== "by_key")
    .map(([name, map]) => [`raw ${name}`, map.raw] as const);
  return {
    ...prefixed("maps", maps),
    ...Object.fromEntries(raws),
    ...{ got: maps.slots.get(0)!, found: maps.by_key.get(1n)!, made },
    ...{ bss: kernel.bss, data: kernel.data },
    ...prefixed("programs", kernel.programs),
  };
}

/** Runs every program on everything; `repeat` stays small, or the process would be gone for minutes. */
function runAll(kernel: Programs): void {
  const packet = new Uint8Array(64).fill(1);
  class Liar extends Uint8Array {
    #asked = 0;
    override get length(): number {
      return this.#asked++ % 2 === 0 ? 16 : 2 ** 31;
    }
  }
  const inputs: Record<string, unknown>[] = [
    ...[0, 1, 13, 14, 4096, 65_536, 2 ** 24, 2 ** 24 + 1, 2 ** 28].map((size) => ({ size })),
  ].flatMap(({ size }) => [
    { data: new Uint8Array(size) },
    { ctx: new Uint8Array(size) },
    { data: packet, ctx: new Uint8Array(size) },
  ]);
  inputs.push({ data: new Liar(64) }, { ctx: new Liar(64) }, { data: new Proxy(packet, {}) });
  for (const repeat of [0, 1, 1000, -1, Number.NaN, 2 ** 32, 0.5, 1n, "1", {}])
    inputs.push({ data: packet, repeat });
  for (const cpu of [0, 1, 4095, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -1])
    inputs.push({ ctx: packet, cpu }, { data: packet, cpu });
  for (const flags of [1, 4, 8, 2 ** 31, 2 ** 32 - 1, 2 ** 32])
    inputs.push({ data: packet, flags }, { ctx: packet, flags });
  for (const wrong of wrongs) inputs.push({ data: wrong }, { ctx: wrong }, { data: packet, flags: wrong });
  for (const [name, program] of Object.entries(kernel.programs))
    for (const [i, input] of inputs.entries())
      attempt(`${name}.testRun(inputs[${i}])`, () => program.testRun(input as runtime.TestRunInput));
}

/** Attaches to what is nearly right: on the loopback interface, and on nothing else of this machine's. */
async function attachAll(kernel: Programs): Promise<void> {
  const { programs, maps } = kernel;
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  const right = {
    tc_first: { interface: "lo" },
    tc_second: { interface: "lo", direction: "ingress" },
    on_cgroup: { cgroup: "/no/such/folder" },
    on_lookup: { netns: "/proc/self/ns/net" },
    on_netfilter: { family: "ipv4", hook: "output", priority: 5 },
    on_socket: { socket: fd },
    on_clock: { type: 1, config: 0, period: 1_000_000_000 },
    on_stream: { map: maps.socks },
    on_enter: { cookie: 1n },
    dump_numbers: { map: maps.numbers },
    dump_tasks: { pid: process.pid },
  };
  const added = [
    "before",
    "after",
    "fallback",
    "cookie",
    "pid",
    "cpu",
    "fd",
    "map",
    "cgroup",
    "mode",
    "defrag",
  ];
  for (const [name, target] of Object.entries(right))
    for (const member of new Set([...Object.keys(target), ...added])) {
      if (name === "tc_first" && member === "direction") continue;
      // Attaching takes the kernel its time: what goes well twice goes well.
      let attached = 0;
      for (const [i, wrong] of [...wrongs, "__proto__", "toString", maps.numbers, programs.add].entries())
        attempt(`${name}.attach({ ${member}: ${i} })`, () => {
          if (attached === 2) return undefined;
          const loose = programs as unknown as Record<string, { attach(target: unknown): runtime.Link }>;
          const link = loose[name]!.attach({ ...target, [member]: wrong });
          attached++;
          return link;
        });
    }
  for (const codec of [codecs.bytes(0), { size: -1 }, { size: Number.NaN }, {}, undefined, codecs.u64])
    attempt("records", () => {
      let left = 1000;
      for (const _ of programs.dump_tasks.records(codec as typeof codecs.u64)) if (left-- === 0) break;
      if (left <= 0 && codec !== codecs.u64) throw new Error("goes on and on");
    });
  const reading = programs.dump_tasks.lines();
  reading.next();
  kernel.close();
  attempt("going on after close", () => [...reading]);
  socket.close();
}

/** Everything that a map object may have, called rightly: what is wrong is the object. */
function useForged(what: string, map: BpfMap): void {
  const loose = map as unknown as Record<string, (...args: unknown[]) => unknown>;
  const key = new Uint8Array(Math.min(map.keySize, 4096));
  const value = new Uint8Array(Math.min(map.valueSize, 4096));
  for (const [k, v] of [
    [0, 0],
    [key, value],
  ]) {
    for (const call of ["get", "has", "delete", "pop", "peek", "take", "view", "create"])
      if (call in map) attempt(`${what}.${call}`, () => loose[call]!(k));
    for (const call of ["set", "push", "add", "submit"])
      if (call in map)
        attempt(`${what}.${call}`, () => (call === "set" ? loose[call]!(k, v) : loose[call]!(v)));
  }
  for (const call of ["count", "clear", "info"])
    if (call in map) attempt(`${what}.${call}`, () => loose[call]!());
  if ("drain" in map) attempt(`${what}.drain`, () => loose.drain!(() => undefined));
  if ("drainViews" in map) attempt(`${what}.drainViews`, () => loose.drainViews!(() => undefined));
  if ("forEachView" in map)
    attempt(`${what}.forEachView`, () =>
      loose.forEachView!(() => undefined, { signal: AbortSignal.abort() }),
    );
  if (Symbol.iterator in map)
    attempt(`${what} iterated`, () => {
      let left = 10;
      for (const _ of map as unknown as Iterable<unknown>) if (left-- === 0) break;
    });
  attempt(`${what} released`, () => BpfMap.release(map));
  attempt(`${what} released again`, () => BpfMap.release(map));
}

/** Says something else each time that it is asked, the truth first. */
function unsteady<T extends object>(truth: T, lies: Partial<Record<keyof T, unknown>>, after: number): T {
  const asked = new Map<PropertyKey, number>();
  return new Proxy(truth, {
    get(target, key) {
      const times = asked.get(key) ?? 0;
      asked.set(key, times + 1);
      return key in lies && times >= after ? lies[key as keyof T] : Reflect.get(target, key);
    },
  });
}

function forge(kernel: Maps): void {
  type Forger = new (...args: unknown[]) => BpfMap;
  const classes = Object.entries(runtime).filter(
    ([, value]) => typeof value === "function" && value.prototype instanceof BpfMap,
  ) as unknown as [string, Forger][];
  const handles = Object.entries(kernel.maps).map(([name, map]) => [name, { ...map, fd: map.fd }] as const);
  for (const [name, MapClass] of classes) {
    for (const wrong of wrongs)
      attempt(`new ${name}(wrong)`, () => new MapClass(wrong, codecs.u32, codecs.u32));
    for (const [of, handle] of handles) {
      const fitting = [codecs.bytes(handle.keySize), codecs.bytes(handle.valueSize)] as const;
      const make = (what: string, given: unknown, ...parts: unknown[]): void =>
        attempt(`new ${name}(${of}, ${what})`, () =>
          useForged(`${name} of ${of}, ${what}`, new MapClass(given, ...parts)),
        );
      make("its sizes", handle, ...fitting);
      make("its value", handle, fitting[1]);
      make("numbers", handle, codecs.u32, codecs.u32);
      make("inner", { ...handle, inner: handle }, codecs.u32, {
        create: (inner: never) => new runtime.RawMap(inner),
      });
      make("nothing", handle);
      for (const lie of [
        { keySize: 1 },
        { valueSize: 1 },
        { maxEntries: 2 ** 20 },
        { type: 1 },
        { fd: 0 },
        { fd: 2 ** 32 },
      ])
        make(JSON.stringify(lie), { ...handle, ...lie }, codecs.bytes(1), codecs.bytes(1));
      for (const after of [1, 2, 3]) {
        const small = { keySize: 1, valueSize: 1, maxEntries: 2 ** 20, type: 1 };
        make(`unsteady ${after}`, unsteady(handle, small, after), codecs.bytes(1), codecs.bytes(1));
        make(`unsteady sizes ${after}`, unsteady(handle, small, after), ...fitting);
        const [key, value] = fitting.map((codec) => unsteady(codec, { size: 1 }, after));
        make(`unsteady codecs ${after}`, handle, key, value);
      }
    }
  }
  // Sizes are of the kernel, whatever the object is made to say.
  const sizes = new runtime.RawMap({ ...kernel.maps.first, fd: kernel.maps.first.fd });
  for (let i = 0; i < 4; i++) kernel.maps.first.set(i, { x: 1, y: 2n });
  Object.assign(sizes, { keySize: 0, valueSize: 0 });
  useForged("other sizes", sizes);
  const programs = Object.entries(runtime).filter(
    ([, value]) => typeof value === "function" && value.prototype instanceof runtime.BaseProgram,
  ) as unknown as [string, new (...args: unknown[]) => object][];
  for (const [name, ProgramClass] of [...programs, ["BaseProgram", runtime.BaseProgram] as never]) {
    for (const wrong of wrongs)
      for (const owner of [wrong, { state: "loaded", links: new Set() }, kernel, runtime.BpfObject.prototype])
        attempt(`new ${name}`, () => new ProgramClass(wrong, owner));
    attempt(`${name} without a constructor`, () => assault(name, Object.create(ProgramClass.prototype)));
  }
  for (const [name, MapClass] of classes)
    attempt(`${name} without a constructor`, () => assault(name, Object.create(MapClass.prototype)));
}

switch (state) {
  case "maps": {
    const kernel = loadMaps();
    const parts = partsOfMaps(kernel);
    for (const [part, target] of Object.entries(parts)) assault(part, target);
    kernel.close();
    break;
  }
  case "maps closed": {
    const kernel = loadMaps();
    const parts = partsOfMaps(kernel);
    kernel.close();
    ended();
    assaultAll("closed", parts, kernel);
    break;
  }
  case "programs": {
    const kernel = KernelPrograms.load();
    for (const [name, program] of Object.entries(kernel.programs)) assault(name, program);
    const link = kernel.programs.on_clock.attach({ type: 1, config: 0, period: 1_000_000_000 });
    assault("link of every CPU", link);
    const { on_stream } = kernel.programs;
    assault("link of a map", on_stream.attach({ map: kernel.maps.socks }));
    runAll(kernel);
    await attachAll(kernel);
    break;
  }
  case "programs closed": {
    const kernel = KernelPrograms.load();
    const links = { link: kernel.programs.on_clock.attach({ type: 1, config: 0, period: 1_000_000_000 }) };
    const parts = { ...prefixed("programs", kernel.programs), ...prefixed("maps", kernel.maps), ...links };
    kernel.close();
    ended();
    assaultAll("closed", parts, kernel);
    runAll(kernel);
    break;
  }
  case "made": {
    for (const each of [
      runtime.BpfMap,
      runtime.BaseProgram,
      runtime.Program,
      runtime.Link,
      runtime.StructOps,
    ])
      assault(each.name, each);
    assault("Memory", runtime.Memory);
    assault("probe", runtime.probe);
    for (const wrong of wrongs)
      for (const [name, value] of Object.entries(runtime)) {
        if (typeof value !== "function" || !(value.prototype instanceof runtime.BpfMap)) continue;
        const anyMap = value as unknown as typeof runtime.RawMap;
        attempt(`open as ${name}`, () => runtime.BpfMap.open(wrong as never, anyMap));
        attempt(`create as ${name}`, () => runtime.BpfMap.create(wrong as never, anyMap));
        for (const key of [
          "name",
          "type",
          "maxEntries",
          "flags",
          "numaNode",
          "extra",
          "keySize",
          "valueSize",
          "inner",
        ])
          attempt(`create as ${name}, ${key}`, () =>
            runtime.BpfMap.create({ type: 1, maxEntries: 2, [key]: wrong } as never, anyMap),
          );
      }
    break;
  }
  case "forged": {
    const kernel = loadMaps();
    madeByHand();
    forge(kernel);
    for (const map of Object.values(kernel.maps)) attempt("release", () => BpfMap.release(map));
    for (const map of Object.values(kernel.maps)) attempt("release again", () => BpfMap.release(map));
    kernel.close();
    // What is freed twice shows when the next one gets it.
    for (let i = 0; i < 20; i++) loadMaps().close();
    class Longer extends Uint8Array {
      override get length(): number {
        return 2 ** 30;
      }
    }
    const longer = new Longer(fixture("kernel-halves.bpf.o"));
    attempt("open what is longer than it is", () => runtime.BpfObject.open(longer));
    const file = openSync("/dev/null", "r");
    attempt("new Link", () =>
      assault("Link", new runtime.Link("forged", { fd: () => file } as never, new Set())),
    );
    closeSync(file);
    break;
  }
}

await report();
