import { createRequire } from "node:module";
import { isMainThread } from "node:worker_threads";
import type * as Koffi from "koffi";
import { BpfError } from "../errors.js";
import { libraryHint, packageHint } from "./hints.js";
import { checkMachine, littleEndian } from "./machine.js";
import {
  type CType,
  type Functions,
  libbpfPrototypes,
  libcPrototypes,
  type Prototypes,
} from "./prototypes.js";

/**
 * The only file that knows koffi, and so the only one from which native code is reached. Nothing native is
 * loaded before the first call.
 */

/** The functions of libbpf, found and bound one by one when first used. */
export const libbpf: Functions<typeof libbpfPrototypes> = lazily(libbpfPrototypes, () => openLibbpf());
/** The functions of libc. */
export const libc: Functions<typeof libcPrototypes> = lazily(libcPrototypes, () => koffi().load(null));

let loaded: typeof Koffi | undefined;
function koffi(): typeof Koffi {
  if (loaded) return loaded;
  if (process.platform !== "linux")
    throw new BpfError(
      "libbpf.so.1: BPF programs load on Linux only — generating and type-checking work here",
      {
        code: "ERR_BPF_PLATFORM",
      },
    );
  try {
    loaded = createRequire(import.meta.url)("koffi") as typeof Koffi;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BpfError(
      `koffi: ${reason} — reinstall it with its optional dependencies, on the system that it runs on`,
      { code: "ERR_BPF_LIBRARY", cause },
    );
  }
  return loaded;
}

let library: Koffi.LibraryHandle | undefined;
function openLibbpf(): Koffi.LibraryHandle {
  if (library) return library;
  const path = process.env.LIBBPF_PATH || "libbpf.so.1";
  const { load, sizeof } = koffi();
  const sizes = { pointer: sizeof("void *"), long: sizeof("long"), size_t: sizeof("size_t") };
  checkMachine({ arch: process.arch, sizes, pageSize: libc.getpagesize(), littleEndian });
  try {
    library = load(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BpfError(`${path}: ${reason} — ${libraryHint(reason)}`, { code: "ERR_BPF_LIBRARY", cause });
  }
  return library;
}

const koffiTypes: Record<CType, string> = {
  // An address as a plain number: koffi refuses anything but numbers for it, null and undefined too.
  ptr: "uintptr_t",
  buf: "void *",
  str: "const char *",
  "str?": "const char *",
  s32: "int",
  u32: "uint32_t",
  s64: "int64_t",
  u64: "uint64_t",
  size: "size_t",
  bool: "bool",
  void: "void",
};

/** An object whose members bind themselves at their first use. */
function lazily<P extends Prototypes>(prototypes: P, open: () => Koffi.LibraryHandle): Functions<P> {
  const functions: Record<string, unknown> = {};
  for (const [name, [result, ...rest]] of Object.entries(prototypes)) {
    Object.defineProperty(functions, name, {
      configurable: true,
      get() {
        const types = rest.filter((type): type is CType => typeof type === "string");
        const bound = bind(open(), name, result, types, rest);
        Object.defineProperty(functions, name, { value: bound });
        return bound;
      },
    });
  }
  return functions as Functions<P>;
}

function bind(
  handle: Koffi.LibraryHandle,
  name: string,
  result: CType,
  types: readonly CType[],
  rest: readonly unknown[],
): unknown {
  try {
    const bound = handle.func(
      name,
      koffiTypes[result],
      types.map((type) => koffiTypes[type]),
    );
    return types.includes("str") ? checkingTexts(name, types, bound) : bound;
  } catch (cause) {
    const newest = rest.at(-1) as { since?: string } | undefined;
    const needs = newest?.since ?? "1.1";
    const how = needs === "1.1" ? `: ${packageHint()}` : "";
    throw new BpfError(`${name}: this libbpf has no such function — install libbpf ${needs} or newer${how}`, {
      code: "ERR_BPF_LIBRARY",
      syscall: name,
      cause,
    });
  }
}

/** koffi makes NULL of undefined, which libbpf does not expect, and C ends a text at its first NUL. */
function checkingTexts(name: string, types: readonly CType[], bound: (...args: unknown[]) => unknown) {
  const texts = types.flatMap((type, index) => (type === "str" ? [index] : []));
  return (...args: unknown[]): unknown => {
    for (const index of texts) {
      const text = args[index];
      if (typeof text !== "string" || text.includes("\0"))
        throw new TypeError(`${name}: a string without NUL is needed, not ${typeof text}`);
    }
    return bound(...args);
  };
}

/** errno of the call just made. Any failing call in between, of Node's too, overwrites it. */
export function errno(): number {
  return koffi().errno();
}

/** Sets errno back to what a call left in it. */
export function setErrno(number: number): void {
  koffi().errno(number);
}

/**
 * `size` zeroed bytes outside the JavaScript heap, at an address that never changes.
 *
 * SAFETY: V8 does not know when the memory is freed, so it never is: callers keep and reuse it.
 */
export function allocate(size: number): { address: number; bytes: Uint8Array } {
  // Apart: where there is no native library at all, that is the error.
  const { alloc } = koffi();
  let pointer: bigint;
  try {
    pointer = alloc("uint8_t", size) as bigint;
  } catch (cause) {
    throw new BpfError(`${size} bytes of native memory: there is no room for them — take smaller values`, {
      code: "ENOMEM",
      errno: 12,
      syscall: "malloc",
      cause,
    });
  }
  const bytes = new Uint8Array(koffi().view(pointer, size));
  bytes.fill(0);
  return { address: Number(pointer), bytes };
}

/**
 * The bytes at an address, aliased.
 *
 * SAFETY: the memory must be mapped as long as anyone may touch the array; it never leaves the runtime.
 */
export function viewNative(address: number, size: number): Uint8Array {
  return new Uint8Array(koffi().view(BigInt(address), size));
}

/** `fcntl(2)`: a duplicate of a descriptor, from the third argument on. */
export const F_DUPFD_CLOEXEC = 1030;

/** A file descriptor watched by Node's event loop. */
export interface Watch {
  /** From now on calls back whenever the descriptor is readable. */
  start(): void;
  /** Stops calling back. */
  stop(): void;
  /** Whether the process goes on for the sake of this watch. */
  keepAlive(alive: boolean): void;
  /** Ends it, and closes its duplicate of the descriptor. */
  close(): void;
}

// koffi holds its handles weakly: one that nothing else refers to would silently stop.
const watches = new Set<Watch>();

/**
 * Watches `fd`. koffi ends the process for a descriptor that is watched twice or cannot be polled, and for an
 * error thrown in the callback: so each watch has a duplicate of its own, and errors go to a microtask.
 */
export function watch(fd: number, onReadable: () => void): Watch {
  if (!isMainThread) return watchByTimer(onReadable);
  const own = libc.fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) throw new BpfError(`watching fd ${fd}: it is not open`, { code: "EBADF", errno: errno() });
  const callback = (): void => {
    try {
      onReadable();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };
  let handle: Koffi.node.PollHandle | undefined;
  let closed = false;
  const watching: Watch = {
    start() {
      if (closed) return;
      if (handle) handle.start({ readable: true }, callback);
      else handle = koffi().node.poll(own, { readable: true }, callback);
    },
    stop() {
      if (!closed) handle?.stop();
    },
    keepAlive(alive) {
      if (closed) return;
      if (alive) handle?.ref();
      else handle?.unref();
    },
    close() {
      if (closed) return;
      closed = true;
      watches.delete(watching);
      handle?.close();
      libc.close(own);
    },
  };
  watches.add(watching);
  return watching;
}

/**
 * Looks every millisecond. A handle of koffi's that is open when its worker is terminated ends the whole
 * process with SIGSEGV, and nothing in the worker runs then that could close it.
 */
function watchByTimer(onReadable: () => void): Watch {
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
  };
  return {
    start() {
      timer ??= setInterval(onReadable, 1);
    },
    stop,
    keepAlive(alive) {
      if (alive) timer?.ref();
      else timer?.unref();
    },
    close: stop,
  };
}
