// Opens, loads, attaches, uses and closes, or fails at it, over and over; prints what it holds before and after.
import { readdirSync, readFileSync } from "node:fs";
import { Kernel } from "../../fixtures/kernel.skel.js";
import { KernelHalves } from "../../fixtures/kernel-halves.skel.js";
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
};

function holding(): { fds: number; mappings: number; rss: number } {
  globalThis.gc?.();
  return {
    fds: readdirSync("/proc/self/fd").length,
    mappings: readFileSync("/proc/self/maps", "utf8")
      .split("\n")
      .filter((line) => line.includes("bpf")).length,
    rss: process.memoryUsage().rss,
  };
}

const work = works[what]!;
const started = performance.now();
for (let i = 0; i < 100; i++) await work(i);
const before = holding();
for (let i = 0; i < cycles; i++) await work(i);
const after = holding();
console.log(JSON.stringify({ before, after, ms: performance.now() - started }));
