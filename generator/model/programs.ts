import {
  type Btf,
  type ElfFile,
  type ElfSymbol,
  FormatError,
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

/** How a section's text goes on behind the kind of program. */
type Rest = keyof typeof targets;

/** Sections that name a target behind their first slash. The class takes it as an argument where they do not. */
const withTarget: readonly (readonly [sections: string, ProgramClass, Rest])[] = [
  ["kprobe", "Kprobe", "kprobe"],
  ["kretprobe", "Kprobe", "kretprobe"],
  ["uprobe uprobe.s uretprobe uretprobe.s", "Uprobe", "uprobe"],
  ["usdt usdt.s", "Usdt", "usdt"],
  ["tp tracepoint tp.s tracepoint.s", "Tracepoint", "tracepoint"],
  ["raw_tp raw_tracepoint raw_tp.s raw_tracepoint.s raw_tp.w raw_tracepoint.w", "RawTracepoint", "name"],
  ["iter iter.s", "Iter", "iterator"],
  [
    "tp_btf tp_btf.s fentry fentry.s fexit fexit.s fmod_ret fmod_ret.s fsession fsession.s",
    "Tracing",
    "load",
  ],
  ["lsm lsm.s", "Lsm", "load"],
  ["freplace", "Freplace", "load"],
  ["kprobe.multi kretprobe.multi kprobe.session", "KprobeMulti", "glob"],
  ["uprobe.multi uretprobe.multi uprobe.session", "UprobeMulti", "uprobe"],
  ["uprobe.multi.s uretprobe.multi.s uprobe.session.s", "UprobeMulti", "uprobe"],
  ["ksyscall kretsyscall", "Ksyscall", "name"],
  [
    "fentry.multi fentry.multi.s fexit.multi fexit.multi.s fsession.multi fsession.multi.s",
    "TracingMulti",
    "any",
  ],
];

/** Sections that stand as they are, whose programs go to an interface, a cgroup, a socket, … or nowhere. */
const asTheyAre: readonly (readonly [sections: string, ProgramClass])[] = [
  ["xdp xdp.frags", "Xdp"],
  ["tc classifier tc/ingress tc/egress tcx/ingress tcx/egress", "Tc"],
  ["netkit/primary netkit/peer", "Netkit"],
  ["sockops cgroup_skb/ingress cgroup_skb/egress cgroup/skb", "Cgroup"],
  ["cgroup/sock cgroup/sock_create cgroup/sock_release cgroup/post_bind4 cgroup/post_bind6", "Cgroup"],
  ["cgroup/bind4 cgroup/bind6 cgroup/connect4 cgroup/connect6 cgroup/connect_unix", "Cgroup"],
  ["cgroup/sendmsg4 cgroup/sendmsg6 cgroup/sendmsg_unix", "Cgroup"],
  ["cgroup/recvmsg4 cgroup/recvmsg6 cgroup/recvmsg_unix", "Cgroup"],
  ["cgroup/getpeername4 cgroup/getpeername6 cgroup/getpeername_unix", "Cgroup"],
  ["cgroup/getsockname4 cgroup/getsockname6 cgroup/getsockname_unix", "Cgroup"],
  ["cgroup/sysctl cgroup/getsockopt cgroup/setsockopt cgroup/dev lsm_cgroup", "Cgroup"],
  ["sk_lookup", "SkLookup"],
  ["flow_dissector", "FlowDissector"],
  ["netfilter", "Netfilter"],
  ["sk_skb sk_skb/stream_parser sk_skb/stream_verdict sk_skb/verdict", "SkSkb"],
  ["sk_msg", "SkMsg"],
  ["socket", "SocketFilter"],
  ["sk_reuseport sk_reuseport/migrate", "SkReuseport"],
  ["perf_event", "PerfEvent"],
  ["lirc_mode2", "LircMode2"],
  ["action syscall lwt_in lwt_out lwt_xmit lwt_seg6local", "Passive"],
  ["xdp/devmap xdp.frags/devmap xdp/cpumap xdp.frags/cpumap", "Passive"],
  ["struct_ops struct_ops.s", "StructOpsProgram"],
];

const prefixes: ReadonlyMap<string, readonly [ProgramClass, Rest]> = new Map(
  withTarget.flatMap(([sections, of, rest]) =>
    sections.split(" ").map((name) => [name, [of, rest]] as const),
  ),
);
const whole: ReadonlyMap<string, ProgramClass> = new Map(
  asTheyAre.flatMap(([sections, of]) => sections.split(" ").map((name) => [name, of] as const)),
);

/** More characters than this in what is said of all programs together are no compiler's. */
const ROOM = 2 ** 22;
const ROOM_OF_PROGRAM = 64;

/** Kinds of {@link asTheyAre} whose sections may go on with what they are loaded for. */
const loadedFor = /^(lsm_cgroup|struct_ops|struct_ops\.s)\//;
/** Classes with a parameter that says whether the section names the target or the arguments of `attach` must. */
const parametrised: ReadonlySet<ProgramClass> = new Set<ProgramClass>([
  ...(["Cgroup", "Iter", "Kprobe", "KprobeMulti", "Ksyscall", "Program", "RawTracepoint"] as const),
  ...(["SkSkb", "Tc", "Tracepoint", "TracingMulti", "Uprobe", "UprobeMulti", "Usdt"] as const),
]);

/** What a section says of a program: its class, and whether it says enough to attach it. */
export function programKind(
  section: string,
): Omit<ProgramModel, "name" | "section"> & { readonly warning?: string } {
  const plain = section.replace(/^\?/, "");
  const slash = plain.indexOf("/");
  const prefix = slash === -1 ? plain : plain.slice(0, slash);
  const of = whole.get(plain) ?? (loadedFor.test(plain) ? whole.get(prefix) : undefined);
  // Where to is never in the section; of traffic control, the direction is.
  if (of) return kind(of, false, plain !== "cgroup/skb" && (of === "Cgroup" || slash !== -1));
  const found = prefixes.get(prefix);
  if (!found) {
    const warning =
      "libbpf knows no such section — name one of its own, or set type and attachType of the program before load()";
    return { ...kind("Program", false, false), warning };
  }
  const [className, rest] = found;
  const named = rest === "load" || (slash !== -1 && targets[rest].test(plain.slice(slash + 1)));
  if (slash === -1 || named || rest === "iterator") return kind(className, named, named);
  const warning = "libbpf cannot read its target, so it attaches only with arguments";
  return { ...kind(className, false, false), warning };
}

/** Contexts that the kernel takes for a run of a program, by the sections whose programs get them. */
const contexts: readonly (readonly [sections: RegExp, struct: string | undefined])[] = [
  [/^xdp(\.frags)?(\/|$)/, "xdp_md"],
  [/^(tc|tcx|netkit|classifier|action|socket|lwt_(in|out|xmit)|cgroup_skb)(\/|$)|^cgroup\/skb$/, "__sk_buff"],
  [/^sk_lookup$/, "bpf_sk_lookup"],
  // What the application and the program have agreed on.
  [/^syscall$/, undefined],
];
/** The kernel's limit for what a syscall program takes. */
const MAX_CONTEXT = 65_535;

/** The struct that a run of the program takes as its context: what its function's parameter points to. */
export function contextType(btf: Btf, { name, section }: ProgramModel): number | undefined {
  const row = contexts.find(([sections]) => sections.test(section.replace(/^\?/, "")));
  const type = row && btf.named("func", name);
  const prototype = type && btf.type(type.to);
  if (prototype?.kind !== "func_proto" || prototype.params.length !== 1) return undefined;
  const pointer = btf.strip(prototype.params[0]!.type);
  const struct = pointer.kind === "ptr" ? btf.strip(pointer.to) : undefined;
  if (struct?.kind !== "struct" || struct.size === 0 || struct.size > MAX_CONTEXT) return undefined;
  return row![1] === undefined || struct.name === row![1] ? struct.id : undefined;
}

function kind(
  className: ProgramClass,
  auto: boolean,
  named: boolean,
): Omit<ProgramModel, "name" | "section"> {
  const target = named ? ("section" as const) : ("arguments" as const);
  return { class: className, auto, ...(parametrised.has(className) && { target }) };
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
  let room = ROOM;
  const programs = found.flatMap(({ name, section: index }): ProgramModel[] => {
    const section = elf.sections[index]!.name;
    if (name === "" || seen.has(name)) return [];
    seen.add(name);
    room -= section.length + ROOM_OF_PROGRAM;
    if (room < 0)
      throw new FormatError(
        `section ${index}`,
        "it and others hold absurdly many programs, or have absurdly long names",
      );
    const { warning, ...kind } = programKind(section);
    if (warning !== undefined) warnings.push(`program "${name}": SEC("${section}"): ${warning}`);
    return [{ name, section, ...kind }];
  });
  return { programs, warnings };
}
