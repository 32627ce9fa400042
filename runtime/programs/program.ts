import { type BpfError, closedError, errnoName, stateError } from "../errors.js";
import { check, libbpf, linkCreate, listening, systemError } from "../ffi/native.js";
import { destroyAll, fdLink, Link, type LinkBackend, libbpfLink } from "./link.js";
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

  /** Throws unless `owner` is the runtime's. */
  static check(owner: unknown): void {
    if (typeof owner !== "object" || owner === null || !(#genuine in owner) || !owner.#genuine)
      throw new TypeError("programs come from an object or a skeleton — they cannot be made by hand");
  }
}

/** Whether a program's section names what to attach to, or the arguments of `attach` must. */
export type Target = "section" | "arguments";

/** The arguments of `attach`: none are needed where the section says it all. */
export type AttachArguments<How extends Target, Where, Options> = How extends "section"
  ? [target?: (Where | { readonly [K in keyof Where]?: never }) & Options]
  : [target: Where & Options];

/** A 64-bit number that the BPF program gets from `bpf_get_attach_cookie()`. */
export interface CookieOptions {
  readonly cookie?: bigint | undefined;
}

/** What programs of every kind have. */
export class BaseProgram {
  /** The name of the C function. */
  readonly name: string;
  /** What `SEC(...)` said. */
  readonly section: string;
  /** `BPF_PROG_TYPE_*`. */
  readonly type: number;
  readonly #owner: ProgramOwner;
  readonly #pointer: number;

  constructor(pointer: number, owner: ProgramOwner) {
    ProgramOwner.check(owner);
    this.#pointer = pointer;
    this.#owner = owner;
    this.name = libbpf.bpf_program__name(pointer) ?? "";
    this.section = libbpf.bpf_program__section_name(pointer) ?? "";
    this.type = libbpf.bpf_program__type(pointer);
  }

  /** How errors call it. */
  protected get where(): string {
    return `program "${this.name}" (SEC("${this.section}"))`;
  }

  /** The `struct bpf_program`; refused once the object is closed. */
  #use(): number {
    if (this.#owner.state === "closed") throw closedError(this.where);
    if (this.#owner.state !== "loaded") throw stateError(this.where, "is not loaded — call load() first");
    return this.#pointer;
  }

  /** The file descriptor, open until the object is closed. */
  get fd(): number {
    const fd = libbpf.bpf_program__fd(this.#use());
    if (fd < 0) throw stateError(this.where, "was not loaded — set autoload before load()");
    return fd;
  }

  /** Pins the program to a new path on bpffs (`bpf_program__pin`). */
  pin(path: string): void {
    check(this.where, "bpf_program__pin", libbpf.bpf_program__pin(this.#use(), path));
  }

  /** Removes a pin (`bpf_program__unpin`). */
  unpin(path: string): void {
    check(this.where, "bpf_program__unpin", libbpf.bpf_program__unpin(this.#use(), path));
  }

  /**
   * Runs the program in the kernel, without attaching it (`bpf_prog_test_run_opts`): for unit tests of programs that
   * see packets, of `SEC("syscall")` and of raw tracepoints.
   */
  testRun(input: TestRunInput = {}): TestRunResult {
    return testRun(this.where, this.fd, this.type, input);
  }

  /** Has `make` attach a loaded program; it gets how errors call the program, and the links of its object. */
  static hold<L extends Link>(program: BaseProgram, make: (where: string, links: Set<Link>) => L): L {
    if (typeof program !== "object" || program === null || !(#owner in program))
      throw new TypeError(`attach(): a program of an object or a skeleton is needed, not ${typeof program}`);
    void program.fd;
    return make(program.where, program.#owner.links);
  }

  /** Runs an attach function of libbpf and makes its link; an error carries what libbpf said. */
  protected attached(syscall: string, attach: (pointer: number) => number): Link {
    void this.fd;
    const pointer = this.#use();
    const call = listening(() => attach(pointer));
    if (call.result === 0)
      throw systemError(this.where, syscall, call.errno, {
        program: this.name,
        log: call.said.join(""),
        // The last of libbpf's warnings says it with the names that a user knows.
        what: call.said
          .at(-1)
          ?.replace(/^libbpf: (prog '[^']*': )?/, "")
          .trim(),
        todo: todos[errnoName(call.errno)],
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
  protected linkedTo(attributes: Omit<Parameters<typeof linkCreate>[0], "prog_fd">): Link {
    const result = this.tryLink(attributes);
    if (typeof result === "number") throw this.#refused("bpf(BPF_LINK_CREATE)", result);
    return result;
  }

  /** As {@link linkedTo}, but a refusal of the kernel is returned, as `-errno`. */
  protected tryLink(attributes: Omit<Parameters<typeof linkCreate>[0], "prog_fd">): Link | number {
    const result = linkCreate({ attach_type: this.attachType, ...attributes, prog_fd: this.fd });
    return result < 0 ? result : this.linked(fdLink(result));
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
  protected checkAttach(syscall: string, result: number): number {
    if (result < 0) throw this.#refused(syscall, result);
    return result;
  }

  #refused(syscall: string, result: number): BpfError {
    return systemError(this.where, syscall, -result, { program: this.name, todo: todos[errnoName(-result)] });
  }

  /** `BPF_*` attach type that the section or the object gives the program. */
  protected get attachType(): number {
    return libbpf.bpf_program__expected_attach_type(this.#use());
  }
}

const EOPNOTSUPP = 95;
/** What libbpf means by EOPNOTSUPP when it is to attach by a program's section alone. */
const noTarget = {
  what: "its section does not say what to attach to",
  todo: "attach it through a skeleton, which takes the target, or by xdp or tc",
};

/** What to do when attaching fails, where it differs from what the errno means elsewhere. */
const todos: Readonly<Record<string, string | undefined>> = {
  ENOENT: "is the name right, and is it there on this machine?",
  EEXIST: "it is attached there already: destroy that link first",
  EBUSY: "something is attached there already: detach that first",
  EINVAL: "does this kernel have what the program is attached to?",
  ESRCH: "is that process still running?",
  LIBBPF_ERRNO__FORMAT: "is the path that of a program or shared library?",
};

/** A function of a struct_ops map: it is attached by its map, see `StructOps`. */
export class StructOpsProgram extends BaseProgram {
  /** Tells it from other programs for the compiler; there is no such property. */
  protected declare readonly structOps: true;
}

/** A program of a kind that has no class of its own: it attaches as libbpf does by itself, or not at all. */
export class Program extends BaseProgram {
  /** Attaches to what the section names (`bpf_program__attach`). The link belongs to the program's object. */
  attach(): Link {
    return this.attached("bpf_program__attach", (pointer) => libbpf.bpf_program__attach(pointer));
  }
}
