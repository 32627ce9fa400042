import type { Area } from "./area.js";
import { errno, libc } from "./koffi.js";
import { syscallNumbers } from "./machine.js";
import { opts, optsAt, optsLayouts } from "./opts.js";

/**
 * System calls that libbpf does not wrap, or only in newer versions, or whose wrappers refuse what was not there yet
 * when they were built. Each returns its result, or `-errno`.
 */

/** What libc reports by -1 and errno, as libbpf and the kernel do it. */
export function orErrno(result: number): number {
  return result < 0 ? -errno() : result;
}

const BPF_PROG_QUERY = 16;
const BPF_RAW_TRACEPOINT_OPEN = 17;
const BPF_LINK_CREATE = 28;
const BPF_PROG_BIND_MAP = 35;
const BPF_TOKEN_CREATE = 36;
const BPF_PROG_STREAM_READ_BY_FD = 37;
const BPF_PROG_ASSOC_STRUCT_OPS = 38;
const PERF_FLAG_FD_CLOEXEC = 8;

type Attributes<S extends Parameters<typeof opts>[0]> = Parameters<typeof opts<S>>[1];

/** `bpf(2)`. */
function bpf(command: number, address: number, size: number): number {
  return orErrno(libc.syscall(syscallNumbers.bpf, command, address, size, 0, 0));
}

/** Makes a link of the kernel (`BPF_LINK_CREATE`): its descriptor. */
export function linkCreate(attributes: Attributes<"bpf_attr_link_create">): number {
  const address = opts("bpf_attr_link_create", attributes);
  return bpf(BPF_LINK_CREATE, address, optsLayouts.bpf_attr_link_create.size);
}

/**
 * Attaches to a raw tracepoint or, without a name, to what the program was loaded for (`BPF_RAW_TRACEPOINT_OPEN`): the
 * link's descriptor. libbpf's own function has cookies from 1.4 on only.
 */
export function rawTracepointOpen(attributes: Attributes<"bpf_attr_raw_tracepoint">): number {
  const address = opts("bpf_attr_raw_tracepoint", attributes);
  return bpf(BPF_RAW_TRACEPOINT_OPEN, address, optsLayouts.bpf_attr_raw_tracepoint.size);
}

/** Asks what is attached somewhere (`BPF_PROG_QUERY`), by attributes in an area of the caller's. */
export function progQuery(area: Area, attributes: Attributes<"bpf_attr_query">): number {
  const address = optsAt(area, 0, "bpf_attr_query", attributes);
  return bpf(BPF_PROG_QUERY, address, optsLayouts.bpf_attr_query.size);
}

/** Has a map live as long as a program (`BPF_PROG_BIND_MAP`). */
export function progBindMap(attributes: Attributes<"bpf_attr_prog_bind_map">): number {
  const address = opts("bpf_attr_prog_bind_map", attributes);
  return bpf(BPF_PROG_BIND_MAP, address, optsLayouts.bpf_attr_prog_bind_map.size);
}

/** Makes a token of a bpffs that BPF was delegated to (`BPF_TOKEN_CREATE`): its descriptor. */
export function tokenCreate(attributes: Attributes<"bpf_attr_token_create">): number {
  const address = opts("bpf_attr_token_create", attributes);
  return bpf(BPF_TOKEN_CREATE, address, optsLayouts.bpf_attr_token_create.size);
}

/** Takes what a program has written to a stream out of it (`BPF_PROG_STREAM_READ_BY_FD`): how many bytes. */
export function progReadStream(attributes: Attributes<"bpf_attr_prog_stream_read">): number {
  const address = opts("bpf_attr_prog_stream_read", attributes);
  return bpf(BPF_PROG_STREAM_READ_BY_FD, address, optsLayouts.bpf_attr_prog_stream_read.size);
}

/** Says which struct_ops map a program belongs to (`BPF_PROG_ASSOC_STRUCT_OPS`). */
export function progAssociate(attributes: Attributes<"bpf_attr_prog_assoc_struct_ops">): number {
  const address = opts("bpf_attr_prog_assoc_struct_ops", attributes);
  return bpf(BPF_PROG_ASSOC_STRUCT_OPS, address, optsLayouts.bpf_attr_prog_assoc_struct_ops.size);
}

/** Opens a performance event (`perf_event_open(2)`): its descriptor. */
export function perfEventOpen(attributes: Attributes<"perf_event_attr">, pid: number, cpu: number): number {
  const address = opts("perf_event_attr", { ...attributes, struct_size: optsLayouts.perf_event_attr.size });
  return orErrno(libc.syscall(syscallNumbers.perf_event_open, address, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC));
}
