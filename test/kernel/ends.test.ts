import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeKernel, expectNothingLeft, remaining, slower, start, uniqueName } from "./kernel.js";

/** The packages as they are built: another copy of the runtime. */
const built = existsSync(new URL("../../runtime/dist/index.js", import.meta.url));

/** A network namespace that is there when the process is gone. */
const namespace = `bpf-tsgen-${process.pid}`;
const ip = (...args: string[]): string => execFileSync("ip", args, { encoding: "utf8" });
const inside = [`nsenter`, `--net=/var/run/netns/${namespace}`];
/** What `bpftool net` and ip(8) see of programs on the loopback interface. */
const onLoopback = (): string =>
  spawnSync(inside[0]!, [inside[1]!, "sh", "-c", "ip -d link show lo; tc filter show dev lo ingress"], {
    encoding: "utf8",
  })
    .stdout.match(/xdpgeneric|direct-action|by_tc/g)
    ?.join(" ") ?? "";

/** Starts children/ends.ts, ends it, and tells what became of it. */
async function end(doing: string, how: string, signal?: NodeJS.Signals) {
  const name = uniqueName();
  const child = start("ends", [doing, how, name], 40_000);
  await child.says("ready");
  if (doing === "loading") await new Promise((resolve) => setTimeout(resolve, 700));
  else if (how.startsWith("signal") || how.startsWith("handled"))
    expect(remaining(name).length).toBeGreaterThan(0);
  if (signal) child.process.kill(signal);
  else child.process.stdin!.write("end\n");
  if (how === "handled, and goes on") {
    await child.says("handled");
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(remaining(name).length).toBeGreaterThan(0);
    // It listened once: the next one is as if it never had.
    child.process.kill(signal);
  }
  const { code, signal: by, err } = await child.ended;
  await expectNothingLeft(name);
  return { code, signal: by, err };
}

const ways: readonly (readonly [how: string, signal: NodeJS.Signals | undefined, wanted: object])[] = [
  ["signal", "SIGTERM", { code: null, signal: "SIGTERM" }],
  ["signal", "SIGINT", { code: null, signal: "SIGINT" }],
  ["signal", "SIGHUP", { code: null, signal: "SIGHUP" }],
  ["signal", "SIGKILL", { code: null, signal: "SIGKILL" }],
  ["handled", "SIGTERM", { code: 3, signal: null }],
  ["handled, and goes on", "SIGINT", { code: null, signal: "SIGINT" }],
  ["exit", undefined, { code: 7, signal: null }],
  ["throw", undefined, { code: 1, signal: null, err: expect.stringContaining("Error: uncaught") }],
  ["reject", undefined, { code: 1, signal: null, err: expect.stringContaining("Error: unhandled") }],
  ["abort", undefined, { code: null, signal: "SIGABRT" }],
  ["finish", undefined, { code: 0, signal: null, err: "" }],
];

describeKernel("the end of a process", () => {
  beforeAll(() => {
    ip("netns", "add", namespace);
    ip("-n", namespace, "link", "set", "lo", "up");
  });
  afterAll(() => void ip("netns", "delete", namespace));

  test.concurrent.each(ways)("attached, %s %s: nothing is left", async (how, signal, wanted) => {
    expect(await end("attached", how, signal)).toMatchObject(wanted);
  });

  // On an emulated machine the verifier takes minutes for what these interrupt.
  test
    .skipIf(slower > 1)
    .concurrent.each(ways.filter(([how]) => ["signal", "exit", "throw", "abort"].includes(how)))(
    "loading, %s %s: nothing is left",
    async (how, signal, wanted) => {
      expect(await end("loading", how, signal)).toMatchObject(wanted);
    },
  );

  test.each(ways)(
    "attached without a link, %s %s: detached unless the end is SIGKILL or SIGABRT",
    async (how, signal, wanted) => {
      expect(onLoopback()).toBe("");
      const unseen = signal === "SIGKILL" || how === "abort";
      const name = uniqueName();
      const child = start("ends", ["netlink", how, name], 40_000, inside);
      await child.says("ready");
      expect(onLoopback()).toBe("xdpgeneric");
      if (signal) child.process.kill(signal);
      else child.process.stdin!.write("end\n");
      if (how === "handled, and goes on") {
        await child.says("handled");
        await new Promise((resolve) => setTimeout(resolve, 100));
        expect(onLoopback()).toBe("xdpgeneric");
        child.process.kill(signal);
      }
      const { code, signal: by, err } = await child.ended;
      expect({ code, signal: by, err }).toMatchObject(wanted);
      expect(onLoopback()).toBe(unseen ? "xdpgeneric" : "");
      if (unseen) ip("-n", namespace, "link", "set", "dev", "lo", "xdpgeneric", "off");
      await expectNothingLeft(name);
    },
  );

  test.skipIf(!built)("two copies of the runtime in one process: each detaches what is its own", async () => {
    for (const [how, signal, wanted] of ways.filter(
      ([how, signal]) => how === "exit" || signal === "SIGTERM",
    )) {
      if (how === "handled") continue;
      const name = uniqueName();
      const child = start("ends", ["netlink of two copies", how, name], 40_000, inside);
      await child.says("ready");
      expect(onLoopback()).toContain("xdpgeneric");
      expect(onLoopback()).toContain("by_tc");
      if (signal) child.process.kill(signal);
      else child.process.stdin!.write("end\n");
      const { code, signal: by, err } = await child.ended;
      expect({ code, signal: by, err }).toMatchObject(wanted);
      expect(onLoopback()).toBe("");
      await expectNothingLeft(name);
    }
  });

  test.concurrent("processes that it started hold nothing of it", async () => {
    const name = uniqueName();
    const child = start("ends", ["with a child", "", name]);
    const pid = Number((await child.says("ready")).split(" ")[1]);
    child.process.kill("SIGKILL");
    await child.ended;
    await expectNothingLeft(name);
    process.kill(pid, "SIGTERM");
  });

  test.concurrent("a cluster: each process has its own, whichever of them ends", async () => {
    const name = uniqueName();
    const child = start("ends", ["cluster", "", name], 40_000);
    const { code, signal, out } = await child.ended;
    expect({ code, signal, out }).toEqual({
      code: 0,
      signal: null,
      out: "worker 0 null SIGKILL\nworker 1 5 null\n",
    });
    await expectNothingLeft(name);
  });
});
