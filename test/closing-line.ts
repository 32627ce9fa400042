import type { Reporter, TestModule } from "vitest/node";

/** Ends the run with one plain line, `N passed, N failed, N skipped`, for whatever reads the output. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      for (const test of tests) count[test.result().state]++;
      if (module.state() === "failed" && tests.every((test) => test.result().state !== "failed"))
        count.failed++;
    }
    // After vitest's own summary, which is printed in the same turn.
    process.on("exit", () =>
      console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`),
    );
  }
}
