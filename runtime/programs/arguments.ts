import { closeSync, constants, openSync } from "node:fs";
import { BpfError } from "../errors.js";
import { hintFor, libc } from "../ffi/native.js";

/** Text for C: a string without NUL. */
export function text(value: unknown, name: string, where = "attach()"): string {
  if (typeof value !== "string") throw new TypeError(`${where}: ${name} is a string, not ${typeof value}`);
  if (value.includes("\0")) throw new TypeError(`${where}: ${name} must not contain a NUL`);
  return value;
}

/** A cookie of 64 bits, or none. */
export function cookie(value: unknown): bigint | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "bigint") throw new TypeError(`attach(): cookie is a bigint, not ${typeof value}`);
  if (BigInt.asUintN(64, value) !== value)
    throw new RangeError(`attach(): ${value} does not fit a cookie of 64 bits`);
  return value;
}

/** An integer of a range. */
export function integer(
  value: unknown,
  name: string,
  least: number,
  most: number,
  where = "attach()",
): number {
  if (typeof value !== "number") throw new TypeError(`${where}: ${name} is a number, not ${typeof value}`);
  if (!Number.isInteger(value) || value < least || value > most)
    throw new RangeError(`${where}: ${name} ${value} is outside ${least} … ${most}`);
  return value;
}

/** An unsigned integer of 64 bits. */
export function u64(value: unknown, name: string): bigint {
  const wide = typeof value === "bigint" ? value : BigInt(integer(value, name, 0, Number.MAX_SAFE_INTEGER));
  if (BigInt.asUintN(64, wide) !== wide)
    throw new RangeError(`attach(): ${name} ${wide} does not fit 64 bits`);
  return wide;
}

/** A yes or no; undefined when left out. */
export function flag(value: unknown, name: string): boolean | undefined {
  if (value !== undefined && typeof value !== "boolean")
    throw new TypeError(`attach(): ${name} is a boolean, not ${typeof value}`);
  return value;
}

/** A list, copied: a caller's may change meanwhile. */
export function list<T>(value: unknown, name: string, element: (value: unknown, name: string) => T): T[] {
  if (!Array.isArray(value)) throw new TypeError(`attach(): ${name} is an array, not ${typeof value}`);
  if (value.length === 0 || value.length > MOST_AT_ONCE)
    throw new RangeError(`attach(): ${name} has ${value.length} elements, not 1 … ${MOST_AT_ONCE}`);
  return Array.from(value as unknown[], (each) => element(each, name));
}

/** The kernel's MAX_KPROBE_MULTI_CNT, and MAX_UPROBE_MULTI_CNT. */
export const MOST_AT_ONCE: number = 2 ** 20;

/** What one of a table's own names stands for. */
export function choice<T>(table: { readonly [name: string]: T }, value: unknown, name: string): T {
  const found = typeof value === "string" && Object.hasOwn(table, value) ? table[value] : undefined;
  if (found !== undefined) return found;
  const names = Object.keys(table).map((each) => JSON.stringify(each));
  throw new TypeError(`attach(): ${name} is one of ${names.join(", ")}`);
}

const INT_MAX = 0x7fff_ffff;

/** A process id; every process when left out. */
export function processId(value: unknown): number {
  return value === undefined ? -1 : integer(value, "pid", -1, INT_MAX);
}

/** An open descriptor. */
export function descriptor(value: unknown, name: string, where?: string): number {
  return integer(value, name, 0, INT_MAX, where);
}

/** Runs with the descriptor of a file or folder, given by its path or as a descriptor. */
export function withFile<T>(file: unknown, name: string, run: (fd: number) => T): T {
  if (typeof file === "number") return run(descriptor(file, name));
  let fd: number;
  try {
    // A FIFO would be waited for.
    fd = openSync(text(file, name), constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof TypeError) throw error;
    const { code = "EINVAL", errno, message } = error as NodeJS.ErrnoException;
    throw new BpfError(`attach(): ${name}: ${message} — is the path right?`, {
      code,
      errno: errno === undefined ? undefined : -errno,
      syscall: "open",
      cause: error,
    });
  }
  try {
    return run(fd);
  } finally {
    closeSync(fd);
  }
}

/** A network interface, by name or number. */
export type InterfaceTarget = { readonly interface: string } | { readonly ifindex: number };

/** The number of an interface (`if_nametoindex(3)`). */
export function interfaceIndex(where: string, target: string | InterfaceTarget): number {
  const given: { interface?: unknown; ifindex?: unknown } =
    typeof target === "string" ? { interface: target } : (target ?? {});
  if (given.interface === undefined) return integer(given.ifindex, "ifindex", 1, INT_MAX);
  const name = text(given.interface, "interface");
  const found = libc.if_nametoindex(name);
  if (found > 0) return found;
  const hint = hintFor({ code: "ENODEV" }) ?? 'see "ip link"';
  throw new BpfError(`${where}: there is no network interface "${name}" — ${hint}`, {
    code: "ENODEV",
    errno: 19,
    syscall: "if_nametoindex",
  });
}
