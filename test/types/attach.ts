/**
 * What `attach()` of each class of programs takes, and what it must not: what is missing, wrong or superfluous does not
 * compile. Nothing here runs; `attach.test.ts` sees to it that no class is left out.
 */
import type {
  Iter,
  Kprobe,
  KprobeMulti,
  Ksyscall,
  Program,
  RawTracepoint,
  StructOpsProgram,
  Tracepoint,
  TracingMulti,
  Uprobe,
  UprobeMulti,
  Usdt,
} from "bpf-tsgen-runtime";
import type { KernelKinds } from "../fixtures/kernel-kinds.skel.js";

type Programs = KernelKinds["programs"];

/** Programs whose sections name no target: `SEC("kprobe")`. */
interface Bare {
  Iter: Iter<"arguments">;
  Kprobe: Kprobe<"arguments">;
  KprobeMulti: KprobeMulti<"arguments">;
  Ksyscall: Ksyscall<"arguments">;
  Program: Program<"arguments">;
  RawTracepoint: RawTracepoint<"arguments">;
  Tracepoint: Tracepoint<"arguments">;
  TracingMulti: TracingMulti<"arguments">;
  Uprobe: Uprobe<"arguments">;
  UprobeMulti: UprobeMulti<"arguments">;
  Usdt: Usdt<"arguments">;
}

/** What compiles. */
export function right(programs: Programs, bare: Bare): void {
  bare.Program.attach({ target: 3, attachType: 1, flags: 0 });
  bare.Kprobe.attach({ function: "f" });
  bare.Tracepoint.attach({ category: "a", name: "b" });
  bare.Iter.attach({ map: { fd: 3 } });
  programs.on_kprobe.attach();
  programs.on_kprobe.attach({ cookie: 1n });
  programs.on_kprobe.attach({ function: "f", offset: 4, retprobe: false, mode: "link" });
  programs.on_kprobe_multi.attach();
  programs.on_kprobe_multi.attach({ pattern: "do_*", unique: true });
  programs.on_kprobe_multi.attach({ functions: ["a", "b"], cookies: [1n, 2n] });
  programs.on_kprobe_multi.attach({ addresses: [1n], retprobe: true });
  programs.on_ksyscall.attach();
  programs.on_ksyscall.attach({ syscall: "openat", retprobe: true });
  programs.on_uprobe.attach();
  programs.on_uprobe.attach({ path: "/bin/true", symbol: "main" });
  programs.on_uprobe.attach({ path: "/bin/true", offset: 4, pid: 1, refCtrOffset: 8 });
  programs.on_uprobe_multi.attach();
  programs.on_uprobe_multi.attach({ path: "/bin/true", pattern: "m*" });
  programs.on_uprobe_multi.attach({ path: "/bin/true", symbols: ["a"], cookies: [1n], refCtrOffsets: [8] });
  programs.on_uprobe_multi.attach({ path: "/bin/true", offsets: [1, 2n], pid: 1 });
  programs.on_usdt.attach();
  programs.on_usdt.attach({ path: "/a", provider: "p", name: "n", pid: 1 });
  programs.on_tp.attach();
  programs.on_tp.attach({ category: "a", name: "b", cookie: 1n });
  programs.on_raw_tp.attach();
  programs.on_raw_tp.attach({ name: "sys_enter", cookie: 1n });
  programs.on_tp_btf.attach();
  programs.on_tp_btf.attach({ cookie: 1n });
  programs.on_fentry.attach();
  programs.on_fentry.attach({ cookie: 1n });
  programs.on_fentry_multi.attach();
  programs.on_fentry_multi.attach({ pattern: "a*" });
  programs.on_fentry_multi.attach({ ids: [1], cookies: [1n] });
  programs.on_lsm.attach();
  programs.on_lsm.attach({ cookie: 1n });
  programs.on_freplace.attach();
  programs.on_freplace.attach({ program: { fd: 1 }, function: "f" });
  programs.on_iter.attach();
  programs.on_iter.attach({ pid: 1 });
  programs.on_iter.attach({ tid: 1 });
  programs.on_iter.attach({ pidfd: 3 });
  programs.on_socket_filter.attach({ socket: 3 });
  programs.on_tc_plain.attach({ interface: "lo", direction: "ingress" });
  programs.on_tc_plain.attach({ ifindex: 1, direction: "egress", before: "all", fallback: false });
  programs.on_tc_ingress.attach("lo");
  programs.on_tc_ingress.attach({ ifindex: 1, after: { linkId: 3 }, expectedRevision: 2 });
  programs.on_tc_ingress.attach({ interface: "lo", fallback: "always" });
  programs.on_netkit_primary.attach("nk0");
  programs.on_netkit_primary.attach({ interface: "nk0", before: { programId: 1 } });
  programs.on_xdp.attach("lo");
  programs.on_xdp.attach({ interface: "lo", mode: "generic" });
  programs.on_sk_lookup.attach({ netns: "/proc/self/ns/net" });
  programs.on_sk_lookup.attach({ netns: 3 });
  programs.on_flow_dissector.attach({ netns: 3 });
  programs.on_netfilter.attach({ family: "ipv4", hook: "input", priority: 1, defrag: true });
  programs.on_sk_reuseport.attach({ socket: 3 });
  programs.on_sk_skb.attach({ map: { fd: 3 }, hook: "verdict" });
  programs.on_sk_skb_verdict.attach({ map: { fd: 3 } });
  programs.on_sk_skb_verdict.attach({ map: { fd: 3 }, fallback: "always" });
  programs.on_sk_msg.attach({ map: { fd: 3 }, fallback: false });
  programs.on_sockops.attach({ cgroup: "/c" });
  programs.on_cgroup_connect4.attach({ cgroup: "/c", before: { fd: 3 }, preorder: true });
  programs.on_cgroup_connect4.attach({ cgroup: 3, after: "all", expectedRevision: 1n });
  programs.on_cgroup_skb.attach({ cgroup: "/c", direction: "egress" });
  programs.on_lsm_cgroup.attach({ cgroup: "/c" });
  programs.on_perf_event.attach({ type: 1, config: 0, period: 1 });
  programs.on_perf_event.attach({ fd: 3, cookie: 1n, dontEnable: true });
  programs.on_lirc_mode2.attach({ device: "/dev/lirc0" });
}

/** Calls without what they need. */
export function missing(programs: Programs, bare: Bare): void {
  // @ts-expect-error which function
  bare.Kprobe.attach();
  // @ts-expect-error which functions
  bare.KprobeMulti.attach();
  // @ts-expect-error which system call
  bare.Ksyscall.attach();
  // @ts-expect-error which function
  bare.Uprobe.attach();
  // @ts-expect-error which functions
  bare.UprobeMulti.attach();
  // @ts-expect-error which tracepoint
  bare.Usdt.attach();
  // @ts-expect-error which tracepoint
  bare.Tracepoint.attach();
  // @ts-expect-error which tracepoint
  bare.RawTracepoint.attach();
  // @ts-expect-error which functions
  bare.TracingMulti.attach();
  // @ts-expect-error over what
  bare.Iter.attach();
  // @ts-expect-error where to
  bare.Program.attach();
  // @ts-expect-error which function
  bare.Kprobe.attach({ cookie: 1n });
  // @ts-expect-error which functions
  bare.KprobeMulti.attach({ retprobe: true });
  // @ts-expect-error which system call
  bare.Ksyscall.attach({ cookie: 1n });
  // @ts-expect-error which function
  bare.Uprobe.attach({ pid: 1 });
  // @ts-expect-error which functions
  bare.UprobeMulti.attach({ pid: 1 });
  // @ts-expect-error which tracepoint
  bare.Usdt.attach({ path: "/a" });
  // @ts-expect-error which tracepoint
  bare.Tracepoint.attach({ cookie: 1n });
  // @ts-expect-error which tracepoint
  bare.RawTracepoint.attach({ cookie: 1n });
  // @ts-expect-error which target
  bare.Program.attach({ flags: 1 });
  // @ts-expect-error a place in it
  programs.on_uprobe.attach({ path: "/bin/true" });
  // @ts-expect-error the file
  programs.on_uprobe.attach({ symbol: "main" });
  // @ts-expect-error which functions
  programs.on_uprobe_multi.attach({ path: "/bin/true" });
  // @ts-expect-error the file
  programs.on_uprobe_multi.attach({ symbols: ["a"] });
  // @ts-expect-error no provider
  programs.on_usdt.attach({ path: "/a", name: "n" });
  // @ts-expect-error no name
  programs.on_tp.attach({ category: "a" });
  // @ts-expect-error which function
  programs.on_freplace.attach({ program: { fd: 1 } });
  // @ts-expect-error which program
  programs.on_freplace.attach({ function: "f" });
  // @ts-expect-error which socket
  programs.on_socket_filter.attach();
  // @ts-expect-error which interface
  programs.on_tc_plain.attach();
  // @ts-expect-error which direction
  programs.on_tc_plain.attach("lo");
  // @ts-expect-error which direction
  programs.on_tc_plain.attach({ interface: "lo" });
  // @ts-expect-error which interface
  programs.on_tc_ingress.attach();
  // @ts-expect-error which device
  programs.on_netkit_primary.attach();
  // @ts-expect-error which interface
  programs.on_xdp.attach();
  // @ts-expect-error which namespace
  programs.on_sk_lookup.attach();
  // @ts-expect-error which namespace
  programs.on_flow_dissector.attach();
  // @ts-expect-error all three
  programs.on_netfilter.attach({ family: "ipv4", hook: "input" });
  // @ts-expect-error where
  programs.on_netfilter.attach();
  // @ts-expect-error which socket
  programs.on_sk_reuseport.attach();
  // @ts-expect-error which hook
  programs.on_sk_skb.attach({ map: { fd: 3 } });
  // @ts-expect-error which map
  programs.on_sk_skb.attach();
  // @ts-expect-error which map
  programs.on_sk_skb_verdict.attach();
  // @ts-expect-error which map
  programs.on_sk_msg.attach();
  // @ts-expect-error which cgroup
  programs.on_sockops.attach();
  // @ts-expect-error which cgroup
  programs.on_cgroup_connect4.attach();
  // @ts-expect-error which direction
  programs.on_cgroup_skb.attach({ cgroup: "/c" });
  // @ts-expect-error which cgroup
  programs.on_lsm_cgroup.attach();
  // @ts-expect-error which event
  programs.on_perf_event.attach();
  // @ts-expect-error how often
  programs.on_perf_event.attach({ type: 1, config: 0 });
  // @ts-expect-error which device
  programs.on_lirc_mode2.attach();
}

/** Calls with something else than they take. */
export function wrong(programs: Programs, bare: Bare): void {
  // @ts-expect-error a function is text
  programs.on_kprobe.attach({ function: 1 });
  // @ts-expect-error a cookie is a bigint
  programs.on_kprobe.attach({ cookie: 1 });
  // @ts-expect-error there is no such mode
  programs.on_kprobe.attach({ mode: "fast" });
  // @ts-expect-error cookies are bigints
  programs.on_kprobe_multi.attach({ functions: ["a"], cookies: [1] });
  // @ts-expect-error a call has a name
  programs.on_ksyscall.attach({ syscall: 1 });
  // @ts-expect-error a process id is a number
  programs.on_uprobe.attach({ pid: "1" });
  // @ts-expect-error a name is text
  programs.on_raw_tp.attach({ name: 1 });
  // @ts-expect-error ids are numbers
  programs.on_fentry_multi.attach({ ids: ["a"] });
  // @ts-expect-error no such order
  programs.on_iter.attach({ cgroup: "/c", order: "up" });
  // @ts-expect-error a socket is a descriptor
  programs.on_socket_filter.attach({ socket: "3" });
  // @ts-expect-error no such direction
  programs.on_tc_plain.attach({ interface: "lo", direction: "up" });
  // @ts-expect-error a name or a number in an object
  programs.on_tc_ingress.attach(1);
  // @ts-expect-error no such mode
  programs.on_tc_ingress.attach({ interface: "lo", fallback: "maybe" });
  // @ts-expect-error no such mode
  programs.on_xdp.attach({ interface: "lo", mode: "skb" });
  // @ts-expect-error by path or descriptor
  programs.on_sk_lookup.attach({ netns: true });
  // @ts-expect-error an object
  programs.on_sk_lookup.attach("/proc/self/ns/net");
  // @ts-expect-error no such family
  programs.on_netfilter.attach({ family: "ipx", hook: "input", priority: 1 });
  // @ts-expect-error a map has a descriptor
  programs.on_sk_skb_verdict.attach({ map: 3 });
  // @ts-expect-error an object
  programs.on_cgroup_connect4.attach("/c");
  // @ts-expect-error no such neighbour
  programs.on_cgroup_connect4.attach({ cgroup: "/c", before: "first" });
  // @ts-expect-error no such direction
  programs.on_cgroup_skb.attach({ cgroup: "/c", direction: "out" });
  // @ts-expect-error a descriptor is a number
  programs.on_perf_event.attach({ fd: "3" });
  // @ts-expect-error an object
  programs.on_lirc_mode2.attach("/dev/lirc0");
  // @ts-expect-error functions are names
  programs.on_kprobe_multi.attach({ functions: [1] });
  // @ts-expect-error symbols are names
  programs.on_uprobe_multi.attach({ path: "/a", symbols: [1] });
  // @ts-expect-error a provider is text
  programs.on_usdt.attach({ path: "/a", provider: 1, name: "n" });
  // @ts-expect-error a category is text
  programs.on_tp.attach({ category: 1, name: "n" });
  // @ts-expect-error a cookie is a bigint
  programs.on_tp_btf.attach({ cookie: 1 });
  // @ts-expect-error a cookie is a bigint
  programs.on_lsm.attach({ cookie: "1" });
  // @ts-expect-error a program has a descriptor
  programs.on_freplace.attach({ program: 1, function: "f" });
  // @ts-expect-error an order is one of four
  programs.on_netkit_primary.attach({ interface: "nk0", before: 1 });
  // @ts-expect-error a name or a number in an object
  programs.on_netkit_primary.attach(1);
  // @ts-expect-error by path or descriptor
  programs.on_flow_dissector.attach({ netns: true });
  // @ts-expect-error a socket is a descriptor
  programs.on_sk_reuseport.attach({ socket: "3" });
  // @ts-expect-error a map has a descriptor
  programs.on_sk_msg.attach({ map: "socks" });
  // @ts-expect-error no such hook
  programs.on_sk_skb.attach({ map: { fd: 3 }, hook: "parser" });
  // @ts-expect-error a target is a number
  bare.Program.attach({ target: "lo" });
}

/** Calls with more than they take. */
export function superfluous(programs: Programs, bare: Bare, structOps: StructOpsProgram): void {
  // @ts-expect-error kprobes have no path
  programs.on_kprobe.attach({ function: "f", path: "/bin/true" });
  // @ts-expect-error a pattern or functions, not both
  programs.on_kprobe_multi.attach({ pattern: "a*", functions: ["a"] });
  // @ts-expect-error cookies are of functions, not of patterns
  programs.on_kprobe_multi.attach({ pattern: "a*", cookies: [1n] });
  // @ts-expect-error one cookie is of one function
  programs.on_kprobe_multi.attach({ cookie: 1n });
  // @ts-expect-error its function is libbpf's to find
  programs.on_ksyscall.attach({ function: "f" });
  // @ts-expect-error functions or offsets, not both
  programs.on_uprobe_multi.attach({ path: "/bin/true", symbols: ["a"], offsets: [1] });
  // @ts-expect-error tracepoints have no offset
  programs.on_tp.attach({ category: "a", name: "b", offset: 1 });
  // @ts-expect-error raw tracepoints have no category
  programs.on_raw_tp.attach({ category: "a", name: "b" });
  // @ts-expect-error what it attaches to is fixed at load
  programs.on_tp_btf.attach({ name: "sys_exit" });
  // @ts-expect-error what it attaches to is fixed at load
  programs.on_fentry.attach({ function: "f" });
  // @ts-expect-error a pattern or ids
  programs.on_fentry_multi.attach({ pattern: "a", ids: [1] });
  // @ts-expect-error the hook is fixed at load
  programs.on_lsm.attach({ hook: "file_open" });
  // @ts-expect-error one of them
  programs.on_iter.attach({ pid: 1, tid: 1 });
  // @ts-expect-error an order is of cgroups
  programs.on_iter.attach({ order: "self" });
  // @ts-expect-error sockets have no interface
  programs.on_socket_filter.attach({ socket: 3, interface: "lo" });
  // @ts-expect-error tc has no modes
  programs.on_tc_ingress.attach({ interface: "lo", mode: "native" });
  // @ts-expect-error the section says the direction
  programs.on_netkit_primary.attach({ interface: "nk0", direction: "ingress" });
  // @ts-expect-error one program, so no order
  programs.on_xdp.attach({ interface: "lo", before: "all" });
  // @ts-expect-error links of XDP are the kernel's
  programs.on_xdp.attach({ interface: "lo", fallback: false });
  // @ts-expect-error a namespace, not an interface
  programs.on_flow_dissector.attach("lo");
  // @ts-expect-error the section says the hook
  programs.on_sk_msg.attach({ map: { fd: 3 }, hook: "verdict" });
  // @ts-expect-error cgroups have no interface
  programs.on_cgroup_connect4.attach({ cgroup: "/c", interface: "lo" });
  // @ts-expect-error nothing attaches it by itself
  programs.on_action.attach();
  // @ts-expect-error nothing attaches it by itself
  programs.on_xdp_devmap.attach();
  // @ts-expect-error nothing attaches it by itself
  programs.on_xdp_frags_cpumap.attach();
  // @ts-expect-error nothing attaches it by itself
  programs.on_lwt_in.attach();
  // @ts-expect-error nothing attaches it by itself
  programs.on_lwt_xmit.attach();
  // @ts-expect-error nothing attaches it by itself
  programs.on_lwt_seg6local.attach();
  // @ts-expect-error nothing attaches it by itself
  programs.on_syscall_program.attach();
  // @ts-expect-error a tracepoint has no function
  programs.on_usdt.attach({ path: "/a", provider: "p", name: "n", function: "f" });
  // @ts-expect-error it goes by a function's name
  programs.on_uprobe.attach({ path: "/a", symbol: "s", function: "f" });
  // @ts-expect-error the target is all there is
  programs.on_freplace.attach({ program: { fd: 1 }, function: "f", cookie: 1n });
  // @ts-expect-error netfilter has no interface
  programs.on_netfilter.attach({ family: "ipv4", hook: "input", priority: 1, interface: "lo" });
  // @ts-expect-error sockets have no direction
  programs.on_sk_reuseport.attach({ socket: 3, direction: "ingress" });
  // @ts-expect-error maps of sockets have no order
  programs.on_sk_skb.attach({ map: { fd: 3 }, hook: "verdict", before: "all" });
  // @ts-expect-error a namespace has no order
  programs.on_sk_lookup.attach({ netns: 3, before: "all" });
  // @ts-expect-error events have no interface
  programs.on_perf_event.attach({ fd: 3, interface: "lo" });
  // @ts-expect-error a device has no cookie
  programs.on_lirc_mode2.attach({ device: "/dev/lirc0", cookie: 1n });
  // @ts-expect-error links of the kernel have no mode
  bare.Program.attach({ target: 1, mode: "native" });
  // @ts-expect-error struct_ops programs are attached by their map
  structOps.attach();
}

/** Contexts of runs: the struct's members, and no others. */
export function contexts(programs: Programs): void {
  const { ctx } = programs.on_xdp.testRun({ data: new Uint8Array(64), ctx: { ingress_ifindex: 1 } });
  const seen: number = ctx.rx_queue_index;
  const bytes: Uint8Array = programs.on_xdp.testRun({ data: new Uint8Array(64) }).ctx;
  // @ts-expect-error there is no such member
  programs.on_xdp.testRun({ ctx: { mark: 1 } });
  // @ts-expect-error a member is a number
  programs.on_tc_plain.testRun({ ctx: { mark: "1" } });
  // @ts-expect-error no struct is known
  programs.on_kprobe.testRun({ ctx: { mark: 1 } });
  void [seen, bytes];
}
