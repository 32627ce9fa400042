import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readHeader } from "../../../generator/check.js";
import { Failure, parseCommand } from "../../../generator/command.js";
import { helpOf } from "../../../generator/help.js";
import { type ChangeKind, generate, version } from "../../../generator/index.js";
import { readElf } from "../../../runtime/btf/index.js";
import { ensureBuilt } from "../../build.js";
import { problems, type Schema } from "./schema.js";

/** `--check`, `inspect` and `diff`, as a build step runs them. */
const repository = fileURLToPath(new URL("../../..", import.meta.url));
const schema = JSON.parse(readFileSync(join(repository, "generator/schema.json"), "utf8")) as Schema;
let cli = "";
let folder = "";
beforeAll(() => {
  cli = ensureBuilt("generator");
});
const root = mkdtempSync(join(tmpdir(), "bpf-tsgen-report-"));
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  folder = mkdtempSync(join(root, "t-"));
  copyFileSync(join(repository, "samples/bootstrap/bootstrap.bpf.o"), join(folder, "app.bpf.o"));
  copyFileSync(join(repository, "samples/minimal/minimal.bpf.o"), join(folder, "other.bpf.o"));
});

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    cwd: folder,
    encoding: "utf8",
    env,
  });
  return { status, stdout, stderr };
}

const object = (name: string): Uint8Array => readFileSync(join(folder, name));
const put = (name: string, data: string | Uint8Array): void => writeFileSync(join(folder, name), data);
const skeleton = (options: object = {}): string =>
  generate(object("app.bpf.o"), { file: "app.bpf.o", ...options }).text;

/** An object that does something else, and says nothing of it: the last instruction but one, `r0 = 0`. */
function otherCode(bytes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes);
  const program = readElf(bytes).sections.find(({ name }) => name.startsWith("tp/"))!;
  changed[program.offset + program.size - 12]! ^= 1;
  return changed;
}

describe("--check", () => {
  it("is silent when all is well, and writes nothing", () => {
    run("--out-dir", ".", "app.bpf.o", "other.bpf.o");
    const files = readdirSync(folder);
    expect(run("--check", "--out-dir", ".", "app.bpf.o", "other.bpf.o")).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
    expect(readdirSync(folder)).toEqual(files);
  });

  it("tells what is missing, stale and foreign", () => {
    mkdirSync(join(folder, "src"));
    put("src/other.skel.ts", "export {};\n");
    put("src/types.skel.ts", skeleton());
    copyFileSync(join(repository, "test/fixtures/types.bpf.o"), join(folder, "types.bpf.o"));
    const { status, stdout, stderr } = run(
      "--check",
      "--out-dir",
      "src",
      "app.bpf.o",
      "other.bpf.o",
      "types.bpf.o",
    );
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
    const [missing, foreign, stale, ...changes] = stdout.split("\n");
    expect(missing).toBe(`${join("src", "app.skel.ts")}: there is none yet for app.bpf.o`);
    expect(foreign).toBe(`${join("src", "other.skel.ts")}: is no file that bpf-tsgen has written`);
    expect(stale).toMatch(/types\.bpf\.o has changed: \d+ changes, \d+ breaking$/);
    expect(changes).toContain("  breaking: App: renamed to Types");
    expect(changes).toContain("  breaking: map exec_start: removed");
    expect(readdirSync(join(folder, "src")).sort()).toEqual(["other.skel.ts", "types.skel.ts"]);
  });

  it("tells object code apart", () => {
    put("a.ts", skeleton());
    put("b.ts", skeleton({ embed: "url" }));
    put("app.bpf.o", otherCode(object("app.bpf.o")));
    const message = "a.ts: object code only: the programs in app.bpf.o have changed, and nothing else\n";
    expect(run("--check", "-o", "a.ts", "app.bpf.o")).toEqual({ status: 1, stdout: message, stderr: "" });
    expect(run("--check=layout", "-o", "a.ts", "app.bpf.o")).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(run("--check", "-o", "b.ts", "app.bpf.o").status).toBe(0);
  });

  it("goes by the options that the skeleton records, unless it is given others", () => {
    put("a.ts", skeleton({ name: "mine", embed: "none", types: ["event"], events: { rb: "event" } }));
    expect(run("--check", "-o", "a.ts", "app.bpf.o").status).toBe(0);
    expect(run("--check", "--embed", "url", "-o", "a.ts", "app.bpf.o").stdout).toBe(
      "a.ts: is not what app.bpf.o gives (made with other options)\n",
    );
    expect(run("--check", "--name", "yours", "-o", "a.ts", "app.bpf.o").stdout).toContain(
      "breaking: Mine: renamed to Yours",
    );
  });

  it("checks types and declarations, too", () => {
    run("types", "--type", "event", "-o", "event.ts", "app.bpf.o");
    run("-o", "app.bpf.d.o.ts", "app.bpf.o");
    expect(readFileSync(join(folder, "app.bpf.d.o.ts"), "utf8")).toContain(
      "export declare const App: bpf.Skeleton<App>;",
    );
    expect(run("types", "--check", "-o", "event.ts", "app.bpf.o").status).toBe(0);
    expect(run("--check", "-o", "event.ts", "app.bpf.o").status).toBe(0);
    expect(run("--check", "-o", "app.bpf.d.o.ts", "app.bpf.o").status).toBe(0);
    put("app.bpf.o", object("other.bpf.o"));
    expect(run("--check", "-o", "app.bpf.d.o.ts", "app.bpf.o").status).toBe(1);
  });

  it("says that another version has made it", () => {
    put("a.ts", skeleton().replace(`bpf-tsgen ${version}`, "bpf-tsgen 0.1.0"));
    const { status, stdout } = run("--check", "-o", "a.ts", "app.bpf.o");
    expect(status).toBe(1);
    expect(stdout).toBe(
      `a.ts: is not what app.bpf.o gives (made by bpf-tsgen 0.1.0, and this is ${version})\n`,
    );
  });

  it("fails for an object that is refused, and says nothing else", () => {
    put("bad.bpf.o", "");
    expect(run("--check", "--out-dir", ".", "bad.bpf.o", "app.bpf.o")).toEqual({
      status: 3,
      stdout: "",
      stderr: "bpf-tsgen: bad.bpf.o: the file is empty — has the compiler failed?\n",
    });
  });
});

describe("diff", () => {
  it("says nothing of objects that are alike for applications", () => {
    put("new.o", otherCode(object("app.bpf.o")));
    expect(run("diff", "app.bpf.o", "new.o")).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  it("says what has changed", () => {
    const { status, stdout, stderr } = run("diff", "app.bpf.o", "other.bpf.o");
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
    expect(stdout).toMatch(/^\d+ changes, \d+ breaking\n {2}breaking: program handle_exec: removed\n/);
    expect(stdout).not.toContain("App");
  });

  it("says which of them is refused", () => {
    put("bad.o", "x");
    for (const args of [
      ["bad.o", "app.bpf.o"],
      ["app.bpf.o", "bad.o"],
    ])
      expect(run("diff", ...args)).toMatchObject({
        status: 3,
        stdout: "",
        stderr: expect.stringMatching(/^bpf-tsgen: bad\.o: /),
      });
  });
});

describe("inspect", () => {
  it("shows programs, maps, globals and types", () => {
    const { status, stdout, stderr } = run("inspect", "app.bpf.o");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain('  handle_exec  SEC("tp/sched/sched_process_exec")  Tracepoint\n');
    expect(stdout).toContain("  exec_start  HASH     int → __u64   8192    HashMap<number, bigint>\n");
    expect(stdout).toContain("  .rodata, as rodata, 8 bytes\n");
    expect(stdout).toContain("  struct event, as Event, 168 bytes, 4 bytes of padding\n");
    expect(stdout).toContain(
      "     12    4                (padding)\n     16    8  __u64         duration_ns  bigint\n",
    );
  });

  it("shows types of raw BTF", () => {
    const btf = readElf(object("app.bpf.o")).sections.find(({ name }) => name === ".BTF")!;
    put("raw.btf", btf.data);
    const { status, stdout } = run("inspect", "--type", "event", "raw.btf");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Types\n {2}struct event, as Event, 168 bytes/);
  });
});

it.each([
  ["inspect", ["inspect", "--json", "app.bpf.o"]],
  ["inspect of all kinds of types", ["inspect", "--json", join(repository, "test/fixtures/types.bpf.o")]],
  ["diff", ["diff", "--json", "app.bpf.o", "other.bpf.o"]],
  ["--check", ["--check=layout", "--json", "--out-dir", ".", "app.bpf.o", "other.bpf.o"]],
])("the JSON of %s is as schema.json says", (_, args) => {
  put("other.skel.ts", skeleton());
  const { stdout } = run(...args);
  const data: unknown = JSON.parse(stdout);
  expect(problems(data, schema)).toEqual([]);
  // The validator would notice.
  expect(problems({ ...(data as object), extra: 1 }, schema)).not.toEqual([]);
  expect(problems({ ...(data as object), format: 2 }, schema)).not.toEqual([]);
});

// The compiler wants each of them here.
const kinds: Readonly<Record<ChangeKind, true>> = {
  "skeleton-renamed": true,
  "program-added": true,
  "program-removed": true,
  "program-renamed": true,
  "program-section": true,
  "map-added": true,
  "map-removed": true,
  "map-renamed": true,
  "map-kind": true,
  "map-resized": true,
  "map-key": true,
  "map-value": true,
  "map-record": true,
  "global-added": true,
  "global-removed": true,
  "global-renamed": true,
  "global-moved": true,
  "global-widened": true,
  "global-narrowed": true,
  "global-type": true,
  "type-added": true,
  "type-removed": true,
  "type-renamed": true,
  "type-kind": true,
  "type-resized": true,
  "field-added": true,
  "field-removed": true,
  "field-renamed": true,
  "field-moved": true,
  "field-widened": true,
  "field-narrowed": true,
  "field-type": true,
  "enum-value-added": true,
  "enum-value-removed": true,
  "enum-value-renamed": true,
  "enum-value-changed": true,
};

it("the schema knows every kind of change", () => {
  expect([...(schema.$defs!.change!.properties!.kind!.enum ?? [])].sort()).toEqual(Object.keys(kinds).sort());
});

describe("help", () => {
  it.each([undefined, "inspect", "diff", "types", "init"] as const)("of %s fits 80 columns", (name) => {
    for (const line of helpOf(name).split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
    const words = name === undefined ? ["--help"] : [name, "--help"];
    expect(parseCommand(words)).toEqual({ do: "help", of: name });
  });
});

it.each<[string[], string]>([
  [["type", "vmlinux"], "type: there is no such command — did you mean types? A file: ./type"],
  [["inspct", "a.o"], "inspct: there is no such command — did you mean inspect? A file: ./inspct"],
  [["--check", "a.o"], "--check needs the file of the skeleton — give it by -o FILE or --out-dir DIR"],
  [["--watch", "a.o"], "--watch needs the file of the skeleton — give it by -o FILE or --out-dir DIR"],
  [["--check", "--watch", "-o", "a.ts", "a.o"], "--check and --watch exclude each other — give one of them"],
  [["--check=code", "-o", "a.ts", "a.o"], '--check "code" — use --check or --check=layout'],
  [["--json", "a.o"], "--json is of --check, inspect and diff — see bpf-tsgen --help"],
  [["--watch", "--json", "-o", "a.ts", "a.o"], "--watch takes no --json — see bpf-tsgen --help"],
  [["inspect"], "inspect takes OBJECT, and 0 are given — see bpf-tsgen inspect --help"],
  [["diff", "a.o"], "diff takes OLD and NEW, and 1 are given — see bpf-tsgen diff --help"],
  [["diff", "-o", "x", "a.o", "b.o"], "diff takes no --output — see bpf-tsgen diff --help"],
  [["init", "--json", "x"], "init takes no --json — see bpf-tsgen init --help"],
  [["types", "--embed", "url", "x.o"], "types takes no --embed — see bpf-tsgen types --help"],
])("%j is bad usage", (args, message) => {
  try {
    parseCommand(args);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(Failure);
    expect(error).toMatchObject({ status: 2, message });
  }
});

it.each(["x", "exec", "./type", "type.o", "dif.bpf.o", "file"])("%s is taken for an object", (name) => {
  expect(parseCommand([name])).toMatchObject({ do: "generate", jobs: [{ object: name }] });
});

it("a C file is not taken for an object", () => {
  put("app.bpf.c", "int x;\n");
  expect(run("app.bpf.c").stderr).toBe(
    "bpf-tsgen: app.bpf.c: it is C source — compile it: clang -g -O2 -target bpf -c app.bpf.c -o app.bpf.o\n",
  );
});

it.each([
  ["another comment", "// Code generated by protoc. DO NOT EDIT.\n"],
  [
    "options that are no JSON",
    "// Code generated by bpf-tsgen 1.0.0 from a.o. DO NOT EDIT.\n// Options: [\n",
  ],
  [
    "options that are no list",
    "// Code generated by bpf-tsgen 1.0.0 from a.o. DO NOT EDIT.\n// Options: {}\n",
  ],
])("%s is no header", (_, text) => {
  expect(readHeader(text)).toBeUndefined();
});
