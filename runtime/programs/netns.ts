import { choice, flag, integer, withFile } from "./arguments.js";
import { BaseProgram } from "./base.js";
import type { Link } from "./link.js";

/** Where a program of a network namespace goes. */
export interface NetnsTarget {
  /** The file of the namespace, such as `/proc/self/ns/net`, or a descriptor of it. */
  readonly netns: string | number;
}

const BPF_FLOW_DISSECTOR = 17;
const BPF_SK_LOOKUP = 36;

/** `SEC("sk_lookup")`: picks the socket for a packet, in a network namespace. */
export class SkLookup extends BaseProgram {
  /** Attaches to a network namespace. */
  attach(target: NetnsTarget): Link {
    return this.toNetns(target, BPF_SK_LOOKUP);
  }

  protected toNetns(target: NetnsTarget, attach_type: number): Link {
    return withFile(target?.netns, "netns", (fd) =>
      this.linkedTo({ target_fd: fd, attach_type }, { EINVAL: "is it the file of a network namespace?" }),
    );
  }
}

/** `SEC("flow_dissector")`: tells the parts of a packet, in a network namespace. */
export class FlowDissector extends SkLookup {
  /** Attaches to a network namespace, which takes one. */
  override attach(target: NetnsTarget): Link {
    return this.toNetns(target, BPF_FLOW_DISSECTOR);
  }
}

const families = { ipv4: 2, ipv6: 10 } as const;
const hooks = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
const BPF_NETFILTER = 45;
const BPF_F_NETFILTER_IP_DEFRAG = 1;

/** Where a netfilter program goes. */
export interface NetfilterTarget {
  /** Whose packets. */
  readonly family: keyof typeof families;
  /** Where on their way. */
  readonly hook: keyof typeof hooks;
  /** Lower ones run first; -2147483648 and 2147483647 are the kernel's. */
  readonly priority: number;
  /** Whether fragments are put together first; its priority must then be higher than -400. */
  readonly defrag?: boolean | undefined;
}

/** `SEC("netfilter")` (kernel 6.4): decides about packets, beside nftables. */
export class Netfilter extends BaseProgram {
  /** Attaches to a netfilter hook of this network namespace. */
  attach(target: NetfilterTarget): Link {
    const { family, hook, priority, defrag } = target ?? {};
    return this.linkedTo(
      {
        attach_type: BPF_NETFILTER,
        netfilter_pf: choice(families, family, "family"),
        netfilter_hooknum: choice(hooks, hook, "hook"),
        netfilter_priority: integer(priority, "priority", -0x7fff_ffff, 0x7fff_fffe),
        netfilter_flags: flag(defrag, "defrag") ? BPF_F_NETFILTER_IP_DEFRAG : 0,
      },
      {
        EINVAL: "netfilter programs need kernel 6.4",
        EBUSY: "a program of this priority is attached there already: use another priority",
        EOPNOTSUPP: "defrag needs the kernel's module nf_defrag_ipv4 or nf_defrag_ipv6",
      },
    );
  }
}
