import { readFileSync } from "node:fs";
import { getSystemErrorMap } from "node:util";
import { BpfError, type BpfErrorDetails, errnoName } from "../errors.js";
import { type Failed, hintFor } from "./hints.js";
import { errno } from "./koffi.js";
import { saidBy } from "./print.js";

export { type Area, borrow, giveBack } from "./area.js";
export { capabilityHint, type Failed, hintFor, kernelBefore, lsmHint, type Machine } from "./hints.js";
export { allocate, errno, F_DUPFD_CLOEXEC, libc, viewNative, type Watch, watch } from "./koffi.js";
export { expectLibbpf, knowsLibbpf, opts, optsAt, optsLayouts } from "./opts.js";
export { type Logger, libbpf, listening, setLogger } from "./print.js";
export {
  linkCreate,
  orErrno,
  perfEventOpen,
  progAssociate,
  progBindMap,
  progQuery,
  progReadStream,
  rawTracepointOpen,
  tokenCreate,
} from "./syscalls.js";

/** `EINVAL`, `ENOENT`, … as libbpf returns them: negative. */
export const ENOENT = -2;
export const E2BIG = -7;
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
