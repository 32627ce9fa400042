import { choice, type InterfaceTarget, interfaceIndex } from "./arguments.js";
import { BaseProgram } from "./base.js";
import type { Link } from "./link.js";
import { type Attachments, type OrderOptions, order, orderTodos, queryAttachments } from "./order.js";

const xdpModes = { native: 4, generic: 2, offload: 8 } as const;
const BPF_XDP = 37;
const xdpTodos = {
  native: { EOPNOTSUPP: 'the driver of the interface has no XDP: mode "generic" does without' },
  generic: {},
  offload: { EOPNOTSUPP: "the card of the interface takes no programs: leave mode out" },
} as const;

/** How an XDP program is attached. */
export interface XdpOptions {
  /** `"native"`: in the driver · `"generic"`: in the kernel, for any driver · `"offload"`: on the card. */
  readonly mode?: keyof typeof xdpModes | undefined;
}

/** `SEC("xdp")`: sees each packet that an interface receives, before the network stack does. */
export class Xdp extends BaseProgram {
  /**
   * Attaches to an interface; in the mode that its driver offers, unless one is asked for. An interface takes one
   * program; `link.update()` puts another in its place.
   */
  attach(target: string | (InterfaceTarget & XdpOptions)): Link {
    const ifindex = interfaceIndex(this.where, target);
    const mode = typeof target === "string" ? undefined : target.mode;
    const flags = mode === undefined ? 0 : choice(xdpModes, mode, "mode");
    return this.linkedTo({ target_fd: ifindex, attach_type: BPF_XDP, flags }, xdpTodos[mode ?? "generic"]);
  }
}

/** `SEC("netkit/primary")`, `SEC("netkit/peer")` (kernel 6.7): runs on a netkit device. */
export class Netkit extends BaseProgram {
  /** Attaches to the device. */
  attach(target: string | (InterfaceTarget & OrderOptions)): Link {
    const options = typeof target === "string" ? {} : target;
    const ifindex = interfaceIndex(this.where, target);
    return this.linkedTo(
      { target_fd: ifindex, ...order(options) },
      { EINVAL: "netkit needs kernel 6.7, and the device to be one", ...orderTodos("6.7", options) },
    );
  }

  /** The programs that a device has where this one would be, in order (`bpf_prog_query_opts`). */
  attachments(target: string | InterfaceTarget): Attachments {
    return queryAttachments(this.where, interfaceIndex(this.where, target), this.attachType);
  }
}
