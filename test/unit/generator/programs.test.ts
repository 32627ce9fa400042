import { describe, expect, it } from "vitest";
import type { ProgramClass } from "../../../generator/model/model.js";
import { programKind, readPrograms } from "../../../generator/model/programs.js";
import { readElf, symbols } from "../../../runtime/btf/index.js";
import { fixture } from "../../fixtures/fixtures.js";

/** The classes that a section's program has; all others are `Program`. */
const classes: Readonly<Record<string, ProgramClass>> = Object.fromEntries(
  (
    [
      ["Tracepoint", "tp tracepoint tp.s tracepoint.s"],
      ["RawTracepoint", "raw_tp raw_tracepoint raw_tp.s raw_tracepoint.s raw_tp.w raw_tracepoint.w"],
      ["Uprobe", "uprobe uprobe.s uretprobe uretprobe.s"],
      ["Xdp", "xdp xdp.frags"],
      ["Kprobe", "kprobe kretprobe"],
      ["Usdt", "usdt usdt.s"],
      ["Tracing", "tp_btf tp_btf.s fentry fentry.s fexit fexit.s fmod_ret fmod_ret.s fsession fsession.s"],
      ["Tc", "tc classifier tc/ingress tc/egress tcx/ingress tcx/egress"],
      ["Netkit", "netkit/primary netkit/peer"],
      ["Cgroup", "sockops cgroup_skb/ingress cgroup_skb/egress cgroup/skb cgroup/sock cgroup/sock_create"],
      [
        "Cgroup",
        "cgroup/sock_release cgroup/post_bind4 cgroup/post_bind6 cgroup/bind4 cgroup/bind6 cgroup/dev",
      ],
      ["Cgroup", "cgroup/connect4 cgroup/connect6 cgroup/connect_unix cgroup/sendmsg4 cgroup/sendmsg6"],
      [
        "Cgroup",
        "cgroup/sendmsg_unix cgroup/recvmsg4 cgroup/recvmsg6 cgroup/recvmsg_unix cgroup/getpeername4",
      ],
      [
        "Cgroup",
        "cgroup/getpeername6 cgroup/getpeername_unix cgroup/getsockname4 cgroup/getsockname6 lsm_cgroup",
      ],
      ["Cgroup", "cgroup/getsockname_unix cgroup/sysctl cgroup/getsockopt cgroup/setsockopt"],
      ["SkLookup", "sk_lookup"],
      ["FlowDissector", "flow_dissector"],
      ["Netfilter", "netfilter"],
      ["SkSkb", "sk_skb sk_skb/stream_parser sk_skb/stream_verdict sk_skb/verdict"],
      ["SkMsg", "sk_msg"],
      ["SocketFilter", "socket"],
      ["SkReuseport", "sk_reuseport sk_reuseport/migrate"],
      ["PerfEvent", "perf_event"],
      ["StructOpsProgram", "struct_ops struct_ops.s"],
      ["Lsm", "lsm lsm.s"],
      ["Freplace", "freplace"],
      ["KprobeMulti", "kprobe.multi kretprobe.multi kprobe.session"],
      ["UprobeMulti", "uprobe.multi uretprobe.multi uprobe.session uprobe.multi.s uretprobe.multi.s"],
      ["UprobeMulti", "uprobe.session.s"],
      ["TracingMulti", "fentry.multi fentry.multi.s fexit.multi fexit.multi.s fsession.multi"],
      ["TracingMulti", "fsession.multi.s"],
      ["Ksyscall", "ksyscall kretsyscall"],
      ["LircMode2", "lirc_mode2"],
      ["Passive", "action syscall lwt_in lwt_out lwt_xmit lwt_seg6local xdp/devmap xdp.frags/devmap"],
      ["Passive", "xdp/cpumap xdp.frags/cpumap"],
    ] as const
  ).flatMap(([name, sections]) => sections.split(" ").map((section) => [section, name])),
);

/** libbpf's table of sections (section_defs in libbpf.c of 1.7), by how it reads what follows the name. */
interface Row {
  readonly sections: string;
  readonly good: readonly string[];
  readonly bad: readonly string[];
  /** Whether it attaches by itself without a target: what it attaches to is fixed when it is loaded. */
  readonly bare?: boolean;
}

const rows: Readonly<Record<string, Row>> = {
  "a function of the kernel": {
    sections: "kprobe",
    good: ["do_exit", "do.exit.isra.0", "do_exit+4", "do_exit+0x1f"],
    bad: ["", "do exit", "do_exit+", "do_exit+x", "do_exit*", "a/b"],
  },
  "a function of the kernel that returns": {
    sections: "kretprobe",
    good: ["do_exit", "do.exit"],
    bad: ["", "do_exit+4", "do exit"],
  },
  "a function of a file": {
    sections: "uprobe uprobe.s uretprobe uretprobe.s",
    good: ["/bin/true:main", "libc.so.6:malloc", "/a:b+4", "/bin/with space:x"],
    bad: ["", "/bin/true", ":main", "/bin/true:"],
  },
  "functions of the kernel": {
    sections: "kprobe.multi kretprobe.multi kprobe.session",
    good: ["do_*", "do_exit", "?o_ex*"],
    bad: ["", "do_exit+4", "mod:do_*"],
  },
  "functions of a file": {
    sections: "uprobe.multi uretprobe.multi uprobe.session uprobe.multi.s uretprobe.multi.s uprobe.session.s",
    good: ["/bin/true:m*", "libc.so.6:*alloc"],
    bad: ["", "/bin/true", ":main"],
  },
  "a system call": { sections: "ksyscall kretsyscall", good: ["openat", "read"], bad: ["", "open at"] },
  "a probe of a file": {
    sections: "usdt usdt.s",
    good: ["/bin/true:provider:name", "libc.so.6:libc:setjmp"],
    bad: ["", "/bin/true", "/bin/true:provider", "/bin/true::name", "a:b:c:d"],
  },
  "a tracepoint": {
    sections: "tp tp.s tracepoint tracepoint.s",
    good: ["sched/sched_switch", "syscalls/sys_enter_write"],
    bad: ["", "sched", "sched/", "/sched_switch"],
  },
  "a raw tracepoint": {
    sections: "raw_tp raw_tp.s raw_tp.w raw_tracepoint raw_tracepoint.s raw_tracepoint.w",
    good: ["sys_enter", "sched_switch"],
    bad: ["", "sched/sched_switch"],
  },
  "a function with BTF": {
    sections:
      "tp_btf tp_btf.s fentry fentry.s fexit fexit.s fmod_ret fmod_ret.s fsession fsession.s lsm lsm.s freplace",
    good: ["sys_enter", "module:function"],
    bad: [],
    bare: true,
  },
  "functions with BTF": {
    sections: "fentry.multi fentry.multi.s fexit.multi fexit.multi.s fsession.multi fsession.multi.s",
    good: ["do_*", "module:do_*"],
    bad: [""],
  },
};

for (const [what, { sections, good, bad, bare = false }] of Object.entries(rows))
  describe(what, () => {
    for (const section of sections.split(" ")) {
      const of = classes[section] ?? "Program";
      const target = (named: boolean): object =>
        ["Tracing", "Lsm", "Freplace"].includes(of) ? {} : { target: named ? "section" : "arguments" };

      it(`SEC("${section}")`, () => {
        expect(programKind(section)).toEqual({ class: of, auto: bare, ...target(false) });
        expect(programKind(`?${section}`)).toEqual(programKind(section));
        for (const name of good) {
          const said = `${section}/${name}`;
          expect(programKind(said), said).toEqual({ class: of, auto: true, ...target(true) });
          expect(programKind(`?${said}`), said).toEqual(programKind(said));
        }
        for (const name of bad) {
          const said = `${section}/${name}`;
          expect(programKind(said), said).toEqual({
            class: of,
            auto: false,
            ...target(false),
            warning: "libbpf cannot read its target, so it attaches only with arguments",
          });
        }
      });
    }
  });

/** Sections that libbpf knows and attaches to nothing by itself. */
const passive =
  "socket sk_reuseport sk_reuseport/migrate tc tc/ingress tc/egress tcx/ingress tcx/egress classifier action " +
  "netkit/primary netkit/peer lsm_cgroup syscall xdp xdp.frags xdp/devmap xdp.frags/devmap xdp/cpumap " +
  "xdp.frags/cpumap perf_event lwt_in lwt_out lwt_xmit lwt_seg6local sockops sk_skb sk_skb/stream_parser " +
  "sk_skb/stream_verdict sk_skb/verdict sk_msg lirc_mode2 flow_dissector cgroup_skb/ingress cgroup_skb/egress " +
  "cgroup/skb cgroup/sock_create cgroup/sock_release cgroup/sock cgroup/post_bind4 cgroup/post_bind6 cgroup/bind4 " +
  "cgroup/bind6 cgroup/connect4 cgroup/connect6 cgroup/connect_unix cgroup/sendmsg4 cgroup/sendmsg6 " +
  "cgroup/sendmsg_unix cgroup/recvmsg4 cgroup/recvmsg6 cgroup/recvmsg_unix cgroup/getpeername4 " +
  "cgroup/getpeername6 cgroup/getpeername_unix cgroup/getsockname4 cgroup/getsockname6 cgroup/getsockname_unix " +
  "cgroup/sysctl cgroup/getsockopt cgroup/setsockopt cgroup/dev struct_ops struct_ops.s sk_lookup netfilter";

describe("what libbpf attaches to nothing by itself", () => {
  const goesOn = new Set(["lsm_cgroup", "struct_ops", "struct_ops.s"]);

  it.each(passive.split(" "))('SEC("%s")', (section) => {
    const of = classes[section] ?? "Program";
    // Only these four do not say all that there is to say but where.
    const bare = ["tc", "classifier", "sk_skb", "cgroup/skb"].includes(section) ? "arguments" : "section";
    const parametrised = ["Tc", "SkSkb", "Cgroup"].includes(of);
    const kindOf = { class: of, auto: false, ...(parametrised && { target: bare }) };
    expect(programKind(section)).toEqual(kindOf);
    expect(programKind(`?${section}`)).toEqual(programKind(section));
    const { warning, ...kind } = programKind(`${section}/more`);
    expect(kind).toEqual(
      goesOn.has(section) ? kindOf : { class: "Program", auto: false, target: "arguments" },
    );
    if (goesOn.has(section)) expect(warning).toBeUndefined();
    else expect(warning).toMatch(/^libbpf knows no such section — /);
  });
});

describe("iterators", () => {
  it.each(["iter", "iter.s"])('SEC("%s")', (section) => {
    for (const target of ["task", "bpf_map", "tcp", "task_file"])
      expect(programKind(`${section}/${target}`)).toEqual({ class: "Iter", auto: true, target: "section" });
    const told = { class: "Iter", auto: false, target: "arguments" };
    for (const target of ["bpf_map_elem", "bpf_sk_storage_map", "sockmap", "cgroup"])
      expect(programKind(`${section}/${target}`)).toEqual(told);
    expect(programKind(section)).toEqual(told);
  });
});

it("is the whole table", () => {
  const all = [...Object.values(rows).map(({ sections }) => sections), passive, "iter iter.s"];
  expect(new Set(all.flatMap((sections) => sections.split(" "))).size).toBe(116);
});

it.each([
  "",
  "?",
  "foo",
  "foo/bar",
  "Kprobe/x",
  "kprobe /x",
  "xdp_x",
  "tp_x/a/b",
  "cgroup",
  "kprobe.multi.s/x",
])("libbpf knows nothing of SEC(%j)", (section) => {
  const { warning, ...kind } = programKind(section);
  expect(kind).toEqual({ class: "Program", auto: false, target: "arguments" });
  expect(warning).toMatch(/^libbpf knows no such section — /);
});

describe("the programs of an object", () => {
  const read = (name: string): ReturnType<typeof readPrograms> => {
    const elf = readElf(fixture(name));
    return readPrograms(elf, symbols(elf));
  };

  it("are in the order of sections and places, subprograms left out", () => {
    expect(read("hostile.bpf.o").programs.map(({ name, section }) => `${name} ${section}`)).toEqual([
      "comment_end tp/x */ alert(1) /*",
      'quote uprobe/`\x24{alert(1)}`\\":x',
      "line_end nobody/knows\nthis",
      "half tp/only_a_category",
      "hasOwnProperty xdp",
      "__proto__ xdp",
      'a-b.c d"e`\x24{f}*/ xdp',
      "größe xdp",
      "default xdp",
      "function struct_ops/default",
      "valueOf syscall",
    ]);
    expect(read("empty.bpf.o")).toEqual({ programs: [], warnings: [] });
    expect(read("kinds.eb.bpf.o").programs.map(({ name }) => name)).toEqual(["on_write"]);
  });

  it("come with warnings that name them", () => {
    expect(read("types.bpf.o").warnings).toEqual([]);
    expect(read("hostile.bpf.o").warnings.map((warning) => warning.split(": ")[0])).toEqual([
      'program "line_end"',
      'program "half"',
    ]);
  });
});
