// Every row of libbpf's table of sections: whether its program loads, attaches and runs on this machine. The rows say
// how; `runTable` does it and tells what came of it, as plain data. It does not know vitest: `run.ts` is a script.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { release } from "node:os";
import { BpfError, type Link } from "../../../runtime/index.js";
import { KernelKinds } from "../../fixtures/kernel-kinds.skel.js";
import { KernelStructOps } from "../../fixtures/kernel-struct-ops.skel.js";
import { KernelStructOpsLink } from "../../fixtures/kernel-struct-ops-link.skel.js";
import * as world from "./world.js";

type Kinds = ReturnType<typeof KernelKinds.load>;
type Name = keyof KernelKinds["programs"];

/** What came of a step: done, or what the kernel, libbpf or the runtime said; `-` for a step that was not reached. */
export type Outcome = "yes" | "-" | { readonly error: string; readonly says: string };

/** One row of the table, as it went. */
export interface RowResult {
  readonly section: string;
  /** The class of the runtime. */
  readonly class: string;
  readonly loads: Outcome;
  /** `n/a` for what nothing attaches by itself. */
  readonly attaches: Outcome | "n/a";
  readonly fires: Outcome;
  /** How it was run. */
  readonly by: string;
}

/** The table, and where it was made: the kernel's version as `6.18`, libbpf's as it says it. */
export interface Table {
  readonly kernel: string;
  readonly libbpf: string;
  readonly arch: string;
  readonly rows: readonly RowResult[];
}

/** How a row's program is attached and run. */
interface Row<P> {
  readonly by: string;
  /** Undefined for what nothing attaches by itself. */
  readonly attach?: (program: P, kinds: Kinds, place: Place) => Link | Promise<Link>;
  /** Runs it, and returns how often it ran where the program does not count. */
  readonly fire: (program: P, kinds: Kinds, place: Place) => unknown;
  /** Is loaded besides. */
  readonly with?: readonly Name[];
  readonly prepare?: (opened: ReturnType<typeof KernelKinds.open>, place: Place) => void;
}

/** What rows share: made by the run, ended with it. */
interface Place {
  readonly cgroup: string;
  /** What ends with the row, newest first. */
  readonly ends: (() => void)[];
}

const calls = "calls of this process";
const packets = "packets over the loopback interface";
const everything = (): void => world.everything();

/** Attaches to what its section names. */
const bySection: Row<{ attach(): Link }> = {
  by: calls,
  attach: (program) => program.attach(),
  fire: everything,
};
const onLoopback: Row<{ attach(target: "lo"): Link }> = {
  by: packets,
  attach: (program) => program.attach("lo"),
  fire: everything,
};
const onCgroup: Row<{ attach(target: { readonly cgroup: string }): Link }> = {
  by: "calls of a process in the cgroup",
  attach: (program, _, { cgroup }) => program.attach({ cgroup }),
  fire: everything,
};
const packet = new Uint8Array(64).fill(1);
const byTestRun: Row<{ testRun(input: { readonly data: Uint8Array }): unknown }> = {
  by: "testRun()",
  fire: (program) => program.testRun({ data: packet }),
};
const ofIterator: Row<{ attach(): Link; bytes(): Iterable<Uint8Array> }> = {
  by: "reading it",
  attach: (program) => program.attach(),
  fire: (program) => void [...program.bytes()],
};
const ofPlainTc: Row<{
  attach(target: { readonly interface: string; readonly direction: "ingress" }): Link;
}> = {
  by: packets,
  attach: (program) => program.attach({ interface: "lo", direction: "ingress" }),
  fire: everything,
};
const onNetkit = (device: string): Row<{ attach(target: string): Link }> => ({
  by: "packets through a netkit device",
  attach: (program, _, { ends }) => {
    // The kernel would give the peer the first free name, which is nk0.
    world.ip("link", "add", "nk0", "type", "netkit", "peer", "name", "nk1");
    ends.push(() => world.ip("link", "del", "nk0"));
    return program.attach(device);
  },
  fire: () => {
    for (const each of ["nk0", "nk1"]) world.ip("link", "set", each, "up");
    world.ip("addr", "add", "192.0.2.1/24", "dev", "nk0");
    execFileSync(process.execPath, [
      "-e",
      'const socket = require("dgram").createSocket("udp4"); socket.send("x", 9, "192.0.2.2", () => socket.close())',
    ]);
  },
});
const onSocket: Row<{ attach(target: { readonly socket: number }): Link }> = {
  by: "a datagram to the socket",
  attach: (program, _, { ends }) => {
    const made = world.datagrams();
    ends.push(made.close, made.receive);
    return program.attach({ socket: made.fd });
  },
  fire: (_program, _, { ends }) => ends.pop()!(),
};
type SockMap = Kinds["maps"]["socks"];
/** A stream of bytes between two sockets of the map. */
function overStream<P>(attach: (program: P, map: SockMap) => Link, more?: "verdict_beside"): Row<P> {
  return {
    by: "bytes between sockets of the map",
    attach: (program, kinds, { ends }) => {
      const map = kinds.maps.socks;
      const link = attach(program, map);
      if (more) kinds.programs[more].attach({ map });
      const made = world.connection();
      ends.push(made.close);
      for (const [index, fd] of made.ends.entries()) map.set(index, fd);
      ends.push(made.send);
      return link;
    },
    fire: (_program, _, { ends }) => ends.pop()!(),
    ...(more && { with: [more] }),
  };
}
const onSockMap = <P extends { attach(target: { readonly map: SockMap }): Link }>(
  program: P,
  map: SockMap,
): Link => program.attach({ map });
/** XDP that a map has run where it redirects to. */
function inMap(map: "cpus" | "devices", frags: "" | "_frags" = ""): Row<{ readonly fd: number }> {
  const redirect = `redirect${frags}_to_${map === "cpus" ? "cpu" : "device"}` as const;
  return {
    by: "packets that are redirected by the map, from testRun()",
    with: [redirect],
    fire: (program, { maps, programs }, { ends }) => {
      if (map === "cpus") maps.cpus.set(0, { qsize: 8, bpf_prog: { fd: program.fd } } as never);
      else {
        world.ip("link", "add", "table0", "type", "veth", "peer", "name", "table1");
        ends.push(() => world.ip("link", "del", "table0"));
        for (const each of ["table0", "table1"]) world.ip("link", "set", each, "up");
        const link = programs[redirect].attach("table1");
        ends.push(() => link.destroy());
        const ifindex = world.interfaceIndex("table0");
        maps.devices.set(0, { ifindex, bpf_prog: { fd: program.fd } } as never);
      }
      programs[redirect].testRun({ data: packet, live: true });
    },
  };
}

/** How each program is attached and run; a program without a row does not compile. */
const rows: { readonly [N in Name]: Row<KernelKinds["programs"][N]> | "helper" } = {
  on_kprobe: bySection,
  on_kretprobe: bySection,
  on_kprobe_multi: bySection,
  on_kretprobe_multi: bySection,
  on_kprobe_session: bySection,
  on_ksyscall: bySection,
  on_kretsyscall: bySection,
  on_uprobe: bySection,
  on_uprobe_s: bySection,
  on_uretprobe: bySection,
  on_uretprobe_s: bySection,
  on_uprobe_multi: bySection,
  on_uprobe_multi_s: bySection,
  on_uretprobe_multi: bySection,
  on_uretprobe_multi_s: bySection,
  on_uprobe_session: bySection,
  on_uprobe_session_s: bySection,
  on_usdt: bySection,
  on_usdt_s: bySection,
  on_tp: bySection,
  on_tp_s: bySection,
  on_tracepoint: bySection,
  on_tracepoint_s: bySection,
  on_raw_tp: bySection,
  on_raw_tp_s: bySection,
  on_raw_tp_w: bySection,
  on_raw_tracepoint: bySection,
  on_raw_tracepoint_s: bySection,
  on_raw_tracepoint_w: bySection,
  on_tp_btf: bySection,
  on_tp_btf_s: bySection,
  on_fentry: bySection,
  on_fexit: bySection,
  on_fsession: bySection,
  on_fmod_ret: bySection,
  on_fentry_s: bySection,
  on_fexit_s: bySection,
  on_fmod_ret_s: bySection,
  on_fsession_s: bySection,
  on_fentry_multi: bySection,
  on_fentry_multi_s: bySection,
  on_fexit_multi: bySection,
  on_fexit_multi_s: bySection,
  on_fsession_multi: bySection,
  on_fsession_multi_s: bySection,
  on_lsm: bySection,
  on_lsm_s: bySection,
  on_lsm_cgroup: onCgroup,
  replaceable: "helper",
  on_freplace: {
    by: "testRun() of the program that it is in",
    prepare: (opened, { ends }) => {
      const target = KernelKinds.load(only("replaceable"));
      ends.push(() => target.close());
      replaceable = target;
      opened.programs.on_freplace.setTarget("replaced", target.programs.replaceable);
    },
    attach: (program) => program.attach(),
    fire: () => replaceable!.programs.replaceable.testRun({ data: packet }),
  },
  on_iter: ofIterator,
  on_iter_s: ofIterator,
  on_socket_filter: onSocket,
  on_tc_plain: ofPlainTc,
  on_classifier: ofPlainTc,
  on_tc_ingress: onLoopback,
  on_tc_egress: onLoopback,
  on_tcx_ingress: onLoopback,
  on_tcx_egress: onLoopback,
  on_netkit_primary: onNetkit("nk0"),
  on_netkit_peer: onNetkit("nk0"),
  on_action: byTestRun,
  on_xdp: onLoopback,
  on_xdp_frags: onLoopback,
  redirect_to_cpu: "helper",
  redirect_to_device: "helper",
  redirect_frags_to_cpu: "helper",
  redirect_frags_to_device: "helper",
  on_xdp_devmap: inMap("devices"),
  on_xdp_frags_devmap: inMap("devices", "_frags"),
  on_xdp_cpumap: inMap("cpus"),
  on_xdp_frags_cpumap: inMap("cpus", "_frags"),
  on_lwt_in: byTestRun,
  on_lwt_out: byTestRun,
  on_lwt_xmit: byTestRun,
  on_lwt_seg6local: byTestRun,
  on_flow_dissector: {
    ...byTestRun,
    attach: (program) => program.attach({ netns: "/proc/self/ns/net" }),
  },
  on_sk_lookup: {
    by: packets,
    attach: (program) => program.attach({ netns: "/proc/self/ns/net" }),
    fire: everything,
  },
  on_netfilter: {
    by: packets,
    attach: (program) => program.attach({ family: "ipv4", hook: "output", priority: 5 }),
    fire: everything,
  },
  on_sk_reuseport: onSocket,
  on_sk_reuseport_migrate: onSocket,
  on_sk_skb: overStream((program, map) => program.attach({ map, hook: "stream_verdict" })),
  on_sk_skb_stream_parser: overStream(onSockMap, "verdict_beside"),
  on_sk_skb_stream_verdict: overStream(onSockMap),
  on_sk_skb_verdict: overStream(onSockMap),
  verdict_beside: "helper",
  on_sk_msg: overStream(onSockMap),
  on_sockops: onCgroup,
  on_cgroup_skb_ingress: onCgroup,
  on_cgroup_skb_egress: onCgroup,
  on_cgroup_skb: {
    by: onCgroup.by,
    attach: (program, _, { cgroup }) => program.attach({ cgroup, direction: "egress" }),
    fire: everything,
  },
  on_cgroup_sock: onCgroup,
  on_cgroup_sock_create: onCgroup,
  on_cgroup_sock_release: onCgroup,
  on_cgroup_post_bind4: onCgroup,
  on_cgroup_post_bind6: onCgroup,
  on_cgroup_bind4: onCgroup,
  on_cgroup_bind6: onCgroup,
  on_cgroup_connect4: onCgroup,
  on_cgroup_connect6: onCgroup,
  on_cgroup_connect_unix: onCgroup,
  on_cgroup_sendmsg4: onCgroup,
  on_cgroup_sendmsg6: onCgroup,
  on_cgroup_sendmsg_unix: onCgroup,
  on_cgroup_recvmsg4: onCgroup,
  on_cgroup_recvmsg6: onCgroup,
  on_cgroup_recvmsg_unix: onCgroup,
  on_cgroup_getpeername4: onCgroup,
  on_cgroup_getpeername6: onCgroup,
  on_cgroup_getpeername_unix: onCgroup,
  on_cgroup_getsockname4: onCgroup,
  on_cgroup_getsockname6: onCgroup,
  on_cgroup_getsockname_unix: onCgroup,
  on_cgroup_sysctl: onCgroup,
  on_cgroup_getsockopt: onCgroup,
  on_cgroup_setsockopt: onCgroup,
  on_cgroup_dev: onCgroup,
  on_perf_event: {
    by: "the software clock",
    attach: (program) => program.attach({ type: 1, config: 0, period: 100_000 }),
    fire: () => {
      for (const until = Date.now() + 200; Date.now() < until; );
    },
  },
  on_lirc_mode2: {
    by: "an infrared receiver",
    attach: (program) => program.attach({ device: "/dev/lirc0" }),
    fire: () => undefined,
  },
  on_syscall_program: { by: "testRun()", fire: (program) => program.testRun() },
};

let replaceable: Kinds | undefined;

/** Loads only the named programs. */
function only(...names: Name[]): (opened: ReturnType<typeof KernelKinds.open>) => void {
  return (opened) => {
    for (const [name, program] of Object.entries(opened.programs))
      program.autoload = names.includes(name as Name);
  };
}

function failed(error: unknown): Outcome {
  if (error instanceof BpfError) {
    return { error: error.code, says: error.message.slice(0, 300) };
  }
  // What the machine lacks for the row, such as a device; never a crash of the table.
  return { error: error instanceof Error ? error.name : "?", says: String(error).slice(0, 300) };
}

async function runRow(name: Name, row: Row<never>, place: Omit<Place, "ends">): Promise<RowResult> {
  const result = { loads: "-", attaches: row.attach ? "-" : "n/a", fires: "-" } as {
    -readonly [K in "loads" | "attaches" | "fires"]: RowResult[K];
  };
  const here: Place = { ...place, ends: [] };
  let kinds: Kinds | undefined;
  let step: keyof typeof result = "loads";
  try {
    const opened = KernelKinds.open();
    try {
      only(name, ...(row.with ?? []))(opened);
      row.prepare?.(opened, here);
      kinds = opened.load();
    } finally {
      opened.close();
    }
    result.loads = "yes";
    kinds.bss.target = process.pid;
    const program = kinds.programs[name];
    step = "attaches";
    if (row.attach) {
      await row.attach(program as never, kinds, here);
      result.attaches = "yes";
    }
    step = "fires";
    await row.fire(program as never, kinds, here);
    for (const until = Date.now() + 1_000; kinds.bss.hits === 0n && Date.now() < until; )
      await new Promise((resolve) => setTimeout(resolve, 10));
    result.fires = kinds.bss.hits > 0n ? "yes" : { error: "never ran", says: "" };
  } catch (error) {
    result[step] = failed(error);
  } finally {
    for (const end of here.ends.splice(0).reverse()) end();
    kinds?.close();
  }
  return { ...describe(name), ...result, by: row.by };
}

/** A row's section and class, as the skeleton has them. */
function describe(name: Name): { section: string; class: string } {
  const source = readFileSync(new URL("../../fixtures/kernel-kinds.skel.ts", import.meta.url), "utf8");
  const found = new RegExp(
    `/\\*\\* \`SEC\\("(.*)"\\)\` \\*/\\s+${name}: (?:bpf\\.WithContext<.*> & )?bpf\\.(\\S+);`,
  ).exec(source)!;
  return { section: found[1]!, class: found[2]! };
}

/** Runs every row, or those whose section starts with `prefix`; `libbpf` is what the result calls it. */
export async function runTable(libbpf: string, prefix = ""): Promise<Table> {
  world.ip("link", "set", "lo", "up");
  const group = world.cgroup();
  const found: RowResult[] = [];
  try {
    for (const [name, row] of Object.entries(rows) as [Name, Row<never> | "helper"][])
      if (row !== "helper" && describe(name).section.startsWith(prefix))
        found.push(await runRow(name, row, { cgroup: group?.folder ?? "/no/cgroup2" }));
    for (const [section, run] of Object.entries(structOps))
      if (section.startsWith(prefix)) found.push(runStructOps(section, run));
  } finally {
    group?.close();
  }
  return { kernel: release().replace(/^(\d+\.\d+).*/, "$1"), libbpf, arch: process.arch, rows: found };
}

/** Struct_ops are objects of their own: their struct must be one of this kernel's, and libbpf know of links for them. */
const structOps: Readonly<Record<string, (done: (step: "loads" | "attaches") => void) => bigint>> = {
  struct_ops: (done) => {
    using kernel = KernelStructOps.load();
    done("loads");
    kernel.maps.nothing.attach();
    done("attaches");
    connectBy("bpf_tsgen_none");
    return kernel.bss.asked;
  },
  "struct_ops.s": (done) => {
    using kernel = KernelStructOpsLink.load();
    done("loads");
    kernel.maps.first.attach();
    done("attaches");
    connectBy("bpf_tsgen_swap");
    return kernel.bss.first_runs;
  },
};

function connectBy(congestion: string): void {
  const made = world.connection(congestion);
  made.send();
  made.close();
}

function runStructOps(section: string, run: (typeof structOps)[string]): RowResult {
  const result = { loads: "-", attaches: "-", fires: "-" } as {
    -readonly [K in "loads" | "attaches" | "fires"]: RowResult[K];
  };
  let step: keyof typeof result = "loads";
  try {
    const runs = run((done) => {
      result[done] = "yes";
      step = done === "loads" ? "attaches" : "fires";
    });
    result.fires = runs > 0n ? "yes" : { error: "never ran", says: "" };
  } catch (error) {
    result[step] = failed(error);
  }
  return { section, class: "StructOps", ...result, by: "a connection by its congestion control" };
}
