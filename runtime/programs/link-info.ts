import { borrow, check, giveBack, libbpf } from "../ffi/native.js";

/** What the kernel says of every link. */
export interface AnyLinkInfo {
  /** `BPF_LINK_TYPE_*`; 0 where the kernel has no link for the attachment. */
  readonly type: number;
  /** By which `Link.open({ id })` finds it; 0 where the kernel has no link for the attachment. */
  readonly id: number;
  /** The id of the attached program; 0 where there is none, as in struct_ops. */
  readonly programId: number;
  /**
   * What was used in place of a kernel link, such as `"clsact"`: it outlives the process when that is killed by
   * SIGKILL. `"perf_event"`, as kernels before 5.15 have it, ends with the process like a link. Absent for links.
   */
  readonly fallback?: string | undefined;
}

/** What the kernel says of a link (`struct bpf_link_info`), by its kind. Kernels leave out what they do not know yet. */
export type LinkInfo = AnyLinkInfo & LinkDetails;

/** What differs from kind to kind. */
export type LinkDetails =
  /** No link of the kernel, as `fallback` says; or one of a kind that this runtime does not know. */
  | { readonly kind: "none" | "unknown" }
  | { readonly kind: "raw_tracepoint"; readonly name: string; readonly cookie: bigint }
  | {
      readonly kind: "tracing";
      readonly attachType: number;
      /** The id of the BTF, or program, that {@link targetBtfId} is a type of. */
      readonly targetObjectId: number;
      readonly targetBtfId: number;
      readonly cookie: bigint;
    }
  | { readonly kind: "cgroup"; readonly cgroupId: bigint; readonly attachType: number }
  | {
      readonly kind: "iter";
      /** `task`, `bpf_map_elem`, … */
      readonly target: string;
      /** Of the one of these that the target has, what it goes through; 0 is all. */
      readonly mapId: number;
      readonly cgroupId: bigint;
      readonly tid: number;
      readonly pid: number;
    }
  | { readonly kind: "netns"; readonly netnsInode: number; readonly attachType: number }
  | { readonly kind: "xdp"; readonly ifindex: number }
  | PerfEventDetails
  | {
      readonly kind: "kprobe_multi";
      /** Zeros for who may not see addresses of the kernel. */
      readonly addresses: readonly bigint[];
      readonly cookies: readonly bigint[];
      readonly retprobe: boolean;
      /** How often it should have run and could not. */
      readonly missed: bigint;
    }
  | { readonly kind: "struct_ops"; readonly mapId: number }
  | {
      readonly kind: "netfilter";
      /** `PF_*`: 2 is IPv4, 10 IPv6. */
      readonly family: number;
      /** `NF_INET_*`. */
      readonly hook: number;
      readonly priority: number;
      readonly flags: number;
    }
  | { readonly kind: "tcx" | "netkit"; readonly ifindex: number; readonly attachType: number }
  | {
      readonly kind: "uprobe_multi";
      readonly path: string;
      readonly offsets: readonly bigint[];
      readonly refCtrOffsets: readonly bigint[];
      readonly cookies: readonly bigint[];
      readonly retprobe: boolean;
      /** 0 is every process. */
      readonly pid: number;
    }
  | { readonly kind: "sockmap"; readonly mapId: number; readonly attachType: number }
  | {
      readonly kind: "tracing_multi";
      readonly attachType: number;
      /** How many functions. */
      readonly count: number;
      /** The id of the BTF that has them. */
      readonly btfId: number;
    };

/** What a link of a performance event is on; kernels before 6.6 do not tell. */
export type PerfEventDetails = { readonly kind: "perf_event" } & (
  | { readonly event: "unknown" }
  | {
      readonly event: "uprobe" | "uretprobe";
      readonly file: string;
      readonly offset: number;
      readonly cookie: bigint;
      readonly refCtrOffset: bigint;
    }
  | {
      readonly event: "kprobe" | "kretprobe";
      readonly function: string;
      readonly offset: number;
      readonly address: bigint;
      readonly missed: bigint;
      readonly cookie: bigint;
    }
  | { readonly event: "tracepoint"; readonly name: string; readonly cookie: bigint }
  | {
      readonly event: "event";
      readonly eventType: number;
      readonly config: bigint;
      readonly cookie: bigint;
    }
);

/** Room for `struct bpf_link_info`, and what later kernels will add to it. */
const SIZE = 128;
/** Room for a name or path. */
const TEXT = 4096;
const RETURN = 1;

/** Asks the kernel about a link (`bpf_obj_get_info_by_fd`), once more where it writes names and lists elsewhere. */
export function readLinkInfo(where: string, fd: number): LinkInfo {
  const info = new Uint8Array(SIZE);
  const view = new DataView(info.buffer);
  const ask = (): void => {
    const size = new Uint32Array([SIZE]);
    check(where, "bpf_obj_get_info_by_fd", libbpf.bpf_obj_get_info_by_fd(fd, info, size));
  };
  const u32 = (at: number): number => view.getUint32(at, true);
  const u64 = (at: number): bigint => view.getBigUint64(at, true);
  ask();
  const common: AnyLinkInfo = { type: u32(0), id: u32(4), programId: u32(8) };

  /** Asks again, for a text and for lists of 64-bit numbers, and hands them over. */
  const withRoom = <T>(
    text: readonly [at: number, sizeAt: number] | undefined,
    lists: { readonly at: readonly number[]; readonly countAt: number } | undefined,
    read: (text: string, lists: bigint[][]) => T,
  ): T => {
    const count = lists ? u32(lists.countAt) : 0;
    const area = borrow(TEXT + 8 * count * (lists?.at.length ?? 0));
    try {
      info.fill(0);
      if (text) {
        view.setBigUint64(text[0], BigInt(area.address), true);
        view.setUint32(text[1], TEXT, true);
      }
      const starts = count === 0 ? [] : lists!.at.map((_, index) => TEXT + 8 * count * index);
      if (count > 0) {
        for (const [index, at] of lists!.at.entries())
          view.setBigUint64(at, BigInt(area.address + starts[index]!), true);
        view.setUint32(lists!.countAt, count, true);
      }
      ask();
      const end = area.bytes.indexOf(0);
      const values = new DataView(area.bytes.buffer, area.bytes.byteOffset);
      return read(
        new TextDecoder().decode(area.bytes.slice(0, end)),
        (lists?.at ?? []).map((_, index) =>
          Array.from({ length: count }, (_, i) => values.getBigUint64(starts[index]! + 8 * i, true)),
        ),
      );
    } finally {
      giveBack(area);
    }
  };

  const details = (): LinkDetails => {
    switch (common.type) {
      case 1:
        return withRoom([16, 24], undefined, (name) => ({ kind: "raw_tracepoint", name, cookie: u64(32) }));
      case 2:
        return {
          kind: "tracing",
          attachType: u32(16),
          targetObjectId: u32(20),
          targetBtfId: u32(24),
          cookie: u64(32),
        };
      case 3:
        return { kind: "cgroup", cgroupId: u64(16), attachType: u32(24) };
      case 4:
        return withRoom([16, 24], undefined, (target) => {
          const tasks = target.startsWith("task");
          return {
            kind: "iter",
            target,
            mapId: u32(28),
            cgroupId: tasks ? 0n : u64(32),
            tid: tasks ? u32(32) : 0,
            pid: tasks ? u32(36) : 0,
          };
        });
      case 5:
        return { kind: "netns", netnsInode: u32(16), attachType: u32(20) };
      case 6:
        return { kind: "xdp", ifindex: u32(16) };
      case 7:
        return withRoom([24, 32], undefined, (text) => ({ kind: "perf_event", ...perfEvent(text) }));
      case 8:
        return withRoom(undefined, { at: [16, 40], countAt: 24 }, (_, [addresses, cookies]) => ({
          kind: "kprobe_multi",
          addresses: addresses!,
          cookies: cookies!,
          retprobe: (u32(28) & RETURN) !== 0,
          missed: u64(32),
        }));
      case 9:
        return { kind: "struct_ops", mapId: u32(16) };
      case 10:
        return {
          kind: "netfilter",
          family: u32(16),
          hook: u32(20),
          priority: view.getInt32(24, true),
          flags: u32(28),
        };
      case 11:
        return { kind: "tcx", ifindex: u32(16), attachType: u32(20) };
      case 12:
        return withRoom([16, 48], { at: [24, 32, 40], countAt: 52 }, (path, [offsets, refs, cookies]) => ({
          kind: "uprobe_multi",
          path,
          offsets: offsets!,
          refCtrOffsets: refs!,
          cookies: cookies!,
          retprobe: (u32(56) & RETURN) !== 0,
          pid: u32(60),
        }));
      case 13:
        return { kind: "netkit", ifindex: u32(16), attachType: u32(20) };
      case 14:
        return { kind: "sockmap", mapId: u32(16), attachType: u32(20) };
      case 15:
        return { kind: "tracing_multi", attachType: u32(16), count: u32(20), btfId: u32(24) };
      default:
        return { kind: "unknown" };
    }
  };

  type WithoutKind<T> = T extends unknown ? Omit<T, "kind"> : never;
  const perfEvent = (text: string): WithoutKind<PerfEventDetails> => {
    const kind = u32(16);
    if (kind === 1 || kind === 2)
      return {
        event: kind === 1 ? "uprobe" : "uretprobe",
        file: text,
        offset: u32(36),
        cookie: u64(40),
        refCtrOffset: u64(48),
      };
    if (kind === 3 || kind === 4)
      return {
        event: kind === 3 ? "kprobe" : "kretprobe",
        function: text,
        offset: u32(36),
        address: u64(40),
        missed: u64(48),
        cookie: u64(56),
      };
    if (kind === 5) return { event: "tracepoint", name: text, cookie: u64(40) };
    if (kind === 6) return { event: "event", config: u64(24), eventType: u32(32), cookie: u64(40) };
    return { event: "unknown" };
  };

  return { ...common, ...details() };
}
