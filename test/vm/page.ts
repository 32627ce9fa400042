// The compatibility page: what expected.json says, to be read by people.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { at, type Expected, type Outcome, readExpected } from "./expected.js";
import { kernelNames } from "./kernels.js";
import { libbpfVersions } from "./libbpf.js";

const file = fileURLToPath(new URL("COMPATIBILITY.md", import.meta.url));
const marks: Readonly<Record<string, string>> = { fires: "✓", "-": "–", "": "–" };
/** Of which no cell of a table can tell. */
const besides = [
  "`bpf_override_return()`: none of these kernels is built for it (`CONFIG_BPF_KPROBE_OVERRIDE`).",
  '`SEC("lsm/…")` on 5.10: Debian\'s kernel does not start it by itself; here it was started with `lsm=…,bpf`. Without, `attach()` says so.',
  "Links of kprobes, uprobes, tracepoints and perf events on 5.10 are performance events, not links of the kernel (`link.info().fallback`): they cannot be pinned, and have no cookies.",
  "Bloom filters on 7.2: the verifier takes the value of `bpf_map_peek_elem()` for one that is only written. Keep it in a global variable or a map, not on the stack.",
];

/** Reasons, numbered in the order in which they are met. */
class Notes {
  readonly #texts: string[] = [];

  number(text: string): string {
    if (!this.#texts.includes(text)) this.#texts.push(text);
    return `<sup>${this.#texts.indexOf(text) + 1}</sup>`;
  }

  lines(): string[] {
    return this.#texts.map((text, index) => `${index + 1}. ${text}`);
  }
}

type Rows = Expected["programs"];

/** The cells of a row, one a kernel; where libbpf's version matters, by libbpf. */
function cells(row: Rows[string], show: (outcome: Outcome) => string): string[] {
  return kernelNames.map((kernel) => {
    const shown = libbpfVersions.map((libbpf) => show(at(row, { kernel, libbpf })));
    if (new Set(shown).size === 1) return shown[0]!;
    return shown.map((each, index) => `${libbpfVersions[index]}: ${each}`).join(", ");
  });
}

function table(
  corner: string,
  rows: Rows,
  name: (row: string) => string,
  show: (o: Outcome) => string,
): string[] {
  return [
    `| ${corner} | ${kernelNames.map((each) => (each === "7" ? "7.x" : each)).join(" | ")} |`,
    `| --- |${" --- |".repeat(kernelNames.length)}`,
    ...Object.entries(rows).map(([row, of]) => `| ${name(row)} | ${cells(of, show).join(" | ")} |`),
    "",
  ];
}

/** The page as Markdown. */
export function renderPage({ programs, maps }: Expected): string {
  const [why, refused] = [new Notes(), new Notes()];
  const reached = (outcome: Outcome): string =>
    `${marks[outcome.got] ?? outcome.got}${outcome.why && why.number(outcome.why)}`;
  const operations = ({ got, why: not }: Outcome): string => {
    if (got === "") return "–";
    const each = not
      .split("; ")
      .filter(Boolean)
      .map((text) => /^([^:]*): (.*)$/.exec(text)!);
    return each.length === 0
      ? "✓"
      : `not ${each.map(([, operation, reason]) => `${operation}${refused.number(reason!)}`).join(", ")}`;
  };
  // Of two kinds there is nothing to try by itself.
  const tried = Object.entries(maps).filter(([, all]) => Object.values(all).some((each) => each !== ""));
  return [
    "# What works on which kernel",
    "",
    "Made by `npm run test:vm -- --every --accept` from runs on Debian's stock kernels with libbpf 1.1, 1.4, 1.5 and 1.7.",
    "A cell is the same with every libbpf unless it says otherwise.",
    "",
    "## Programs",
    "",
    "✓ loads, attaches and runs · attaches: was never seen running · loads: cannot be attached, or run, there · – is refused.",
    "",
    ...table("section", programs, (row) => `\`${row}\``, reached),
    ...why.lines(),
    "",
    "## Maps",
    "",
    "✓ does all that `test/kernel/table/MAPS.md` lists for its kind · not …: what the kernel refuses · – the kernel has no such maps.",
    "",
    ...table("kind", Object.fromEntries(tried), (row) => row, operations),
    ...refused.lines(),
    "",
    "## Besides",
    "",
    ...besides.map((text) => `- ${text}`),
    "",
  ].join("\n");
}

/** Writes the page. */
export function writePage(): void {
  writeFileSync(file, renderPage(readExpected()));
}
