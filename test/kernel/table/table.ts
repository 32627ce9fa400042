// What the table's results mean, and how they are shown. It does not know vitest.
import type { Outcome, RowResult, Table } from "./programs.js";

/** A step of a row that did not come off, and why that is not the runtime's fault. */
interface Reason {
  readonly sections: RegExp;
  readonly step: "loads" | "attaches" | "fires";
  readonly errors: readonly string[];
  readonly why: string;
}

const sleepable = "this kernel has no sleepable programs of the kind; libbpf has the section since 1.8";

/** The first that fits counts. A hole that none fits is a defect. */
export const reasons: readonly Reason[] = [
  {
    sections: /^k(ret)?(probe|syscall)\//,
    step: "attaches",
    errors: ["ENOENT", "EINVAL"],
    why: "the kernel was built without kprobes",
  },
  {
    sections: /^kprobe\.session\//,
    step: "loads",
    errors: ["EINVAL"],
    why: "needs kernel 6.13",
  },
  {
    sections: /^k(ret)?probe\.(multi|session)\//,
    step: "attaches",
    errors: ["EOPNOTSUPP", "EPERM", "EINVAL"],
    why: "the kernel was built without fprobe, or is older than 5.18",
  },
  {
    sections: /^u(ret)?probe\.multi/,
    step: "attaches",
    errors: ["EINVAL"],
    why: "needs kernel 6.6",
  },
  {
    sections: /^uprobe\.session/,
    step: "loads",
    errors: ["EINVAL"],
    why: "needs kernel 6.13",
  },
  {
    sections: /^uprobe\.session/,
    step: "attaches",
    errors: ["EINVAL"],
    why: "needs kernel 6.13",
  },
  {
    sections: /^(u(ret)?probe(\.multi)?|usdt)\.s\//,
    step: "loads",
    errors: ["EINVAL"],
    why: "sleepable programs of user space need kernel 6.0",
  },
  {
    sections: /^usdt\//,
    step: "attaches",
    errors: ["EOPNOTSUPP"],
    why: "probes in a shared library, whatever process uses it, need kernel 5.15",
  },
  {
    sections: /^sk_skb\/verdict$/,
    step: "attaches",
    errors: ["EINVAL"],
    why: "needs kernel 5.13",
  },
  {
    sections: /^(tp|tracepoint|raw_tp|raw_tracepoint|tp_btf)\.s\//,
    step: "loads",
    errors: ["EINVAL"],
    why: sleepable,
  },
  {
    sections: /^(fentry|fexit|fsession)\.multi/,
    step: "loads",
    errors: ["EINVAL"],
    why: "this kernel has no tracing programs for many functions; libbpf has the section since 1.8",
  },
  {
    sections: /^(fentry|fexit|fsession)\.multi\.s\//,
    step: "attaches",
    errors: ["EINVAL"],
    why: "this kernel does not let the callers of one of the functions sleep",
  },
  {
    sections: /^fsession(\.s)?\//,
    step: "loads",
    errors: ["EINVAL"],
    why: "this kernel has no tracing sessions; libbpf has the section since 1.7",
  },
  {
    sections: /^(fentry|fexit|fmod_ret|lsm|lsm_cgroup|freplace)(\.s)?(\/|$)/,
    step: "loads",
    errors: ["EPERM"],
    why: "the machine's lockdown refuses trampolines",
  },
  {
    sections: /^(fentry|fexit|fmod_ret|lsm)\.s\//,
    step: "loads",
    errors: ["EINVAL"],
    why: "this kernel does not let the function's callers sleep",
  },
  {
    sections: /^lsm_cgroup\//,
    step: "loads",
    errors: ["EINVAL"],
    why: "needs kernel 6.0",
  },
  {
    sections: /^lsm(\.s)?\/|^lsm_cgroup\//,
    step: "attaches",
    errors: ["EOPNOTSUPP"],
    why: "the kernel was started without bpf among its security modules",
  },
  { sections: /^netkit\//, step: "loads", errors: ["EINVAL"], why: "needs kernel 6.7" },
  { sections: /^netkit\//, step: "attaches", errors: ["ENODEV"], why: "the kernel was built without netkit" },
  { sections: /^netfilter$/, step: "loads", errors: ["EINVAL"], why: "needs kernel 6.4" },
  { sections: /_unix$/, step: "loads", errors: ["EINVAL"], why: "needs kernel 6.7" },
  {
    sections: /^lirc_mode2$/,
    step: "loads",
    errors: ["EINVAL"],
    why: "the kernel was built without BPF for infrared receivers",
  },
  {
    sections: /^lirc_mode2$/,
    step: "attaches",
    errors: ["ENOENT", "ENODEV", "ENXIO"],
    why: "the machine has no infrared receiver",
  },
  {
    sections: /^lwt_seg6local$/,
    step: "fires",
    errors: ["ENOTSUPP"],
    why: "the kernel runs it for routes only, which iproute2 makes",
  },
  { sections: /^syscall$/, step: "loads", errors: ["EINVAL"], why: "needs kernel 5.14" },
  {
    sections: /^xdp.*(cpumap|devmap)$/,
    step: "fires",
    errors: ["EINVAL"],
    why: "live packets need kernel 5.18",
  },
  {
    sections: /^xdp\/cpumap$/,
    step: "fires",
    errors: ["never ran"],
    why: "packets of generic XDP go to another CPU from kernel 5.15 on",
  },
  { sections: /^xdp\.frags/, step: "loads", errors: ["EINVAL"], why: "needs kernel 5.18" },
  {
    sections: /^struct_ops\.s$/,
    step: "loads",
    errors: ["ENOENT", "EINVAL", "ERR_BPF_LIBRARY"],
    why: 'SEC(".struct_ops.link") needs libbpf 1.2 and kernel 6.4',
  },
];

/** Why a row stopped where it did; undefined when it did not, or nobody knows. */
export function reasonOf(row: RowResult): string | undefined {
  for (const step of ["loads", "attaches", "fires"] as const) {
    const outcome = row[step];
    if (typeof outcome === "string") continue;
    return reasons.find(
      (each) => each.step === step && each.sections.test(row.section) && each.errors.includes(outcome.error),
    )?.why;
  }
  return undefined;
}

/** Whether every step of a row that there is came off. */
export function isWhole({ loads, attaches, fires }: RowResult): boolean {
  return [loads, attaches, fires].every((each) => each === "yes" || each === "n/a");
}

/** The holes that no reason fits. */
export function unexplained(table: Table): string[] {
  return table.rows
    .filter((row) => !isWhole(row) && reasonOf(row) === undefined)
    .map((row) => `${row.section}: ${JSON.stringify([row.loads, row.attaches, row.fires])}`);
}

const mark = (outcome: Outcome | "n/a"): string =>
  outcome === "yes" ? "✓" : outcome === "n/a" ? "·" : typeof outcome === "string" ? "" : `✗ ${outcome.error}`;

/** The table as Markdown. */
export function render({ kernel, libbpf, arch, rows }: Table): string {
  const whole = rows.filter(isWhole).length;
  const lines = rows.map((row) => {
    const cells = [mark(row.loads), mark(row.attaches), mark(row.fires)];
    return `| \`${row.section}\` | ${row.class} | ${cells.join(" | ")} | ${reasonOf(row) ?? `by ${row.by}`} |`;
  });
  return [
    `Linux ${kernel} (${arch}), libbpf ${libbpf}: ${whole} of ${rows.length} sections load, attach and run.`,
    "",
    "| section | class | loads | attaches | fires | how, or why not |",
    "| --- | --- | --- | --- | --- | --- |",
    ...lines,
    "",
  ].join("\n");
}
