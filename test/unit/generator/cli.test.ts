import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type GenerateOptions, generate } from "../../../generator/index.js";
import { ensureBuilt } from "../../build.js";
import { fixture } from "../../fixtures/fixtures.js";
import { rawElf } from "../btf/assemble.js";

const fixtures = fileURLToPath(new URL("../../fixtures", import.meta.url));
const nothing = { status: 0, stdout: "", stderr: "" };
let cli = "";
let folder = "";
beforeAll(() => {
  cli = ensureBuilt("generator");
});

const root = mkdtempSync(join(tmpdir(), "bpf-tsgen-cli-"));
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  folder = mkdtempSync(join(root, "t-"));
  for (const name of ["nobtf", "types", "kinds"])
    copyFileSync(join(fixtures, `${name}.bpf.o`), join(folder, `${name}.bpf.o`));
});

interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command in the test's folder. */
function bpfTsgen(...args: string[]): Result {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    cwd: folder,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

const text = (name: string, options: Partial<GenerateOptions> = {}): string =>
  generate(fixture(name), { file: name, ...options }).text;
const written = (name: string): string => readFileSync(join(folder, name), "utf8");
/** Warnings as the command says them. */
const warned = (name: string, options: Partial<GenerateOptions> = {}): string =>
  generate(fixture(name), { file: name, ...options })
    .warnings.map((warning) => `bpf-tsgen: ${name}: ${warning.replace(/\n/g, " ")}\n`)
    .join("");
const entries = (): string[] => readdirSync(folder).sort();

describe("one object", () => {
  it("goes to stdout, warnings to stderr", () => {
    expect(bpfTsgen("types.bpf.o")).toEqual({
      status: 0,
      stdout: text("types.bpf.o"),
      stderr: warned("types.bpf.o"),
    });
    expect(warned("types.bpf.o").split("\n").length).toBeGreaterThan(2);
  });

  it("is the same from anywhere", () => {
    mkdirSync(join(folder, "sub"));
    copyFileSync(join(folder, "kinds.bpf.o"), join(folder, "sub/kinds.bpf.o"));
    const { stdout } = bpfTsgen("kinds.bpf.o");
    for (const path of ["./kinds.bpf.o", "sub/kinds.bpf.o", join(folder, "kinds.bpf.o")])
      expect(bpfTsgen(path).stdout).toBe(stdout);
  });

  it("without BTF is accepted, with a warning", () => {
    expect(bpfTsgen("nobtf.bpf.o")).toEqual({
      status: 0,
      stdout: text("nobtf.bpf.o"),
      stderr:
        "bpf-tsgen: nobtf.bpf.o: the object has no BTF, so maps are bytes and globals are left out — compile with -g\n" +
        'bpf-tsgen: nobtf.bpf.o: libbpf will not open it: maps of SEC(".maps") need BTF — compile with -g\n',
    });
  });

  it("may be read by someone who soon has enough", async () => {
    const child = spawn("sh", ["-c", '"$0" "$1" types.bpf.o 2>err | head -c 10', process.execPath, cli], {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let out = "";
    child.stdout.on("data", (chunk) => {
      out += String(chunk);
    });
    await new Promise((resolve) => child.on("close", resolve));
    expect(out).toBe("// Code ge");
    expect(written("err")).toBe(warned("types.bpf.o"));
  });

  it("may be read by someone who is gone already", () => {
    const script = 'exec 3>err; ("$0" "$1" types.bpf.o 2>&3; echo "$?" >status) | true';
    spawnSync("sh", ["-c", script, process.execPath, cli], { cwd: folder });
    expect(written("status")).toBe("0\n");
    expect(written("err")).toBe(warned("types.bpf.o"));
  });
});

describe("-o", () => {
  it("writes a file, in folders made for it", () => {
    expect(bpfTsgen("-o", "a/b/out.ts", "kinds.bpf.o")).toEqual({
      ...nothing,
      stderr: warned("kinds.bpf.o"),
    });
    expect(written("a/b/out.ts")).toBe(text("kinds.bpf.o"));
    expect(readdirSync(join(folder, "a/b"))).toEqual(["out.ts"]);
    expect(bpfTsgen("--output", "long.ts", "kinds.bpf.o").status).toBe(0);
    expect(bpfTsgen("--output=longer.ts", "kinds.bpf.o").status).toBe(0);
    expect(written("long.ts")).toBe(written("longer.ts"));
  });

  it("leaves a file alone that would not change", () => {
    bpfTsgen("-o", "out.ts", "kinds.bpf.o");
    const file = join(folder, "out.ts");
    utimesSync(file, 1, 1);
    const { ino } = statSync(file);
    bpfTsgen("-o", "out.ts", "kinds.bpf.o");
    expect(statSync(file)).toMatchObject({ mtimeMs: 1000, ino });
    bpfTsgen("--name", "other", "-o", "out.ts", "kinds.bpf.o");
    expect(statSync(file).mtimeMs).toBeGreaterThan(1000);
    expect(written("out.ts")).toBe(text("kinds.bpf.o", { name: "other" }));
  });

  it("never writes over an object", () => {
    const before = readFileSync(join(folder, "kinds.bpf.o"));
    const { status, stdout, stderr } = bpfTsgen("-o", "kinds.bpf.o", "kinds.bpf.o");
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toBe(
      "bpf-tsgen: kinds.bpf.o: is an object itself — write the skeleton to another file, such as prog.skel.ts\n",
    );
    expect(readFileSync(join(folder, "kinds.bpf.o"))).toEqual(before);
  });

  it("replaces a file whole: who has it open keeps the old one", () => {
    writeFileSync(join(folder, "out.ts"), "old");
    const { ino } = statSync(join(folder, "out.ts"));
    bpfTsgen("-o", "out.ts", "kinds.bpf.o");
    expect(statSync(join(folder, "out.ts")).ino).not.toBe(ino);
    expect(entries()).toEqual(["kinds.bpf.o", "nobtf.bpf.o", "out.ts", "types.bpf.o"]);
  });

  it("fails when the file cannot be written, and leaves nothing behind", () => {
    mkdirSync(join(folder, "out.ts"));
    const files = entries();
    const { status, stdout, stderr } = bpfTsgen("-o", "out.ts", "kinds.bpf.o");
    expect({ status, stdout }).toEqual({ status: 3, stdout: "" });
    expect(stderr.replace(warned("kinds.bpf.o"), "")).toMatch(
      /^bpf-tsgen: out\.ts: cannot be written: .* — check the path\n$/,
    );
    expect(entries()).toEqual(files);
    expect(readdirSync(join(folder, "out.ts"))).toEqual([]);
    expect(bpfTsgen("-o", "kinds.bpf.o/out.ts", "kinds.bpf.o").status).toBe(3);
  });

  it("leaves the file as it is when the object is refused", () => {
    writeFileSync(join(folder, "out.ts"), "old");
    writeFileSync(join(folder, "bad.bpf.o"), fixture("empty.bpf.o"));
    const files = entries();
    expect(bpfTsgen("-o", "out.ts", "bad.bpf.o").status).toBe(3);
    expect(bpfTsgen("-o", "new/out.ts", "bad.bpf.o").status).toBe(3);
    expect(written("out.ts")).toBe("old");
    expect(entries()).toEqual(files);
  });
});

describe("--out-dir", () => {
  it("writes a skeleton for each object", () => {
    copyFileSync(join(folder, "kinds.bpf.o"), join(folder, "two-words.bpf.o"));
    const { status, stdout, stderr } = bpfTsgen(
      "--out-dir",
      "out/deep",
      "kinds.bpf.o",
      "./nobtf.bpf.o",
      "two-words.bpf.o",
    );
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toContain("bpf-tsgen: ./nobtf.bpf.o: the object has no BTF");
    expect(readdirSync(join(folder, "out/deep")).sort()).toEqual([
      "kinds.skel.ts",
      "nobtf.skel.ts",
      "two-words.skel.ts",
    ]);
    expect(written("out/deep/kinds.skel.ts")).toBe(text("kinds.bpf.o"));
    expect(written("out/deep/nobtf.skel.ts")).toBe(text("nobtf.bpf.o"));
    expect(written("out/deep/two-words.skel.ts")).toContain("export interface TwoWords {");
  });

  it("writes none when one object is refused", () => {
    writeFileSync(join(folder, "bad.bpf.o"), fixture("empty.bpf.o"));
    const { status, stderr } = bpfTsgen("--out-dir", "out", "kinds.bpf.o", "bad.bpf.o", "nobtf.bpf.o");
    expect(status).toBe(3);
    expect(stderr).toMatch(/^bpf-tsgen: bad\.bpf\.o: .*\n$/);
    expect(existsSync(join(folder, "out"))).toBe(false);
  });

  it("takes no two objects of one name", () => {
    mkdirSync(join(folder, "sub"));
    copyFileSync(join(folder, "kinds.bpf.o"), join(folder, "sub/kinds.bpf.o"));
    expect(bpfTsgen("--out-dir", "out", "kinds.bpf.o", "sub/kinds.bpf.o")).toEqual({
      status: 2,
      stdout: "",
      stderr: `bpf-tsgen: kinds.bpf.o and sub/kinds.bpf.o would both become ${join("out", "kinds.skel.ts")} — rename one, or use another --out-dir\n`,
    });
  });
});

it.each<[string, string[], Partial<GenerateOptions>]>([
  ["--name", ["--name", "other"], { name: "other" }],
  ["--embed inline", ["--embed", "inline"], { embed: "inline" }],
  ["--embed url", ["--embed", "url"], { embed: "url" }],
  ["--embed none", ["--embed=none"], { embed: "none" }],
  ["--runtime", ["--runtime", "../runtime.js"], { runtime: "../runtime.js" }],
  ["--type", ["--type", "stray", "--type", "struct line"], { types: ["stray", "struct line"] }],
  ["--char-arrays text", ["--char-arrays", "text"], { charArrays: "text" }],
  ["--char-arrays bytes", ["--char-arrays", "bytes"], { charArrays: "bytes" }],
])("%s is an option of the generator", (_, args, options) => {
  const { status, stdout } = bpfTsgen(...args, "types.bpf.o");
  expect(status).toBe(0);
  expect(stdout).toBe(text("types.bpf.o", options));
});

it("--event gives records a type", () => {
  const { status, stdout, stderr } = bpfTsgen(
    "--event",
    "untyped=struct line",
    "--event=records=stray",
    "types.bpf.o",
  );
  expect(status).toBe(0);
  expect(stdout).toMatch(/untyped: bpf\.RingBuf<Line>;/);
  expect(stdout).toMatch(/records: bpf\.RingBuf<Stray>;/);
  expect(stdout).toContain('"--event","untyped=struct line","--event","records=stray"');
  expect(stderr).not.toContain("untyped");
});

describe("about itself", () => {
  it("says how it is used", () => {
    const { status, stdout, stderr } = bpfTsgen("--help");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    for (const option of [
      "-o",
      "--out-dir",
      "--name",
      "--embed",
      "--runtime",
      "--event",
      "--type",
      "--char-arrays",
    ])
      expect(stdout).toContain(option);
    expect(stdout.split("\n").every((line) => line.length <= 80)).toBe(true);
    expect(bpfTsgen("--help", "nowhere.o", "--embed", "wrong").stdout).toBe(stdout);
  });

  it("says which version it is", () => {
    const { version } = JSON.parse(
      readFileSync(new URL("../../../generator/package.json", import.meta.url), "utf8"),
    ) as { version: string };
    expect(bpfTsgen("--version")).toEqual({ ...nothing, stdout: `${version}\n` });
  });
});

it.each<[string[], string]>([
  [[], "no OBJECT is given — see bpf-tsgen --help"],
  [["-o", "x.ts"], "no OBJECT is given — see bpf-tsgen --help"],
  [["kinds.bpf.o", "nobtf.bpf.o"], "2 objects need --out-dir — or run bpf-tsgen once for each"],
  [["-o", "x.ts", "--out-dir", "d", "kinds.bpf.o"], "-o and --out-dir exclude each other — give one of them"],
  [["--embed", "outline", "kinds.bpf.o"], '--embed "outline" — use inline or url or none'],
  [["--char-arrays", "utf8", "kinds.bpf.o"], '--char-arrays "utf8" — use text or bytes'],
  [["--event", "ring", "kinds.bpf.o"], '--event "ring" — use MAP=TYPE, or MAP=TYPE@FIELD=VALUE'],
  [["--event", "=event", "kinds.bpf.o"], '--event "=event" — use MAP=TYPE, or MAP=TYPE@FIELD=VALUE'],
  [["--event", "ring=", "kinds.bpf.o"], '--event "ring=" — use MAP=TYPE, or MAP=TYPE@FIELD=VALUE'],
  [["--unknown", "kinds.bpf.o"], "Unknown option '--unknown' — see bpf-tsgen --help"],
  [["-x", "kinds.bpf.o"], "Unknown option '-x' — see bpf-tsgen --help"],
  [["--name"], "Option '--name <value>' argument missing — see bpf-tsgen --help"],
])("%j is bad usage", (args, message) => {
  const files = entries();
  const { status, stdout, stderr } = bpfTsgen(...args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toMatch(/^bpf-tsgen: [^\n]* — [^\n]*\n$/);
  expect(stderr).toBe(`bpf-tsgen: ${message}\n`);
  expect(entries()).toEqual(files);
});

describe("an object that is refused", () => {
  /** An ELF file of another kind: its class, byte order and machine. */
  function elf(bits: 32 | 64, machine: number): Uint8Array {
    const bytes = rawElf([]);
    bytes[4] = bits === 32 ? 1 : 2;
    new DataView(bytes.buffer).setUint16(18, machine, true);
    return bytes;
  }

  const hint = "is it a BPF object, whole, as the compiler wrote it?";
  it.each<[what: string, bytes: Uint8Array, message: string]>([
    ["empty", new Uint8Array(), "the file is empty — has the compiler failed?"],
    ["text", Buffer.from("#include <linux/bpf.h>\n".repeat(10)), `ELF header: not an ELF file — ${hint}`],
    ["for x86-64", elf(64, 62), `ELF header: made for x86-64, not for BPF — compile with clang -target bpf`],
    ["of 32 bits", elf(32, 247), `ELF header: a 32-bit ELF file; BPF objects are 64-bit — ${hint}`],
    [
      "with maps of old",
      fixture("legacy.bpf.o"),
      'section "maps": holds map definitions of the form that libbpf 1.0 dropped — define maps in SEC(".maps") with __uint and __type',
    ],
    [
      "with nothing in it",
      fixture("empty.bpf.o"),
      'the object has no program and no map — mark them with SEC("...") and SEC(".maps")',
    ],
  ])("because it is %s", (_, bytes, message) => {
    writeFileSync(join(folder, "bad.bpf.o"), bytes);
    const files = entries();
    expect(bpfTsgen("bad.bpf.o")).toEqual({
      status: 3,
      stdout: "",
      stderr: `bpf-tsgen: bad.bpf.o: ${message}\n`,
    });
    expect(entries()).toEqual(files);
  });

  it("because it is not there", () => {
    expect(bpfTsgen("nowhere.bpf.o")).toEqual({
      status: 3,
      stdout: "",
      stderr: "bpf-tsgen: nowhere.bpf.o: there is no such file — has it been compiled?\n",
    });
    symlinkSync("gone", join(folder, "broken.bpf.o"));
    expect(bpfTsgen("broken.bpf.o").stderr).toContain("there is no such file");
  });

  it("because it is a folder", () => {
    expect(bpfTsgen(".")).toEqual({
      status: 3,
      stdout: "",
      stderr: "bpf-tsgen: .: it is a folder — name a BPF object\n",
    });
    expect(bpfTsgen("kinds.bpf.o/x").status).toBe(3);
  });

  it("because it may not be read", (context) => {
    chmodSync(join(folder, "kinds.bpf.o"), 0);
    // root may read everything, so somebody else does it then, from where the command can be found.
    const isRoot = process.getuid?.() === 0;
    chmodSync(root, 0o755);
    chmodSync(folder, 0o755);
    const who = isRoot ? { uid: 65_534, gid: 65_534 } : {};
    if (spawnSync("test", ["-r", cli], who).status !== 0)
      context.skip(`needs a clone that others may read, unlike ${cli}`);
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, "kinds.bpf.o"], {
      cwd: folder,
      encoding: "utf8",
      ...who,
    });
    expect({ status, stdout, stderr }).toEqual({
      status: 3,
      stdout: "",
      stderr: "bpf-tsgen: kinds.bpf.o: it may not be read — check its permissions\n",
    });
  });

  it("because a name of it or of an option is not there", () => {
    expect(bpfTsgen("--type", "nothing", "types.bpf.o")).toEqual({
      status: 3,
      stdout: "",
      stderr:
        'bpf-tsgen: types.bpf.o: type "nothing": the object\'s BTF has no such type — put `struct nothing *unused __attribute__((unused));` into the C source to keep it\n',
    });
    expect(bpfTsgen("--name", "a b", "types.bpf.o").stderr).toBe(
      'bpf-tsgen: types.bpf.o: --name "a b": is not a C name — use letters, digits and _\n',
    );
  });

  it("with a name of several lines is one line", () => {
    const name = "a\nb\u2028c.bpf.o";
    writeFileSync(join(folder, name), "");
    expect(bpfTsgen(name).stderr).toBe(
      "bpf-tsgen: a b c.bpf.o: the file is empty — has the compiler failed?\n",
    );
  });

  it("because it ends too soon, wherever it does", () => {
    const bytes = fixture("types.bpf.o");
    const files = entries();
    // The generator alone at many lengths, the command at some of them.
    for (let i = 0; i < 50; i++) {
      const length = Math.floor((i * bytes.length) / 50);
      const cut = bytes.subarray(0, length);
      let message = "accepted";
      try {
        generate(cut, { file: "cut.bpf.o" });
      } catch (error) {
        message = (error as Error).message;
      }
      expect(message, `${length} bytes`).toMatch(/ — \S/);
      if (i % 20 !== 3) continue;
      writeFileSync(join(folder, "cut.bpf.o"), cut);
      expect(bpfTsgen("cut.bpf.o")).toEqual({
        status: 3,
        stdout: "",
        stderr: `bpf-tsgen: cut.bpf.o: ${message}\n`,
      });
    }
    rmSync(join(folder, "cut.bpf.o"));
    expect(entries()).toEqual(files);
  });
});

it("has a name that a package manager can link", () => {
  expect(basename(cli)).toBe("cli.js");
  expect(readFileSync(cli, "utf8").startsWith("#!/usr/bin/env node\n")).toBe(true);
});
