import { availableCpus, F_DUPFD_CLOEXEC, libbpf, libc, opts, orErrno, perfEventOpen } from "../ffi/native.js";
import { cookie, descriptor, integer, processId, text, u64 } from "./arguments.js";
import { destroyAll, type Link } from "./link.js";
import { type AttachArguments, BaseProgram, type CookieOptions, type Target } from "./program.js";

/** A tracepoint of the kernel, as `/sys/kernel/tracing/events/CATEGORY/NAME` lists them. */
export interface TracepointTarget {
  readonly category: string;
  readonly name: string;
}

/** `SEC("tp/...")`, `SEC("tracepoint/...")`: runs at a tracepoint of the kernel. */
export class Tracepoint<How extends Target = "section"> extends BaseProgram {
  /** Attaches to the section's tracepoint, or the given one (`bpf_program__attach_tracepoint_opts`). */
  attach(...[target]: AttachArguments<How, TracepointTarget, CookieOptions>): Link {
    const [, category, name] = this.section.split("/");
    const at = { category: target?.category ?? category, name: target?.name ?? name };
    if (!at.category || !at.name)
      throw new TypeError(`${this.where}: names no tracepoint — attach({ category, name })`);
    return this.attached("bpf_program__attach_tracepoint_opts", (pointer) =>
      libbpf.bpf_program__attach_tracepoint_opts(
        pointer,
        text(at.category, "category"),
        text(at.name, "name"),
        opts("bpf_tracepoint_opts", { bpf_cookie: cookie(target?.cookie) }),
      ),
    );
  }
}

/** A tracepoint by its bare name. */
export interface RawTracepointTarget {
  readonly name: string;
}

/** `SEC("raw_tp/...")`: runs at a tracepoint, with its unprocessed arguments. */
export class RawTracepoint<How extends Target = "section"> extends BaseProgram {
  /**
   * Attaches to the section's tracepoint, or the given one (`bpf_program__attach_raw_tracepoint`).
   * A cookie needs libbpf 1.4 and kernel 6.10.
   */
  attach(...[target]: AttachArguments<How, RawTracepointTarget, CookieOptions>): Link {
    const name = target?.name ?? this.section.split("/")[1];
    if (!name) throw new TypeError(`${this.where}: names no tracepoint — attach({ name })`);
    const wanted = cookie(target?.cookie);
    if (wanted === undefined)
      return this.attached("bpf_program__attach_raw_tracepoint", (pointer) =>
        libbpf.bpf_program__attach_raw_tracepoint(pointer, text(name, "name")),
      );
    return this.attached("bpf_program__attach_raw_tracepoint_opts", (pointer) =>
      libbpf.bpf_program__attach_raw_tracepoint_opts(
        pointer,
        text(name, "name"),
        opts("bpf_raw_tracepoint_opts", { cookie: wanted }),
      ),
    );
  }
}

/** A function in a program or shared library, or a place in its file. */
export type UprobeTarget = { readonly path: string } & (
  | { readonly symbol: string; readonly offset?: number | undefined }
  | { readonly offset: number; readonly symbol?: undefined }
);

/** How a uprobe is attached. */
export interface UprobeOptions extends CookieOptions {
  /** The process to watch; all of them when left out, this one when 0. */
  readonly pid?: number | undefined;
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
          retprobe: this.section.startsWith("uretprobe"),
          bpf_cookie: cookie(target?.cookie),
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

/** A function of the kernel, or a place in it. */
export interface KprobeTarget {
  readonly function: string;
  /** Bytes from the function's start. */
  readonly offset?: number | undefined;
  /** Whether it runs when the function returns; the section says it when left out. */
  readonly retprobe?: boolean | undefined;
}

/** `SEC("kprobe/...")`, `SEC("kretprobe/...")`: runs when the kernel calls a function, or returns from it. */
export class Kprobe<How extends Target = "section"> extends BaseProgram {
  /** Attaches to the section's function, or the given one (`bpf_program__attach_kprobe_opts`). */
  attach(...[target]: AttachArguments<How, KprobeTarget, CookieOptions>): Link {
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
          retprobe: target?.retprobe ?? this.section.startsWith("kretprobe"),
          bpf_cookie: cookie(target?.cookie),
        }),
      ),
    );
  }
}

/** A statically defined tracepoint of a program or library (`readelf -n` lists them). */
export interface UsdtTarget {
  readonly path: string;
  readonly provider: string;
  readonly name: string;
}

/** `SEC("usdt/...")`: runs at a statically defined tracepoint in user space. */
export class Usdt<How extends Target = "section"> extends BaseProgram {
  /** Attaches to the section's tracepoint, or the given one (`bpf_program__attach_usdt`). */
  attach(...[target]: AttachArguments<How, UsdtTarget, UprobeOptions>): Link {
    // libbpf itself cannot read `usdt.s/...`.
    const found = /^usdt(?:\.s)?\/([^:]+):([^:]+):([^:]+)$/.exec(this.section);
    const [path, provider, name] = target?.path
      ? [target.path, target.provider, target.name]
      : [found?.[1], found?.[2], found?.[3]];
    if (!path) throw new TypeError(`${this.where}: names no tracepoint — attach({ path, provider, name })`);
    return this.attached("bpf_program__attach_usdt", (pointer) =>
      libbpf.bpf_program__attach_usdt(
        pointer,
        processId(target?.pid),
        text(path, "path"),
        text(provider, "provider"),
        text(name, "name"),
        opts("bpf_usdt_opts", { usdt_cookie: cookie(target?.cookie) }),
      ),
    );
  }
}

/**
 * `SEC("fentry/...")`, `SEC("fexit/...")`, `SEC("fmod_ret/...")`, `SEC("tp_btf/...")`, `SEC("lsm/...")`: runs at what
 * the section, or `setTarget()` before load, names; typed arguments, and less overhead than kprobes.
 */
export class Tracing extends BaseProgram {
  /** Attaches to what it was loaded for (`bpf_program__attach_trace`). A cookie needs kernel 5.15; of `tp_btf`, 6.10. */
  attach(options: CookieOptions = {}): Link {
    const wanted = cookie(options.cookie);
    if (wanted !== undefined) return this.linkedTo({ target_fd: 0, tracing_cookie: wanted });
    return this.attached("bpf_program__attach_trace", (pointer) => libbpf.bpf_program__attach_trace(pointer));
  }
}

/** An event of the performance counters: `struct perf_event_attr`'s type and config, see perf_event_open(2). */
export interface PerfEventTarget {
  /** `PERF_TYPE_*`: 0 hardware, 1 software, … */
  readonly type: number;
  /** Which of that type: 0 of software is the CPU clock. */
  readonly config: number | bigint;
  /** Runs each time that the counter has grown by so much. */
  readonly period: number | bigint;
  /** The process to watch; all of them when left out. */
  readonly pid?: number | undefined;
  /** The CPU to watch; each of them when left out. */
  readonly cpu?: number | undefined;
}

/** `SEC("perf_event")`: runs on events of the performance counters, such as a clock. */
export class PerfEvent extends BaseProgram {
  /** Attaches to an event of your own, by its descriptor, or opens it (`bpf_program__attach_perf_event_opts`). */
  attach(target: ({ readonly fd: number } | PerfEventTarget) & CookieOptions): Link {
    const bpf_cookie = cookie(target.cookie);
    // libbpf closes the descriptor with the link, but does not when there comes none of it.
    const attach = (fd: number): Link => {
      try {
        return this.attached("bpf_program__attach_perf_event_opts", (pointer) =>
          libbpf.bpf_program__attach_perf_event_opts(
            pointer,
            fd,
            opts("bpf_perf_event_opts", { bpf_cookie }),
          ),
        );
      } catch (error) {
        libc.close(fd);
        throw error;
      }
    };
    if ("fd" in target) {
      const own = orErrno(libc.fcntl(descriptor(target.fd, "fd"), F_DUPFD_CLOEXEC, 0));
      return attach(this.checkAttach("fcntl", own));
    }
    const attributes = {
      type: integer(target.type, "type", 0, 0xffff_ffff),
      config: u64(target.config, "config"),
      sample_period: u64(target.period, "period"),
    };
    const pid = processId(target.pid);
    // The kernel watches all processes on one CPU, or one process on all CPUs.
    const cpus = target.cpu !== undefined ? [target.cpu] : pid === -1 ? availableCpus() : [-1];
    const links: Link[] = [];
    try {
      for (const cpu of cpus) {
        const fd = perfEventOpen(attributes, pid, integer(cpu, "cpu", -1, 0xffff));
        links.push(attach(this.checkAttach("perf_event_open", fd)));
      }
    } catch (error) {
      destroyAll(links);
      throw error;
    }
    const [only, ...others] = links;
    return others.length === 0 ? only! : this.together(links);
  }
}
