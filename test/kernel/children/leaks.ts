// Opens, loads, attaches, uses and closes, or fails at it, over and over; prints what it holds before and after.
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { BpfMap, possibleCpus, RawMap, UserRingBuf } from "../../../runtime/index.js";
import { Kernel } from "../../fixtures/kernel.skel.js";
import { KernelHalves } from "../../fixtures/kernel-halves.skel.js";
import { KernelMaps } from "../../fixtures/kernel-maps.skel.js";
import { KernelPrograms } from "../../fixtures/kernel-programs.skel.js";
import { KernelRefused } from "../../fixtures/kernel-refused.skel.js";
import { only, trigger } from "../child.js";

const [what, name, count] = process.argv.slice(2) as [string, string, string];
const cycles = Number(count);

function fails(code: string, action: () => unknown): void {
  try {
    action();
  } catch (error) {
    if ((error as { code?: string }).code === code) return;
    throw error;
  }
  throw new Error(`${code} did not come`);
}

const prepare = only("reflect", "by_raw");
const works: Record<string, (i: number) => void | Promise<void>> = {
  async success(i) {
    const kernel = Kernel.load(
      (opened) => {
        prepare(opened);
        opened.rodata.limit = i;
        opened.maps.samples.maxEntries = 16;
      },
      { name },
    );
    const { bss, maps } = kernel;
    bss.target = process.pid;
    // Attaching waits for the kernel's grace periods, which is slow and not ours: not every time.
    if (i % 10 === 0) {
      kernel.attach();
      trigger();
      if (bss.seen_limit !== i) throw new Error("not what was written");
    }
    maps.small.set(1n, 2n);
    maps.mapped.view(1).port = 5;
    if (maps.mapped.get(1).port !== 5 || [...maps.small].length !== 1) throw new Error("not what was set");
    maps.small.raw.count();
    maps.records.drain(() => undefined);
    const waiting = maps.records.records().next();
    void kernel.rodata.limit;
    kernel.close();
    if (!(await waiting).done) throw new Error("the loop goes on");
  },
  refused: () => fails("EACCES", () => KernelRefused.load((opened) => void opened.bss.sum, { name })),
  unattached: () => fails("ENOENT", () => KernelHalves.attach(undefined, { name })),
  garbage(i) {
    fails("ERR_BPF_OBJECT", () => Kernel.open({ name, object: new Uint8Array(1000) }));
    fails("ENOENT", () => Kernel.open({ name, object: `/no/such/${i}.bpf.o` }));
    const opened = Kernel.open({ name });
    fails("ENOENT", () => opened.maps.names.reuse("/sys/fs/bpf/no-such-pin"));
    opened.close();
  },
  async maps(i) {
    const kernel = KernelMaps.load(undefined, { name });
    const { bss, maps, programs } = kernel;
    bss.target = process.pid;
    bss.send_records = true;
    for (const map of Object.values(maps)) map.raw.info();
    const inner = maps.by_key.create();
    maps.by_key.set(1n, inner);
    maps.jumps.set(1, programs.jumped_to);
    if (i % 2) inner.close();
    using _found = maps.by_key.get(1n)!;
    if (i % 10 === 0) {
      kernel.attach();
      trigger(3);
      if (maps.perf.drain(() => undefined) !== 3) throw new Error("not what was sent");
    }
    while (maps.commands.submit({ x: 1, y: 2n }));
    const waiting = [maps.perf, maps.by_size].map((map) => {
      map.drain(() => undefined);
      return map.records().next();
    });
    kernel.close();
    for (const each of waiting) if (!(await each).done) throw new Error("the loop goes on");
    inner.close();
  },
  programs(i) {
    const kernel = KernelPrograms.load(undefined, { name });
    const { programs, maps } = kernel;
    programs.add.testRun({ ctx: new Uint8Array(16) });
    programs.tc_second.testRun({ data: new Uint8Array(64), repeat: 3 });
    maps.numbers.set(1, 2);
    if ([...programs.dump_numbers.lines({ map: maps.numbers })].length !== 1) throw new Error("no line");
    // Read in part only, and left.
    programs.dump_tasks.bytes().next();
    programs.on_lookup.attach({ netns: "/proc/self/ns/net" });
    programs.on_netfilter.attach({ family: "ipv4", hook: "output", priority: 5 });
    programs.on_stream.attach({ map: maps.socks });
    if (i % 5 === 0) {
      programs.tc_first.attach("lo");
      programs.on_clock.attach({ type: 1, config: 0, period: 1_000_000_000 });
      kernel.attach();
    }
    kernel.close();
  },
  /** Descriptors run out at every step of attaching to all CPUs, of a perf buffer's rings, of an iterator. */
  scarce() {
    using kernel = KernelPrograms.load(undefined, { name });
    using others = KernelMaps.load(undefined, { name });
    const needed = 2 * possibleCpus() + 8;
    for (let free = 0; free < needed; free++) {
      const fillers: number[] = [];
      try {
        for (let n = 0; n < 1000; n++) fillers.push(openSync("/dev/null", "r"));
      } catch {
        // Until there are none left.
      }
      if (fillers.length === 1000) throw new Error("run it with fewer descriptors");
      for (const fd of fillers.splice(0, free)) closeSync(fd);
      for (const action of [
        () => kernel.programs.on_clock.attach({ type: 1, config: 0, period: 1_000_000_000 }).destroy(),
        () => kernel.programs.dump_tasks.lines().next(),
        () => others.maps.perf.drain(() => undefined),
        () => others.maps.slots.get(0)?.close(),
        () => others.maps.slots.create().close(),
      ])
        try {
          action();
        } catch (error) {
          if ((error as { code?: string }).code !== "EMFILE") throw error;
        }
      kernel.detach();
      for (const fd of fillers) closeSync(fd);
    }
  },
  /** The kernel maps no frozen map for writing: the second of a user ring buffer's mappings fails. */
  frozen() {
    using kernel = KernelMaps.load(undefined, { name });
    const { commands } = kernel.maps;
    const handle = { ...commands, fd: commands.fd };
    BpfMap.release(commands);
    new RawMap(handle).freeze();
    fails("EPERM", () => new UserRingBuf(handle, { ...codec, size: 8 }));
  },
};
const codec = { decode: () => undefined, encode: () => undefined, view: () => undefined as never };

function holding(): { fds: number; mappings: number; rss: number; heap: number } {
  globalThis.gc?.();
  return {
    fds: readdirSync("/proc/self/fd").length,
    mappings: readFileSync("/proc/self/maps", "utf8")
      .split("\n")
      .filter((line) => /bpf|perf_event/.test(line)).length,
    rss: process.memoryUsage.rss(),
    heap: process.memoryUsage().heapUsed,
  };
}

const work = works[what]!;
/** Its promises settle without a turn of the event loop, in which alone libuv gives back what is closed. */
async function cycle(i: number): Promise<void> {
  await work(i);
  await setImmediate();
}
const started = performance.now();
for (let i = 0; i < Math.min(100, cycles); i++) await cycle(i);
const before = holding();
for (let i = 0; i < cycles; i++) await cycle(i);
const after = holding();
console.log(JSON.stringify({ before, after, ms: performance.now() - started }));
