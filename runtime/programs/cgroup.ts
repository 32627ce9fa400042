import { hintFor } from "../ffi/native.js";
import { choice, flag, withFile } from "./arguments.js";
import { BaseProgram, type Target } from "./base.js";
import type { Link } from "./link.js";
import { type Attachments, type OrderOptions, order, orderTodos, queryAttachments } from "./order.js";
import { checkLsm } from "./tracing.js";

/** A cgroup of version 2. */
export interface CgroupFolder {
  /** The folder of the cgroup, or a descriptor of it. */
  readonly cgroup: string | number;
}

/** How a program is attached to a cgroup: order and revision need kernel 6.16. */
export interface CgroupOptions extends OrderOptions {
  /** Runs before the programs of the cgroups inside, not after them (kernel 6.15). */
  readonly preorder?: boolean | undefined;
}

const directions = { ingress: 0, egress: 1 } as const;

/** Which packets a program of plain `SEC("cgroup/skb")` sees. */
export interface CgroupDirection {
  readonly direction: keyof typeof directions;
}

/** Where a cgroup program goes. */
export type CgroupTarget<How extends Target = "section"> = CgroupFolder &
  CgroupOptions &
  (How extends "section" ? Partial<CgroupDirection> : CgroupDirection);

const BPF_F_PREORDER = 64;
const LSM = 29;
const CGROUP_SKB = 8;

/** `SEC("cgroup/...")`, `SEC("cgroup_skb/...")`, `SEC("sockops")`, `SEC("lsm_cgroup/...")`: runs for the processes of a cgroup. */
export class Cgroup<How extends Target = "section"> extends BaseProgram {
  /** Attaches to a cgroup of version 2, and with it to those inside. */
  attach(target: CgroupTarget<How>): Link {
    const given = target as CgroupTarget;
    const place = order(given ?? {});
    const flags = (place.flags ?? 0) | (flag(given?.preorder, "preorder") ? BPF_F_PREORDER : 0);
    const folder = typeof given?.cgroup === "string" ? given.cgroup : undefined;
    const elsewhere = (code: string): string | undefined => folder && hintFor({ code, cgroup: folder });
    const todos = {
      get EINVAL(): string {
        return given?.preorder ? "preorder needs kernel 6.15" : this.EBADF;
      },
      get EBADF(): string {
        return elsewhere("EBADF") ?? "is it the folder of a cgroup of version 2?";
      },
      ...orderTodos("6.16", given ?? {}),
    };
    const attach_type = this.#attachType(given?.direction);
    if (this.type === LSM) checkLsm(this.where);
    return withFile(given?.cgroup, "cgroup", (fd) =>
      this.linkedTo({ target_fd: fd, attach_type, ...place, flags }, todos),
    );
  }

  /** What is attached to a cgroup where this program would be, in order (`bpf_prog_query_opts`). */
  attachments(target: CgroupFolder): Attachments {
    return withFile(target?.cgroup, "cgroup", (fd) => queryAttachments(this.where, fd, this.attachType));
  }

  #attachType(direction: unknown): number {
    if (direction === undefined) {
      if (this.type === CGROUP_SKB && this.section === "cgroup/skb")
        throw new TypeError(`${this.where}: does not say which packets — attach({ cgroup, direction })`);
      return this.attachType;
    }
    if (this.type !== CGROUP_SKB)
      throw new TypeError(`${this.where}: direction is of programs that see packets`);
    return choice(directions, direction, "direction");
  }
}
