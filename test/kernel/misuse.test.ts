import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeKernel, run } from "./kernel.js";

describeKernel("misuse", () => {
  test.concurrent.each([
    ["misuse", "opened"],
    ["misuse", "loaded"],
    ["misuse", "closed"],
    ["misuse", "object"],
    ["misuse-kinds", "maps"],
    ["misuse-kinds", "maps closed"],
    ["misuse-kinds", "programs"],
    ["misuse-kinds", "programs closed"],
    ["misuse-kinds", "made"],
    ["misuse-kinds", "forged"],
    ["misuse-programs", "loaded"],
    ["misuse-programs", "parts"],
    ["misuse-programs", "closed"],
    ["misuse-raw", "loaded"],
    ["misuse-raw", "closed"],
  ])(
    "%s: every public member of everything %s, called with everything wrong, throws a proper error or nothing",
    async (child, state) => {
      const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-misuse-"));
      try {
        const log = join(folder, "log");
        // What goes by the number of an interface must not meet this machine's.
        const own = /-(raw|programs)$/.test(child) ? ["unshare", "-n"] : [];
        const { code, signal, out, err } = await run(child, [log, state], 150_000, own);
        const lastCall = readFileSync(log, "utf8").trimEnd().split("\n").at(-1);
        expect({ code, signal, lastCall: code === 0 ? "" : lastCall, err: code === 0 ? "" : err }).toEqual({
          code: 0,
          signal: null,
          lastCall: "",
          err: "",
        });
        const { calls, bad } = JSON.parse(out.trimEnd().split("\n").at(-1)!) as {
          calls: number;
          bad: string[];
        };
        expect(bad).toEqual([]);
        // Reflection that finds nothing would pass, too.
        expect(calls).toBeGreaterThan(5_000);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    160_000,
  );
});
