import { libbpf, opts } from "../ffi/native.js";
import type { Link } from "./link.js";
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
    const pid = target?.pid ?? -1;
    if (!Number.isInteger(pid) || pid < -1 || pid > 0x7fff_ffff)
      throw new RangeError(`${this.where}: ${pid} is not a process id`);
    const offset = at.offset ?? 0;
    if (!Number.isSafeInteger(offset) || offset < 0)
      throw new RangeError(`${this.where}: ${offset} is not an offset in bytes`);
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

/** Text for C: a string without NUL. */
function text(value: unknown, name: string): string {
  if (typeof value !== "string") throw new TypeError(`attach(): ${name} is a string, not ${typeof value}`);
  if (value.includes("\0")) throw new TypeError(`attach(): ${name} must not contain a NUL`);
  return value;
}

function cookie(value: unknown): bigint | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "bigint") throw new TypeError(`attach(): cookie is a bigint, not ${typeof value}`);
  if (BigInt.asUintN(64, value) !== value)
    throw new RangeError(`attach(): ${value} does not fit a cookie of 64 bits`);
  return value;
}
