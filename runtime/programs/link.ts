import { readlinkSync } from "node:fs";
import { inspect } from "node:util";
import { closedError, stateError } from "../errors.js";
import { check, EINVAL, libbpf, libc, opts, orErrno, systemError } from "../ffi/native.js";
import { type KernelTarget, openFromKernel, walkIds } from "../kernel/objects.js";
import { linkTypeName } from "../kernel/types.js";
import { endAll, hasEnded, mustEnd } from "../lifetimes.js";
import { text } from "./arguments.js";
import { type LinkInfo, readLinkInfo } from "./link-info.js";

/** How an attachment is held: what {@link Link} does its work by. */
export interface LinkBackend {
  /** The descriptor of the kernel's link; undefined where there is none. */
  fd?(): number;
  /** Detaches, and frees what holds the attachment. Called once. */
  destroy(): void;
  /** Lets the attachment outlive `destroy()`. */
  disconnect(): void;
  /** Puts something else in place, where that takes more than the descriptors. */
  update?(replacement: object): void;
  readonly fallback?: string;
  /** The links that this one stands for, where it is several. */
  readonly members?: readonly Link[];
}

/** Destroys links, newest first: all of them, also when one of them fails; its error is thrown in the end. */
export function destroyAll(links: Iterable<Link>): void {
  endAll([...links].reverse().map((link) => () => link.destroy()));
}

/** An attachment that libbpf made: a `struct bpf_link`. */
export function libbpfLink(where: string, pointer: number): LinkBackend {
  return {
    fd: () => check(where, "bpf_link__fd", libbpf.bpf_link__fd(pointer)),
    destroy: () => void check(where, "bpf_link__destroy", libbpf.bpf_link__destroy(pointer)),
    disconnect: () => libbpf.bpf_link__disconnect(pointer),
  };
}

/** A link of the kernel by its descriptor (`bpf_link_create`). */
export function fdLink(where: string, fd: number): LinkBackend {
  let connected = true;
  return {
    fd: () => fd,
    destroy: () => {
      if (connected) check(where, "close", orErrno(libc.close(fd)));
    },
    disconnect: () => {
      connected = false;
    },
  };
}

const BPF_F_REPLACE = 4;

/**
 * A program's attachment. It belongs to the skeleton or object of its program, which destroys it at the latest; one
 * from {@link Link.open} belongs to whoever opened it.
 */
export class Link {
  readonly #where: string;
  readonly #links: Set<Link>;
  readonly #pins = new Set<string>();
  #backend: LinkBackend | undefined;

  static {
    // `Link of program "count" (SEC("xdp")): xdp, id 12, program 34`
    const describe = function (this: Link): string {
      const where = this.#where.replace(/^link/, "Link");
      if (!this.#backend) return `${where}: destroyed`;
      try {
        const { type, id, programId, fallback } = this.info();
        return `${where}: ${fallback ?? `${linkTypeName(type)}, id ${id}, program ${programId}`}`;
      } catch (error) {
        return `${where}: ${error}`;
      }
    };
    Object.defineProperty(Link.prototype, inspect.custom, { value: describe });
  }

  /** @param links where the owner keeps its links, in the order in which they were made. */
  constructor(where: string, backend: LinkBackend, links: Set<Link>) {
    this.#where = where;
    this.#backend = backend;
    this.#links = links;
    links.add(this);
  }

  /**
   * Opens a link that is in the kernel, by its pin on bpffs or its id (`bpf_link__open`, `bpf_link_get_fd_by_id`).
   * Destroying it closes this handle: the program is detached when nobody else holds the link and it is not pinned.
   *
   * ```ts
   * using link = Link.open({ pin: "/sys/fs/bpf/filter" });
   * link.update(watch.programs.new_filter);
   * ```
   * @throws BpfError when there is no such link, or the pin is of something else.
   */
  static open(target: KernelTarget): Link {
    const { where, fd } = openFromKernel("link", target);
    const link = new Link(where, fdLink(where, fd), new Set());
    if ("pin" in target) link.#pins.add(target.pin);
    mustEnd(link, where);
    return link;
  }

  /** Every link that is in the kernel (`bpf_link_get_next_id`); those that vanish meanwhile are left out. */
  static *list(): IterableIterator<LinkInfo> {
    for (const { where, fd } of walkIds("link")) yield readLinkInfo(where, fd);
  }

  #use(): LinkBackend {
    if (!this.#backend) throw closedError(this.#where);
    return this.#backend;
  }

  /** This link, or those that it stands for. */
  #members(): readonly { readonly fd: number }[] {
    return this.#use().members ?? [this];
  }

  /** The file descriptor of the link; of the first, where it stands for one on each CPU. */
  get fd(): number {
    const { fd, fallback } = this.#use();
    if (!fd) throw stateError(this.#where, `is no link of the kernel but ${fallback} — it has no descriptor`);
    return fd();
  }

  /** Detaches the program, unless the link is pinned or disconnected, and ends the link (`bpf_link__destroy`). */
  destroy(): void {
    const backend = this.#backend;
    if (!backend) return;
    hasEnded(this);
    this.#backend = undefined;
    this.#links.delete(this);
    backend.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }

  /**
   * Detaches the program even if the link is pinned (`bpf_link_detach`); the link itself stays until destroyed. Not
   * every kind of link can.
   */
  detach(): void {
    for (const { fd } of this.#members()) check(this.#where, "bpf_link_detach", libbpf.bpf_link_detach(fd));
  }

  /**
   * Lets the attachment outlive this object, until the process ends (`bpf_link__disconnect`). Of one from
   * {@link Link.open} that nobody has let go of so, nor destroyed, the process is warned when it is collected.
   */
  disconnect(): void {
    this.#use().disconnect();
    hasEnded(this);
  }

  /** Pins the link to a new path on bpffs (`bpf_obj_pin`): the program stays attached until it is unpinned. */
  pin(path: string): void {
    const pinned = text(path, "path", "pin()");
    const { length } = this.#members();
    if (length > 1)
      throw stateError(
        this.#where,
        `is ${length} links of the kernel, one for each CPU — attach({ cpu }) makes one`,
      );
    const { fd } = this;
    const result = libbpf.bpf_obj_pin(fd, pinned);
    if (result === EINVAL && isPerfEvent(fd)) throw stateError(this.#where, NO_LINK);
    check(this.#where, "bpf_obj_pin", result, { pin: pinned });
    this.#pins.add(pinned);
  }

  /** Removes the given pin, or all that {@link pin} made and the one by which it was opened. */
  unpin(path?: string): void {
    void this.fd;
    const paths = path === undefined ? [...this.#pins] : [text(path, "path", "unpin()")];
    let failed: { readonly path: string; readonly errno: number } | undefined;
    for (const each of paths) {
      const result = orErrno(libc.unlink(each));
      // One that somebody else removed is gone; of the others that stay, the first is told.
      if (result < 0 && result !== -2) failed ??= { path: each, errno: -result };
      else if (result < 0 && path !== undefined) failed = { path: each, errno: -result };
      else this.#pins.delete(each);
    }
    if (failed) throw systemError(`${this.#where}: pin "${failed.path}"`, "unlink", failed.errno);
  }

  /**
   * Puts another program of the same kind, or another struct_ops map, in place of this one, with no gap
   * (`bpf_link_update`). Kinds that can: cgroup, XDP, tcx, netkit, netns, sockmap, iterators, struct_ops.
   * @param options.expected the program that must be attached now; when another one is, nothing changes and
   * `EPERM` is thrown.
   */
  update(
    replacement: { readonly fd: number },
    options: { readonly expected?: { readonly fd: number } | undefined } = {},
  ): void {
    const { update } = this.#use();
    if (update) {
      update(replacement);
      return;
    }
    const fd = fdOf(replacement, "update()");
    const old = options.expected && fdOf(options.expected, "update(): expected");
    for (const member of this.#members()) {
      const settings =
        old === undefined ? 0 : opts("bpf_link_update_opts", { flags: BPF_F_REPLACE, old_prog_fd: old });
      check(this.#where, "bpf_link_update", libbpf.bpf_link_update(member.fd, fd, settings));
    }
  }

  /** Asks the kernel what it knows of the link (`bpf_obj_get_info_by_fd`). */
  info(): LinkInfo {
    const { fallback } = this.#use();
    if (fallback !== undefined) return { ...none, fallback };
    const { fd } = this;
    return isPerfEvent(fd) ? { ...none, fallback: "perf_event" } : readLinkInfo(this.#where, fd);
  }
}

const none = { kind: "none", type: 0, id: 0, programId: 0 } as const;
const NO_LINK =
  "is no link of the kernel but a performance event, which cannot be pinned — kernel 5.15 has links for them";

/** Whether a descriptor is of a performance event itself: on kernels before 5.15 there is no link for the attachment. */
function isPerfEvent(fd: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) === "anon_inode:[perf_event]";
  } catch {
    return false;
  }
}

function fdOf(value: { readonly fd: number }, where: string): number {
  const fd: unknown = value?.fd;
  if (typeof fd !== "number" || fd >>> 0 !== fd)
    throw new TypeError(`${where}: a program, or an object with the descriptor of one as fd, is needed`);
  return fd;
}
