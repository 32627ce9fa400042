import { borrow, EEXIST, EINVAL, giveBack, libbpf, optsAt } from "../ffi/native.js";
import { choice, type InterfaceTarget, interfaceIndex } from "./arguments.js";
import { BaseProgram, type Target } from "./base.js";
import { clsactIsEmpty } from "./clsact.js";
import { atExit } from "./fallback.js";
import type { Link } from "./link.js";
import {
  type Attachments,
  type OrderOptions,
  order,
  orderTodos,
  probeHook,
  queryAttachments,
} from "./order.js";

const BPF_TCX_INGRESS = 46;
const BPF_TCX_EGRESS = 47;
const tcDirections = { ingress: BPF_TCX_INGRESS, egress: BPF_TCX_EGRESS };
const clsactPoints = { ingress: 1, egress: 2 } as const;
const CLSACT = 3;

/** Which packets a traffic-control program sees. */
export interface TcDirection {
  /** Those that the interface receives, or those that it sends. */
  readonly direction: "ingress" | "egress";
}

/** How a traffic-control program is attached. */
export interface TcOptions extends OrderOptions {
  /**
   * False refuses clsact, which kernels before 6.6 have in place of links and which outlives SIGKILL; `"always"` uses
   * it on newer ones too.
   */
  readonly fallback?: boolean | "always" | undefined;
}

type TcTarget<How extends Target> = How extends "section"
  ? string | (InterfaceTarget & TcOptions & Partial<TcDirection>)
  : InterfaceTarget & TcOptions & TcDirection;

/** `SEC("tc")`, `SEC("tcx/ingress")`, …: sees each packet that an interface receives or sends. */
export class Tc<How extends Target = "section"> extends BaseProgram {
  /** Attaches to an interface: by tcx, or on kernels before 6.6 by clsact, as `link.info().fallback` tells. */
  attach(target: TcTarget<How>): Link {
    const given = (typeof target === "string" ? { interface: target } : target) as InterfaceTarget &
      TcOptions &
      Partial<TcDirection>;
    const ifindex = interfaceIndex(this.where, given);
    const { direction, attach_type } = this.#direction(given);
    const { fallback } = given;
    if (fallback !== undefined && typeof fallback !== "boolean" && fallback !== "always")
      throw new TypeError(`attach(): fallback is a boolean or "always", not ${typeof fallback}`);
    const place = order(given);
    const ordered = Object.keys(place).length > 0;
    if (fallback === "always") {
      if (ordered)
        throw new TypeError("attach(): clsact has no order of this kind — leave it or fallback out");
      return this.#clsact(ifindex, direction);
    }
    const attributes = { target_fd: ifindex, attach_type, ...place };
    const todos = orderTodos("6.6", given);
    if (fallback === false || ordered) return this.linkedTo(attributes, { EINVAL: NEEDS_TCX, ...todos });
    const result = this.tryLink(attributes);
    if (typeof result !== "number") return result;
    // The kernel says EINVAL to much; only what it says of the hook itself tells that it has none.
    if (result === EINVAL && probeHook(ifindex, attach_type) === EINVAL)
      return this.#clsact(ifindex, direction);
    this.checkAttach("bpf(BPF_LINK_CREATE)", result, todos);
    throw new Error("unreachable");
  }

  /** The programs that an interface has by tcx, in order, which those of other directions do not count among. */
  attachments(target: string | (InterfaceTarget & Partial<TcDirection>)): Attachments {
    const given = typeof target === "string" ? { interface: target } : target;
    const ifindex = interfaceIndex(this.where, given);
    return queryAttachments(this.where, ifindex, this.#direction(given).attach_type);
  }

  #direction(given: Partial<TcDirection>): {
    readonly direction: TcDirection["direction"];
    readonly attach_type: number;
  } {
    const direction = given.direction ?? (this.section.split("/")[1] as TcDirection["direction"]);
    return { direction, attach_type: choice(tcDirections, direction, "direction") };
  }

  #clsact(ifindex: number, direction: TcDirection["direction"]): Link {
    const { fd } = this;
    const area = borrow(128);
    const hook = optsAt(area, 0, "bpf_tc_hook", { ifindex, attach_point: clsactPoints[direction] });
    const options = optsAt(area, 32, "bpf_tc_opts", { prog_fd: fd });
    const both = optsAt(area, 64, "bpf_tc_hook", { ifindex, attach_point: CLSACT });
    const removeUnused = (): void => {
      // Made here, and nothing but our own filters was ever in it, or still is.
      if (!madeHere.has(ifindex) || !clsactIsEmpty(ifindex)) return;
      madeHere.delete(ifindex);
      libbpf.bpf_tc_hook_destroy(both);
    };
    const created = libbpf.bpf_tc_hook_create(hook);
    if (created === 0) madeHere.add(ifindex);
    try {
      if (created !== EEXIST) this.checkAttach("bpf_tc_hook_create", created);
      this.checkAttach("bpf_tc_attach", libbpf.bpf_tc_attach(hook, options));
    } catch (error) {
      removeUnused();
      giveBack(area);
      throw error;
    }
    const destroy = (): void => {
      // libbpf has put the filter's handle and priority there; asked to detach, it wants the rest zero.
      new DataView(area.bytes.buffer, 32).setUint32(8, 0, true);
      new DataView(area.bytes.buffer, 32).setUint32(12, 0, true);
      new DataView(area.bytes.buffer, 32).setUint32(16, 0, true);
      libbpf.bpf_tc_detach(hook, options);
      removeUnused();
      giveBack(area);
    };
    return this.linked({ ...atExit(destroy), fallback: "clsact" });
  }
}

const NEEDS_TCX = "tcx needs kernel 6.6: leave fallback out, and clsact is used on older ones";

/** Interfaces whose clsact was made by this process. */
const madeHere = new Set<number>();
