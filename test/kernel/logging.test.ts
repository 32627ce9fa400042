import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { describeKernel, expectNothingLeft, run, uniqueName } from "./kernel.js";

/** The packages as they are built: another copy of the runtime. */
const built = existsSync(new URL("../../runtime/dist/index.js", import.meta.url));

/** What a case of children/logging.ts saw. */
async function seen(what: string): Promise<unknown> {
  const name = uniqueName();
  const { code, signal, out, err } = await run("logging", [what, name], 60_000);
  expect({ code, signal, err }).toEqual({ code: 0, signal: null, err: "" });
  await expectNothingLeft(name);
  return JSON.parse(out);
}

describeKernel("what libbpf says", () => {
  test.concurrent("goes to the logger, with its level; without one nobody hears it", async () => {
    expect(await seen("levels")).toEqual({ debug: true, odd: [], log: true, after: 0 });
  });

  test.concurrent("a logger that throws is an uncaught exception, and disturbs nothing", async () => {
    expect(await seen("throwing")).toEqual({
      program: "null_pointer",
      log: true,
      attached: true,
      uncaught: ["out of the logger"],
    });
  });

  test.concurrent("a logger may close what is being loaded or attached, and load more", async () => {
    const [opened, object, ...rest] = (await seen("closing")) as (string | null)[];
    expect([opened, object]).toEqual(["ERR_BPF_CLOSED", "ERR_BPF_CLOSED"]);
    // libbpf has nothing to say of an attachment that goes well.
    expect(["nothing", "ERR_BPF_CLOSED"]).toContain(rest[0]);
    expect(rest.slice(2)).toEqual(["nothing", null, null, null, null]);
  });

  test.skipIf(!built).concurrent("two copies of the runtime in one process: each hears its own", async () => {
    expect(await seen("copies")).toEqual({
      first: [true, false],
      second: [true, true],
      programs: ["null_pointer", "refused", "unchecked_packet"],
      logs: [true, true, true],
      mixed: true,
    });
  });

  test.concurrent("threads that load at the same time get each its own verifier's log", async () => {
    expect(await seen("threads")).toEqual([0, 0, 0]);
  });

  test.concurrent("a worker that is terminated while libbpf works leaves the other threads in peace", async () => {
    expect(await seen("terminated")).toBe(0);
  });
});
