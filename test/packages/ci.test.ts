import { cpSync, existsSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generate } from "../../generator/index.js";
import { ensurePackages } from "../machine.js";
import { base, cases } from "../unit/generator/changes.js";
import { folder, install, must, pack, project, put, root, run } from "./project.js";

/**
 * A repository as the generator's page wants it: a program, its skeleton committed, an application, and the step of CI.
 * For each class of change somebody changes the program and forgets the skeleton.
 */
const page = readFileSync(join(root, "generator/README.md"), "utf8");
const makefile = [...page.matchAll(/```make\n([\s\S]*?)```/g)].find(([, text]) =>
  text!.includes("stamp"),
)![1]!;
const [, workflow] = /```yaml\n(name: [\s\S]*?)```/.exec(page)!;
/** What CI does in a fresh clone; what is installed is there already. */
const step = [...workflow!.matchAll(/- run: ((?:make|npx) .*)$/gm)].map(([, command]) => command!).join("\n");

/** An application that uses everything that the program has. */
const application = `import { type Event, type Pair, State, type Value, Watch } from "./watch.skel.js";

using watch = Watch.attach((opened) => {
  opened.rodata.wanted = 7;
  opened.maps.live.maxEntries = 10;
});
const value: Value = { count: 1n, last: 2, flags: 3 };
watch.maps.live.set(4, value);
const first: bigint = watch.maps.table.get(7);
watch.maps.table.set(7, first + 1n);
const pair: Pair = { a: 1, b: 2 };
watch.bss.both = pair;
watch.bss.both.a = 3;
const dropped: bigint = watch.bss.dropped;
watch.programs.on_exec.attach();
watch.programs.count.attach("lo");
console.log(watch.programs.count.testRun({ data: new Uint8Array(64), ctx: { rx_queue_index: 1 } }).retval);
for await (const event of watch.maps.events) {
  const { pid, port, level, spare, low, high, comm, state }: Event = event;
  const sum: number = pid + port + level + spare + low + high + event.pair.a + event.pair.b;
  const text: string = comm;
  if (state === State.IDLE || state === State.RUNNING || state === State.DONE) console.log(sum, text, dropped);
}
`;
/** Breaking changes that the compiler cannot see: what is right to write or to expect has become another. */
const unseen = [
  "an array shrunk",
  "a key narrowed",
  "a field narrowed",
  "a field with another sign",
  "a text shorter",
  "a bit-field narrower",
  "an enum value changed",
  "a global narrowed",
];

const missing = ensurePackages(["clang", "libbpf-dev", "make", "git"]);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(missing.length > 0)("a repository with the step of CI", () => {
  const repository = join(folder, "repository");
  const clone = join(folder, "clone");
  const git = (at: string, ...args: string[]): string =>
    must(at, "git", "-c", "user.name=test", "-c", "user.email=test@example.com", ...args);
  /** Commits what there is, and does what CI does with it. */
  const ci = (): { status: number | null; report: string } => {
    git(repository, "commit", "-qam", "change", "--allow-empty");
    rmSync(clone, { recursive: true, force: true });
    git(folder, "clone", "-q", repository, clone);
    symlinkSync(join(repository, "node_modules"), join(clone, "node_modules"));
    // What npx would start, without npx, which takes longer than all the rest.
    const { status, stdout } = run(clone, "sh", "-ec", step.replaceAll("npx ", "node_modules/.bin/"));
    return { status, report: stdout.split("\n").slice(1).join("\n") };
  };
  /** What the compiler says of the application. */
  const compile = (): string =>
    run(clone, process.execPath, join(root, "node_modules/typescript/bin/tsc"), "-p", ".").stdout;

  beforeAll(() => {
    const { generator, runtime } = pack();
    const compilerOptions = {
      ...{ strict: true, target: "es2022", module: "nodenext", types: ["node"], noEmit: true },
      ...{ lib: ["es2023", "esnext.disposable"], typeRoots: [join(root, "node_modules/@types")] },
    };
    project("repository", {
      Makefile: makefile,
      ".gitignore": "node_modules\nbuild\n",
      "src/watch.bpf.c": base,
      "src/app.ts": application,
      "tsconfig.json": JSON.stringify({ compilerOptions, include: ["src"] }),
    });
    install(repository, generator, runtime);
    must(repository, "make");
    git(repository, "init", "-q");
    git(repository, "add", ".");
  }, 300_000);

  it("is green as it stands, and so is the compiler", () => {
    expect(ci()).toEqual({ status: 0, report: "" });
    expect(compile()).toBe("");
    expect(existsSync(join(clone, "build/watch.bpf.o"))).toBe(true);
  }, 60_000);

  it.each(cases)(
    "$what",
    ({ what, edit, report }) => {
      put(repository, { "src/watch.bpf.c": edit(base) });
      const red = ci();
      // Code alone is no matter of layout.
      expect(red.status).toBe(report.length > 0 ? 1 : 0);
      const breaking = report.filter((line) => line.startsWith("breaking")).length;
      if (report.length > 0)
        expect(red.report).toMatch(
          new RegExp(
            `^src/watch\\.skel\\.ts: build/watch\\.bpf\\.o has changed: \\d+ changes?, ${breaking || "none"} breaking\\n`,
          ),
        );
      for (const line of report) expect(red.report).toContain(`\n  ${line}\n`);
      // What it calls breaking keeps the application from compiling with the new skeleton, and nothing else does.
      const { text } = generate(readFileSync(join(clone, "build/watch.bpf.o")), { file: "watch.bpf.o" });
      put(clone, { "src/watch.skel.ts": text });
      const errors = compile();
      if (breaking > 0 && !unseen.includes(what)) expect(errors).toContain("error TS");
      else expect(errors).toBe("");
      // And with the new skeleton committed, CI is green again.
      if (what === "a map resized") {
        cpSync(join(clone, "src/watch.skel.ts"), join(repository, "src/watch.skel.ts"));
        expect(ci()).toEqual({ status: 0, report: "" });
        git(repository, "reset", "-q", "--hard", "HEAD~1");
      }
    },
    60_000,
  );
});
