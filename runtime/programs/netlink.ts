import { errnoName } from "../errors.js";
import {
  borrow,
  EEXIST,
  ENOENT,
  F_DUPFD_CLOEXEC,
  giveBack,
  libbpf,
  libc,
  listening,
  opts,
  optsAt,
  systemError,
} from "../ffi/native.js";
import { ProgramType } from "../kernel/types.js";
import { descriptor, type InterfaceTarget, integer, interfaceIndex } from "./arguments.js";
import { BaseProgram } from "./base.js";
import { atExit } from "./fallback.js";
import { Link } from "./link.js";

/**
 * Attaching to network interfaces as it was done before links: what libbpf has as `bpf_xdp_*` and `bpf_tc_*`.
 * The methods `attach` of `Xdp` and `Tc` make links, which the kernel itself removes; these are for what must work
 * beside tools that know no links.
 */

const U32_MAX = 0xffff_ffff;

function indexOf(where: string, target: string | number): number {
  return interfaceIndex(where, typeof target === "number" ? { ifindex: target } : target);
}

/** Runs a call that talks to the kernel by netlink; an error says what the kernel said. */
function netlink(where: string, syscall: string, call: () => number, fine: readonly number[] = []): number {
  const { result, said } = listening(call);
  if (result >= 0 || fine.includes(result)) return result;
  const message = said.map((line) => /Kernel error message: (.*)/.exec(line)?.[1]).find(Boolean);
  const todo = todos[`${syscall} ${errnoName(-result)}`] ?? todos[errnoName(-result)];
  throw systemError(where, syscall, -result, { what: message, todo, log: said.join("\n") });
}

/** What to do about an errno, of one function or of all. */
const todos: Readonly<Record<string, string | undefined>> = {
  EBUSY: "something is attached there already: detach that first",
  "bpf_xdp_attach EEXIST": "something is attached there already: detach that first",
  "bpf_xdp_detach EEXIST": "another program is attached there, or in another mode: query() says which",
  "bpf_tc_attach EEXIST": "leave handle and priority out, or replace the filter that has them",
  "bpf_tc_attach EINVAL": "has the interface a clsact qdisc? createHook() makes one",
  "bpf_tc_hook_create EINVAL": "clsact has ingress and egress; make other qdiscs with tc(8)",
  EINVAL: "is there such a hook or filter? See tc(8): tc qdisc show, tc filter show",
  ENOENT: "is there such a hook or filter? See tc(8): tc qdisc show, tc filter show",
};

function expectType(where: string, program: BaseProgram, type: number, section: string): void {
  if (program.type !== type) throw new TypeError(`${where}: is no program of this kind — only ${section} is`);
}

/** `XDP_FLAGS_*` of the kernel, for {@link xdp}; combine them with `|`. */
export const XdpFlags = {
  /** Refuses when another program is attached already. */
  UPDATE_IF_NOEXIST: 1,
  /** In the kernel, for any driver. */
  SKB_MODE: 2,
  /** In the driver. */
  DRV_MODE: 4,
  /** On the card. */
  HW_MODE: 8,
} as const;

const XDP_MODES = XdpFlags.SKB_MODE | XdpFlags.DRV_MODE | XdpFlags.HW_MODE;
const attachModes = ["none", "native", "generic", "offload", "multiple"] as const;

/** Which XDP programs an interface has: ids, 0 where there is none. */
export interface XdpState {
  /** How the program is attached: in the driver, in the kernel, on the card, or several ways at once. */
  readonly mode: (typeof attachModes)[number];
  /** The id of the program; 0 when there is none, or several. */
  readonly programId: number;
  /** The id of the program in the driver. */
  readonly nativeId: number;
  /** The id of the program in the kernel. */
  readonly genericId: number;
  /** The id of the program on the card. */
  readonly offloadId: number;
}

function detachXdp(ifindex: number, flags: number, expected: number | undefined): number {
  const address = expected === undefined ? 0 : opts("bpf_xdp_attach_opts", { old_prog_fd: expected });
  return libbpf.bpf_xdp_detach(ifindex, flags & XDP_MODES, address);
}

/** XDP programs by netlink, without links: `bpf_xdp_attach`, `bpf_xdp_detach`, `bpf_xdp_query`. */
export const xdp = {
  /**
   * Attaches a program in place of the one that there is (`bpf_xdp_attach`).
   *
   * The kernel has no link of it. `destroy()` of the returned one, the end of the program's object, and every exit that
   * the process can see detach it, if it still is this program; SIGKILL does not. `disconnect()` lets it stay.
   * @param target the interface's index or name.
   * @param flags members of {@link XdpFlags}.
   * @throws BpfError `EEXIST` with `UPDATE_IF_NOEXIST`, `EBUSY` when a link is attached there.
   */
  attach(target: number | string, program: BaseProgram, flags = 0): Link {
    const ifindex = indexOf("xdp.attach()", target);
    integer(flags, "flags", 0, U32_MAX, "xdp.attach()");
    return BaseProgram.hold(program, (where, links) => {
      expectType(where, program, ProgramType.XDP, 'SEC("xdp")');
      netlink(where, "bpf_xdp_attach", () => libbpf.bpf_xdp_attach(ifindex, program.fd, flags, 0));
      // A duplicate: when it is detached the number may stand for something else.
      const own = libc.fcntl(program.fd, F_DUPFD_CLOEXEC, 0);
      const destroy = (): void => {
        // Refused when it is another program by now.
        listening(() => detachXdp(ifindex, flags, own));
        libc.close(own);
      };
      return new Link(`link of ${where}`, { ...atExit(destroy), fallback: "netlink" }, links);
    });
  },

  /**
   * Detaches what is attached by netlink (`bpf_xdp_detach`); nothing happens when there is nothing.
   * @param target the interface's index or name.
   * @param program the one that is expected there; whichever there is, when left out.
   * @param flags the mode that it is attached in, a member of {@link XdpFlags}, when it is not the driver's.
   * @throws BpfError `EEXIST` when it is another program, `EBUSY` when it is a link.
   */
  detach(target: number | string, program?: { readonly fd: number }, flags = 0): void {
    const where = "xdp.detach()";
    const ifindex = indexOf(where, target);
    integer(flags, "flags", 0, U32_MAX, where);
    const expected = program === undefined ? undefined : descriptor(program?.fd, "program");
    netlink(where, "bpf_xdp_detach", () => detachXdp(ifindex, flags, expected));
  },

  /** Says which programs an interface has (`bpf_xdp_query`), those of links included. */
  query(target: number | string): XdpState {
    const ifindex = indexOf("xdp.query()", target);
    const area = borrow(32);
    try {
      const address = optsAt(area, 0, "bpf_xdp_query_opts", {});
      netlink("xdp.query()", "bpf_xdp_query", () => libbpf.bpf_xdp_query(ifindex, 0, address));
      const view = new DataView(area.bytes.buffer);
      const [programId, nativeId, offloadId, genericId] = [8, 12, 16, 20].map((at) =>
        view.getUint32(at, true),
      ) as [number, number, number, number];
      return { mode: attachModes[view.getUint8(24)] ?? "none", programId, nativeId, genericId, offloadId };
    } finally {
      giveBack(area);
    }
  },
} as const;

/** A place where traffic-control programs attach: `struct bpf_tc_hook`. */
export type TcHook = InterfaceTarget & {
  /** `TcAttachPoint.INGRESS`, `EGRESS` or `CUSTOM`; ingress and egress (`|`) to destroy the whole hook. */
  readonly attachPoint: number;
  /** The qdisc or class of a custom attach point: `(major << 16) | minor`. */
  readonly parent?: number | undefined;
};

/** Which of a hook's filters: `struct bpf_tc_opts`. */
export interface TcFilterId {
  /** Tells filters of one priority apart: 1 to 4294967295. */
  readonly handle: number;
  /** Lower ones run first: 1 to 65535. */
  readonly priority: number;
}

/** How {@link tc} attaches: the kernel chooses what is left out. */
export interface TcAttachOptions extends Partial<TcFilterId> {
  /** Puts the program in place of the one with this handle and priority. */
  readonly replace?: boolean | undefined;
}

/** A filter of a hook. */
export interface TcFilterState extends TcFilterId {
  /** The id of the program. */
  readonly programId: number;
}

/** A program attached by {@link tc}: as a link, with the filter's numbers. */
export class TcFilter extends Link implements TcFilterState {
  /** Tells filters of one priority apart. */
  readonly handle: number;
  /** Lower ones run first. */
  readonly priority: number;
  /** The id of the program. */
  readonly programId: number;

  constructor(state: TcFilterState, ...link: ConstructorParameters<typeof Link>) {
    super(...link);
    this.handle = state.handle;
    this.priority = state.priority;
    this.programId = state.programId;
  }
}

const BPF_TC_F_REPLACE = 1;
/** Where the structs of a call lie in its area. */
const HOOK = 0;
const OPTIONS = 32;

type HookFields = { readonly ifindex: number; readonly attach_point: number; readonly parent: number };

function hookFields(where: string, hook: TcHook): HookFields {
  const { attachPoint, parent = 0 } = hook ?? {};
  return {
    ifindex: interfaceIndex(where, hook),
    attach_point: integer(attachPoint, "attachPoint", 1, 4, where),
    parent: integer(parent, "parent", 0, U32_MAX, where),
  };
}

function filterId(where: string, { handle, priority }: Partial<TcFilterId>, least: number): TcFilterId {
  return {
    handle: integer(handle ?? 0, "handle", least, U32_MAX, where),
    priority: integer(priority ?? 0, "priority", least, 0xffff, where),
  };
}

/** Calls a function of a hook and of a filter, and returns what it left in the filter. */
function onFilter(
  hook: HookFields,
  filter: Parameters<typeof opts<"bpf_tc_opts">>[1],
  call: (hook: number, filter: number) => number,
): { readonly result: number; readonly filter: TcFilterState } {
  const area = borrow(64);
  try {
    const hookAt = optsAt(area, HOOK, "bpf_tc_hook", hook);
    const filterAt = optsAt(area, OPTIONS, "bpf_tc_opts", filter);
    const result = call(hookAt, filterAt);
    const view = new DataView(area.bytes.buffer, OPTIONS);
    const [programId, handle, priority] = [16, 20, 24].map((at) => view.getUint32(at, true)) as [
      number,
      number,
      number,
    ];
    return { result, filter: { programId, handle, priority } };
  } finally {
    giveBack(area);
  }
}

function queryFilter(where: string, hook: HookFields, id: TcFilterId): TcFilterState | undefined {
  const { result, filter } = onFilter(hook, id, (hookAt, filterAt) =>
    netlink(where, "bpf_tc_query", () => libbpf.bpf_tc_query(hookAt, filterAt), [ENOENT]),
  );
  return result === ENOENT ? undefined : filter;
}

/** Traffic-control programs by netlink, without links: `bpf_tc_hook_create`, `bpf_tc_attach`, …. */
export const tc = {
  /**
   * Makes the clsact qdisc of an interface, which ingress and egress filters need (`bpf_tc_hook_create`).
   * @returns false when it was there already.
   */
  createHook(hook: TcHook): boolean {
    const where = "tc.createHook()";
    const address = opts("bpf_tc_hook", hookFields(where, hook));
    return (
      netlink(where, "bpf_tc_hook_create", () => libbpf.bpf_tc_hook_create(address), [EEXIST]) !== EEXIST
    );
  },

  /**
   * Removes all filters of a direction, whoever attached them; with both directions the clsact qdisc, too
   * (`bpf_tc_hook_destroy`).
   */
  destroyHook(hook: TcHook): void {
    const where = "tc.destroyHook()";
    const address = opts("bpf_tc_hook", hookFields(where, hook));
    netlink(where, "bpf_tc_hook_destroy", () => libbpf.bpf_tc_hook_destroy(address));
  },

  /**
   * Attaches a program to a hook (`bpf_tc_attach`).
   *
   * The kernel has no link of it. `destroy()` of the returned filter, the end of the program's object, and every exit
   * that the process can see detach it, if it still is this program; SIGKILL does not. `disconnect()` lets it stay.
   * @throws BpfError `EINVAL` when the interface has no clsact qdisc, `EEXIST` when there is such a filter.
   */
  attach(hook: TcHook, program: BaseProgram, options: TcAttachOptions = {}): TcFilter {
    const fields = hookFields("tc.attach()", hook);
    const id = filterId("tc.attach()", options ?? {}, 0);
    const flags = options?.replace ? BPF_TC_F_REPLACE : 0;
    return BaseProgram.hold(program, (where, links) => {
      expectType(where, program, ProgramType.SCHED_CLS, 'SEC("tc")');
      const { filter } = onFilter(fields, { ...id, flags, prog_fd: program.fd }, (hookAt, filterAt) =>
        netlink(where, "bpf_tc_attach", () => libbpf.bpf_tc_attach(hookAt, filterAt)),
      );
      const destroy = (): void => {
        const { handle, priority, programId } = filter;
        listening(() => {
          const there = onFilter(fields, { handle, priority }, libbpf.bpf_tc_query);
          // By now it may be another's, or gone, or its interface may be.
          if (there.result < 0 || there.filter.programId !== programId) return;
          onFilter(fields, { handle, priority }, libbpf.bpf_tc_detach);
        });
      };
      return new TcFilter(filter, `link of ${where}`, { ...atExit(destroy), fallback: "clsact" }, links);
    });
  },

  /** Removes a filter (`bpf_tc_detach`). @throws BpfError `ENOENT` when there is none. */
  detach(hook: TcHook, filter: TcFilterId): void {
    const where = "tc.detach()";
    onFilter(hookFields(where, hook), filterId(where, filter ?? {}, 1), (hookAt, filterAt) =>
      netlink(where, "bpf_tc_detach", () => libbpf.bpf_tc_detach(hookAt, filterAt)),
    );
  },

  /** The filter of a handle and priority, or undefined (`bpf_tc_query`). */
  query(hook: TcHook, filter: TcFilterId): TcFilterState | undefined {
    const where = "tc.query()";
    return queryFilter(where, hookFields(where, hook), filterId(where, filter ?? {}, 1));
  },
} as const;
