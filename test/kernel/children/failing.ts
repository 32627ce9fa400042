// Opens, loads, attaches, uses and closes with the k-th call failing, for every k, over and over; prints what the
// process held before and after, and errors that are not what they should be. What fails: functions that the runtime
// calls ("calls"), or system calls that libbpf makes ("kernel", with fail.c preloaded).
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setImmediate } from "node:timers/promises";
import type * as Koffi from "koffi";
import { libc, setErrno } from "../../../runtime/ffi/koffi.js";
import { libbpf } from "../../../runtime/ffi/print.js";
import { BpfError } from "../../../runtime/index.js";
import { Kernel } from "../../fixtures/kernel.skel.js";
import { KernelMaps } from "../../fixtures/kernel-maps.skel.js";
import { KernelPrograms } from "../../fixtures/kernel-programs.skel.js";
import { only, trigger } from "../child.js";

const [what, name, cycles] = process.argv.slice(2) as [string, string, string];
const EIO = 5;

/** Functions that may fail. Others only ask, or end something: nobody could say what is to be left. */
const fallible =
  /__open_mem|__load$|attach|_pin$|create|_elem$|_batch$|next_key|freeze|get_info|__new$|reuse|__set_(max|value|key|pin|initial|autoload|type|expected|flags|autocreate|attach)|^mmap$|^fcntl$|^syscall$|num_possible|get_fd_by|obj_get|__buffer$|epoll_fd/;

let calls = 0;
let failing = 0;

/** Puts functions that fail when their turn comes, without doing anything, in place of those that are bound. */
function tamper(): void {
  for (const functions of [libbpf, libc] as object[])
    for (const [call, { value: real }] of Object.entries(Object.getOwnPropertyDescriptors(functions))) {
      if (typeof real !== "function" || !fallible.test(call) || /detach/.test(call)) continue;
      const value = (...args: unknown[]): unknown => {
        if (++calls !== failing) return Reflect.apply(real, undefined, args);
        setErrno(EIO);
        if (call === "mmap") return 2n ** 64n - 1n;
        if (
          /open_mem|attach_\w*(opts|tp|usdt|uprobe|raw_tracepoint|trace|xdp|struct_ops)$|program__attach$|__new$/.test(
            call,
          )
        )
          return 0;
        return functions === libc ? -1 : -EIO;
      };
      Object.defineProperty(functions, call, { configurable: true, value });
    }
}

const works: readonly (() => void | Promise<void>)[] = [
  async () => {
    using opened = Kernel.open({ name });
    only("reflect", "by_raw")(opened);
    opened.rodata.limit = 3;
    opened.maps.samples.maxEntries = 16;
    using kernel = opened.load();
    const { bss, maps, programs } = kernel;
    bss.target = process.pid;
    kernel.attach();
    trigger();
    maps.small.set(1n, 2n);
    maps.small.get(1n);
    void [...maps.small];
    maps.mapped.view(1).port = 5;
    maps.records.drain(() => undefined);
    const waiting = maps.records.records().next();
    waiting.catch(() => undefined);
    kernel.links.reflect?.info();
    programs.reflect.info();
    kernel.close();
    await waiting;
  },
  () => {
    using kernel = KernelMaps.load(undefined, { name });
    const { maps, programs } = kernel;
    using inner = maps.by_key.create();
    maps.by_key.set(1n, inner);
    maps.jumps.set(1, programs.jumped_to);
    using _found = maps.by_key.get(1n)!;
    maps.perf.drain(() => undefined);
    maps.by_size.drain(() => undefined);
    maps.commands.submit({ x: 1, y: 2n });
  },
  () => {
    using kernel = KernelPrograms.load(undefined, { name });
    const { programs, maps } = kernel;
    programs.add.testRun({ ctx: new Uint8Array(16) });
    maps.numbers.set(1, 2);
    void [...programs.dump_numbers.lines({ map: maps.numbers })];
    programs.on_lookup.attach({ netns: "/proc/self/ns/net" });
    programs.on_stream.attach({ map: maps.socks });
    programs.on_clock.attach({ type: 1, config: 0, period: 1_000_000_000 });
    programs.on_enter.attach();
  },
];

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

// The first time binds functions, and has libbpf find out what the kernel can do.
for (const work of works) await work();
let failAt: (k: number) => void;
let seen: () => number;
if (what === "calls") {
  tamper();
  failAt = (k) => {
    calls = 0;
    failing = k;
  };
  seen = () => calls;
} else {
  const self = (createRequire(import.meta.url)("koffi") as typeof Koffi).load(null);
  failAt = self.func("void bpf_tsgen_fail_at(long)") as (k: number) => void;
  seen = self.func("long bpf_tsgen_calls()") as () => number;
}

const bad = new Set<string>();
const left = new Set<string>();
const errors: Record<string, number> = {};
let done = 0;
let before = holding();
for (let first = true; first || done < Number(cycles); first = false) {
  for (const [i, work] of works.entries()) {
    for (let k = 1; ; k++) {
      const fds = readdirSync("/proc/self/fd").length;
      failAt(k);
      let error: unknown;
      try {
        await work();
      } catch (thrown) {
        error =
          thrown instanceof Error && thrown.name === "SuppressedError"
            ? (thrown as { suppressed?: unknown }).suppressed
            : thrown;
      }
      const reached = seen() >= k;
      failAt(0);
      // libuv gives back what is closed in the loop's turn.
      await setImmediate();
      done++;
      if (error !== undefined && !(error instanceof BpfError))
        bad.add(`${i}, ${k}: ${(error as Error).stack}`);
      if (error instanceof BpfError) errors[error.code] = (errors[error.code] ?? 0) + 1;
      const now = readdirSync("/proc/self/fd").length;
      if (now !== fds)
        left.add(`${i}, ${k}: ${now - fds} descriptors: ${(error as Error | undefined)?.message}`);
      if (!reached) break;
    }
  }
  // The heap of C grows a while at first.
  if (first) before = holding();
}
console.log(
  JSON.stringify({
    done,
    before,
    after: holding(),
    errors,
    bad: [...bad].slice(0, 20),
    left: [...left].slice(0, 20),
  }),
);
process.exit(0);
