import { readFileSync } from "node:fs";
import { getSystemErrorMap } from "node:util";
import { BpfError, type BpfErrorDetails, errnoName } from "../errors.js";
import { type Failed, hintFor } from "./hints.js";
import { allocate, errno, libc } from "./koffi.js";
import { saidBy } from "./print.js";

export { type Failed, hintFor, lsmHint, type Machine } from "./hints.js";
export { allocate, errno, F_DUPFD_CLOEXEC, libc, viewNative, type Watch, watch } from "./koffi.js";
export { type Logger, libbpf, listening, setLogger } from "./print.js";

import { expectLibbpf, opts, optsAt, optsLayouts } from "./opts.js";

export { expectLibbpf, opts, optsAt, optsLayouts };

/** `EINVAL`, `ENOENT`, … as libbpf returns them: negative. */
export const ENOENT = -2;
export const EEXIST = -17;
export const EINVAL = -22;
export const ENOSPC = -28;
export const ENOTSUPP = -524;

/** The result of a libbpf function that returns `-errno`; `where: what — what to do` thrown when it is one. */
export function check(
  where: string,
  syscall: string,
  result: number,
  paths: Pick<Failed, "pin" | "cgroup"> = {},
): number {
  if (result < 0) throw systemError(where, syscall, -result, paths);
  return result;
}

/** The result of a libbpf function that returns NULL and sets errno. Nothing may be called in between. */
export function checkPointer(where: string, syscall: string, pointer: number): number {
  if (pointer === 0) throw systemError(where, syscall, errno());
  return pointer;
}

/** A {@link BpfError} for an errno. */
export function systemError(
  where: string,
  syscall: string,
  number: number,
  details: Partial<BpfErrorDetails> & {
    readonly what?: string | undefined;
    readonly todo?: string | undefined;
  } & Pick<Failed, "pin" | "cgroup"> = {},
): BpfError {
  const code = errnoName(number);
  const text =
    details.what ??
    getSystemErrorMap().get(-number)?.[1] ??
    (code === "ENOTSUPP" ? "not supported by this kernel" : code);
  const log = details.log || saidBy(syscall).join("\n") || undefined;
  const hint =
    details.todo ?? hintFor({ code, syscall, said: log, pin: details.pin, cgroup: details.cgroup });
  return new BpfError(`${where}: ${syscall}: ${text} (${code})${hint === undefined ? "" : ` — ${hint}`}`, {
    code,
    errno: number,
    syscall,
    ...details,
    log,
  });
}

/** System calls that libbpf does not wrap, or only in newer versions, by their numbers on each machine. */
const numbers =
  process.arch === "x64" ? { bpf: 321, perf_event_open: 298 } : { bpf: 280, perf_event_open: 241 };
const BPF_PROG_QUERY = 16;
const BPF_RAW_TRACEPOINT_OPEN = 17;
const BPF_LINK_CREATE = 28;
const PERF_FLAG_FD_CLOEXEC = 8;

/** `bpf(2)`: its result, or `-errno`. */
function bpf(command: number, address: number, size: number): number {
  return orErrno(libc.syscall(numbers.bpf, command, address, size, 0, 0));
}

/**
 * Makes a link of the kernel (`bpf(BPF_LINK_CREATE)`) and returns its descriptor, or `-errno`. libbpf's own function
 * refuses what was not there yet when it was built.
 */
export function linkCreate(attributes: Parameters<typeof opts<"bpf_attr_link_create">>[1]): number {
  const address = opts("bpf_attr_link_create", attributes);
  return bpf(BPF_LINK_CREATE, address, optsLayouts.bpf_attr_link_create.size);
}

/**
 * Attaches to a raw tracepoint or, without a name, to what the program was loaded for (`bpf(BPF_RAW_TRACEPOINT_OPEN)`);
 * returns the link's descriptor, or `-errno`. libbpf's own function has cookies from 1.4 on only.
 */
export function rawTracepointOpen(attributes: Parameters<typeof opts<"bpf_attr_raw_tracepoint">>[1]): number {
  const address = opts("bpf_attr_raw_tracepoint", attributes);
  return bpf(BPF_RAW_TRACEPOINT_OPEN, address, optsLayouts.bpf_attr_raw_tracepoint.size);
}

/** Asks what is attached somewhere (`bpf(BPF_PROG_QUERY)`), by attributes in an area of the caller's: 0, or `-errno`. */
export function progQuery(area: Area, attributes: Parameters<typeof opts<"bpf_attr_query">>[1]): number {
  const address = optsAt(area, 0, "bpf_attr_query", attributes);
  return bpf(BPF_PROG_QUERY, address, optsLayouts.bpf_attr_query.size);
}

/** Opens a performance event (`perf_event_open(2)`) and returns its descriptor, or `-errno`. */
export function perfEventOpen(
  attributes: Parameters<typeof opts<"perf_event_attr">>[1],
  pid: number,
  cpu: number,
): number {
  const address = opts("perf_event_attr", { ...attributes, struct_size: optsLayouts.perf_event_attr.size });
  return orErrno(libc.syscall(numbers.perf_event_open, address, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC));
}

/** The numbers of the CPUs that are online. */
export function availableCpus(): number[] {
  const text = readFileSync("/sys/devices/system/cpu/online", "utf8").trim();
  return text.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** A number that fits C's `__u32`, or a TypeError or RangeError. */
export function unsigned(where: string, value: unknown): number {
  if (typeof value !== "number") throw new TypeError(`${where}: a number is needed, not ${typeof value}`);
  if (value >>> 0 !== value) throw new RangeError(`${where}: ${value} does not fit __u32`);
  return value;
}

/** A number that fits C's `int`, or a TypeError or RangeError. */
export function signed(where: string, value: unknown): number {
  if (typeof value !== "number") throw new TypeError(`${where}: a number is needed, not ${typeof value}`);
  if ((value | 0) !== value) throw new RangeError(`${where}: ${value} does not fit int`);
  return value;
}

/** What libc reports by -1 and errno, as libbpf and the kernel do it. */
export function orErrno(result: number): number {
  return result < 0 ? -errno() : result;
}

/** A piece of native memory that one owner uses at a time. */
export interface Area {
  readonly address: number;
  readonly bytes: Uint8Array;
}

const freeAreas = new Map<number, Area[]>();

/** Lends at least `size` bytes outside the JavaScript heap; give them back with {@link giveBack}. */
export function borrow(size: number): Area {
  const rounded = Math.max(64, 2 ** Math.ceil(Math.log2(size)));
  const area = freeAreas.get(rounded)?.pop() ?? allocate(rounded);
  area.bytes.fill(0);
  return area;
}

/** Takes an area back for the next {@link borrow} of its size. */
export function giveBack(area: Area): void {
  const size = area.bytes.length;
  const areas = freeAreas.get(size);
  if (areas) areas.push(area);
  else freeAreas.set(size, [area]);
}
