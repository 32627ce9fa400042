import { expect, test } from "vitest";
import { describeKernel, expectNothingLeft, remaining, slower, start, uniqueName } from "./kernel.js";

/** Starts a child that attaches and iterates; tells how it ended, and how long that took once it was to end. */
async function end(how: string, signal?: NodeJS.Signals) {
  const name = uniqueName();
  const child = start("exit", [how, name], 20_000);
  await child.says("iterating").catch(() => undefined);
  const from = performance.now();
  if (signal) {
    expect(remaining(name).length).toBeGreaterThan(0);
    child.process.kill(signal);
  }
  const ended = await child.ended;
  const ms = performance.now() - from;
  await expectNothingLeft(name);
  return { code: ended.code, signal: ended.signal, out: ended.out, err: ended.err, ms };
}

describeKernel("the end of a process that is attached and iterating", () => {
  test.concurrent.each([
    ["wait", "SIGTERM", { code: null, signal: "SIGTERM" }],
    ["wait", "SIGINT", { code: null, signal: "SIGINT" }],
    ["wait", "SIGKILL", { code: null, signal: "SIGKILL" }],
    ["exit", undefined, { code: 7, signal: null, err: "" }],
    ["throw", undefined, { code: 1, signal: null, err: expect.stringContaining("Error: out of the loop") }],
    ["timer", undefined, { code: 1, signal: null, err: expect.stringContaining("Error: out of a timer") }],
    ["abort", undefined, { code: null, signal: "SIGABRT" }],
    ["end", undefined, { code: 0, signal: null, out: "iterating\nended: 40\n", err: "" }],
  ] as const)(
    "%s %s: prompt, with the right status, and nothing is left in the kernel",
    async (how, signal, expected) => {
      const { ms, ...ended } = await end(how, signal);
      expect(ended).toMatchObject(expected);
      expect(ms).toBeLessThan(3000 * slower);
    },
  );

  test.concurrent("in a worker: it iterates there, and both threads do at once", async () => {
    expect(await end("worker-end")).toMatchObject({
      code: 0,
      signal: null,
      out: "worker ended: 40\n",
      err: "",
    });
    const both = await end("worker-both-end");
    expect(both).toMatchObject({ code: 0, signal: null, err: "" });
    expect(both.out.split("\n").sort()).toEqual(["", "main: 20", "worker ended: 40"]);
  });

  test.concurrent("in a worker that is terminated: the process and its other threads go on", async () => {
    expect(await end("worker-terminate")).toMatchObject({
      code: 0,
      signal: null,
      out: "worker ended: 0\nrefused\nrefused\nrefused\nafter: 20\n",
      err: "",
    });
    expect(await end("worker-exit")).toMatchObject({ code: 9, signal: null });
  });
});
