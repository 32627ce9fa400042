// What each kernel with each libbpf is expected to do, kept in expected.json, and how a run differs from it.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Run } from "./guest.js";
import type { KernelName } from "./kernels.js";
import type { Libbpf } from "./libbpf.js";

const file = fileURLToPath(new URL("expected.json", import.meta.url));

/** The same with every libbpf, or by libbpf. */
type ByLibbpf<T> = T | { [L in Libbpf]?: T };

/** `expected.json`: names of rows to kernels to what comes of them. */
export interface Expected {
  /** How far the program of a section comes: `fires`, `attaches`, `loads` or `-`. */
  programs: Record<string, { [K in KernelName]?: ByLibbpf<string> }>;
  /** The operations that work, joined by `|`. */
  maps: Record<string, { [K in KernelName]?: ByLibbpf<string> }>;
  /** Tests that fail on a kernel with any libbpf, since it lacks what they are about. */
  failing: { [K in KernelName]?: string[] };
}

/** Where a run took place. */
export interface Place {
  readonly kernel: KernelName;
  readonly libbpf: Libbpf;
}

/** Reads `expected.json`. */
export function readExpected(): Expected {
  if (!existsSync(file)) return { programs: {}, maps: {}, failing: {} };
  return JSON.parse(readFileSync(file, "utf8")) as Expected;
}

/** What is expected at a place; undefined where nothing was ever accepted. */
export function at(
  all: { [K in KernelName]?: ByLibbpf<string> } | undefined,
  place: Place,
): string | undefined {
  const found = all?.[place.kernel];
  return typeof found === "object" ? found[place.libbpf] : found;
}

const steps = ["-", "loads", "attaches", "fires"];
const working = ({ rows }: Run, table: "programs" | "maps"): [string, string, string][] =>
  rows
    .filter((row) => row.table === table)
    .map(({ row, cells }) => {
      if (table === "programs") return [row, cells.is!.got, cells.is!.says ?? ""];
      const entries = Object.entries(cells);
      const ok = entries.filter(([, { got }]) => got === "ok").map(([column]) => column);
      const not = entries.filter(([, { got }]) => got !== "ok");
      return [row, ok.sort().join("|"), not.map(([column, { says }]) => `${column}: ${says}`).join("; ")];
    });
const nameOf = ({ file, name }: { file: string; name: string }): string => `${file}: ${name}`;

/** What a run lacks, and what it has beyond what is expected. */
export function compare(place: Place, run: Run): { readonly lacks: string[]; readonly beyond: string[] } {
  const expected = readExpected();
  const lacks: string[] = [];
  const beyond: string[] = [];
  for (const [row, got, says] of working(run, "programs")) {
    const wanted = at(expected.programs[row], place) ?? "-";
    const text = `SEC("${row}"): ${got}, expected: ${wanted}${says && ` (${says})`}`;
    if (steps.indexOf(got) < steps.indexOf(wanted)) lacks.push(text);
    if (steps.indexOf(got) > steps.indexOf(wanted)) beyond.push(text);
  }
  for (const [row, got, says] of working(run, "maps")) {
    const have = got.split("|").filter(Boolean);
    const wanted = (at(expected.maps[row], place) ?? "").split("|").filter(Boolean);
    const missing = wanted.filter((each) => !have.includes(each));
    const more = have.filter((each) => !wanted.includes(each));
    if (missing.length > 0) lacks.push(`${row}: no ${missing.join(", ")} (${says})`);
    if (more.length > 0) beyond.push(`${row}: ${more.join(", ")}`);
  }
  // A table that was made at all has every row.
  for (const table of ["programs", "maps"] as const) {
    const made = new Set(run.rows.filter((row) => row.table === table).map(({ row }) => row));
    if (made.size > 0)
      for (const row of Object.keys(expected[table]))
        if (!made.has(row) && at(expected[table][row], place)) lacks.push(`${row}: was not tried`);
  }
  const failing = expected.failing[place.kernel] ?? [];
  for (const result of run.results) {
    if (result.state === "fail" && !failing.includes(nameOf(result)))
      lacks.push(`${nameOf(result)}\n    ${(result.error ?? "").split("\n").slice(0, 8).join("\n    ")}`);
    if (result.state === "pass" && failing.includes(nameOf(result))) beyond.push(nameOf(result));
  }
  return { lacks, beyond };
}

/** Makes runs what is expected from now on: to be read before it is committed. */
export function accept(runs: readonly (readonly [Place, Run])[]): void {
  const expected = readExpected();
  for (const table of ["programs", "maps"] as const) {
    const kept = expected[table];
    for (const [{ kernel, libbpf }, run] of runs)
      for (const [row, got] of working(run, table)) {
        kept[row] ??= {};
        const before = kept[row][kernel];
        const each = typeof before === "object" ? before : spread(before);
        each[libbpf] = got;
        const values = [...new Set(Object.values(each))];
        kept[row][kernel] = values.length === 1 && Object.keys(each).length === 4 ? values[0]! : each;
      }
    expected[table] = Object.fromEntries(Object.entries(kept));
  }
  for (const [{ kernel }, run] of runs) {
    const ran = run.results.map(nameOf);
    const before = (expected.failing[kernel] ?? []).filter((name) => !ran.includes(name));
    const failed = run.results.filter(({ state }) => state === "fail").map(nameOf);
    expected.failing[kernel] = [...new Set([...before, ...failed])].sort();
  }
  writeFileSync(file, `${JSON.stringify(expected, undefined, 2)}\n`);
}

function spread(all: string | undefined): { [L in Libbpf]?: string } {
  return all === undefined ? {} : { "1.1": all, "1.4": all, "1.5": all, "1.7": all };
}
