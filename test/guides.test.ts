import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureBuilt } from "./build.js";
import { blocks, build, canCompile, modules, programs, root } from "./documents.js";
import { describeKernel, start } from "./kernel/kernel.js";

/** The guides' applications, each run as it stands on its page, with all that goes on from it there. */
const folder = join(root, "dist/guides");

/** In a network namespace of its own, with a loopback interface. */
const namespace = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"];

const openFiles = (): void => void spawnSync("sh", ["-c", "for i in $(seq 300); do : < /etc/hostname; done"]);

interface Guide {
  readonly page: string;
  readonly name: string;
  /** What it prints. */
  readonly says: RegExp;
  /** What happens on the machine meanwhile, again and again. */
  readonly meanwhile?: () => void;
  /** The line after which Ctrl-C ends it, where it does not end by itself. */
  readonly until?: RegExp;
  readonly prefix?: string[];
  /** What goes on from it on the page is left out: mistakes, which the compiler is to find. */
  readonly alone?: true;
}

const guides: readonly Guide[] = [
  {
    page: "README",
    name: "opens",
    says: /has opened \d+0 files\n(.*\n)*\d+ \d+n\n/,
    meanwhile: openFiles,
    alone: true,
  },
  { page: "globals", name: "writes", says: /^[1-9]\d* calls on kernel \d+\n(\d+ bytes or more: \d+\n)+/ },
  {
    page: "events",
    name: "watch",
    says: /\d+ is true now\n(.*\n)*\d+ found no room\n$/,
    meanwhile: () => void spawnSync("true"),
    until: /is true now/,
  },
  { page: "events", name: "orders", says: /^10000 orders, 20000 pieces, [1-9]\d* times full\n$/ },
  {
    page: "maps",
    name: "stats",
    says: /^60n\nfalse 2\n(.*\n)*\{ packets: 1n, bytes: 60n \}\n(.*\n)*10\.1\.0\.0\/16 2\n(.*\n)*1\n$/,
  },
  {
    page: "networking",
    name: "filter",
    says: /^1 dropped, [1-9]\d* bytes sent\n\{[^}]* kind: 'xdp', ifindex: 1 \}\n\[ \{ programId: \d+, linkId: \d+ \} \]\n$/,
    prefix: namespace,
  },
  { page: "tracing", name: "switches", says: /^.{16} \d+\n/ },
  { page: "uprobes", name: "lookups", says: /^localhost: [\d.]+ ms\n$/ },
  { page: "iterators", name: "tasks", says: /^(\d+ \d+ .+\n)+\d+ processes\n/ },
  { page: "struct-ops", name: "quick", says: /\bquick2\b.*\nstruct_ops 0n\n$/ },
];

describeKernel("the guides' applications", () => {
  beforeAll(() => {
    ensureBuilt("runtime");
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("all that have a name are here", () => {
    const named = blocks.filter(({ language, file }) => language === "ts" && file?.match(/^[\w-]+\.ts$/));
    expect(named.map(({ file }) => file).sort()).toEqual(guides.map(({ name }) => `${name}.ts`).sort());
  });

  test.skipIf(!canCompile).each(guides)("$page: $name", async ({ page, name, ...guide }) => {
    const document = `docs/${page}.md`;
    const at = join(folder, page);
    const program = programs.find((block) => block.document === document && block.file === `${name}.bpf.c`)!;
    expect(build(program, at)).toEqual([]);
    const pieces = guide.alone ? blocks : modules(document);
    const { text } = pieces.find(({ file }) => file === `${name}.ts`)!;
    writeFileSync(join(at, `${name}.ts`), text);

    const child = start(`../../../dist/guides/${page}/${name}`, [], 60_000, guide.prefix);
    const timer = guide.meanwhile && setInterval(guide.meanwhile, 300);
    if (guide.until) {
      await child.says(guide.until);
      child.process.kill("SIGINT");
    }
    const { code, out, err } = await child.ended;
    clearInterval(timer);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(guide.says);
  });
});
