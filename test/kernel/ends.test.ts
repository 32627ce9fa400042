import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  describeKernel,
  expectNothingLeft,
  kernelIds,
  remaining,
  slower,
  start,
  stillThere,
  uniqueName,
} from "./kernel.js";

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

/** `BPF_TSGEN_ENDS=1` writes the table anew. */
const page = new URL("table/ENDS.md", import.meta.url);
const INTRODUCTION = `# Ways to end a process

What it was doing, how it ended, its exit status or the signal that it ended by, and what was left in the kernel: links,
programs and maps by their ids, as \`bpftool link\`, \`prog\` and \`map\` find them. \`test/kernel/ends.test.ts\` makes the table and
holds it to what it sees. While something is loading, JavaScript hears of nothing but what ends the process at once: the
rest comes when it is loaded or refused. The last column is XDP attached by netlink (\`xdp.attach\`), for which the kernel
has no link: only the process itself can detach it, and nobody can on SIGKILL and abort.`;

/** Starts children/ends.ts, ends it, and tells what became of it. */
async function end(doing: string, how: string, signal?: NodeJS.Signals) {
  const name = uniqueName();
  const child = start("ends", [doing, how, name], 40_000);
  await child.says("ready");
  if (doing === "loading") await new Promise((resolve) => setTimeout(resolve, 700));
  else if (how.startsWith("signal") || how.startsWith("handled"))
    expect(remaining(name).length).toBeGreaterThan(0);
  // By their ids, as bpftool finds them: links, programs and maps. BTF and what is just being made has none.
  const ids = doing === "loading" ? [] : kernelIds(child.process.pid!);
  if (doing !== "loading") expect(new Set(ids.map((id) => id.split("_")[0])).size).toBe(3);
  if (signal) child.process.kill(signal);
  else if (doing !== "loading") child.process.stdin!.write("end\n");
  if (how === "handled, and goes on") {
    await child.says("handled");
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (doing !== "loading") expect(remaining(name).length).toBeGreaterThan(0);
    // It listened once: the next one is as if it never had.
    child.process.kill(signal);
  }
  const { code, signal: by, err } = await child.ended;
  await expectNothingLeft(name);
  expect(stillThere(ids)).toEqual([]);
  note(doing, how, signal, by ?? code, "nothing");
  return { code, signal: by, err };
}

/** What test/kernel/table/ENDS.md tells: by way and by what the process was doing, its status and what was left. */
const cells = new Map<string, string>();
function note(doing: string, how: string, signal: string | undefined, status: unknown, left: string): void {
  cells.set(`${title(how, signal)} | ${doing}`, `${status}, ${left}`);
}

const words: Readonly<Record<string, string>> = {
  signal: "",
  handled: ", handled: close(), exit(3)",
  "handled, and goes on": ", handled and ignored; then again",
  exit: "`process.exit(7)` in a handler",
  throw: "uncaught exception in a handler",
  reject: "unhandled rejection",
  abort: "`process.abort()`",
  finish: "nothing more to do, nothing closed",
};
function title(how: string, signal: string | undefined): string {
  return signal ? `${signal}${words[how]}` : words[how]!;
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

  describe.each(["attached", "iterating"])("%s", (doing) => {
    test.concurrent.each(ways)("%s %s: nothing is left", async (how, signal, wanted) => {
      expect(await end(doing, how, signal)).toMatchObject(wanted);
    });
  });

  // On an emulated machine the verifier takes minutes for what these interrupt.
  test.skipIf(slower > 1).concurrent.each(ways)(
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
      note("without a link", how, signal, by ?? code, unseen ? "XDP" : "nothing");
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

  test("the table of all of this is as it was seen", (context) => {
    const doings = ["attached", "iterating", "loading", "without a link"];
    if (cells.size < doings.length * ways.length) context.skip("not all of the above ran");
    const rows = ways.map(([how, signal]) => {
      const row = title(how, signal);
      return `| ${row} | ${doings.map((doing) => cells.get(`${row} | ${doing}`)).join(" | ")} |`;
    });
    const text = `${INTRODUCTION}\n\n| the end | ${doings.join(" | ")} |\n|${" --- |".repeat(5)}\n${rows.join("\n")}\n`;
    if (process.env.BPF_TSGEN_ENDS === "1") writeFileSync(page, text);
    // The tests may have been taken to another machine without it.
    if (existsSync(page)) expect(text).toBe(readFileSync(page, "utf8"));
  });
});
