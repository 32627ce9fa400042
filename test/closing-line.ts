import { appendFileSync, existsSync, readFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/** How many tests went how. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Where one part of a run keeps its counts for the parts that come after it, as `.ci/run` has it. */
const file = process.env.BPF_TSGEN_COUNTS;

/** One plain line, `N passed, N failed, N skipped`, for whatever reads the output: of this and all parts before it. */
export function closingLine(counts: Counts): string {
  const before =
    file && existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").filter(Boolean) : [];
  const all = [...before.map((line) => JSON.parse(line) as Counts), counts];
  if (file) appendFileSync(file, `${JSON.stringify(counts)}\n`);
  const sum = (name: keyof Counts): number => all.reduce((total, each) => total + each[name], 0);
  return `${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped`;
}

/** Ends the run of vitest with that line. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      for (const test of tests) count[test.result().state]++;
      if (module.state() === "failed" && tests.every((test) => test.result().state !== "failed"))
        count.failed++;
    }
    const { passed, failed, skipped } = count;
    // After vitest's own summary, which is printed in the same turn.
    process.on("exit", () => console.log(closingLine({ passed, failed, skipped })));
  }
}
