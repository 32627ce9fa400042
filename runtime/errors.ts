import { constants } from "node:os";

/** The line of C at which the verifier stopped, from `.BTF.ext`. */
export interface SourceLine {
  /** The file, as the compiler was given it. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** The line itself, with its indentation. */
  readonly text: string;
  /** Where in the line, counted from 1; absent where the object does not tell. */
  readonly column?: number | undefined;
}

/** What a {@link BpfError} carries besides its message. */
export interface BpfErrorDetails {
  /** The name of the errno (`"EACCES"`), or one of `"ERR_BPF_…"`. */
  readonly code: string;
  /** The positive errno, when the kernel or libbpf gave one. */
  readonly errno?: number | undefined;
  /** The libbpf or libc function that failed. */
  readonly syscall?: string | undefined;
  /** The program that the verifier refused. */
  readonly program?: string | undefined;
  /** The verifier's whole log, or what else libbpf said during the failed call. */
  readonly log?: string | undefined;
  /** The C line at which the verifier stopped. */
  readonly source?: SourceLine | undefined;
  /** The error that led to this one. */
  readonly cause?: unknown;
}

/**
 * Everything that goes wrong in the kernel, in libbpf or in how the runtime is used, in the shape of Node's
 * own system errors. The message reads `where: what — what to do`.
 */
export class BpfError extends Error {
  /** `"BpfError"`. */
  override readonly name: string = "BpfError";
  /** The name of the errno (`"EACCES"`), or `"ERR_BPF_CLOSED"`, `"ERR_BPF_STATE"`, `"ERR_BPF_RECORD"`, … */
  readonly code: string;
  /** The positive errno, when the kernel or libbpf gave one. */
  declare readonly errno?: number;
  /** The libbpf or libc function that failed. */
  declare readonly syscall?: string;
  /** The program that the verifier refused. */
  declare readonly program?: string;
  /** The verifier's whole log, or what else libbpf said during the failed call. */
  declare readonly log?: string;
  /** The C line at which the verifier stopped. */
  declare readonly source?: SourceLine;

  constructor(message: string, details: BpfErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code;
    if (details.errno !== undefined) this.errno = details.errno;
    if (details.syscall !== undefined) this.syscall = details.syscall;
    if (details.program !== undefined) this.program = details.program;
    // A thousand lines, when Node prints the error: its message holds what matters of them.
    if (details.log !== undefined) Object.defineProperty(this, "log", { value: details.log });
    if (details.source !== undefined) this.source = details.source;
  }
}

/** A {@link BpfError} for a thing that was used after its end. */
export function closedError(where: string): BpfError {
  return new BpfError(`${where}: is closed — use it before close()`, { code: "ERR_BPF_CLOSED" });
}

/** A {@link BpfError} for a thing that was used too early or too late. */
export function stateError(where: string, what: string): BpfError {
  return new BpfError(`${where}: ${what}`, { code: "ERR_BPF_STATE" });
}

const errnoNames: ReadonlyMap<number, string> = new Map([
  ...Object.entries(constants.errno).map(([name, number]): [number, string] => [number, name]),
  [11, "EAGAIN"],
  [95, "EOPNOTSUPP"],
  [524, "ENOTSUPP"],
  ...["LIBELF", "FORMAT", "KVERSION", "ENDIAN", "INTERNAL", "RELOC", "LOAD", "VERIFY", "PROG2BIG", "KVER"]
    .concat(["PROGTYPE", "WRNGPID", "INVSEQ", "NLPARSE"])
    .map((name, index): [number, string] => [4000 + index, `LIBBPF_ERRNO__${name}`]),
]);

/** `13` to `"EACCES"`, libbpf's own numbers (4000 and up) included. */
export function errnoName(errno: number): string {
  return errnoNames.get(errno) ?? `E${errno}`;
}
