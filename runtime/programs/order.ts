import { borrow, EINVAL, giveBack, progQuery, systemError } from "../ffi/native.js";
import { kindOf } from "../kernel/objects.js";
import { descriptor, integer, u64 } from "./arguments.js";
import { BaseProgram } from "./base.js";

/** What stands in a row of programs: a link or a program, by its descriptor or its id. */
export type Neighbour =
  | { readonly fd: number }
  | { readonly linkId: number }
  | { readonly programId: number };

/** Where in the row of a hook's programs the new one goes: at the end when left out. */
export interface OrderOptions {
  /** Right before this program or link; `"all"`: as the first. */
  readonly before?: Neighbour | "all" | undefined;
  /** Right after this program or link; `"all"`: as the last. */
  readonly after?: Neighbour | "all" | undefined;
  /** Attaches only if nothing has changed since {@link Attachments.revision} was told; else `ESTALE`. */
  readonly expectedRevision?: number | bigint | undefined;
}

const BPF_F_BEFORE = 8;
const BPF_F_AFTER = 16;
const BPF_F_ID = 32;
const BPF_F_LINK = 0x2000;

/** The attributes by which the kernel finds the place; none at all where none is asked for, as old kernels want it. */
export function order(options: OrderOptions): {
  readonly flags?: number;
  readonly relative_fd?: number;
  readonly expected_revision?: bigint;
} {
  const { before, after, expectedRevision } = options;
  if (before !== undefined && after !== undefined)
    throw new TypeError("attach(): before and after exclude each other");
  const revision =
    expectedRevision === undefined ? {} : { expected_revision: u64(expectedRevision, "expectedRevision") };
  const neighbour = before ?? after;
  if (neighbour === undefined) return revision;
  const side = before === undefined ? BPF_F_AFTER : BPF_F_BEFORE;
  if (neighbour === "all") return { flags: side, ...revision };
  const name = before === undefined ? "after" : "before";
  const given = neighbour as { readonly [K in "fd" | "linkId" | "programId"]?: unknown };
  if (given?.linkId !== undefined)
    return { flags: side | BPF_F_ID | BPF_F_LINK, relative_fd: id(given.linkId, name), ...revision };
  if (given?.programId !== undefined)
    return { flags: side | BPF_F_ID, relative_fd: id(given.programId, name), ...revision };
  if (typeof given?.fd !== "number")
    throw new TypeError(`attach(): ${name} is "all", a program, a link, { programId } or { linkId }`);
  const fd = descriptor(given.fd, name);
  const isProgram = neighbour instanceof BaseProgram || kindOf(fd) === "program";
  return { flags: side | (isProgram ? 0 : BPF_F_LINK), relative_fd: fd, ...revision };
}

function id(value: unknown, name: string): number {
  return integer(value, `${name}: an id`, 1, 0xffff_ffff);
}

/** What to do about a refusal where an order was asked for. */
export function orderTodos(since: string, options: OrderOptions): Readonly<Record<string, string>> {
  const asked = [options.before, options.after, options.expectedRevision].some((each) => each !== undefined);
  const moved = "what is attached there has changed since: ask attachments() again";
  if (!asked) return {};
  return {
    EINVAL: `an order among programs needs kernel ${since}`,
    ESTALE: moved,
    ENOENT: "is it attached there?",
  };
}

/** What is attached to one hook, in the order in which it runs. */
export interface Attachments {
  /** Counted up at every change; for {@link OrderOptions.expectedRevision}. 0 where the kernel does not count. */
  readonly revision: bigint;
  /** The programs; `linkId` is 0 for one that was attached without a link. */
  readonly programs: readonly { readonly programId: number; readonly linkId: number }[];
}

const MOST = 1024;

/** Asks what is attached to a hook (`bpf_prog_query_opts`). */
export function queryAttachments(where: string, target_fd: number, attach_type: number): Attachments {
  const area = borrow(64 + 8 * MOST);
  try {
    const at = BigInt(area.address + 64);
    const result = progQuery(area, {
      target_fd,
      attach_type,
      prog_ids: at,
      prog_cnt: MOST,
      link_ids: at + BigInt(4 * MOST),
    });
    const view = new DataView(area.bytes.buffer, area.bytes.byteOffset);
    if (result < 0)
      throw systemError(where, "bpf(BPF_PROG_QUERY)", -result, {
        todo: result === EINVAL ? "tcx needs kernel 6.6, netkit 6.7: has this kernel such hooks?" : undefined,
      });
    const count = Math.min(view.getUint32(24, true), MOST);
    return {
      revision: view.getBigUint64(56, true),
      programs: Array.from({ length: count }, (_, i) => ({
        programId: view.getUint32(64 + 4 * i, true),
        linkId: view.getUint32(64 + 4 * (MOST + i), true),
      })),
    };
  } finally {
    giveBack(area);
  }
}

/** The kernel's answer to whether it has such hooks at all, as `-errno`: `-EINVAL` where it does not. */
export function probeHook(target_fd: number, attach_type: number): number {
  const area = borrow(64);
  try {
    return progQuery(area, { target_fd, attach_type });
  } finally {
    giveBack(area);
  }
}
