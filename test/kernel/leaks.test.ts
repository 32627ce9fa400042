import { expect, test } from "vitest";
import { describeKernel, expectNothingLeft, run, since, slower, uniqueName } from "./kernel.js";

interface Holding {
  readonly fds: number;
  readonly mappings: number;
  readonly rss: number;
}

describeKernel("leaks", () => {
  test.concurrent.each([
    ["success", 2000],
    ["refused", 1000],
    ["unattached", 100],
    ["garbage", 1000],
    // All kinds of both, which this kernel has.
    ...(since(6, 4)
      ? ([
          ["maps", 200],
          ["programs", 40],
          ["scarce", 3, "prlimit", "--nofile=200:200"],
          ["frozen", 100],
        ] as [string, number, ...string[]][])
      : []),
  ] as [string, number, ...string[]][])(
    "%s, %i times over, leaves no descriptor, mapping, map or program, and no memory to speak of",
    async (what, cycles, ...prefix) => {
      const name = uniqueName();
      const times = Math.ceil(cycles / slower);
      const { code, out, err } = await run("leaks", [what, name, String(times)], 80_000, prefix);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      const { before, after, ms } = JSON.parse(out) as { before: Holding; after: Holding; ms: number };
      const grown = (after.rss - before.rss) / 2 ** 20;
      console.log(
        `${times} × ${what}: fds ${before.fds} → ${after.fds}, RSS ${grown.toFixed(1)} MiB more, ${(ms / 1000).toFixed(1)} s`,
      );
      expect(after.fds).toBe(before.fds);
      expect(after.mappings).toBe(before.mappings);
      // The heap of C grows for some thousand cycles and then stays; a leaked map's memory would be far more.
      expect(grown).toBeLessThan(80);
      await expectNothingLeft(name);
    },
    90_000 * slower,
  );
});
