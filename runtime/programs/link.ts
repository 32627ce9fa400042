import { closedError, stateError } from "../errors.js";
import { check, libbpf, libc, orErrno } from "../ffi/native.js";

/** What the kernel says of a link: the start of `struct bpf_link_info`. */
export interface LinkInfo {
  /** `BPF_LINK_TYPE_*`; 0 where the kernel has no link for the attachment. */
  readonly type: number;
  readonly id: number;
  /** The id of the attached program; 0 where the kernel has no link. */
  readonly programId: number;
  /**
   * What was used in place of a kernel link, such as `"clsact"`: it outlives the process when that is killed by
   * SIGKILL. Absent for links.
   */
  readonly fallback?: string | undefined;
}

/** How an attachment is held: what {@link Link} does its work by. */
export interface LinkBackend {
  /** The descriptor of the kernel's link; undefined where there is none. */
  fd?(): number;
  /** Detaches, and frees what holds the attachment. Called once. */
  destroy(): void;
  /** Lets the attachment outlive `destroy()`. */
  disconnect(): void;
  readonly fallback?: string;
  /** The links that this one stands for, where it is several. */
  readonly members?: readonly Link[];
}

/** Destroys links, newest first: all of them, also when one of them fails; its error is thrown in the end. */
export function destroyAll(links: Iterable<Link>): void {
  const errors: unknown[] = [];
  for (const link of [...links].reverse()) {
    try {
      link.destroy();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
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
export function fdLink(fd: number): LinkBackend {
  let connected = true;
  return {
    fd: () => fd,
    destroy: () => {
      if (connected) libc.close(fd);
    },
    disconnect: () => {
      connected = false;
    },
  };
}

/** A program's attachment. It belongs to the skeleton or object of its program, which destroys it at the latest. */
export class Link {
  readonly #where: string;
  readonly #links: Set<Link>;
  readonly #pins: string[] = [];
  #backend: LinkBackend | undefined;

  /** @param links where the owner keeps its links, in the order in which they were made. */
  constructor(where: string, backend: LinkBackend, links: Set<Link>) {
    this.#where = where;
    this.#backend = backend;
    this.#links = links;
    links.add(this);
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

  /** Detaches the program, unless the link is pinned, and ends the link (`bpf_link__destroy`). */
  destroy(): void {
    const backend = this.#backend;
    if (!backend) return;
    this.#backend = undefined;
    this.#links.delete(this);
    backend.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }

  /** Detaches the program even if the link is pinned (`bpf_link_detach`); the link itself stays until destroyed. */
  detach(): void {
    for (const { fd } of this.#members()) check(this.#where, "bpf_link_detach", libbpf.bpf_link_detach(fd));
  }

  /** Lets the attachment outlive this object, until the process ends (`bpf_link__disconnect`). */
  disconnect(): void {
    this.#use().disconnect();
  }

  /** Pins the link to a new path on bpffs (`bpf_obj_pin`): the program stays attached until it is unpinned. */
  pin(path: string): void {
    const { length } = this.#members();
    if (length > 1)
      throw stateError(
        this.#where,
        `is ${length} links of the kernel, one for each CPU — attach({ cpu }) makes one`,
      );
    check(this.#where, "bpf_obj_pin", libbpf.bpf_obj_pin(this.fd, path));
    this.#pins.push(path);
  }

  /** Removes what {@link pin} made. */
  unpin(): void {
    void this.fd;
    for (const path of this.#pins.splice(0)) check(this.#where, "unlink", orErrno(libc.unlink(path)));
  }

  /** Puts another program of the same kind in place of this one, with no gap (`bpf_link_update`). */
  update(program: { readonly fd: number }): void {
    for (const { fd } of this.#members())
      check(this.#where, "bpf_link_update", libbpf.bpf_link_update(fd, program.fd, 0));
  }

  /** Asks the kernel what it knows of the link (`bpf_obj_get_info_by_fd`). */
  info(): LinkInfo {
    const { fallback } = this.#use();
    if (fallback !== undefined) return { type: 0, id: 0, programId: 0, fallback };
    const bytes = new Uint8Array(64);
    const size = new Uint32Array([bytes.length]);
    check(this.#where, "bpf_obj_get_info_by_fd", libbpf.bpf_obj_get_info_by_fd(this.fd, bytes, size));
    const [type, id, programId] = new Uint32Array(bytes.buffer) as unknown as [number, number, number];
    return { type, id, programId };
  }
}
