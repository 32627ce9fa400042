import { expect, test } from "vitest";
import { describeKernel, expectNothingLeft, run, since, slower, uniqueName } from "./kernel.js";

interface Holding {
  readonly fds: number;
  readonly mappings: number;
  readonly rss: number;
  readonly heap: number;
}

/** V8's space for new objects is small from the start: it would grow by tens of MiB otherwise. */
const steady = ["env", "NODE_OPTIONS=--max-semi-space-size=1"];
const mib = (bytes: number): number => bytes / 2 ** 20;

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
      const { code, out, err } = await run("leaks", [what, name, String(times)], 80_000, [
        ...steady,
        ...prefix,
      ]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      const { before, after, ms } = JSON.parse(out) as { before: Holding; after: Holding; ms: number };
      const [rss, heap] = [mib(after.rss - before.rss), mib(after.heap - before.heap)];
      console.log(
        `${times} × ${what}: fds ${before.fds} → ${after.fds}, RSS ${rss.toFixed(1)} MiB more, V8's heap ${heap.toFixed(1)}, ${(ms / 1000).toFixed(1)} s`,
      );
      expect(after.fds).toBe(before.fds);
      expect(after.mappings).toBe(before.mappings);
      // What is left is compiled code. One closure left a cycle would be a MiB in 10,000, an object with its maps in 500.
      expect(heap).toBeLessThan(1);
      expect(rss).toBeLessThan(40);
      await expectNothingLeft(name);
    },
    90_000 * slower,
  );
});
