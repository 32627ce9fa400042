import {
  type ElfFile,
  type ElfSymbol,
  SHF_EXECINSTR,
  SHT_PROGBITS,
  STB_LOCAL,
  STT_FUNC,
} from "../../runtime/btf/index.js";
import type { ProgramClass, ProgramModel } from "./model.js";

/** How libbpf reads the part of a section's name that follows its kind, when it attaches by itself. */
const targets = {
  kprobe: /^[\w.]+(\+(0x[\da-f]+|\d+))?$/i,
  kretprobe: /^[\w.]+$/,
  glob: /^[\w.*?]+$/,
  uprobe: /^[^:]+:.+$/,
  usdt: /^[^:]+:[^:]+:[^:]+$/,
  tracepoint: /^[^/]+\/.+$/,
  name: /^[\w.]+$/,
  any: /^.+$/,
  // Found when the program is loaded, in the section or by `setTarget`; what is loaded has one.
  load: /^/,
  // The others need to be told which map, cgroup or task.
  iterator: /^(?!bpf_map_elem$|bpf_sk_storage_map$|sockmap$|cgroup$).+$/,
} as const;

interface Kind {
  readonly class: ProgramClass;
  /** Absent when libbpf cannot attach this kind by itself, whatever the section says. */
  readonly target?: keyof typeof targets;
}

const rows: readonly (readonly [sections: string, ProgramClass, target?: keyof typeof targets])[] = [
  ["kprobe", "Program", "kprobe"],
  ["kretprobe", "Program", "kretprobe"],
  ["uprobe uprobe.s uretprobe uretprobe.s", "Uprobe", "uprobe"],
  ["kprobe.multi kretprobe.multi kprobe.session", "Program", "glob"],
  ["uprobe.multi uretprobe.multi uprobe.session", "Program", "uprobe"],
  ["uprobe.multi.s uretprobe.multi.s uprobe.session.s", "Program", "uprobe"],
  ["ksyscall kretsyscall", "Program", "name"],
  ["usdt", "Program", "usdt"],
  ["usdt.s", "Program"],
  ["tp tracepoint tp.s tracepoint.s", "Tracepoint", "tracepoint"],
  ["raw_tp raw_tracepoint raw_tp.s raw_tracepoint.s raw_tp.w raw_tracepoint.w", "RawTracepoint", "name"],
  [
    "tp_btf tp_btf.s fentry fentry.s fexit fexit.s fmod_ret fmod_ret.s fsession fsession.s",
    "Program",
    "load",
  ],
  ["lsm lsm.s freplace", "Program", "load"],
  ["fentry.multi fentry.multi.s fexit.multi fexit.multi.s fsession.multi fsession.multi.s", "Program", "any"],
  ["iter iter.s", "Program", "iterator"],
  ["xdp xdp.frags", "Xdp"],
];

const kinds: ReadonlyMap<string, Kind> = new Map(
  rows.flatMap(([sections, ProgramClass, target]) =>
    sections
      .split(" ")
      .map((name): [string, Kind] => [name, { class: ProgramClass, ...(target && { target }) }]),
  ),
);

/** Kinds that are sections as they stand: what libbpf 1.7 knows besides those of {@link rows}. */
const others: ReadonlySet<string> = new Set(
  (
    "socket sk_reuseport sk_reuseport/migrate tc tc/ingress tc/egress tcx/ingress tcx/egress classifier action " +
    "netkit/primary netkit/peer lsm_cgroup syscall xdp.frags/devmap xdp/devmap xdp.frags/cpumap xdp/cpumap " +
    "perf_event lwt_in lwt_out lwt_xmit lwt_seg6local sockops sk_skb sk_skb/stream_parser sk_skb/stream_verdict " +
    "sk_skb/verdict sk_msg lirc_mode2 flow_dissector cgroup_skb/ingress cgroup_skb/egress cgroup/skb " +
    "cgroup/sock_create cgroup/sock_release cgroup/sock cgroup/post_bind4 cgroup/post_bind6 cgroup/bind4 cgroup/bind6 " +
    "cgroup/connect4 cgroup/connect6 cgroup/connect_unix cgroup/sendmsg4 cgroup/sendmsg6 cgroup/sendmsg_unix " +
    "cgroup/recvmsg4 cgroup/recvmsg6 cgroup/recvmsg_unix cgroup/getpeername4 cgroup/getpeername6 " +
    "cgroup/getpeername_unix cgroup/getsockname4 cgroup/getsockname6 cgroup/getsockname_unix cgroup/sysctl " +
    "cgroup/getsockopt cgroup/setsockopt cgroup/dev struct_ops struct_ops.s sk_lookup netfilter"
  ).split(" "),
);

/** Kinds of {@link others} whose sections go on with a target. */
const othersWithTarget = /^(lsm_cgroup|struct_ops|struct_ops\.s)\//;

/** What a section says of a program: its class, and whether it says enough to attach it. */
export function programKind(
  section: string,
): Omit<ProgramModel, "name" | "section"> & { readonly warning?: string } {
  const plain = section.replace(/^\?/, "");
  const slash = plain.indexOf("/");
  const prefix = slash === -1 ? plain : plain.slice(0, slash);
  const target = slash === -1 ? undefined : plain.slice(slash + 1);
  const kind = others.has(plain) ? undefined : kinds.get(prefix);
  if (!kind) {
    if (others.has(plain) || othersWithTarget.test(plain)) return { class: "Program", auto: false };
    return {
      class: "Program",
      auto: false,
      warning:
        "libbpf knows no such section — set the program's type by another one, see SEC() in libbpf's docs",
    };
  }
  if (kind.class === "Xdp") {
    if (target === undefined) return { class: "Xdp", auto: false };
    return {
      class: "Program",
      auto: false,
      warning: 'libbpf knows no such section — SEC("xdp") takes no target',
    };
  }
  const named =
    kind.target === "load" ||
    (target !== undefined && kind.target !== undefined && targets[kind.target].test(target));
  const takesTarget = kind.class !== "Program";
  const model = {
    class: kind.class,
    auto: named,
    ...(takesTarget && { target: named ? ("section" as const) : ("arguments" as const) }),
  };
  if (target !== undefined && !named && kind.target !== undefined && kind.target !== "iterator")
    return { ...model, warning: "libbpf cannot read its target, so it attaches only with arguments" };
  return model;
}

/** The object's programs, in libbpf's order: by section, then by place. Functions of `.text` are subprograms. */
export function readPrograms(
  elf: ElfFile,
  symbols: readonly ElfSymbol[],
): { programs: ProgramModel[]; warnings: string[] } {
  const warnings: string[] = [];
  const found = symbols.filter((symbol) => {
    const section = elf.sections[symbol.section];
    if (symbol.type !== STT_FUNC || symbol.binding === STB_LOCAL || section === undefined) return false;
    return (
      section.type === SHT_PROGBITS && (section.flags & SHF_EXECINSTR) !== 0n && section.name !== ".text"
    );
  });
  found.sort((a, b) => a.section - b.section || a.value - b.value);
  const seen = new Set<string>();
  const programs = found.flatMap(({ name, section: index }): ProgramModel[] => {
    const section = elf.sections[index]!.name;
    if (name === "" || seen.has(name)) return [];
    seen.add(name);
    const { warning, ...kind } = programKind(section);
    if (warning !== undefined) warnings.push(`program "${name}": SEC("${section}"): ${warning}`);
    return [{ name, section, ...kind }];
  });
  return { programs, warnings };
}
