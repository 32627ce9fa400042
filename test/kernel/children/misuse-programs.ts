// As misuse.ts, for programs of every section that loads without the kernel's help, for their links, and for what is
// opened in the kernel. In a network namespace of its own: it attaches to the loopback interface.
import { execFileSync } from "node:child_process";
import { Link, Program } from "../../../runtime/index.js";
import { KernelKinds } from "../../fixtures/kernel-kinds.skel.js";
import { libcPathOfThis } from "../child.js";
import { assault, assaultAll, attempt, ended, prefixed, report, wrongs } from "./assault.js";

const state = process.argv[3]!;
execFileSync("ip", ["link", "set", "lo", "up"]);

/** What not every machine that tests run on loads: it is the table's to say why. */
const special =
  /fentry|fexit|fsession|fmod_ret|lsm|freplace|lirc|_session|(tp|tracepoint|btf)_s$|replaceable|redirect_frags/;

const kinds = KernelKinds.load(({ programs }) => {
  for (const [name, program] of Object.entries(programs)) program.autoload = !special.test(name);
});

/** What each class takes, nearly right, with each member replaced by everything wrong. */
function nearlyRight(): void {
  const { programs, maps } = kinds;
  const path = libcPathOfThis();
  const targets: Readonly<Record<string, Record<string, unknown>>> = {
    on_kprobe: { function: "vfs_read", offset: 0, retprobe: false, mode: "link", cookie: 1n },
    on_kprobe_multi: { functions: ["vfs_read"], cookies: [1n] },
    on_kretprobe_multi: { addresses: [1n], cookies: [1n] },
    on_ksyscall: { syscall: "openat", retprobe: true },
    on_uprobe: { path, symbol: "getppid", offset: 0, pid: 0, mode: "perf", refCtrOffset: 0 },
    on_uprobe_multi: { path, symbols: ["getppid"], cookies: [1n], refCtrOffsets: [0], pid: 0 },
    on_uretprobe_multi: { path, pattern: "getppi?", retprobe: true, pid: 0 },
    on_uprobe_multi_s: { path, offsets: [64], cookies: [1n] },
    on_usdt: { path, provider: "libc", name: "setjmp", pid: 0 },
    on_iter: { tid: process.pid },
    on_iter_s: { pidfd: 0 },
    on_tc_ingress: { interface: "lo", fallback: "always", before: "all", expectedRevision: 1 },
    on_tc_plain: { ifindex: 1, direction: "egress", after: { linkId: 1 } },
    on_xdp: { interface: "lo", mode: "generic" },
    on_cgroup_connect4: { cgroup: "/sys/fs/cgroup", before: { programId: 1 }, preorder: true },
    on_cgroup_skb: { cgroup: "/no/such", direction: "egress", expectedRevision: 1n },
    on_sk_lookup: { netns: "/proc/self/ns/net" },
    on_netfilter: { family: "ipv4", hook: "input", priority: 1, defrag: false },
    on_sk_skb: { map: maps.socks, hook: "verdict", fallback: "always" },
    on_sk_msg: { map: maps.socks, fallback: false },
    on_perf_event: { type: 1, config: 0, period: 1_000_000_000, forceIoctl: true, dontEnable: false },
    on_netkit_primary: { interface: "lo", before: programs.on_tc_ingress },
  };
  const loose = programs as unknown as Record<string, { attach(target: unknown): Link }>;
  for (const [name, target] of Object.entries(targets)) {
    attempt(`${name}.attach(right)`, () => loose[name]!.attach(target));
    for (const member of [...Object.keys(target), "cookie", "pid", "map", "before"]) {
      const isList = Array.isArray(target[member]);
      // Attaching takes the kernel its time: what goes well once goes well.
      let attached = false;
      for (const [i, wrong] of wrongs.entries())
        for (const value of isList ? [wrong, [wrong]] : [wrong])
          attempt(`${name}.attach({ ${member}: ${i} })`, () => {
            if (attached) return;
            loose[name]!.attach({ ...target, [member]: value }).destroy();
            attached = true;
          });
    }
  }
  for (const [i, wrong] of wrongs.entries())
    for (const name of ["on_xdp", "on_tc_plain", "on_sk_lookup", "on_syscall_program"] as const)
      for (const input of [
        { ctx: wrong },
        { data: new Uint8Array(64), ctx: { data_end: wrong } },
        { live: wrong },
      ])
        attempt(`${name}.testRun(${i})`, () => programs[name].testRun(input as never));
}

/** What programs of a class have is alike. */
function oneOfEachClass(): Record<string, object> {
  const all = Object.values(kinds.programs).map(
    (program: { name: string }) => [program.name, program] as const,
  );
  const classes = new Map(all.map(([name, program]) => [program.constructor.name, [name, program] as const]));
  return Object.fromEntries(classes.values());
}

const { on_sk_lookup, on_uprobe, on_iter, on_sk_skb_verdict } = kinds.programs;
const parts = {
  ...prefixed("programs", oneOfEachClass()),
  link: on_sk_lookup.attach({ netns: "/proc/self/ns/net" }),
  perf: on_uprobe.attach({ path: libcPathOfThis(), symbol: "getppid" }),
  iter: on_iter.attach(),
  fallback: on_sk_skb_verdict.attach({ map: kinds.maps.socks, fallback: "always" }),
  opened: Program.open({ id: on_sk_lookup.info().id }),
};

if (state === "loaded") {
  nearlyRight();
  for (const member of ["pin", "id"])
    for (const [i, wrong] of wrongs.entries()) {
      // Small numbers are ids of other people's.
      if (typeof wrong === "number" && wrong > 0 && wrong < 1_000_000) continue;
      attempt(`Link.open({ ${member}: ${i} })`, () => Link.open({ [member]: wrong } as never));
      attempt(`Program.open({ ${member}: ${i} })`, () => Program.open({ [member]: wrong } as never).close());
    }
  attempt("Link.list", () => Link.list());
  attempt("Program.list", () => Program.list());
} else if (state === "parts") {
  // All but what is done above: each attachment takes the kernel its time.
  for (const [name, part] of Object.entries(parts)) assault(name, part);
  attempt("reading what was closed", () => parts.opened.info());
  kinds.close();
} else {
  parts.opened.close();
  kinds.close();
  ended();
  assaultAll("closed", parts, kinds);
  nearlyRight();
}

await report();
