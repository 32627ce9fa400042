import { closedError } from "../errors.js";
import { check, libbpf } from "../ffi/native.js";

/** What the kernel says of a link: the start of `struct bpf_link_info`. */
export interface LinkInfo {
  /** `BPF_LINK_TYPE_*`. */
  readonly type: number;
  readonly id: number;
  /** The id of the attached program. */
  readonly programId: number;
}

/** A program's attachment. It belongs to the skeleton or object of its program, which destroys it at the latest. */
export class Link {
  readonly #where: string;
  readonly #links: Set<Link>;
  /** The `struct bpf_link`, 0 once destroyed. */
  #pointer: number;

  /** @param links where the owner keeps its links, in the order in which they were made. */
  constructor(where: string, pointer: number, links: Set<Link>) {
    this.#where = where;
    this.#pointer = pointer;
    this.#links = links;
    links.add(this);
  }

  #use(): number {
    if (this.#pointer === 0) throw closedError(this.#where);
    return this.#pointer;
  }

  /** The file descriptor of the link. */
  get fd(): number {
    return check(this.#where, "bpf_link__fd", libbpf.bpf_link__fd(this.#use()));
  }

  /** Detaches the program, unless the link is pinned, and ends the link (`bpf_link__destroy`). */
  destroy(): void {
    const pointer = this.#pointer;
    if (pointer === 0) return;
    this.#pointer = 0;
    this.#links.delete(this);
    check(this.#where, "bpf_link__destroy", libbpf.bpf_link__destroy(pointer));
  }

  [Symbol.dispose](): void {
    this.destroy();
  }

  /** Detaches the program even if the link is pinned (`bpf_link__detach`); the link itself stays until destroyed. */
  detach(): void {
    check(this.#where, "bpf_link__detach", libbpf.bpf_link__detach(this.#use()));
  }

  /** Lets the attachment outlive this object, until the process ends (`bpf_link__disconnect`). */
  disconnect(): void {
    libbpf.bpf_link__disconnect(this.#use());
  }

  /** Pins the link to a new path on bpffs (`bpf_link__pin`): the program stays attached until it is unpinned. */
  pin(path: string): void {
    check(this.#where, "bpf_link__pin", libbpf.bpf_link__pin(this.#use(), path));
  }

  /** Removes what {@link pin} made (`bpf_link__unpin`). */
  unpin(): void {
    check(this.#where, "bpf_link__unpin", libbpf.bpf_link__unpin(this.#use()));
  }

  /** Puts another program of the same kind in place of this one, with no gap (`bpf_link_update`). */
  update(program: { readonly fd: number }): void {
    check(this.#where, "bpf_link_update", libbpf.bpf_link_update(this.fd, program.fd, 0));
  }

  /** Asks the kernel what it knows of the link (`bpf_obj_get_info_by_fd`). */
  info(): LinkInfo {
    const bytes = new Uint8Array(64);
    const size = new Uint32Array([bytes.length]);
    check(this.#where, "bpf_obj_get_info_by_fd", libbpf.bpf_obj_get_info_by_fd(this.fd, bytes, size));
    const [type, id, programId] = new Uint32Array(bytes.buffer) as unknown as [number, number, number];
    return { type, id, programId };
  }
}
