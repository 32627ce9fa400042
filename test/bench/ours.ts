/**
 * The works that are measured, done with this library as applications do them: `ours.ts WORK [ARGUMENT...]` does one
 * and prints its figures as one line of JSON, as `bench.c` does for C.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { argv } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Bench, type Event } from "./bench.skel.js";
import { instantiations } from "./instantiations.js";

const ENTRIES = 100_000;
const FILL = 400_000;
/** Of the ring buffer in `deliver`: what programs of this kind usually have. */
const RING = 256 * 1024;

/** Keeps what was read, so that nothing measured is optimised away. */
let sink = 0;
const report = (figures: Record<string, number>): void => void writeSync(1, `${JSON.stringify(figures)}\n`);

/** Milliseconds of rounds that do not count: the compiler has done its part by then. */
const WARM = 300;
/** Milliseconds before `deliver` counts. */
const SETTLE = 1000;

/** Nanoseconds of one of `count` operations, round by round, as they are asked for. */
function time(count: number, work: () => void): Promise<void> {
  return rounds(count, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
}

/** The same of works that take the time themselves, in milliseconds: once warm, a round for each byte of stdin. */
async function rounds(count: number, work: () => number): Promise<void> {
  for (const begun = performance.now(); performance.now() < begun + WARM; ) work();
  report({});
  for await (const _ of process.stdin) report({ ns: (work() * 1e6) / count });
}

/** What nobody holds is warned of. */
const held = new Set<object>();

function filled() {
  const bench = Bench.load();
  held.add(bench);
  const { counts, table, percpu_hash, percpu_array } = bench.maps;
  for (let key = 0; key < ENTRIES; key++) {
    counts.set(key, key);
    table.set(key, { ts: 1n << 40n, pid: key, number: key, comm: "node" });
  }
  const values = percpu_array.get(0).map((_, cpu) => BigInt(cpu + 1));
  for (let key = 0; key < 1024; key++) {
    percpu_hash.set(key, values);
    percpu_array.set(key, values);
  }
  return bench;
}

const works: Record<string, (...args: string[]) => void | Promise<void>> = {
  "hash-get": () => {
    const { counts } = filled().maps;
    return time(ENTRIES, () => {
      for (let key = 0; key < ENTRIES; key++) sink += counts.get(key)!;
    });
  },
  "hash-set": () => {
    const { counts } = filled().maps;
    return time(ENTRIES, () => {
      for (let key = 0; key < ENTRIES; key++) counts.set(key, key);
    });
  },
  "array-get": () => {
    const { slots } = filled().maps;
    return time(ENTRIES, () => {
      for (let key = 0; key < ENTRIES; key++) sink += slots.get(key);
    });
  },
  "array-set": () => {
    const { slots } = filled().maps;
    return time(ENTRIES, () => {
      for (let key = 0; key < ENTRIES; key++) slots.set(key, key);
    });
  },
  "hash-get-object": () => {
    const { table } = filled().maps;
    return time(ENTRIES, () => {
      for (let key = 0; key < ENTRIES; key++) sink += table.get(key)!.number;
    });
  },
  walk: () => {
    const { table } = filled().maps;
    return time(ENTRIES, () => {
      let count = 0;
      for (const [, event] of table) {
        sink += event.number;
        count++;
      }
      if (count !== ENTRIES) throw new Error(`walked over ${count}`);
    });
  },
  "percpu-hash-get": () => {
    const { percpu_hash } = filled().maps;
    return time(ENTRIES, () => {
      for (let i = 0; i < ENTRIES; i++) sink += percpu_hash.get(i & 1023)!.length;
    });
  },
  "percpu-array-get": () => {
    const { percpu_array } = filled().maps;
    return time(ENTRIES, () => {
      for (let i = 0; i < ENTRIES; i++) sink += percpu_array.get(i & 1023).length;
    });
  },
  "test-run": () => {
    const { pass } = Bench.load().programs;
    const data = new Uint8Array(64);
    return time(20_000, () => {
      for (let i = 0; i < 20_000; i++) sink += pass.testRun({ data }).retval;
    });
  },
  "global-u32": () => {
    const { bss } = Bench.load();
    return time(1_000_000, () => {
      for (let i = 0; i < 1_000_000; i++) sink += bss.number32;
    });
  },
  "global-u64": () => {
    const { bss } = Bench.load();
    let last = 1n;
    return time(1_000_000, () => {
      for (let i = 0; i < 1_000_000; i++) last = bss.number64;
      sink += Number(last);
    });
  },
  "global-array": () => {
    const { bss } = Bench.load();
    return time(64 * 20_000, () => {
      for (let i = 0; i < 20_000; i++) for (const each of bss.hist) sink += each;
    });
  },
  "mapped-u32": () => {
    const { mapped32 } = Bench.load().maps;
    return time(1_000_000, () => {
      for (let i = 0; i < 1_000_000; i++) sink += mapped32.get(i & 0xffff);
    });
  },
  "mapped-u64": () => {
    const { mapped64 } = Bench.load().maps;
    let last = 1n;
    return time(1_000_000, () => {
      for (let i = 0; i < 1_000_000; i++) last = mapped64.get(i & 0xffff);
      sink += Number(last);
    });
  },
  "consume-view": () =>
    consume(0, ({ events }) => {
      return events.drainViews((event) => {
        sink += event.pid;
      });
    }),
  "consume-pairs": () =>
    consume(1, ({ pairs }) =>
      pairs.drain((pair) => {
        sink += pair.pid + pair.number;
      }),
    ),
  "consume-events": () =>
    consume(0, ({ events }) =>
      events.drain((event) => {
        sink += event.pid + event.number + event.comm.length;
      }),
    ),
  bare,
  deliver,
  idle,
  import: () => wholeProcess(["-e", 'import("ts-morph")']),
  generate: () => wholeProcess([COMMAND, OBJECT]),
  instantiations: () => report({ count: instantiations(process.cwd(), COMMAND) }),
  "generate-more": () => {
    const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-"));
    try {
      const copies = Array.from({ length: 21 }, (_, i) => join(folder, `copy${i}.bpf.o`));
      for (const copy of copies) copyFileSync(OBJECT, copy);
      const [one, many] = [copies.slice(0, 1), copies].map((objects) =>
        milliseconds([COMMAND, "--out-dir", join(folder, "out"), ...objects]),
      ) as [number, number];
      report({ ms: (many - one) / 20 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

const COMMAND = fileURLToPath(import.meta.resolve("bpf-tsgen/package.json")).replace(
  "package.json",
  "dist/generator/cli.js",
);
const OBJECT = "samples/bootstrap/bootstrap.bpf.o";

/** How long a process of Node's takes, from start to end. */
function milliseconds(args: string[]): number {
  const start = process.hrtime.bigint();
  execFileSync(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  return Number(process.hrtime.bigint() - start) / 1e6;
}

function wholeProcess(args: string[]): void {
  milliseconds(args);
  report({ ms: milliseconds(args) });
}

/** The system call of a work through koffi, by addresses that never change, and nothing around it. */
async function bare(work: string): Promise<void> {
  const { default: koffi } = await import("koffi");
  const { counts, slots } = filled().maps;
  const { fd } = work.startsWith("hash") ? counts : slots;
  const key = koffi.alloc("uint64_t", 2) as bigint;
  const [keyAt, valueAt] = [Number(key), Number(key) + 8];
  const at = new Uint32Array(koffi.view(key, 16));
  const libbpf = koffi.load("libbpf.so.1");
  if (work.endsWith("get")) {
    const lookup = libbpf.func("bpf_map_lookup_elem", "int", ["int", "uintptr_t", "uintptr_t"]);
    await time(ENTRIES, () => {
      for (let i = 0; i < ENTRIES; i++) {
        at[0] = i;
        sink += lookup(fd, keyAt, valueAt);
      }
    });
  } else {
    const update = libbpf.func("bpf_map_update_elem", "int", ["int", "uintptr_t", "uintptr_t", "uint64_t"]);
    await time(ENTRIES, () => {
      for (let i = 0; i < ENTRIES; i++) {
        at[0] = at[2] = i;
        sink += update(fd, keyAt, valueAt, 0);
      }
    });
  }
}

/** Nanoseconds a record takes to read, when nobody writes. */
function consume(
  pairs: number,
  drain: (maps: ReturnType<typeof Bench.load>["maps"]) => number,
): Promise<void> {
  const bench = Bench.load();
  const ctx = new Uint8Array(new Uint32Array([FILL, pairs]).buffer);
  return rounds(FILL, () => {
    bench.programs.fill.testRun({ ctx });
    const start = performance.now();
    const count = drain(bench.maps);
    if (count !== FILL) throw new Error(`consumed ${count}`);
    return performance.now() - start;
  });
}

/** How events arrive that another process makes: `rate` system calls a second, or as many as there can be when 0. */
async function deliver(
  how: string,
  rate: string,
  burst: string,
  seconds: string,
  producer: string,
): Promise<void> {
  using bench = Bench.load((opened) => {
    opened.maps.events.maxEntries = RING;
  });
  const { events } = bench.maps;
  const timed = Number(rate) > 0;
  const delays: number[] = [];
  let seen = 0;
  const child = spawn(producer, ["produce", rate, seconds], { stdio: ["pipe", "pipe", "inherit"] });
  const [pid] = (await once(child.stdout, "data")) as [Buffer];
  bench.data.burst = Number(burst);
  bench.bss.producer = Number(pid.toString());
  bench.attach();
  const ended = new AbortController();
  child.on("exit", () => ended.abort());
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const settled = { seen: 0, dropped: 0, cpu: process.cpuUsage(), at: performance.now() };
  setTimeout(() => {
    delay.enable();
    delays.length = 0;
    Object.assign(settled, { seen, dropped: Number(bench.bss.dropped) });
    Object.assign(settled, { cpu: process.cpuUsage(), at: performance.now() });
  }, SETTLE);
  child.stdin.write("g");
  const take = (event: Event): void => {
    sink += event.pid + event.number + event.comm.length;
    seen++;
    if (timed) delays.push(Number(process.hrtime.bigint() - event.ts));
  };
  const { signal } = ended;
  if (how === "views")
    await events.forEachView(
      (event) => {
        sink += event.pid + event.number;
        seen++;
      },
      { signal },
    );
  else for await (const batch of events.batches({ signal })) for (const event of batch) take(event);
  events.drain(take);
  const took = (performance.now() - settled.at) / 1000;
  const { user, system } = process.cpuUsage(settled.cpu);
  delay.disable();
  const dropped = Number(bench.bss.dropped);
  if (seen + dropped !== Number(bench.bss.submitted)) throw new Error("events are missing");
  report({
    events: seen - settled.seen,
    dropped: dropped - settled.dropped,
    seconds: took,
    cpu: (user + system) / 1e6 / took,
    p50: (delays.sort((a, b) => a - b)[delays.length >> 1] ?? 0) / 1000,
    loop99: delay.percentile(99) / 1e6,
  });
}

/** What an open, waited-for, silent ring buffer costs; without one when `bare`. */
async function idle(bare: string, seconds: string): Promise<void> {
  const ended = new AbortController();
  const bench = Bench.load();
  const loop = bare === "bare" ? undefined : bench.maps.events.records({ signal: ended.signal }).next();
  await sleep(500);
  const usage = process.resourceUsage();
  await sleep(Number(seconds) * 1000);
  const after = process.resourceUsage();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await sleep(Number(seconds) * 1000);
  delay.disable();
  report({
    wakes: after.voluntaryContextSwitches - usage.voluntaryContextSwitches,
    cpu:
      (after.userCPUTime + after.systemCPUTime - usage.userCPUTime - usage.systemCPUTime) /
      1e6 /
      Number(seconds),
    loop99: delay.percentile(99) / 1e6,
  });
  ended.abort();
  await loop;
  bench.close();
}

const [work = "", ...args] = argv.slice(2);
const chosen = Object.hasOwn(works, work) ? works[work] : undefined;
if (!chosen) throw new Error(`no such work: ${work} — there are: ${Object.keys(works).join(", ")}`);
await chosen(...args);
if (Number.isNaN(sink)) throw new Error("read nonsense");
