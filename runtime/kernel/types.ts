// The numbers of the kernel and of libbpf, as of Linux 7.3 and libbpf 1.8. They never change; new ones are added at the end.

/** `enum bpf_prog_type` of the kernel, without the prefix `BPF_PROG_TYPE_`. */
export const ProgramType = {
  UNSPEC: 0,
  SOCKET_FILTER: 1,
  KPROBE: 2,
  SCHED_CLS: 3,
  SCHED_ACT: 4,
  TRACEPOINT: 5,
  XDP: 6,
  PERF_EVENT: 7,
  CGROUP_SKB: 8,
  CGROUP_SOCK: 9,
  LWT_IN: 10,
  LWT_OUT: 11,
  LWT_XMIT: 12,
  SOCK_OPS: 13,
  SK_SKB: 14,
  CGROUP_DEVICE: 15,
  SK_MSG: 16,
  RAW_TRACEPOINT: 17,
  CGROUP_SOCK_ADDR: 18,
  LWT_SEG6LOCAL: 19,
  LIRC_MODE2: 20,
  SK_REUSEPORT: 21,
  FLOW_DISSECTOR: 22,
  CGROUP_SYSCTL: 23,
  RAW_TRACEPOINT_WRITABLE: 24,
  CGROUP_SOCKOPT: 25,
  TRACING: 26,
  STRUCT_OPS: 27,
  EXT: 28,
  LSM: 29,
  SK_LOOKUP: 30,
  SYSCALL: 31,
  NETFILTER: 32,
} as const;
/** A member of {@link ProgramType}, or a number that a newer kernel has added. */
export type ProgramType = (typeof ProgramType)[keyof typeof ProgramType] | (number & {});

/** `enum bpf_map_type` of the kernel, without the prefix `BPF_MAP_TYPE_`. */
export const MapType = {
  UNSPEC: 0,
  HASH: 1,
  ARRAY: 2,
  PROG_ARRAY: 3,
  PERF_EVENT_ARRAY: 4,
  PERCPU_HASH: 5,
  PERCPU_ARRAY: 6,
  STACK_TRACE: 7,
  CGROUP_ARRAY: 8,
  LRU_HASH: 9,
  LRU_PERCPU_HASH: 10,
  LPM_TRIE: 11,
  ARRAY_OF_MAPS: 12,
  HASH_OF_MAPS: 13,
  DEVMAP: 14,
  SOCKMAP: 15,
  CPUMAP: 16,
  XSKMAP: 17,
  SOCKHASH: 18,
  CGROUP_STORAGE: 19,
  REUSEPORT_SOCKARRAY: 20,
  PERCPU_CGROUP_STORAGE: 21,
  QUEUE: 22,
  STACK: 23,
  SK_STORAGE: 24,
  DEVMAP_HASH: 25,
  STRUCT_OPS: 26,
  RINGBUF: 27,
  INODE_STORAGE: 28,
  TASK_STORAGE: 29,
  BLOOM_FILTER: 30,
  USER_RINGBUF: 31,
  CGRP_STORAGE: 32,
  ARENA: 33,
  INSN_ARRAY: 34,
  RHASH: 35,
} as const;
/** A member of {@link MapType}, or a number that a newer kernel has added. */
export type MapType = (typeof MapType)[keyof typeof MapType] | (number & {});

/** `enum bpf_attach_type` of the kernel, without the prefix `BPF_`. */
export const AttachType = {
  CGROUP_INET_INGRESS: 0,
  CGROUP_INET_EGRESS: 1,
  CGROUP_INET_SOCK_CREATE: 2,
  CGROUP_SOCK_OPS: 3,
  SK_SKB_STREAM_PARSER: 4,
  SK_SKB_STREAM_VERDICT: 5,
  CGROUP_DEVICE: 6,
  SK_MSG_VERDICT: 7,
  CGROUP_INET4_BIND: 8,
  CGROUP_INET6_BIND: 9,
  CGROUP_INET4_CONNECT: 10,
  CGROUP_INET6_CONNECT: 11,
  CGROUP_INET4_POST_BIND: 12,
  CGROUP_INET6_POST_BIND: 13,
  CGROUP_UDP4_SENDMSG: 14,
  CGROUP_UDP6_SENDMSG: 15,
  LIRC_MODE2: 16,
  FLOW_DISSECTOR: 17,
  CGROUP_SYSCTL: 18,
  CGROUP_UDP4_RECVMSG: 19,
  CGROUP_UDP6_RECVMSG: 20,
  CGROUP_GETSOCKOPT: 21,
  CGROUP_SETSOCKOPT: 22,
  TRACE_RAW_TP: 23,
  TRACE_FENTRY: 24,
  TRACE_FEXIT: 25,
  MODIFY_RETURN: 26,
  LSM_MAC: 27,
  TRACE_ITER: 28,
  CGROUP_INET4_GETPEERNAME: 29,
  CGROUP_INET6_GETPEERNAME: 30,
  CGROUP_INET4_GETSOCKNAME: 31,
  CGROUP_INET6_GETSOCKNAME: 32,
  XDP_DEVMAP: 33,
  CGROUP_INET_SOCK_RELEASE: 34,
  XDP_CPUMAP: 35,
  SK_LOOKUP: 36,
  XDP: 37,
  SK_SKB_VERDICT: 38,
  SK_REUSEPORT_SELECT: 39,
  SK_REUSEPORT_SELECT_OR_MIGRATE: 40,
  PERF_EVENT: 41,
  TRACE_KPROBE_MULTI: 42,
  LSM_CGROUP: 43,
  STRUCT_OPS: 44,
  NETFILTER: 45,
  TCX_INGRESS: 46,
  TCX_EGRESS: 47,
  TRACE_UPROBE_MULTI: 48,
  CGROUP_UNIX_CONNECT: 49,
  CGROUP_UNIX_SENDMSG: 50,
  CGROUP_UNIX_RECVMSG: 51,
  CGROUP_UNIX_GETPEERNAME: 52,
  CGROUP_UNIX_GETSOCKNAME: 53,
  NETKIT_PRIMARY: 54,
  NETKIT_PEER: 55,
  TRACE_KPROBE_SESSION: 56,
  TRACE_UPROBE_SESSION: 57,
  TRACE_FSESSION: 58,
  TRACE_FENTRY_MULTI: 59,
  TRACE_FEXIT_MULTI: 60,
  TRACE_FSESSION_MULTI: 61,
} as const;
/** A member of {@link AttachType}, or a number that a newer kernel has added. */
export type AttachType = (typeof AttachType)[keyof typeof AttachType] | (number & {});

/** `enum bpf_link_type` of the kernel, without the prefix `BPF_LINK_TYPE_`. */
export const LinkType = {
  UNSPEC: 0,
  RAW_TRACEPOINT: 1,
  TRACING: 2,
  CGROUP: 3,
  ITER: 4,
  NETNS: 5,
  XDP: 6,
  PERF_EVENT: 7,
  KPROBE_MULTI: 8,
  STRUCT_OPS: 9,
  NETFILTER: 10,
  TCX: 11,
  UPROBE_MULTI: 12,
  NETKIT: 13,
  SOCKMAP: 14,
  TRACING_MULTI: 15,
} as const;
/** A member of {@link LinkType}, or a number that a newer kernel has added. */
export type LinkType = (typeof LinkType)[keyof typeof LinkType] | (number & {});

/** `enum libbpf_errno`: the errors of libbpf's own, without the prefix `LIBBPF_ERRNO__`. */
export const LibbpfErrno = {
  LIBELF: 4000,
  FORMAT: 4001,
  KVERSION: 4002,
  ENDIAN: 4003,
  INTERNAL: 4004,
  RELOC: 4005,
  LOAD: 4006,
  VERIFY: 4007,
  PROG2BIG: 4008,
  KVER: 4009,
  PROGTYPE: 4010,
  WRNGPID: 4011,
  INVSEQ: 4012,
  NLPARSE: 4013,
} as const;
/** A member of {@link LibbpfErrno}, or a number that a newer kernel has added. */
export type LibbpfErrno = (typeof LibbpfErrno)[keyof typeof LibbpfErrno] | (number & {});

/** `enum bpf_tc_attach_point` of libbpf, without the prefix `BPF_TC_`. `QDISC` needs libbpf 1.6. */
export const TcAttachPoint = {
  INGRESS: 1,
  EGRESS: 2,
  CUSTOM: 4,
  QDISC: 8,
} as const;
/** A member of {@link TcAttachPoint}, or a number that a newer kernel has added. */
export type TcAttachPoint = (typeof TcAttachPoint)[keyof typeof TcAttachPoint] | (number & {});

/** `enum libbpf_print_level`: how much a message of libbpf matters, without the prefix `LIBBPF_`. */
export const LogLevel = {
  WARN: 0,
  INFO: 1,
  DEBUG: 2,
} as const;
/** A member of {@link LogLevel}, or a number that a newer kernel has added. */
export type LogLevel = (typeof LogLevel)[keyof typeof LogLevel] | (number & {});

/** What the kernel's numbers are called, by number. */
function namesOf(numbers: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(numbers).map(([name, number]) => [number, name.toLowerCase()]));
}

const names = {
  program: namesOf(ProgramType),
  map: namesOf(MapType),
  attach: namesOf(AttachType),
  link: namesOf(LinkType),
};

function nameOf(kind: keyof typeof names, type: number): string {
  if (typeof type !== "number") throw new TypeError(`${kind} type: a number is needed, not ${typeof type}`);
  return names[kind].get(type) ?? `${kind} type ${type}`;
}

/** `6` to `"xdp"`, as `libbpf_bpf_prog_type_str` says it; `"program type 99"` for a number that is not known yet. */
export function programTypeName(type: ProgramType): string {
  return nameOf("program", type);
}

/** `1` to `"hash"`, as `libbpf_bpf_map_type_str` says it; `"map type 99"` for a number that is not known yet. */
export function mapTypeName(type: MapType): string {
  return nameOf("map", type);
}

/** `46` to `"tcx_ingress"`, as `libbpf_bpf_attach_type_str` says it; `"attach type 99"` for a number that is not known yet. */
export function attachTypeName(type: AttachType): string {
  return nameOf("attach", type);
}

/** `11` to `"tcx"`, as `libbpf_bpf_link_type_str` says it; `"link type 99"` for a number that is not known yet. */
export function linkTypeName(type: LinkType): string {
  return nameOf("link", type);
}
