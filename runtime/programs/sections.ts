import { libbpf } from "../ffi/native.js";

const BPF_F_SLEEPABLE = 16;

/** A row of libbpf's table of sections: program type, expected attach type, and whether it may sleep. */
type Row = readonly [type: number, attachType: number, sleepable?: true];

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
};

/** Tells libbpf of a program whose section is newer than it is. */
export function backfill(pointer: number): void {
  if (libbpf.bpf_program__type(pointer) !== 0) return;
  const section = libbpf.bpf_program__section_name(pointer) ?? "";
  const row = newer[section] ?? newer[section.split("/")[0]!];
  if (!row) return;
  const [type, attachType, sleepable] = row;
  libbpf.bpf_program__set_type(pointer, type);
  libbpf.bpf_program__set_expected_attach_type(pointer, attachType);
  if (sleepable) libbpf.bpf_program__set_flags(pointer, BPF_F_SLEEPABLE);
}
