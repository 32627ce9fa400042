import { libbpf, libc } from "../ffi/native.js";
import { type KernelTarget, openFromKernel, walkIds } from "../kernel/objects.js";
import { endAll, hasEnded, mustEnd } from "../lifetimes.js";
import { descriptor, integer } from "./arguments.js";
import { BaseProgram, type OpenedInKernel, ProgramOwner, type Target } from "./base.js";
import { destroyAll, type Link } from "./link.js";
import { type ProgramInfo, readProgramInfo } from "./program-info.js";

/** A function of a struct_ops map: it is attached by its map, see `StructOps`. */
export class StructOpsProgram extends BaseProgram {
  /** Tells it from other programs for the compiler; there is no such property. */
  protected declare readonly structOps: true;
}

/** Where a program goes whose kind this runtime does not know: what `bpf_link_create()` takes. */
export interface RawTarget {
  /** What it goes to, by its descriptor, or the number of an interface; 0 for none. */
  readonly target: number;
  /** `BPF_*` attach type; the program's own when left out. */
  readonly attachType?: number | undefined;
  /** `BPF_F_*`. */
  readonly flags?: number | undefined;
}

/** A program of a kind that has no class of its own, or of an object without a skeleton. */
export class Program<How extends Target = "section"> extends BaseProgram {
  /**
   * Attaches to what the section names (`bpf_program__attach`), or to the given target (`bpf_link_create`). The link
   * belongs to the program's object.
   */
  attach(...[target]: How extends "section" ? [target?: RawTarget] : [target: RawTarget]): Link {
    if (target === undefined)
      return this.attached("bpf_program__attach", (pointer) => libbpf.bpf_program__attach(pointer));
    const { attachType, flags } = target ?? {};
    return this.linkedTo({
      target_fd: descriptor(target?.target, "target"),
      attach_type: attachType === undefined ? undefined : integer(attachType, "attachType", 0, 0xffff),
      flags: flags === undefined ? 0 : integer(flags, "flags", 0, 0xffff_ffff),
    });
  }

  /**
   * The same program as another class, which attaches it with arguments:
   * `object.program("count").as(Xdp).attach("eth0")`.
   */
  as<P extends BaseProgram>(ProgramClass: new (pointer: number, owner: ProgramOwner) => P): P {
    if (typeof ProgramClass !== "function" || !(ProgramClass.prototype instanceof BaseProgram))
      throw new TypeError(`${this.where}: as() takes a class of programs, such as Xdp`);
    return this.viewedAs(ProgramClass);
  }

  /**
   * Opens a program that is in the kernel, by its pin on bpffs or its id (`bpf_obj_get`, `bpf_prog_get_fd_by_id`). It
   * can be looked at, run, pinned and, by {@link Program.as}, attached, but for what libbpf attaches through perf
   * events: kprobes, uprobes, USDT and classic tracepoints.
   *
   * ```ts
   * using program = Program.open({ pin: "/sys/fs/bpf/drop" });
   * const link = program.as(Xdp).attach("eth0");
   * ```
   * @param options.attachType `BPF_*`: the kernel does not tell it, and some kinds cannot be attached without.
   */
  static open(target: KernelTarget, options: { readonly attachType?: number } = {}): OpenProgram {
    const { attachType } = options ?? {};
    if (attachType !== undefined) integer(attachType, "attachType", 0, 0xffff, "open()");
    const { where, fd } = openFromKernel("program", target);
    try {
      return new OpenProgram(new KernelOwner({ where, fd, info: readProgramInfo(where, fd), attachType }));
    } catch (error) {
      libc.close(fd);
      throw error;
    }
  }

  /** Every program that is in the kernel (`bpf_prog_get_next_id`); those that vanish meanwhile are left out. */
  static *list(): IterableIterator<ProgramInfo> {
    for (const { where, fd } of walkIds("program")) yield readProgramInfo(where, fd);
  }
}

/** The owner of a program that was opened in the kernel: of its descriptor, and the links made through it. */
class KernelOwner extends ProgramOwner {
  override readonly opened: OpenedInKernel;
  state: ProgramOwner["state"] = "loaded";

  constructor(opened: OpenedInKernel) {
    super();
    this.opened = opened;
    mustEnd(this, opened.where);
  }

  close(): void {
    if (this.state === "closed") return;
    hasEnded(this);
    this.state = "closed";
    endAll([() => destroyAll(this.links), () => libc.close(this.opened.fd)]);
  }
}

/** A program from {@link Program.open}: who opened it closes it, and with it the links made through it. */
export class OpenProgram extends Program<"arguments"> {
  readonly #kernel: KernelOwner;

  constructor(owner: KernelOwner) {
    super(0, owner);
    this.#kernel = owner;
  }

  /** Destroys the links made through it, and closes the descriptor. Safe to call again. */
  close(): void {
    this.#kernel.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * A program that something else brings to run: put into a map (`SEC("xdp/devmap")`, `SEC("xdp/cpumap")`, tail calls)
 * or a struct_ops map, named by a request to the network stack (`SEC("action")`, `SEC("lwt_*")`), or run by
 * `testRun()` (`SEC("syscall")`).
 */
export class Passive extends BaseProgram {}
