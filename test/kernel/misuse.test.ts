import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeKernel, run } from "./kernel.js";
import { publicMembers } from "./surface.js";

/** What each child was given, and in which state. */
const children = [
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
];

/** The kernel takes its time for thousands of attachments; on a machine that does other things, more of it. */
const LIMIT = 500_000;
/** What this libbpf cannot make. */
const elsewhere = /^ArenaMap\./;
/** Classes themselves have no end. */
const endless = /^ArenaMap\.|::/;

/** Members of classes that some child has called: of what was in use, and of what had ended. */
const called = { live: new Set<string>(), ended: new Set<string>() };
let finished = 0;

describeKernel("misuse", () => {
  test.concurrent.each(children)(
    "%s: every public member of everything %s, called with everything wrong, throws a proper error or nothing",
    async (child, state) => {
      const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-misuse-"));
      try {
        const log = join(folder, "log");
        // What goes by the number of an interface must not meet this machine's.
        const own = /-(raw|programs)$/.test(child!) ? ["unshare", "-n"] : [];
        const { code, signal, out, err } = await run(child!, [log, state!], LIMIT, own);
        const lastCall = readFileSync(log, "utf8").trimEnd().split("\n").at(-1);
        expect({ code, signal, lastCall: code === 0 ? "" : lastCall, err: code === 0 ? "" : err }).toEqual({
          code: 0,
          signal: null,
          lastCall: "",
          err: "",
        });
        const { calls, bad, live, ended } = JSON.parse(out.trimEnd().split("\n").at(-1)!) as {
          readonly [K in "bad" | "live" | "ended"]: string[];
        } & { readonly calls: number };
        for (const each of live) called.live.add(each);
        for (const each of ended) called.ended.add(each);
        finished++;
        expect(bad).toEqual([]);
        // Reflection that finds nothing would pass, too.
        expect(calls).toBeGreaterThan(5_000);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    LIMIT + 10_000,
  );

  test("every public member of every class was called, of something in use and of something that had ended", (context) => {
    if (finished < children.length) context.skip("not all of the above ran");
    const all = publicMembers();
    expect(all.length).toBeGreaterThan(200);
    expect(all.filter((each) => !called.live.has(each) && !elsewhere.test(each))).toEqual([]);
    expect(all.filter((each) => !called.ended.has(each) && !endless.test(each))).toEqual([]);
  });
});
