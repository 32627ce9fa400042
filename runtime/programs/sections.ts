import { libbpf, listening } from "../ffi/native.js";

const BPF_F_SLEEPABLE = 16;

/**
 * A row of libbpf's table of sections: program type, expected attach type, whether it may sleep, and whether the
 * kernel's BTF has what it is loaded for.
 */
type Row = readonly [type: number, attachType: number, sleepable?: boolean, hasTarget?: true];

/**
 * Sections that libbpf 1.1 does not know yet, as newer ones define them. Traffic-control programs get no attach
 * type: the attachment says it, and kernels before 6.6 know none.
 */
const newer: Readonly<Record<string, Row>> = {
  "tc/ingress": [3, 0],
  "tc/egress": [3, 0],
  "tcx/ingress": [3, 0],
  "tcx/egress": [3, 0],
  "netkit/primary": [3, 54],
  "netkit/peer": [3, 55],
  netfilter: [32, 45],
  "sk_skb/verdict": [14, 38],
  "cgroup/connect_unix": [18, 49],
  "cgroup/sendmsg_unix": [18, 50],
  "cgroup/recvmsg_unix": [18, 51],
  "cgroup/getpeername_unix": [18, 52],
  "cgroup/getsockname_unix": [18, 53],
  "uprobe.multi": [2, 48],
  "uretprobe.multi": [2, 48],
  "uprobe.multi.s": [2, 48, true],
  "uretprobe.multi.s": [2, 48, true],
  "uprobe.session": [2, 57],
  "uprobe.session.s": [2, 57, true],
  "kprobe.session": [2, 56],
  "usdt.s": [2, 0, true],
  "tp.s": [5, 0, true],
  "tracepoint.s": [5, 0, true],
  "raw_tp.s": [17, 0, true],
  "raw_tracepoint.s": [17, 0, true],
  "tp_btf.s": [26, 23, true, true],
  fsession: [26, 58, false, true],
  "fsession.s": [26, 58, true, true],
  "fentry.multi": [26, 59],
  "fentry.multi.s": [26, 59, true],
  "fexit.multi": [26, 60],
  "fexit.multi.s": [26, 60, true],
  "fsession.multi": [26, 61],
  "fsession.multi.s": [26, 61, true],
};

/** Tells libbpf of a program whose section is newer than it is. */
export function backfill(pointer: number): void {
  if (libbpf.bpf_program__type(pointer) !== 0) return;
  const section = libbpf.bpf_program__section_name(pointer) ?? "";
  const slash = section.indexOf("/");
  const row = newer[section] ?? newer[slash === -1 ? section : section.slice(0, slash)];
  if (!row) return;
  const [type, attachType, sleepable, hasTarget] = row;
  libbpf.bpf_program__set_type(pointer, type);
  libbpf.bpf_program__set_expected_attach_type(pointer, attachType);
  if (sleepable) libbpf.bpf_program__set_flags(pointer, BPF_F_SLEEPABLE);
  // What is not there is said when the program is loaded, if it is to be.
  if (hasTarget && slash !== -1)
    listening(() => libbpf.bpf_program__set_attach_target(pointer, 0, section.slice(slash + 1)));
}
