import { BpfError } from "../errors.js";
import { libbpf, libc } from "../ffi/native.js";
import type { Link } from "./link.js";
import { BaseProgram } from "./program.js";

/** A network interface, by name or number. */
export type InterfaceTarget = string | { readonly interface: string } | { readonly ifindex: number };

/** `SEC("xdp")`: sees each packet that an interface receives, before the network stack does. */
export class Xdp extends BaseProgram {
  /** Attaches to an interface (`bpf_program__attach_xdp`), in the mode that its driver offers. */
  attach(target: InterfaceTarget): Link {
    const ifindex = interfaceIndex(this.where, target);
    return this.attached("bpf_program__attach_xdp", (pointer) =>
      libbpf.bpf_program__attach_xdp(pointer, ifindex),
    );
  }
}

/** The number of an interface (`if_nametoindex(3)`). */
function interfaceIndex(where: string, target: InterfaceTarget): number {
  const given: { interface?: unknown; ifindex?: unknown } =
    typeof target === "string" ? { interface: target } : target;
  if (typeof given?.interface === "string") {
    const found = libc.if_nametoindex(given.interface);
    if (found === 0)
      throw new BpfError(`${where}: there is no network interface "${given.interface}" — see "ip link"`, {
        code: "ENODEV",
        errno: 19,
        syscall: "if_nametoindex",
      });
    return found;
  }
  const { ifindex } = given ?? {};
  if (typeof ifindex !== "number" || !Number.isInteger(ifindex) || ifindex < 1 || ifindex > 0x7fff_ffff)
    throw new TypeError(`${where}: attach() takes an interface's name, { interface } or { ifindex }`);
  return ifindex;
}
