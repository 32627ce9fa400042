import { libbpf, opts } from "../ffi/native.js";
import { choice, cookie, flag, integer, processId, text, u64 } from "./arguments.js";
import { type AttachArguments, BaseProgram, type CookieOptions, type Target } from "./base.js";
import type { Link } from "./link.js";

/** `PROBE_ATTACH_MODE_*`. */
const modes = { default: 0, legacy: 1, perf: 2, link: 3 } as const;

/** How kprobes and uprobes are attached. */
export interface ProbeOptions extends CookieOptions {
  /** Whether it runs when the function returns; the section says it when left out. */
  readonly retprobe?: boolean | undefined;
  /**
   * By what of the kernel: `"legacy"` an event in tracefs · `"perf"` a performance event, with ioctl · `"link"` one
   * with a link, as cookies need it. The best that there is when left out. Others than `"default"` need libbpf 1.2.
   */
  readonly mode?: keyof typeof modes | undefined;
}

/** The mode as libbpf takes it: zero, which every libbpf knows, when nothing is asked for. */
function modeOf(value: unknown): number | undefined {
  return value === undefined || value === "default" ? undefined : choice(modes, value, "mode");
}

/** A function of the kernel, or a place in it. */
export interface KprobeTarget {
  /** The name of the function, as `/proc/kallsyms` lists it. */
  readonly function: string;
  /** Bytes from the function's start. */
  readonly offset?: number | undefined;
}

/** `SEC("kprobe/...")`, `SEC("kretprobe/...")`: runs when the kernel calls a function, or returns from it. */
export class Kprobe<How extends Target = "section"> extends BaseProgram {
  /** Attaches to the section's function, or the given one (`bpf_program__attach_kprobe_opts`). */
  attach(...[target]: AttachArguments<How, KprobeTarget, ProbeOptions>): Link {
    const found = /^k(?:ret)?probe\/([^+]+)(?:\+(0x[\da-f]+|\d+))?$/i.exec(this.section);
    const name = target?.function ?? found?.[1];
    if (!name) throw new TypeError(`${this.where}: names no function — attach({ function })`);
    const offset = target?.offset ?? (target?.function === undefined ? Number(found?.[2] ?? 0) : 0);
    return this.attached("bpf_program__attach_kprobe_opts", (pointer) =>
      libbpf.bpf_program__attach_kprobe_opts(
        pointer,
        text(name, "function"),
        opts("bpf_kprobe_opts", {
          offset: BigInt(integer(offset, "offset", 0, Number.MAX_SAFE_INTEGER)),
          retprobe: flag(target?.retprobe, "retprobe") ?? this.section.startsWith("kretprobe"),
          bpf_cookie: cookie(target?.cookie),
          attach_mode: modeOf(target?.mode),
        }),
      ),
    );
  }
}

/** A system call, by its bare name: `openat`. */
export interface KsyscallTarget {
  /** Without what an architecture puts before it: `openat`. */
  readonly syscall: string;
}

/** `SEC("ksyscall/...")`, `SEC("kretsyscall/...")`: runs at a system call, whatever this machine calls its function. */
export class Ksyscall<How extends Target = "section"> extends BaseProgram {
  /** Attaches to the section's system call, or the given one (`bpf_program__attach_ksyscall`). */
  attach(...[target]: AttachArguments<How, KsyscallTarget, Pick<ProbeOptions, "cookie" | "retprobe">>): Link {
    const name = target?.syscall ?? this.section.split("/")[1];
    if (!name) throw new TypeError(`${this.where}: names no system call — attach({ syscall })`);
    return this.attached("bpf_program__attach_ksyscall", (pointer) =>
      libbpf.bpf_program__attach_ksyscall(
        pointer,
        text(name, "syscall"),
        opts("bpf_ksyscall_opts", {
          bpf_cookie: cookie(target?.cookie),
          retprobe: flag(target?.retprobe, "retprobe") ?? this.section.startsWith("kretsyscall"),
        }),
      ),
    );
  }
}

/** A function in a program or shared library, or a place in its file. */
export type UprobeTarget = { readonly path: string } & (
  | { readonly symbol: string; readonly offset?: number | undefined }
  | { readonly offset: number; readonly symbol?: undefined }
);

/** Whose calls are watched. */
export interface ProcessOptions {
  /** The process to watch; all of them when left out, this one when 0. */
  readonly pid?: number | undefined;
}

/** How a uprobe is attached. */
export interface UprobeOptions extends ProbeOptions, ProcessOptions {
  /** Where in the file the semaphore of a USDT lies, which the kernel then counts up. */
  readonly refCtrOffset?: number | bigint | undefined;
}

/** `SEC("uprobe/...")`, `SEC("uretprobe/...")`: runs when user space calls a function, or returns from it. */
export class Uprobe<How extends Target = "section"> extends BaseProgram {
  /**
   * Attaches to the section's function, or the given one (`bpf_program__attach_uprobe_opts`). A path without a
   * slash is looked for as a library or program. `offset` is in bytes: from the symbol, or in the file.
   */
  attach(...[target]: AttachArguments<How, UprobeTarget, UprobeOptions>): Link {
    const at = target?.path === undefined ? this.#fromSection() : (target as UprobeTarget);
    const pid = processId(target?.pid);
    const offset = integer(at.offset ?? 0, "offset", 0, Number.MAX_SAFE_INTEGER);
    return this.attached("bpf_program__attach_uprobe_opts", (pointer) =>
      libbpf.bpf_program__attach_uprobe_opts(
        pointer,
        pid,
        text(at.path, "path"),
        offset,
        opts("bpf_uprobe_opts", {
          func_name: at.symbol === undefined ? undefined : text(at.symbol, "symbol"),
          retprobe: flag(target?.retprobe, "retprobe") ?? this.section.startsWith("uretprobe"),
          bpf_cookie: cookie(target?.cookie),
          ref_ctr_offset:
            target?.refCtrOffset === undefined ? undefined : u64(target.refCtrOffset, "refCtrOffset"),
          attach_mode: modeOf(target?.mode),
        }),
      ),
    );
  }

  /** `uprobe/PATH:SYMBOL[+OFFSET]`, the path up to the first colon, as libbpf reads it. */
  #fromSection(): UprobeTarget {
    const found = /^u(?:ret)?probe(?:\.s)?\/([^:]+):(.+?)(?:\+(0x[\da-f]+|\d+))?$/i.exec(this.section);
    if (!found) throw new TypeError(`${this.where}: names no function — attach({ path, symbol })`);
    return { path: found[1]!, symbol: found[2]!, offset: found[3] === undefined ? 0 : Number(found[3]) };
  }
}

/** A statically defined tracepoint of a program or library (`readelf -n` lists them). */
export interface UsdtTarget {
  /** The file; without a slash, a library or program that is looked for. */
  readonly path: string;
  /** What `readelf -n` calls Provider. */
  readonly provider: string;
  /** What `readelf -n` calls Name. */
  readonly name: string;
}

/** `SEC("usdt/...")`: runs at a statically defined tracepoint in user space. */
export class Usdt<How extends Target = "section"> extends BaseProgram {
  /** Attaches to the section's tracepoint, or the given one (`bpf_program__attach_usdt`). */
  attach(...[target]: AttachArguments<How, UsdtTarget, CookieOptions & ProcessOptions>): Link {
    // libbpf itself cannot read `usdt.s/...`.
    const found = /^usdt(?:\.s)?\/([^:]+):([^:]+):([^:]+)$/.exec(this.section);
    const [path, provider, name] = target?.path
      ? [target.path, target.provider, target.name]
      : [found?.[1], found?.[2], found?.[3]];
    if (!path) throw new TypeError(`${this.where}: names no tracepoint — attach({ path, provider, name })`);
    return this.attached(
      "bpf_program__attach_usdt",
      (pointer) =>
        libbpf.bpf_program__attach_usdt(
          pointer,
          processId(target?.pid),
          text(path, "path"),
          text(provider, "provider"),
          text(name, "name"),
          opts("bpf_usdt_opts", { usdt_cookie: cookie(target?.cookie) }),
        ),
      {
        ENOENT: "`readelf -n` lists what the file has",
        ESRCH: "is the process running, and <bpf/usdt.bpf.h> included?",
      },
    );
  }
}
