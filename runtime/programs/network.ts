import { borrow, giveBack, libbpf, optsAt } from "../ffi/native.js";
import { choice, descriptor, type InterfaceTarget, integer, interfaceIndex, withFile } from "./arguments.js";
import { atExit, NO_SUCH_LINK } from "./fallback.js";
import type { Link } from "./link.js";
import { BaseProgram, type Target } from "./program.js";

/** What stands in a row of programs: a link, or a program. */
export interface Neighbour {
  readonly fd: number;
}

/** Where in the row of a hook's programs the new one goes: at the end when left out. */
export interface OrderOptions {
  /** Right before this program or link. */
  readonly before?: Neighbour | undefined;
  /** Right after this program or link. */
  readonly after?: Neighbour | undefined;
}

const BPF_F_BEFORE = 8;
const BPF_F_AFTER = 16;
const BPF_F_LINK = 0x2000;

/** The flags and the descriptor by which the kernel finds the place. */
function order({ before, after }: OrderOptions): { flags: number; relative_fd: number } | undefined {
  if (before && after) throw new TypeError("attach(): before and after exclude each other");
  const neighbour = before ?? after;
  if (!neighbour) return undefined;
  const link = neighbour instanceof BaseProgram ? 0 : BPF_F_LINK;
  return { flags: (before ? BPF_F_BEFORE : BPF_F_AFTER) | link, relative_fd: descriptor(neighbour.fd, "fd") };
}

const xdpModes = { native: 4, generic: 2, offload: 8 } as const;
const BPF_XDP = 37;

/** How an XDP program is attached. */
export interface XdpOptions {
  /** `"native"`: in the driver · `"generic"`: in the kernel, for any driver · `"offload"`: on the card. */
  readonly mode?: keyof typeof xdpModes | undefined;
}

/** `SEC("xdp")`: sees each packet that an interface receives, before the network stack does. */
export class Xdp extends BaseProgram {
  /** Attaches to an interface; in the mode that its driver offers, unless one is asked for. */
  attach(target: string | (InterfaceTarget & XdpOptions)): Link {
    const ifindex = interfaceIndex(this.where, target);
    const mode = typeof target === "string" ? undefined : target.mode;
    const flags = mode === undefined ? 0 : choice(xdpModes, mode, "mode");
    return this.linkedTo({ target_fd: ifindex, attach_type: BPF_XDP, flags });
  }
}

const BPF_TCX_INGRESS = 46;
const BPF_TCX_EGRESS = 47;
const tcDirections = { ingress: BPF_TCX_INGRESS, egress: BPF_TCX_EGRESS };
const clsactPoints = { ingress: 1, egress: 2 } as const;
const EEXIST = -17;

/** Which packets a traffic-control program sees. */
export interface TcDirection {
  readonly direction: "ingress" | "egress";
}

/** How a traffic-control program is attached. */
export interface TcOptions extends OrderOptions {
  /** False refuses clsact, which kernels before 6.6 have in place of links and which outlives SIGKILL. */
  readonly fallback?: boolean | undefined;
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
    const direction = given.direction ?? (this.section.split("/")[1] as TcDirection["direction"]);
    const attach_type = choice(tcDirections, direction, "direction");
    const attributes = { target_fd: ifindex, attach_type, ...order(given) };
    if (given.fallback === false || given.before || given.after) return this.linkedTo(attributes);
    const result = this.tryLink(attributes);
    return typeof result === "number" ? this.#clsact(ifindex, direction, result) : result;
  }

  #clsact(ifindex: number, direction: TcDirection["direction"], refusal: number): Link {
    if (!NO_SUCH_LINK.has(refusal)) this.checkAttach("bpf(BPF_LINK_CREATE)", refusal);
    const { fd } = this;
    const area = borrow(64);
    const hook = optsAt(area, 0, "bpf_tc_hook", { ifindex, attach_point: clsactPoints[direction] });
    const options = optsAt(area, 32, "bpf_tc_opts", { prog_fd: fd });
    const created = libbpf.bpf_tc_hook_create(hook);
    try {
      if (created !== EEXIST) this.checkAttach("bpf_tc_hook_create", created);
      this.checkAttach("bpf_tc_attach", libbpf.bpf_tc_attach(hook, options));
    } catch (error) {
      giveBack(area);
      throw error;
    }
    const destroy = (): void => {
      // libbpf has put the filter's handle and priority there; asked to detach, it wants the rest zero.
      new DataView(area.bytes.buffer, 32).setUint32(8, 0, true);
      new DataView(area.bytes.buffer, 32).setUint32(12, 0, true);
      new DataView(area.bytes.buffer, 32).setUint32(16, 0, true);
      libbpf.bpf_tc_detach(hook, options);
      giveBack(area);
    };
    return this.linked({ ...atExit(destroy), fallback: "clsact" });
  }
}

/** `SEC("netkit/primary")`, `SEC("netkit/peer")` (kernel 6.7): runs on a netkit device. */
export class Netkit extends BaseProgram {
  /** Attaches to the device. */
  attach(target: string | (InterfaceTarget & OrderOptions)): Link {
    const options = typeof target === "string" ? {} : target;
    return this.linkedTo({ target_fd: interfaceIndex(this.where, target), ...order(options) });
  }
}

/** Where a cgroup program goes. */
export interface CgroupTarget extends OrderOptions {
  /** The folder of the cgroup, or a descriptor of it. */
  readonly cgroup: string | number;
}

/** `SEC("cgroup/...")`, `SEC("cgroup_skb/...")`, `SEC("sockops")`, `SEC("lsm_cgroup/...")`: runs for the processes of a cgroup. */
export class Cgroup extends BaseProgram {
  /** Attaches to a cgroup of version 2, and with it to those inside. `before` and `after` need kernel 6.16. */
  attach(target: CgroupTarget): Link {
    return withFile(target?.cgroup, "cgroup", (fd) => this.linkedTo({ target_fd: fd, ...order(target) }));
  }
}

/** Where a program of a network namespace goes. */
export interface NetnsTarget {
  /** The file of the namespace, such as `/proc/self/ns/net`, or a descriptor of it. */
  readonly netns: string | number;
}

/** `SEC("sk_lookup")`: picks the socket for a packet, in a network namespace. */
export class SkLookup extends BaseProgram {
  /** Attaches to a network namespace. */
  attach(target: NetnsTarget): Link {
    return withFile(target?.netns, "netns", (fd) => this.linkedTo({ target_fd: fd }));
  }
}

/** `SEC("flow_dissector")`: tells the parts of a packet, in a network namespace. */
export class FlowDissector extends SkLookup {}

const families = { ipv4: 2, ipv6: 10 } as const;
const hooks = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
const BPF_NETFILTER = 45;
const BPF_F_NETFILTER_IP_DEFRAG = 1;

/** Where a netfilter program goes. */
export interface NetfilterTarget {
  readonly family: keyof typeof families;
  readonly hook: keyof typeof hooks;
  /** Lower ones run first; -2147483648 and 2147483647 are the kernel's. */
  readonly priority: number;
  /** Whether fragments are put together first. */
  readonly defrag?: boolean | undefined;
}

/** `SEC("netfilter")` (kernel 6.4): decides about packets, beside nftables. */
export class Netfilter extends BaseProgram {
  /** Attaches to a netfilter hook of this network namespace. */
  attach(target: NetfilterTarget): Link {
    const { family, hook, priority, defrag } = target ?? {};
    return this.linkedTo({
      attach_type: BPF_NETFILTER,
      netfilter_pf: choice(families, family, "family"),
      netfilter_hooknum: choice(hooks, hook, "hook"),
      netfilter_priority: integer(priority, "priority", -0x7fff_ffff, 0x7fff_fffe),
      netfilter_flags: defrag ? BPF_F_NETFILTER_IP_DEFRAG : 0,
    });
  }
}
