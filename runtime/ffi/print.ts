import { allocate, libbpf as bare, errno, libc, setErrno, viewNative } from "./koffi.js";
import { type Message, messagesIn } from "./messages.js";
import { type Functions, libbpfPrototypes } from "./prototypes.js";

/**
 * What libbpf says while it works.
 *
 * It has one print function for the whole process, which runs in whatever thread libbpf is called in. A function of
 * JavaScript's belongs to one thread: called from another it makes that wait, and it ends the process once its thread
 * is gone. So the print function is native: a few instructions that write a message into the stream of the thread
 * that it is said in, if that thread listens. What they wrote is read when libbpf's function has returned, so that no
 * JavaScript ever runs inside of libbpf.
 */

/** Gets what libbpf says: `level` is one of `LogLevel`, `text` a line or more, without the newline at its end. */
export type Logger = (level: number, text: string) => void;

const WARN = 0;
const DEBUG = 2;

let logger: Logger | null = null;
let delivering = false;

/**
 * Hands everything that libbpf says in this thread to a function; `null`, as in the beginning, has it say nothing.
 * Warnings are part of the error that they belong to in either case. Messages come when libbpf's function has
 * returned, so the logger may do whatever it likes; what libbpf says because of that is not logged. What the logger
 * throws is an uncaught exception, and disturbs nothing else. Each worker thread has a logger of its own.
 *
 * @example
 * setLogger((level, text) => {
 *   if (level <= LogLevel.INFO) console.error(text);
 * });
 */
export function setLogger(to: Logger | null): void {
  if (to !== null && typeof to !== "function")
    throw new TypeError(`setLogger(): a function or null is needed, not ${typeof to}`);
  deliver();
  if (!logger && to) process.on("exit", deliver);
  if (logger && !to) process.removeListener("exit", deliver);
  logger = to;
}

/** Functions of libbpf's that say something; all others only ask, or are bare system calls. */
const talkative =
  /^bpf_(object|program|map|link)__(open|load|attach|pin|unpin|set_|reuse)|^bpf_(tc|xdp)_|^bpf_linker__|_buffer__new|^libbpf_(probe|num)/;

/** The functions of libbpf, whose messages reach the logger, {@link listening} and {@link saidBy}. */
export const libbpf: Functions<typeof libbpfPrototypes> = Object.defineProperties(
  {},
  Object.fromEntries(
    Object.keys(libbpfPrototypes).map((name) => [
      name,
      { configurable: true, enumerable: true, get: () => overheard(name as keyof typeof libbpfPrototypes) },
    ]),
  ),
) as Functions<typeof libbpfPrototypes>;

function overheard(name: keyof typeof libbpfPrototypes): unknown {
  const bound = bare[name] as (...args: unknown[]) => unknown;
  const value = talkative.test(name)
    ? (...args: unknown[]): unknown => overhear(name, () => bound(...args))
    : bound;
  Object.defineProperty(libbpf, name, { configurable: true, enumerable: true, value });
  return value;
}

let last: { readonly name: string; readonly said: readonly string[] } | undefined;
let collecting: string[] | undefined;

/** The warnings that libbpf gave during the last call of its functions, if that was `syscall` and nobody listened. */
export function saidBy(syscall: string): readonly string[] {
  return last?.name === syscall ? last.said : [];
}

/** Runs calls of libbpf's and hands over the warnings that it gave meanwhile. */
export function listening<T>(call: () => T): {
  readonly result: T;
  readonly errno: number;
  readonly said: readonly string[];
} {
  const outer = collecting;
  const said: string[] = [];
  collecting = said;
  try {
    const result = call();
    return { result, errno: errno(), said };
  } finally {
    collecting = outer;
    // Whoever listens is prepared for a logger that closes things.
    if (!outer) deliver();
  }
}

function overhear<T>(name: string, call: () => T): T {
  printer ??= install();
  if (!printer) return call();
  const { key, slot, view } = printer;
  const stream = libc.open_memstream(slot.address + TEXT, slot.address + SIZE);
  if (stream === 0) return call();
  view.setBigUint64(0, BigInt(stream), true);
  view.setUint32(LIMIT, logger && !delivering ? DEBUG : WARN, true);
  libc.pthread_setspecific(key, slot.address);
  try {
    return call();
  } finally {
    // The caller asks for errno, and all that follows may change it.
    const failure = errno();
    libc.pthread_setspecific(key, 0);
    libc.fclose(stream);
    const messages = takeMessages(
      Number(view.getBigUint64(TEXT, true)),
      Number(view.getBigUint64(SIZE, true)),
    );
    const said = messages.flatMap(({ level, text }) => (level === WARN ? [text] : []));
    // Whoever listens has them; a verifier's log is not to be kept until the next call.
    last = collecting ? undefined : { name, said };
    for (const each of said) collecting?.push(each);
    if (logger && !delivering && messages.length > 0) {
      if (waiting.length === 0) queueMicrotask(deliver);
      for (const each of messages) waiting.push(each);
    }
    setErrno(failure);
  }
}

/** Reads what is in a stream, and frees it. */
function takeMessages(address: number, length: number): Message[] {
  if (address === 0) return [];
  try {
    // SAFETY: nothing of the view is left when this returns.
    return length === 0 ? [] : messagesIn(viewNative(address, length));
  } finally {
    libc.free(address);
  }
}

/** What the logger has not been told yet. */
const waiting: Message[] = [];

function deliver(): void {
  if (delivering || waiting.length === 0) return;
  delivering = true;
  for (const { level, text } of waiting.splice(0)) {
    try {
      logger?.(level, text);
    } catch (error) {
      // Not here, where it would take the place of libbpf's result.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
  delivering = false;
}

/** What a thread's slot holds: the stream (`FILE *`), the highest level it takes, then where the stream's text is. */
const LIMIT = 8;
const TEXT = 16;
const SIZE = 24;

let printer:
  | {
      readonly key: number;
      readonly slot: { readonly address: number; readonly bytes: Uint8Array };
      readonly view: DataView;
    }
  | false
  | undefined;

/**
 * The print function, for each machine. In C:
 * ```c
 * int print(enum libbpf_print_level level, const char *format, va_list args)
 * {
 *   struct { FILE *stream; unsigned limit; } *slot = pthread_getspecific(key);
 *   if (slot && level <= slot->limit) {
 *     fputc(level + 1, slot->stream);
 *     vfprintf(slot->stream, format, args);
 *   }
 *   return 0;
 * }
 * ```
 * It starts with a name, by which another copy of the runtime knows it. Behind it lie the key and the addresses of the
 * three functions. `test/unit/ffi` holds the assembly.
 */
export const printCode: Readonly<Record<string, string>> = {
  x64: "8w8e+usKYnBmLXRzZ2VuMVNVQVRBVUFWiftJifRJidVMjTU5AAAAQYs+Qf9WCEiFwHQfO1gIdxpIiyiNewFIie5B/1YQSInvTInmTInqQf9WGDHAQV5BXUFcXVvDzMzM",
  arm64:
    "XyQD1QQAABRicGYtdHNnZW4xAAD9e7yp/QMAkfNTAan1WwKp9xsA+fMDACr0AwGq9QMCqnYDABDAAkC5yQZA+SABP9bAAQC0CQhAuX8CCWtoAQBUFwBA+WAGABHhAxeqyQpA+SABP9bgAxeq4QMUquIDFarJDkD5IAE/1gAAgFL3G0D59VtCqfNTQan9e8SowANf1h8gA9UfIAPVHyAD1Q==",
};

const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const NAME_END = 18;

/**
 * Makes the print function known to libbpf, or finds the one that another thread or copy of the runtime made: there
 * is one for the process, and it stays. Where there is none for this machine, libbpf is silent.
 */
function install(): typeof printer {
  const code = Buffer.from(printCode[process.arch] ?? "", "base64");
  // With the print function that libbpf has at first it writes to stderr.
  const before = bare.libbpf_set_print(0);
  if (code.length === 0) return false;
  const name = code.subarray(0, NAME_END);
  let print = before;
  if (before === 0 || Buffer.compare(viewNative(before, NAME_END), name) !== 0) {
    print = libc.mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
    // MAP_FAILED is the highest address: the only one that does not fit a number.
    if (typeof print === "bigint") return false;
    // SAFETY: never unmapped.
    const page = viewNative(print, 4096);
    page.set(code);
    const table = new DataView(page.buffer, page.byteOffset + code.length);
    if (libc.pthread_key_create(print + 4000, 0) !== 0) return false;
    table.setBigUint64(0, BigInt(new DataView(page.buffer, page.byteOffset).getUint32(4000, true)), true);
    for (const [i, each] of ["pthread_getspecific", "fputc", "vfprintf"].entries())
      table.setBigUint64(8 * (i + 1), BigInt(libc.dlsym(0, each)), true);
    if (libc.mprotect(print, 4096, PROT_READ | PROT_EXEC) !== 0) return false;
  }
  bare.libbpf_set_print(print);
  const slot = allocate(32);
  const key = new DataView(viewNative(print + code.length, 8).slice().buffer).getUint32(0, true);
  return { key, slot, view: new DataView(slot.bytes.buffer) };
}
