import { expect, test } from "vitest";
import { describeKernel, expectNothingLeft, run, uniqueName } from "./kernel.js";

/** Thirty minutes of it (1800) is what a release wants; a few seconds show that nothing is broken. */
const seconds = Number(process.env.BPF_TSGEN_SOAK ?? 8);

describeKernel("a soak", () => {
  test(
    `bursts of a million events a second, skeletons opened and closed beside them, for ${seconds} s`,
    async () => {
      const name = uniqueName();
      const { code, signal, out, err } = await run("soak", [name, String(seconds)], seconds * 1000 + 60_000);
      expect({ code, signal, err }).toEqual({ code: 0, signal: null, err: "" });
      console.log(out);
      const said = JSON.parse(out);
      expect(said.submitted).toBe(said.sent);
      expect(said.received).toBe(said.sent - said.dropped);
      expect(said.disorder).toBe(0);
      expect(said.cycles).toBeGreaterThan(seconds);
      const [first] = said.held;
      const last = said.held.at(-1);
      expect(last.fds).toBe(first.fds);
      expect(last.mappings).toBe(first.mappings);
      expect(last.rss - first.rss).toBeLessThan(100);
      await expectNothingLeft(name);
    },
    seconds * 1000 + 90_000,
  );
});
