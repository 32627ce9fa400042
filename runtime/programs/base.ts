import { inspect } from "node:util";
import { type BpfError, closedError, errnoName, stateError } from "../errors.js";
import {
  check,
  EINVAL,
  errno,
  type Failed,
  hintFor,
  libbpf,
  libc,
  linkCreate,
  listening,
  progAssociate,
  progBindMap,
  rawTracepointOpen,
  systemError,
} from "../ffi/native.js";
import { programTypeName } from "../kernel/types.js";
import { descriptor } from "./arguments.js";
import { destroyAll, fdLink, Link, type LinkBackend, libbpfLink } from "./link.js";
import { type ProgramInfo, readProgramInfo } from "./program-info.js";
import { readStream } from "./streams.js";
import { type TestRunInput, type TestRunResult, testRun } from "./test-run.js";

/**
 * What a program refers to of its object. Only the runtime's own objects are one: nobody else can make the
 * runtime follow an address.
 */
export abstract class ProgramOwner {
  readonly #genuine = true;
  /** Links made through the object's programs, oldest first. */
  readonly links: Set<Link> = new Set();
  /** Whether the object is loaded, and not closed. */
  abstract readonly state: "open" | "loaded" | "closed";
  /** Of a program that was opened in the kernel, and so is of no object: what an object would tell of it. */
  readonly opened?: OpenedInKernel;

  /** Throws unless `owner` is the runtime's. */
  static check(owner: unknown): void {
    if (typeof owner !== "object" || owner === null || !(#genuine in owner) || !owner.#genuine)
      throw new TypeError("programs come from an object or a skeleton — they cannot be made by hand");
  }
}

/** A program by its descriptor. */
export interface OpenedInKernel {
  readonly where: string;
  readonly fd: number;
  readonly info: ProgramInfo;
  readonly attachType: number | undefined;
}

/** Whether a program's section names what to attach to, or the arguments of `attach` must. */
export type Target = "section" | "arguments";

/** The arguments of `attach`: none are needed where the section says it all. */
export type AttachArguments<How extends Target, Where, Options> = How extends "section"
  ? [target?: (Where | { readonly [K in keyof Where]?: never }) & Options]
  : [target: Where & Options];

/** A 64-bit number that the BPF program gets from `bpf_get_attach_cookie()`. */
export interface CookieOptions {
  /** Any 64 bits: 0 when left out. */
  readonly cookie?: bigint | undefined;
}

/** What the kernel is asked for to make a link; the program itself goes without saying. */
type LinkAttributes = Omit<Parameters<typeof linkCreate>[0], "prog_fd">;

/** What programs of every kind have. */
export class BaseProgram {
  /** The name of the C function. */
  readonly name: string;
  /** What `SEC(...)` said; empty of a program that was opened in the kernel, which does not know it. */
  readonly section: string;
  /** `BPF_PROG_TYPE_*`. */
  readonly type: number;
  /** How errors call it. */
  protected readonly where: string;
  readonly #owner: ProgramOwner;
  readonly #pointer: number;
  /** What libbpf said that it is, since it is loaded. */
  #fd = -1;

  static {
    // `Xdp "count" (SEC("xdp")): xdp, fd 12`
    const describe = function (this: BaseProgram): string {
      const { state, opened } = this.#owner;
      const section = opened ? "" : ` (SEC("${this.section}"))`;
      const fd = opened?.fd ?? (state === "loaded" ? libbpf.bpf_program__fd(this.#pointer) : -1);
      const shown = state === "closed" ? "closed" : fd < 0 ? "not loaded" : `fd ${fd}`;
      return `${this.constructor.name} "${this.name}"${section}: ${programTypeName(this.type)}, ${shown}`;
    };
    Object.defineProperty(BaseProgram.prototype, inspect.custom, { value: describe });
  }

  constructor(pointer: number, owner: ProgramOwner) {
    ProgramOwner.check(owner);
    this.#pointer = pointer;
    this.#owner = owner;
    const { opened } = owner;
    this.name = opened ? opened.info.name : (libbpf.bpf_program__name(pointer) ?? "");
    this.section = opened ? "" : (libbpf.bpf_program__section_name(pointer) ?? "");
    this.type = opened ? opened.info.type : libbpf.bpf_program__type(pointer);
    this.where = opened?.where ?? `program "${this.name}" (SEC("${this.section}"))`;
    if (opened) this.#fd = opened.fd;
  }

  /** Throws unless the program is in the kernel, and not closed. */
  #live(): void {
    if (this.#owner.state === "closed") throw closedError(this.where);
    if (this.#owner.state !== "loaded") throw stateError(this.where, "is not loaded — call load() first");
  }

  /** The `struct bpf_program`; refused once the object is closed. */
  #use(): number {
    this.#live();
    if (this.#owner.opened)
      throw stateError(
        this.where,
        "was opened in the kernel, and libbpf attaches probes and classic tracepoints of its own objects only — " +
          "attach it where it is loaded, and pin the link",
      );
    return this.#pointer;
  }

  /** The file descriptor, open until the object is closed. */
  get fd(): number {
    this.#live();
    if (this.#fd < 0) this.#fd = libbpf.bpf_program__fd(this.#pointer);
    if (this.#fd < 0) throw stateError(this.where, "was not loaded — set autoload before load()");
    return this.#fd;
  }

  /** Asks the kernel what it knows of the program (`bpf_obj_get_info_by_fd`). */
  info(): ProgramInfo {
    return readProgramInfo(this.where, this.fd);
  }

  /** Pins the program to a new path on bpffs (`bpf_program__pin`): it stays in the kernel until it is unpinned. */
  pin(path: string): void {
    const { fd } = this;
    if (this.#owner.opened) check(this.where, "bpf_obj_pin", libbpf.bpf_obj_pin(fd, path), { pin: path });
    else check(this.where, "bpf_program__pin", libbpf.bpf_program__pin(this.#pointer, path), { pin: path });
  }

  /** Removes a pin (`bpf_program__unpin`). */
  unpin(path: string): void {
    const { fd } = this;
    if (!this.#owner.opened)
      check(this.where, "bpf_program__unpin", libbpf.bpf_program__unpin(this.#pointer, path));
    else if (fd >= 0 && libc.unlink(path) < 0) throw systemError(this.where, "unlink", errno());
  }

  /**
   * Runs the program in the kernel, without attaching it (`bpf_prog_test_run_opts`): for unit tests of programs that
   * see packets, of `SEC("syscall")`, of raw tracepoints and others.
   */
  testRun(input: TestRunInput = {}): TestRunResult {
    return testRun(this, this.where, this.fd, input);
  }

  /**
   * Takes out what the program has written since (`bpf_prog_stream_read`, kernel 6.17): to `"stdout"` by
   * `bpf_stream_printk()`, to `"stderr"` that way too, and by the kernel when it ends a loop, a deadlock or an access
   * to an arena of the program's, with the stack. Empty when there is nothing.
   */
  readStream(stream: "stdout" | "stderr"): string {
    return readStream(this.where, this.fd, stream);
  }

  /**
   * Keeps a map as long as the program, though it does not use it (`bpf_prog_bind_map`, kernel 5.10): what is told about
   * the program by a map of metadata, for `info().mapIds` to list.
   */
  bindMap(map: { readonly fd: number }): void {
    const map_fd = descriptor(map?.fd, "map", `${this.where}: bindMap()`);
    check(this.where, "bpf(BPF_PROG_BIND_MAP)", progBindMap({ prog_fd: this.fd, map_fd }));
  }

  /**
   * Says which struct_ops map the program belongs to (`bpf_program__assoc_struct_ops`, kernel 7.0), for kernel functions
   * that ask: one that functions of several maps, or other programs, call on behalf of one. It holds for ever.
   */
  assocStructOps(map: { readonly fd: number }): void {
    const map_fd = descriptor(map?.fd, "map", `${this.where}: assocStructOps()`);
    const result = progAssociate({ prog_fd: this.fd, map_fd });
    if (result >= 0) return;
    const todo = result === EINVAL ? "it takes a struct_ops map, and kernel 7.0" : undefined;
    throw systemError(this.where, "bpf(BPF_PROG_ASSOC_STRUCT_OPS)", -result, { todo });
  }

  /** Has `make` attach a loaded program; it gets how errors call the program, and the links of its object. */
  static hold<L extends Link>(program: BaseProgram, make: (where: string, links: Set<Link>) => L): L {
    if (typeof program !== "object" || program === null || !(#owner in program))
      throw new TypeError(`attach(): a program of an object or a skeleton is needed, not ${typeof program}`);
    void program.fd;
    return make(program.where, program.#owner.links);
  }

  /** The same program as another class, for objects without a skeleton: `object.program("count").as(Xdp)`. */
  protected viewedAs<P>(ProgramClass: new (pointer: number, owner: ProgramOwner) => P): P {
    return new ProgramClass(this.#pointer, this.#owner);
  }

  /** Runs an attach function of libbpf and makes its link; an error carries what libbpf said. */
  protected attached(syscall: string, attach: (pointer: number) => number, todo?: Todos): Link {
    void this.fd;
    const pointer = this.#use();
    const call = listening(() => attach(pointer));
    if (call.result === 0)
      throw systemError(this.where, syscall, call.errno, {
        program: this.name,
        log: call.said.join("\n"),
        // The last of libbpf's warnings says it with the names that a user knows.
        what: call.said
          .at(-1)
          ?.replace(/^libbpf: (prog '[^']*': )?/, "")
          .trim(),
        todo: this.#todo({ code: errnoName(call.errno), syscall, said: call.said.join("\n") }, todo),
        ...(syscall === "bpf_program__attach" && call.errno === EOPNOTSUPP && noTarget),
      });
    // A logger may have closed the object.
    if (this.#owner.state !== "loaded") {
      libbpf.bpf_link__destroy(call.result);
      throw closedError(this.where);
    }
    return this.linked(libbpfLink(`link of ${this.where}`, call.result));
  }

  /** Makes a link of the kernel itself (`BPF_LINK_CREATE`). */
  protected linkedTo(attributes: LinkAttributes, todo?: Todos): Link {
    const result = this.tryLink(attributes);
    if (typeof result === "number") throw this.#refused("bpf(BPF_LINK_CREATE)", result, todo);
    return result;
  }

  /** As {@link linkedTo}, but a refusal of the kernel is returned, as `-errno`. */
  protected tryLink(attributes: LinkAttributes): Link | number {
    const { fd } = this;
    const attach_type = attributes.attach_type ?? this.attachType;
    const result = linkCreate({ ...attributes, attach_type, prog_fd: fd });
    return result < 0 ? result : this.linked(fdLink(`link of ${this.where}`, result));
  }

  /** Attaches to a raw tracepoint or, without a name, to what the program was loaded for. */
  protected linkedRaw(name: string | undefined, cookie: bigint | undefined, todo?: Todos): Link {
    const { fd } = this;
    const result = rawTracepointOpen({ name, prog_fd: fd, cookie });
    if (result < 0) throw this.#refused("bpf(BPF_RAW_TRACEPOINT_OPEN)", result, todo);
    return this.linked(fdLink(`link of ${this.where}`, result));
  }

  /** Several links as one: of the first one's descriptor, and all destroyed together. */
  protected together(links: readonly Link[]): Link {
    return this.linked({
      fd: () => links[0]!.fd,
      members: links,
      destroy: () => destroyAll(links),
      disconnect: () => {
        for (const link of links) link.disconnect();
      },
    });
  }

  /** Makes the link of an attachment. */
  protected linked(backend: LinkBackend): Link {
    return new Link(`link of ${this.where}`, backend, this.#owner.links);
  }

  /** The result of a call that attaches, or an error that says what may be wrong. */
  protected checkAttach(syscall: string, result: number, todo?: Todos): number {
    if (result < 0) throw this.#refused(syscall, result, todo);
    return result;
  }

  #refused(syscall: string, result: number, own?: Todos): BpfError {
    const todo = this.#todo({ code: errnoName(-result), syscall }, own);
    return systemError(this.where, syscall, -result, { program: this.name, todo });
  }

  /** What the kind of program knows about an errno, what this machine tells, or what is often so. */
  #todo(failed: Failed, own?: Todos): string | undefined {
    return own?.[failed.code] ?? hintFor(failed) ?? todos[failed.code];
  }

  /** `BPF_*` attach type that the section or the object gives the program. */
  protected get attachType(): number {
    this.#live();
    const { opened } = this.#owner;
    if (!opened) return libbpf.bpf_program__expected_attach_type(this.#pointer);
    if (opened.attachType !== undefined) return opened.attachType;
    throw new TypeError(
      `${this.where}: the kernel does not tell its attach type — Program.open(target, { attachType })`,
    );
  }
}

const EOPNOTSUPP = 95;
/** What libbpf means by EOPNOTSUPP when it is to attach by a program's section alone. */
const noTarget = {
  what: "its section does not say what to attach to",
  todo: "attach it as its kind: program.as(Xdp).attach(target)",
};

/** What to do about an errno. */
export type Todos = Readonly<Record<string, string | undefined>>;

/** What to do when attaching fails, where it differs from what the errno means elsewhere. */
const todos: Todos = {
  ENOENT: "is the name right, and is it there on this machine?",
  EEXIST: "it is attached there already: destroy that link first",
  EBUSY: "something is attached there already: detach that first",
  EBADF: "is that descriptor still open, and of what such programs attach to?",
  EINVAL: "does this kernel have what the program is attached to?",
  ESRCH: "is that process still running?",
  LIBBPF_ERRNO__FORMAT: "is the path that of a program or shared library?",
};
