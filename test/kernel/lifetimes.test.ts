import { availableParallelism } from "node:os";
import { expect, test } from "vitest";
import { describeKernel, expectNothingLeft, remaining, run, since, start, uniqueName } from "./kernel.js";

/** What a case of children/lifetimes.ts saw; nothing of it is left in the kernel. */
async function seen(what: string, prefix?: string[]): Promise<unknown> {
  const name = uniqueName();
  const { code, signal, out, err } = await run("lifetimes", [what, name], 30_000, prefix);
  expect({ code, signal, err: code === 0 ? "" : err }).toEqual({ code: 0, signal: null, err: "" });
  await expectNothingLeft(name);
  return JSON.parse(out);
}

describeKernel("what outlives what", () => {
  test.concurrent("a leaked skeleton warns of where it was opened, and nothing is detached", async () => {
    expect(await seen("leaked")).toEqual({
      warnings: [{ message: expect.stringMatching(/: was never closed, .* — use `using`$/), where: true }],
      attached: true,
    });
  });

  test.concurrent("so do maps, programs and links that were opened by hand; what was closed or disconnected does not", async () => {
    expect(await seen("handles")).toEqual({
      told: [
        ["link LINK", true],
        ['map "by_hand"', true],
        ['map "numbers"', true],
        ['map " inner"', true],
        ["program PROGRAM", true],
      ].sort(),
      // These, and the link that was disconnected.
      ended: 6,
      attached: true,
    });
  });

  test.concurrent("a map that cannot be let go of is no reason to keep anything else", async () => {
    expect(await seen("closers")).toEqual({
      skeleton: ["MINE", "nothing"],
      numbers: "ERR_BPF_CLOSED",
      bss: "ERR_BPF_CLOSED",
      closed: "closed",
      byHand: ["MINE", "nothing"],
      other: "ERR_BPF_CLOSED",
      fds: 0,
    });
  });

  test.concurrent("a disconnected link outlives its object and the skeleton, not the process", async () => {
    const name = uniqueName();
    const child = start("lifetimes", ["disconnected", name]);
    await child.says("closed");
    expect(remaining(name).length).toBeGreaterThan(0);
    child.process.stdin!.end();
    const { code, out } = await child.ended;
    expect([code, JSON.parse(out.split("\n")[1]!)]).toEqual([0, { attached: true }]);
    await expectNothingLeft(name);
  });

  test
    .skipIf(availableParallelism() < 2)
    .concurrent(
      "a link that stands for one on each of two CPUs ends with all of them, and cannot be pinned",
      async () => {
        expect(await seen("together")).toEqual({
          // Before 5.15 events are attached without links.
          each: since(5, 15) ? 2 : 1,
          pinned: "ERR_BPF_STATE",
          type: since(5, 15) ? 7 : 0,
          left: true,
          after: "ERR_BPF_CLOSED",
        });
      },
    );

  test.concurrent("close() closes everything even when a link cannot be ended, and says so once", async () => {
    expect(await seen("failing")).toEqual({ first: "EBADF", second: "nothing", fds: 0 });
  });

  test.concurrent("attach() tells why it failed also when what it has attached cannot be taken back", async () => {
    expect(await seen("halves")).toEqual({ first: "ENOENT", links: [], close: "nothing" });
  });

  test.concurrent("an event's descriptor stays its owner's", async () => {
    expect(await seen("event")).toEqual({ mine: true, bad: "EBADF", fds: 0 });
  });

  test.concurrent("a filter is taken from its own socket only", async () => {
    expect(await seen("socket")).toEqual({ same: true, kept: "1", disconnected: "2" });
  });

  test.concurrent("what stands in for links: any number of them, with one listener of the process's exit", async () => {
    expect(await seen("fallbacks", ["unshare", "-n"])).toEqual({
      said: { tc: "clsact", stream: "bpf_prog_attach" },
      leaked: 0,
      added: 1,
      removed: 0,
      attached: true,
      one: true,
      none: false,
      disconnected: true,
      warnings: [],
    });
  });

  test.concurrent("what could not be detached is not attached: descriptors run out", async () => {
    expect(await seen("undetachable")).toEqual({ codes: ["EBADF", "EBADF"], fds: 0 });
  });

  test.skipIf(availableParallelism() < 2)("perf buffers: each CPU has its turn", async () => {
    const { first } = (await seen("fair")) as { first: number[] };
    for (const found of first) {
      expect(found).toBeGreaterThan(0);
      expect(found).toBeLessThan(20);
    }
  });
});
