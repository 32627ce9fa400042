import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { helpOf } from "../../generator/help.js";
import { ensurePackages } from "../machine.js";
import { folder, install, must, nodes, pack, project, put, root, run } from "./project.js";

/** The generator's page on npm: its snippets do what it says. */
const readme = readFileSync(join(root, "generator/README.md"), "utf8");
const blocks = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({
  language: language!,
  text: text!,
}));

/** The block of a language that has something in it. */
function block(language: string, part: string): string {
  const found = blocks.filter((one) => one.language === language && one.text.includes(part));
  if (found.length !== 1) throw new Error(`${found.length} blocks of ${language} have ${part}`);
  return found[0]!.text;
}

const source = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct event { __u32 pid; char comm[16]; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8192); __type(key, __u32); __type(value, __u64); } live SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); __type(value, struct event); } events SEC(".maps");
SEC("tp/sched/sched_process_exec") int on_exec(void *ctx) { return 0; }
`;
const changed = source
  .replace("8192", "65536")
  .replace("__u32 pid; char comm[16];", "__u64 pid; char comm[16]; __u32 cpu;");

const missing = ensurePackages(["clang", "libbpf-dev", "make"]);
let tarballs: ReturnType<typeof pack>;
let at = "";
const tsc = (name = "typescript"): string => join(root, "node_modules", name, "bin/tsc");

beforeAll(() => {
  tarballs = pack();
  at = project("readme", { "src/watch.bpf.c": source, Makefile: block("make", "stamp") });
  install(at, tarballs.generator, tarballs.runtime);
  if (missing.length === 0) must(at, "make");
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("the commands are those of the help", () => {
  const [commands] = blocks.filter(({ language }) => language === "");
  for (const line of commands!.text.trim().split("\n")) expect(helpOf()).toContain(line);
});

describe.skipIf(missing.length > 0)("make", () => {
  it("makes what has changed, and no more", () => {
    expect(must(at, "make")).toContain("Nothing to be done");
    const skeleton = join(at, "src/watch.skel.ts");
    const { mtimeMs } = statSync(skeleton);
    utimesSync(join(at, "src/watch.bpf.c"), new Date(), new Date(Date.now() + 2000));
    expect(must(at, "make")).toContain("bpf-tsgen -o src/watch.skel.ts build/watch.bpf.o");
    expect(statSync(skeleton).mtimeMs).toBe(mtimeMs);
    put(at, { "src/watch.bpf.c": source.replace("8192", "16") });
    utimesSync(join(at, "src/watch.bpf.c"), new Date(), new Date(Date.now() + 4000));
    must(at, "make");
    expect(readFileSync(skeleton, "utf8")).toContain("16 entries");
    put(at, { "src/watch.bpf.c": source });
    utimesSync(join(at, "src/watch.bpf.c"), new Date(), new Date(Date.now() + 6000));
    must(at, "make");
  }, 60_000);

  it("leaves no empty skeleton behind with .DELETE_ON_ERROR, and does without", () => {
    const other = project("redirected", { Makefile: block("make", "> $@"), "build/bad.bpf.o": "no object" });
    mkdirSync(join(other, "src"));
    install(other, tarballs.generator);
    cpSync(join(at, "build/watch.bpf.o"), join(other, "build/watch.bpf.o"));
    must(other, "make", "src/watch.skel.ts");
    expect(readFileSync(join(other, "src/watch.skel.ts"), "utf8")).toContain("export const Watch");
    const { status, stderr } = run(other, "make", "src/bad.skel.ts");
    expect(status).toBe(2);
    expect(stderr).toContain("bpf-tsgen: build/bad.bpf.o: ELF header: ");
    expect(existsSync(join(other, "src/bad.skel.ts"))).toBe(false);
    put(other, { Makefile: block("make", "> $@").replace(".DELETE_ON_ERROR:", "") });
    run(other, "make", "src/bad.skel.ts");
    expect(readFileSync(join(other, "src/bad.skel.ts"), "utf8")).toBe("");
  }, 60_000);
});

describe.skipIf(missing.length > 0)("a stale skeleton", () => {
  const steps = ["GitHub Actions", "GitLab"].map((name) => {
    const section = readme.split(`## ${name}\n`)[1]!;
    const [, yaml] = /```yaml\n([\s\S]*?)```/.exec(section)!;
    const commands = [...yaml!.matchAll(/^ +- (?:run: )?((?:make|npx) .*)$/gm)].map(
      ([, command]) => command!,
    );
    return { name, commands };
  });

  it.each(steps)(
    "turns the step of $name red",
    ({ commands }) => {
      expect(commands).toHaveLength(2);
      const ci = (): ReturnType<typeof run> => run(at, "sh", "-ec", commands.join("\n"));
      expect(ci().status).toBe(0);
      put(at, { "src/watch.bpf.c": changed });
      utimesSync(join(at, "src/watch.bpf.c"), new Date(), new Date(Date.now() + 8000));
      const { status, stdout } = ci();
      expect(status).toBe(1);
      const [, report] = block("console", "--check").split(/^\$.*\n/m);
      expect(stdout.slice(stdout.indexOf("src/watch.skel.ts"))).toBe(report);
      put(at, { "src/watch.bpf.c": source });
      utimesSync(join(at, "src/watch.bpf.c"), new Date(), new Date(Date.now() + 10_000));
      must(at, "make");
    },
    60_000,
  );
});

it.skipIf(missing.length > 0)(
  "npm scripts",
  () => {
    const { scripts } = JSON.parse(block("json", "scripts")) as { scripts: Record<string, string> };
    const manifest = JSON.parse(readFileSync(join(at, "package.json"), "utf8")) as object;
    rmSync(join(at, "build"), { recursive: true });
    put(at, { "package.json": JSON.stringify({ ...manifest, scripts }) });
    for (const name of ["bpf", "skeletons", "check:skeletons"]) must(at, "npm", "run", name);
    expect(scripts.dev).toBe(scripts.skeletons?.replace("bpf-tsgen", "bpf-tsgen --watch"));
  },
  60_000,
);

describe.skipIf(missing.length > 0)("TypeScript", () => {
  const types = { typeRoots: [join(root, "node_modules/@types")], skipLibCheck: true };

  function check(options: object, files: Readonly<Record<string, string>>, compiler?: string): string {
    put(at, files);
    const compilerOptions = { ...options, ...types };
    put(at, { "check.json": JSON.stringify({ compilerOptions, files: Object.keys(files) }) });
    return run(at, process.execPath, tsc(compiler), "-p", "check.json").stdout;
  }
  const base = {
    ...{ strict: true, target: "es2022", module: "nodenext", types: ["node"], noEmit: true },
    lib: ["es2023", "esnext.disposable"],
  };

  it.each(["typescript-5.9", "typescript"])("%s builds what runs unbuilt", (compiler) => {
    const { compilerOptions } = JSON.parse(block("json", "rewriteRelative")) as { compilerOptions: object };
    const app = `${block("ts", "./watch.skel.ts")}console.log(typeof Watch.attach);\n`;
    const options = { ...compilerOptions, outDir: `out-${compiler}`, rootDir: "src" };
    expect(check(options, { "src/unbuilt.ts": app }, compiler)).toBe("");
    expect(must(at, process.execPath, `out-${compiler}/unbuilt.js`)).toBe("function\n");
  });

  it.each(nodes.filter(({ version }) => Number(/\d+/.exec(version)![0]) >= 22))(
    "Node $version runs it unbuilt",
    ({ path }) => {
      expect(must(at, path, "src/unbuilt.ts")).toBe("function\n");
    },
  );

  it("takes the plugin's configuration, and the import of an object", () => {
    must(at, "npx", "bpf-tsgen", "-o", "build/watch.bpf.d.o.ts", "build/watch.bpf.o");
    const files = {
      "build/direct.ts": block("ts", "./watch.bpf.o"),
      "vite.config.ts": block("ts", "bpf-tsgen/vite"),
    };
    expect(check({ ...base, allowArbitraryExtensions: true }, files)).toBe("");
  });

  it("takes the code, which runs", () => {
    const code = block("ts", "released.bpf.o");
    for (const file of ["watch.bpf.o", "released.bpf.o"])
      cpSync(join(at, "build/watch.bpf.o"), join(at, file));
    expect(check({ ...base, noEmit: false, outDir: "out" }, { "code.ts": code })).toBe("");
    expect(must(at, process.execPath, "out/code.js")).toBe(
      "live HashMap<number, bigint>\nevents RingBuf<Event>\n",
    );
  });
});
