import { getSystemErrorMap } from "node:util";
import { BpfError, type BpfErrorDetails, errnoName } from "../errors.js";
import { allocate, errno, libbpf, libc, registerPrint, viewNative } from "./koffi.js";

export { allocate, errno, libbpf, libc, viewNative, type Watch, watch } from "./koffi.js";
export { opts } from "./opts.js";

/** `EINVAL`, `ENOENT`, … as libbpf returns them: negative. */
export const ENOENT = -2;
export const EEXIST = -17;
export const EINVAL = -22;
export const ENOSPC = -28;
export const ENOTSUPP = -524;

/** The result of a libbpf function that returns `-errno`; `where: what — what to do` thrown when it is one. */
export function check(where: string, syscall: string, result: number): number {
  if (result < 0) throw systemError(where, syscall, -result);
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
  } = {},
): BpfError {
  const code = errnoName(number);
  const text =
    details.what ??
    getSystemErrorMap().get(-number)?.[1] ??
    (code === "ENOTSUPP" ? "not supported by this kernel" : code);
  const hint = details.todo ?? hints[code]?.();
  return new BpfError(`${where}: ${syscall}: ${text} (${code})${hint === undefined ? "" : ` — ${hint}`}`, {
    code,
    errno: number,
    syscall,
    ...details,
  });
}

const hints: Readonly<Record<string, (() => string) | undefined>> = {
  EPERM: () =>
    process.geteuid?.() === 0
      ? "this kernel or its lockdown refuses it even to root"
      : "run it as root, or with CAP_BPF and CAP_PERFMON (and CAP_NET_ADMIN for networking)",
  E2BIG: () => "the map is full: raise its max_entries, or delete entries",
  ENODEV: () => "is there such a network interface?",
};

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

/** Reads a C string of known length at an address, and frees it. */
function takeText(address: number, length: number): string {
  const text = new TextDecoder().decode(viewNative(address, length).slice());
  libc.free(address);
  return text;
}

let messages: string[] | undefined;
let print: { readonly callback: number; readonly out: Area; readonly view: DataView } | undefined;

/**
 * Runs a libbpf call and hands over the warnings that libbpf printed during it; nothing reaches stderr.
 *
 * libbpf's hook is one for the whole process, so it is set for the time of the call only.
 */
export function listening<T>(call: () => T): {
  readonly result: T;
  readonly errno: number;
  readonly said: string[];
} {
  if (!print) {
    const out = borrow(64);
    print = { callback: registerPrint(onPrint), out, view: new DataView(out.bytes.buffer) };
  }
  const said: string[] = [];
  const outer = messages;
  messages = said;
  libbpf.libbpf_set_print(print.callback);
  try {
    const result = call();
    return { result, errno: errno(), said };
  } finally {
    messages = outer;
    if (!outer) libbpf.libbpf_set_print(0);
  }
}

const WARN = 0;

/**
 * libbpf_print_fn_t. On x86-64 and arm64 a va_list arrives as one pointer, and may be used once: `vasprintf`.
 * An exception must not leave this function: libbpf's result would be lost.
 */
function onPrint(level: number, format: number, args: number): number {
  if (level > WARN || !messages || !print) return 0;
  try {
    const length = libc.vasprintf(print.out.address, format, args);
    if (length >= 0) messages.push(takeText(Number(print.view.getBigUint64(0, true)), length));
  } catch {
    // A message that cannot be read is no reason to fail.
  }
  return 0;
}
