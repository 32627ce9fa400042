import { BpfError } from "../errors.js";
import { libbpf, lsmHint, opts } from "../ffi/native.js";
import { cookie, descriptor, text } from "./arguments.js";
import { type AttachArguments, BaseProgram, type CookieOptions, type Target } from "./base.js";
import type { Link } from "./link.js";

/** A tracepoint of the kernel, as `/sys/kernel/tracing/events/CATEGORY/NAME` lists them. */
export interface TracepointTarget {
  /** The folder: `sched`. */
  readonly category: string;
  /** The folder in it: `sched_process_exec`. */
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
  /** Without a category: `sched_process_exec`. */
  readonly name: string;
}

/** `SEC("raw_tp/...")`, `SEC("raw_tp.w/...")`: runs at a tracepoint, with its unprocessed arguments. */
export class RawTracepoint<How extends Target = "section"> extends BaseProgram {
  /** Attaches to the section's tracepoint, or the given one (`bpf_raw_tracepoint_open`). A cookie needs kernel 6.10. */
  attach(...[target]: AttachArguments<How, RawTracepointTarget, CookieOptions>): Link {
    const name = target?.name ?? this.section.split("/")[1];
    if (!name) throw new TypeError(`${this.where}: names no tracepoint — attach({ name })`);
    const wanted = cookie(target?.cookie);
    const todo = wanted === undefined ? {} : { EINVAL: "a cookie of a raw tracepoint needs kernel 6.10" };
    return this.linkedRaw(text(name, "name"), wanted, {
      ...todo,
      ENOENT: `is there a tracepoint '${name}' in this kernel?`,
    });
  }
}

/**
 * `SEC("fentry/...")`, `SEC("fexit/...")`, `SEC("fmod_ret/...")`, `SEC("fsession/...")`, `SEC("tp_btf/...")`: runs at
 * what the section, or `setTarget()` before load, names; typed arguments, and less overhead than kprobes.
 */
export class Tracing extends BaseProgram {
  /** Attaches to what it was loaded for (`bpf_program__attach_trace`). A cookie needs kernel 5.15; of `tp_btf`, 6.10. */
  attach(options: CookieOptions = {}): Link {
    const wanted = cookie(options?.cookie);
    if (wanted === undefined) return this.linkedRaw(undefined, undefined);
    const todo = { EINVAL: "a cookie needs kernel 5.15; of tp_btf, 6.10" };
    return this.linkedTo({ target_fd: 0, tracing_cookie: wanted }, todo);
  }
}

/** `SEC("lsm/...")`, `SEC("lsm.s/...")`: decides whether the kernel allows something. */
export class Lsm extends Tracing {
  /**
   * Attaches to the hook that it was loaded for (`bpf_program__attach_lsm`).
   * @throws BpfError too where the kernel was started without BPF among its security modules: it would attach, and
   * never run.
   */
  override attach(options: CookieOptions = {}): Link {
    checkLsm(this.where);
    return super.attach(options);
  }
}

/** Throws where the kernel has LSM programs attached and never runs them. */
export function checkLsm(where: string): void {
  const hint = lsmHint();
  if (hint === undefined) return;
  throw new BpfError(
    `${where}: the kernel was started without bpf among its security modules, and would never run it — ${hint}`,
    { code: "EOPNOTSUPP", errno: 95 },
  );
}

/** Another program's function, to be replaced. */
export interface FreplaceTarget {
  /** The program, loaded, or an object with its descriptor as `fd`. */
  readonly program: { readonly fd: number };
  /** The name of the C function: of the program itself, or a global one that it calls. */
  readonly function: string;
}

/** `SEC("freplace/...")`: takes the place of a function of another program, which `setTarget()` names before load. */
export class Freplace extends BaseProgram {
  /**
   * Replaces the function that it was loaded for or, with arguments, one of the same type in another program
   * (`bpf_program__attach_freplace`, kernel 5.10).
   */
  attach(target?: FreplaceTarget): Link {
    if (target === undefined) return this.linkedRaw(undefined, undefined);
    const fd = descriptor(target?.program?.fd, "program");
    return this.attached("bpf_program__attach_freplace", (pointer) =>
      libbpf.bpf_program__attach_freplace(pointer, fd, text(target.function, "function")),
    );
  }
}
