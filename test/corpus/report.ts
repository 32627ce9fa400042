// RESULTS.md: what came of the last run, the same bytes for the same corpus.
import type { Source, Subject } from "./corpus.js";

/** What was held against the oracles. */
export interface Tally {
  /** Objects whose every test was run. */
  subjects: number;
  maps: number;
  programs: number;
  globals: number;
  enums: number;
  composites: number;
  codecs: number;
  compiled: number;
  asked: number;
  readonly notCompiled: { readonly name: string; readonly why: string }[];
}

const tallies = new Map<string, Tally>();

/** What was held of one set of objects. */
export function tallyOf(set: string): Tally {
  const known = tallies.get(set);
  if (known) return known;
  const none = { subjects: 0, maps: 0, programs: 0, globals: 0, enums: 0 };
  const tally = { ...none, composites: 0, codecs: 0, compiled: 0, asked: 0, notCompiled: [] };
  tallies.set(set, tally);
  return tally;
}

/** What was held of all. */
export function total(): Tally {
  const sum = tallyOf("");
  for (const [set, tally] of tallies) {
    if (set === "") continue;
    for (const [name, value] of Object.entries(tally))
      if (typeof value === "number") sum[name as "maps"] += value;
    sum.notCompiled.push(...tally.notCompiled);
  }
  tallies.clear();
  return sum;
}

/** A table in Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "None.\n";
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |\n`;
  return line(head) + line(head.map(() => "---")) + rows.map(line).join("");
}

/** The text of RESULTS.md. */
export function report(sources: readonly Source[], subjects: readonly Subject[]): string {
  const tally = total();
  const failed = sources.filter(({ error }) => error !== undefined);
  const accepted = subjects.filter(({ bpftool }) => "header" in bpftool);
  const generated = subjects.filter(({ ours }) => ours.skeleton !== undefined);
  const types = subjects.filter(({ ours }) => ours.skeleton === undefined && ours.recorded !== undefined);
  const refused = subjects.filter(({ ours, bpftool }) => ours.refusal !== undefined || "refusal" in bpftool);
  const verdict = (of: Subject["ours"] | Subject["bpftool"]): string =>
    ("refusal" in of && of.refusal) || "accepted";
  return `# The corpus: the kernel's own BPF programs

Written by \`npm run test:corpus\`; see build.mjs for what is compiled and how.

| | |
| --- | --- |
| sources | ${sources.length} |
| compiled objects | ${subjects.length} |
| accepted by \`bpftool gen skeleton\` | ${accepted.length} |
| skeletons generated | ${generated.length} |
| refused because there is no program, map or variable in them: types generated instead | ${types.length} |
| accepted by bpftool, otherwise refused by us | ${accepted.filter(({ ours }) => ours.recorded === undefined).length} |
| programs · maps · variables · enums | ${tally.programs} · ${tally.maps} · ${tally.globals} · ${tally.enums} |
| structs and unions with bpftool's layout | ${tally.composites} |
| codecs that keep the laws | ${tally.codecs} |
| objects whose layout a C compiler told too | ${tally.compiled}, ${tally.asked} offsets and sizes |

## Refusals

${table(
  ["object", "bpf-tsgen", "bpftool"],
  refused.map(({ name, ours, bpftool }) => [name, verdict(ours), verdict(bpftool)]),
)}
## Headers of bpftool that cannot be compared

${table(
  ["object", "error"],
  tally.notCompiled.map(({ name, why }) => [name, why]),
)}
## Sources that do not compile

Mostly they name members that the running kernel's \`vmlinux.h\` no longer has.

${table(
  ["source", "clang"],
  failed.map(({ set, source, error }) => [`${set}/${source}`, error ?? ""]),
)}`;
}
