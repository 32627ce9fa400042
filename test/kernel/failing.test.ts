import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeKernel, expectNothingLeft, run, uniqueName } from "./kernel.js";

/** Each call fails once; for 10,000 cycles of it, set this. */
const cycles = Number(process.env.BPF_TSGEN_CYCLES ?? 1);
const compiler = spawnSync("cc", ["--version"]).status === 0;

interface Seen {
  readonly done: number;
  readonly before: { readonly fds: number; readonly mappings: number; readonly rss: number };
  readonly after: { readonly fds: number; readonly mappings: number; readonly rss: number };
  readonly errors: Readonly<Record<string, number>>;
  readonly bad: readonly string[];
  readonly left: readonly string[];
}

describeKernel("a call that fails, whichever it is", () => {
  let folder = "";
  let preload = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-failing-"));
    preload = join(folder, "fail.so");
    const source = fileURLToPath(new URL("children/fail.c", import.meta.url));
    if (compiler) execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", preload, source, "-ldl"]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.concurrent.each([
    ["calls", "a function that the runtime calls", 60],
    ["kernel", "a system call that libbpf makes", 100],
  ] as const)(
    "%s: %s: an error, and nothing is left of what was begun",
    async (what, _, least) => {
      if (what === "kernel" && !compiler) return;
      const name = uniqueName();
      const prefix = ["env", "NODE_OPTIONS=--max-semi-space-size=1"];
      if (what === "kernel") prefix.push(`LD_PRELOAD=${preload}`);
      const ended = await run("failing", [what, name, String(cycles)], 60_000 + cycles * 200, prefix);
      expect({ ...ended, out: "", ms: 0 }).toEqual({ code: 0, signal: null, out: "", err: "", ms: 0 });
      const { done, before, after, errors, bad, left } = JSON.parse(ended.out) as Seen;
      const grown = ((after.rss - before.rss) / 2 ** 20).toFixed(1);
      console.log(`${done} cycles with ${what} failing: ${JSON.stringify(errors)}, RSS ${grown} MiB more`);
      expect({ bad, left }).toEqual({ bad: [], left: [] });
      // Each is to have failed in its turn; what libbpf gets along without is no error.
      expect(errors.EIO).toBeGreaterThan(least * 0.6);
      expect([after.fds, after.mappings]).toEqual([before.fds, before.mappings]);
      expect(after.rss - before.rss).toBeLessThan(40 * 2 ** 20);
      await expectNothingLeft(name);
    },
    90_000 + cycles * 200,
  );
});
