// What each kernel with each libbpf is expected to do, kept in expected.json, and how a run differs from it.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { TableRow } from "./guest/result.js";
import type { Run } from "./guest.js";
import type { KernelName } from "./kernels.js";
import type { Libbpf } from "./libbpf.js";

const file = fileURLToPath(new URL("expected.json", import.meta.url));

/** The same with every libbpf, or by libbpf. */
type ByLibbpf<T> = T | { [L in Libbpf]?: T };

/**
 * `expected.json`: names of rows to kernels to what comes of them, and after a colon why no more does.
 *
 * Of a section, how far its program comes: `fires`, `attaches`, `loads: needs kernel 6.13`, `-: …`. Of a kind of maps,
 * the operations that work and those that the kernel refuses: `create|get|set: take: …; freeze: …`.
 */
export interface Expected {
  programs: Record<string, { [K in KernelName]?: ByLibbpf<string> }>;
  maps: Record<string, { [K in KernelName]?: ByLibbpf<string> }>;
}

/** Where a run took place. */
export interface Place {
  readonly kernel: KernelName;
  readonly libbpf: Libbpf;
}

/** What comes of a row, and why no more. */
export interface Outcome {
  readonly got: string;
  readonly why: string;
}

/** Reads `expected.json`. */
export function readExpected(): Expected {
  if (!existsSync(file)) return { programs: {}, maps: {} };
  return JSON.parse(readFileSync(file, "utf8")) as Expected;
}

/** What is expected at a place; nothing where nothing was ever accepted. */
export function at(all: { [K in KernelName]?: ByLibbpf<string> } | undefined, place: Place): Outcome {
  const found = all?.[place.kernel];
  const text = (typeof found === "object" ? found[place.libbpf] : found) ?? "";
  const [, got = "", why = ""] = /^([^:]*)(?:: (.*))?$/.exec(text)!;
  return { got, why };
}

/** What the kernel refuses, as against what there is nothing to do for. */
const refusal = /\(E[A-Z0-9]+\)$|^one by one/;

/** What came of a row, as `expected.json` keeps it, and what is in it that nobody can explain. */
function outcome({ table, cells }: TableRow): Outcome & { readonly unexplained: readonly string[] } {
  const open = Object.entries(cells)
    .filter(([, { got, why }]) => why === undefined && got !== "ok" && got !== "fires")
    .map(([column, { got, says = "" }]) => (column === "is" ? `${got} (${says})` : `${column}: ${says}`));
  if (table === "programs") return { got: cells.is!.got, why: cells.is!.why ?? "", unexplained: open };
  const entries = Object.entries(cells).sort(([a], [b]) => (a < b ? -1 : 1));
  const ok = entries.filter(([, { got }]) => got === "ok").map(([column]) => column);
  const not = entries.filter(([, { why }]) => refusal.test(why ?? ""));
  return {
    got: ok.join("|"),
    why: not.map(([column, { why }]) => `${column}: ${why}`).join("; "),
    unexplained: open,
  };
}

const steps = ["-", "loads", "attaches", "fires"];

/** How a row is more or less than expected: what it lacks, and what it has beyond that. */
function differences(table: TableRow["table"], got: string, wanted: string): [string[], string[]] {
  if (table === "programs") {
    const by = steps.indexOf(got) - steps.indexOf(wanted || "-");
    return [
      by < 0 ? [`${got}, expected: ${wanted}`] : [],
      by > 0 ? [`${got}, expected: ${wanted || "-"}`] : [],
    ];
  }
  const [have, want] = [got, wanted].map((each) => each.split("|").filter(Boolean)) as [string[], string[]];
  const missing = want.filter((each) => !have.includes(each));
  const more = have.filter((each) => !want.includes(each));
  return [missing.length > 0 ? [`no ${missing.join(", ")}`] : [], more.length > 0 ? [more.join(", ")] : []];
}

/** How a run compares with what is expected. */
export interface Comparison {
  /** How many rows and tests are as they are to be. */
  readonly good: number;
  /** What fails the run: a test, a row with less than expected, or with something that nobody can explain. */
  readonly lacks: readonly string[];
  /** What works and was not expected to. */
  readonly beyond: readonly string[];
}

/** Holds a run against what is expected. */
export function compare(place: Place, run: Run): Comparison {
  const expected = readExpected();
  const lacks: string[] = [];
  const beyond: string[] = [];
  let good = 0;
  for (const row of run.rows) {
    const { got, why, unexplained } = outcome(row);
    const name = row.table === "programs" ? `SEC("${row.row}")` : row.row;
    const [less, more] = differences(row.table, got, at(expected[row.table][row.row], place).got);
    beyond.push(...more.map((each) => `${name}: ${each}`));
    const wrong = [...less.map((each) => `${each}${why && ` (${why})`}`), ...unexplained];
    if (wrong.length > 0) lacks.push(`${name}: ${wrong.join("; ")}`);
    else good++;
  }
  // A table that was made at all has every row.
  for (const table of ["programs", "maps"] as const) {
    const made = new Set(run.rows.filter((row) => row.table === table).map(({ row }) => row));
    if (made.size > 0)
      for (const row of Object.keys(expected[table]))
        if (!made.has(row) && at(expected[table][row], place).got) lacks.push(`${row}: was not tried`);
  }
  for (const { state, file, name, error = "" } of run.results) {
    if (state === "pass") good++;
    if (state === "fail") lacks.push(`${file}: ${name}\n    ${error.split("\n").slice(0, 8).join("\n    ")}`);
  }
  return { good, lacks, beyond };
}

/** Makes runs what is expected from now on: to be read before it is committed. */
export function accept(runs: readonly (readonly [Place, Run])[]): void {
  const expected = readExpected();
  for (const [{ kernel, libbpf }, run] of runs)
    for (const row of run.rows) {
      const { got, why } = outcome(row);
      const kept = expected[row.table];
      kept[row.row] ??= {};
      const before = kept[row.row]![kernel];
      const each = typeof before === "object" ? before : spread(before);
      each[libbpf] = why ? `${got}: ${why}` : got;
      const values = [...new Set(Object.values(each))];
      kept[row.row]![kernel] = values.length === 1 && Object.keys(each).length === 4 ? values[0]! : each;
    }
  // Rows that a table no longer has.
  for (const table of ["programs", "maps"] as const) {
    const made = new Set(
      runs.flatMap(([, { rows }]) => rows.filter((row) => row.table === table)).map(({ row }) => row),
    );
    if (made.size > 0)
      for (const row of Object.keys(expected[table])) if (!made.has(row)) delete expected[table][row];
  }
  writeFileSync(file, `${JSON.stringify(expected, undefined, 2)}\n`);
}

function spread(all: string | undefined): { [L in Libbpf]?: string } {
  return all === undefined ? {} : { "1.1": all, "1.4": all, "1.5": all, "1.7": all };
}
