import { type Area, borrow, giveBack, libbpf } from "../ffi/native.js";
import { cookie, flag, integer, list, MOST_AT_ONCE, text, u64 } from "./arguments.js";
import { type AttachArguments, BaseProgram, type Target } from "./base.js";
import { addressesMatching, idsMatching } from "./kernel-functions.js";
import type { Link } from "./link.js";
import type { ProcessOptions } from "./probes.js";
import { findBinary, functionsMatching, offsetsOf } from "./user-functions.js";

const RETURN = 1;

/** What a program that is on many functions at once gets in each; as many as functions, in their order. */
export interface CookiesOptions {
  readonly cookies?: readonly bigint[] | undefined;
}

/** Functions of the kernel: those that match a pattern, the named ones, or those at addresses. */
export type KprobeMultiTarget =
  | {
      readonly pattern: string;
      readonly functions?: undefined;
      readonly addresses?: undefined;
      readonly cookies?: undefined;
    }
  | ({ readonly functions: readonly string[]; readonly addresses?: undefined } & CookiesOptions)
  | ({ readonly addresses: readonly bigint[]; readonly functions?: undefined } & CookiesOptions);

/** How a program is attached to many functions of the kernel. */
export interface KprobeMultiOptions {
  /** Whether it runs when the functions return; the section says it when left out. */
  readonly retprobe?: boolean | undefined;
  /** Refuses a pattern that more than one function matches. */
  readonly unique?: boolean | undefined;
}

/** Lays lists of 64-bit numbers out in native memory for the time of a call. */
function withNumbers<T>(lists: readonly (readonly bigint[] | undefined)[], run: (at: bigint[]) => T): T {
  const areas: Area[] = [];
  try {
    return run(
      lists.map((numbers) => {
        if (!numbers) return 0n;
        const area = borrow(8 * numbers.length);
        areas.push(area);
        const view = new DataView(area.bytes.buffer, area.bytes.byteOffset);
        for (const [index, number] of numbers.entries()) view.setBigUint64(8 * index, number, true);
        return BigInt(area.address);
      }),
    );
  } finally {
    for (const area of areas) giveBack(area);
  }
}

/** As {@link withNumbers}, for an array of C strings. */
function withTexts<T>(texts: readonly string[], run: (at: bigint) => T): T {
  const encoded = texts.map((each) => Buffer.from(`${each}\0`));
  const area = borrow(8 * texts.length + encoded.reduce((sum, { length }) => sum + length, 0));
  try {
    const view = new DataView(area.bytes.buffer, area.bytes.byteOffset);
    let free = 8 * texts.length;
    for (const [index, bytes] of encoded.entries()) {
      view.setBigUint64(8 * index, BigInt(area.address + free), true);
      area.bytes.set(bytes, free);
      free += bytes.length;
    }
    return run(BigInt(area.address));
  } finally {
    giveBack(area);
  }
}

/** Cookies, one for each of the `count` that they belong to. */
function cookies(value: unknown, count: number, name = "cookies"): bigint[] | undefined {
  if (value === undefined) return undefined;
  const found = list(value, name, (each) =>
    name === "cookies" && each !== undefined ? cookie(each)! : u64(each, name),
  );
  if (found.length === count) return found;
  throw new RangeError(`attach(): ${name} has ${found.length} elements, not ${count}, one for each function`);
}

const tooOld = {
  EINVAL: "kprobe.multi needs kernel 5.18, kprobe.session 6.13",
  EOPNOTSUPP: "this kernel was built without fprobe",
  ESRCH: "is one of the functions not in this kernel, or not to be traced?",
};

/**
 * `SEC("kprobe.multi/...")`, `SEC("kretprobe.multi/...")`, `SEC("kprobe.session/...")`: one program on many functions
 * of the kernel, attached at once (kernel 5.18; sessions, which run at call and return, 6.13).
 */
export class KprobeMulti<How extends Target = "section"> extends BaseProgram {
  /**
   * Attaches to the functions that match the section's pattern or the given one (`*` any text, `?` one character), or
   * to a list of functions. Makes the kernel's link by itself, so that every libbpf will do.
   */
  attach(...[target]: AttachArguments<How, KprobeMultiTarget, KprobeMultiOptions>): Link {
    const given = (target ?? {}) as {
      readonly [K in "pattern" | "functions" | "addresses" | "cookies"]?: unknown;
    } & KprobeMultiOptions;
    const session = this.section.startsWith("kprobe.session");
    const retprobe = flag(given.retprobe, "retprobe") ?? this.section.startsWith("kretprobe");
    if (session && retprobe)
      throw new TypeError(`${this.where}: a session runs at calls and returns — retprobe excludes it`);
    const kprobe_multi_flags = retprobe ? RETURN : 0;
    if (given.functions !== undefined) {
      const names = list(given.functions, "functions", text);
      const own = cookies(given.cookies, names.length);
      return withTexts(names, (symbols) =>
        withNumbers([own], ([at]) =>
          this.linkedTo(
            {
              kprobe_multi_flags,
              kprobe_multi_count: names.length,
              kprobe_multi_symbols: symbols,
              kprobe_multi_cookies: at,
            },
            tooOld,
          ),
        ),
      );
    }
    const addresses =
      given.addresses === undefined
        ? this.#matching(given.pattern, flag(given.unique, "unique") ?? false)
        : list(given.addresses, "addresses", u64);
    const own = given.addresses === undefined ? undefined : cookies(given.cookies, addresses.length);
    return withNumbers([addresses, own], ([at, cookiesAt]) =>
      this.linkedTo(
        {
          kprobe_multi_flags,
          kprobe_multi_count: addresses.length,
          kprobe_multi_addresses: at,
          kprobe_multi_cookies: cookiesAt,
        },
        tooOld,
      ),
    );
  }

  #matching(given: unknown, unique: boolean): bigint[] {
    const pattern = given ?? this.section.split("/").slice(1).join("/");
    if (pattern === "")
      throw new TypeError(`${this.where}: names no functions — attach({ pattern }) or attach({ functions })`);
    const found = addressesMatching(this.where, text(pattern, "pattern"));
    if (unique && found.length > 1)
      throw new RangeError(`${this.where}: ${found.length} functions match "${pattern}", not one`);
    if (found.length > MOST_AT_ONCE)
      throw new RangeError(`${this.where}: ${found.length} functions match, more than a link takes`);
    return found;
  }
}

/** Functions or places of a program or shared library: those that match a pattern, the named ones, or offsets in its file. */
export type UprobeMultiTarget = { readonly path: string } & (
  | {
      readonly pattern: string;
      readonly symbols?: undefined;
      readonly offsets?: undefined;
      readonly cookies?: undefined;
      readonly refCtrOffsets?: undefined;
    }
  | ({ readonly symbols: readonly string[]; readonly offsets?: undefined } & UprobeMultiLists)
  | ({ readonly offsets: readonly (number | bigint)[]; readonly symbols?: undefined } & UprobeMultiLists)
);

/** What belongs to each of the places, in their order. */
export interface UprobeMultiLists extends CookiesOptions {
  /** Where in the file the semaphore of each lies, which the kernel then counts up; 0 for none. */
  readonly refCtrOffsets?: readonly (number | bigint)[] | undefined;
}

/** How a program is attached to many functions of a program or library. */
export interface UprobeMultiOptions extends ProcessOptions {
  /** Whether it runs when the functions return; the section says it when left out. */
  readonly retprobe?: boolean | undefined;
}

/**
 * `SEC("uprobe.multi/...")`, `SEC("uretprobe.multi/...")`, `SEC("uprobe.session/...")`: one program on many functions
 * of user space, attached at once (kernel 6.6; sessions, which run at call and return, 6.13).
 */
export class UprobeMulti<How extends Target = "section"> extends BaseProgram {
  /**
   * Attaches to the functions that match the section's pattern or the given one (`*` any text, `?` one character), or
   * to a list of functions or file offsets. Makes the kernel's link by itself, so that every libbpf will do. A path
   * without a slash is looked for as a library or program.
   */
  attach(...[target]: AttachArguments<How, UprobeMultiTarget, UprobeMultiOptions>): Link {
    const found = /^u(?:ret)?probe\.(?:multi|session)(?:\.s)?\/([^:]+):(.+)$/.exec(this.section);
    const given = (
      target?.path === undefined ? { ...target, path: found?.[1], pattern: found?.[2] } : target
    ) as {
      readonly [K in "path" | "pattern" | "symbols" | "offsets" | "cookies" | "refCtrOffsets"]?: unknown;
    } & UprobeMultiOptions;
    if (given.path === undefined)
      throw new TypeError(`${this.where}: names no functions — attach({ path, pattern })`);
    const retprobe = flag(given.retprobe, "retprobe") ?? this.section.startsWith("uretprobe");
    if (retprobe && this.section.startsWith("uprobe.session"))
      throw new TypeError(`${this.where}: a session runs at calls and returns — retprobe excludes it`);
    const pid = given.pid === undefined ? 0 : integer(given.pid, "pid", 0, 0x7fff_ffff);
    const path = findBinary(this.where, text(given.path, "path"));
    const offsets = this.#offsets(path, given);
    const lists = given.symbols !== undefined || given.offsets !== undefined;
    const own = lists ? cookies(given.cookies, offsets.length) : undefined;
    const counters = lists ? cookies(given.refCtrOffsets, offsets.length, "refCtrOffsets") : undefined;
    return withNumbers([offsets, own, counters], ([at, cookiesAt, countersAt]) =>
      this.linkedTo(
        {
          uprobe_multi_path: path,
          uprobe_multi_offsets: at,
          uprobe_multi_cookies: cookiesAt,
          uprobe_multi_ref_ctr_offsets: countersAt,
          uprobe_multi_count: offsets.length,
          uprobe_multi_flags: retprobe ? RETURN : 0,
          // The kernel takes 0 for every process.
          uprobe_multi_pid: given.pid === 0 ? process.pid : pid,
        },
        { EINVAL: "uprobe.multi needs kernel 6.6, uprobe.session 6.13" },
      ),
    );
  }

  #offsets(
    path: string,
    given: { readonly symbols?: unknown; readonly offsets?: unknown; readonly pattern?: unknown },
  ): bigint[] {
    if (given.offsets !== undefined) return list(given.offsets, "offsets", u64);
    if (given.symbols !== undefined) return offsetsOf(this.where, path, list(given.symbols, "symbols", text));
    const matching = functionsMatching(this.where, path, text(given.pattern, "pattern"));
    if (matching.length > MOST_AT_ONCE)
      throw new RangeError(`${this.where}: ${matching.length} functions match, more than a link takes`);
    return matching.map(({ offset }) => offset);
  }
}

/** Functions of the kernel by a pattern, or by the ids of their types in its BTF. */
export type TracingMultiTarget =
  | { readonly pattern: string; readonly ids?: undefined; readonly cookies?: undefined }
  | ({ readonly ids: readonly number[]; readonly pattern?: undefined } & CookiesOptions);

const tracingTodos = {
  EINVAL:
    "fentry.multi, fexit.multi and fsession.multi need kernel 7.2, and those that sleep functions that may",
  EOPNOTSUPP: "this kernel has no trampolines for many functions",
};

/**
 * `SEC("fentry.multi/...")`, `SEC("fexit.multi/...")`, `SEC("fsession.multi/...")`: as {@link KprobeMulti}, with less
 * overhead (kernel 7.2).
 */
export class TracingMulti<How extends Target = "section"> extends BaseProgram {
  /**
   * Attaches to the section's functions, or the given ones. Makes the kernel's link by itself, so that every libbpf will
   * do; functions of a module, by `"module:pattern"`, need libbpf 1.8 (`bpf_program__attach_tracing_multi`).
   */
  attach(...[target]: AttachArguments<How, TracingMultiTarget, object>): Link {
    const given = (target ?? {}) as { readonly [K in "pattern" | "ids" | "cookies"]?: unknown };
    if (given.ids !== undefined) {
      const ids = list(given.ids, "ids", (id, name) => BigInt(integer(id, name, 1, 0xffff_ffff)));
      return this.#toIds(ids, cookies(given.cookies, ids.length));
    }
    const pattern = given.pattern ?? this.section.split("/").slice(1).join("/");
    if (pattern === "") throw new TypeError(`${this.where}: names no functions — attach({ pattern })`);
    const functions = text(pattern, "pattern");
    // Before the kernel's types are read.
    void this.fd;
    if (!functions.includes(":")) return this.#toIds(idsMatching(this.where, functions), undefined);
    return this.attached("bpf_program__attach_tracing_multi", (pointer) =>
      libbpf.bpf_program__attach_tracing_multi(pointer, functions, 0),
    );
  }

  #toIds(ids: readonly bigint[], own: readonly bigint[] | undefined): Link {
    if (ids.length > MOST_AT_ONCE)
      throw new RangeError(`${this.where}: ${ids.length} functions match, more than a link takes`);
    // Of 32 bits each, two in a number.
    const packed = Array.from(
      { length: Math.ceil(ids.length / 2) },
      (_, i) => ids[2 * i]! | ((ids[2 * i + 1] ?? 0n) << 32n),
    );
    return withNumbers([packed, own], ([at, cookiesAt]) =>
      this.linkedTo(
        { tracing_multi_ids: at, tracing_multi_cookies: cookiesAt, tracing_multi_count: ids.length },
        tracingTodos,
      ),
    );
  }
}
