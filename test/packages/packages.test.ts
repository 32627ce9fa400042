import { cpSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folder, install, must, nodes, pack, project, put, root, run } from "./project.js";

/** The packages as users get them: packed, installed in an empty project, and used. */
let tarballs: ReturnType<typeof pack>;
let app = "";

const useIt = `import { readFileSync } from "node:fs";
import { BpfError, Codec, u32 } from "bpf-tsgen-runtime";
import { diff, generate, inspect, type Inspection } from "bpf-tsgen";
import { App } from "./app.skel.js";

const bytes = readFileSync("app.bpf.o");
const { name, text } = generate(bytes, { file: "app.bpf.o" });
const inspection: Inspection = inspect(bytes, { file: "app.bpf.o" });
const codec: Codec<number> = u32;
const open: typeof App.open = App.open;
console.log(name, text.length > 1000, inspection.maps.length, diff(bytes, bytes, { file: "app.bpf.o" }).breaking);
console.log(codec.size, typeof open, BpfError.name);
`;
const javascript = useIt
  .replace(", type Inspection", "")
  .replace("Codec, ", "")
  .replace(/: (Inspection|Codec<number>|typeof App\.open)(?= =)/g, "");

beforeAll(() => {
  tarballs = pack();
  app = project("app", { "app.ts": useIt, "plain.js": javascript });
  install(app, tarballs.generator, tarballs.runtime);
  cpSync(join(root, "samples/bootstrap/bootstrap.bpf.o"), join(app, "app.bpf.o"));
  must(app, "npx", "bpf-tsgen", "-o", "app.skel.ts", "app.bpf.o");
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("each package", () => {
  const packages = ["generator", "runtime"] as const;

  it.each(packages)("%s has nothing that publint or attw warn of", (name) => {
    const lint = join(root, "test/packages/lint.mjs");
    const { status, stdout, stderr } = run(root, process.execPath, lint, join(root, name), tarballs[name]);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  it.each(packages)("%s says what registries show", (name) => {
    const manifest = JSON.parse(readFileSync(join(root, name, "package.json"), "utf8")) as Record<
      string,
      unknown
    >;
    expect(manifest.license).toBe("MIT");
    expect((manifest.keywords as string[]).length).toBeGreaterThan(4);
    expect(manifest.type).toBe("module");
    expect(manifest).not.toHaveProperty("os");
    for (const file of ["README.md", "LICENSE", "package.json"])
      expect(readdirSync(join(app, "node_modules", manifest.name as string))).toContain(file);
  });
});

/** Bytes below a folder. */
function weight(at: string): number {
  return readdirSync(at, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

describe.each(["generator", "runtime"] as const)("%s, installed alone", (name) => {
  const page = readFileSync(join(root, name, "README.md"), "utf8");
  let alone = "";
  beforeAll(() => {
    alone = project(`${name}-alone`, {});
    install(alone, tarballs[name]);
  }, 120_000);

  it("weighs what its page says", () => {
    const [, own, all] = /Installed,\s+it is ([\d.]+) MB, and (\d+) MB with what it depends on/.exec(page)!;
    const modules = join(alone, "node_modules");
    const manifest = JSON.parse(readFileSync(join(root, name, "package.json"), "utf8")) as { name: string };
    expect(Math.abs(weight(join(modules, manifest.name)) / 1e6 - Number(own))).toBeLessThan(0.1);
    // The binary of another processor has another size.
    expect(Math.abs(weight(modules) / 1e6 - Number(all))).toBeLessThan(1);
  });

  it.runIf(name === "generator")("brings nothing native", () => {
    const native = readdirSync(join(alone, "node_modules"), { recursive: true }).filter((file) =>
      /\.node$|^koffi/.test(String(file)),
    );
    expect(native).toEqual([]);
    expect(must(alone, "npx", "bpf-tsgen", "--version")).toMatch(/^\d/);
  });
});

describe.each(["darwin", "win32"])(
  "on %s, where there is no /proc, no /sys and nothing native",
  (platform) => {
    const elsewhere = `import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
Object.defineProperty(process, "platform", { value: "${platform}" });
process.dlopen = () => { throw new Error("nothing native here"); };
for (const [name, value] of Object.entries(fs))
  if (typeof value === "function" && !/^[A-Z_]/.test(name))
    fs[name] = function (path, ...rest) {
      if (/^\\/(proc|sys)(\\/|$)/.test(String(path))) throw new Error("no " + path + " here");
      return value.call(this, path, ...rest);
    };
syncBuiltinESMExports();
`;
    const cli = "node_modules/bpf-tsgen/dist/generator/cli.js";
    const there = (...args: string[]): string => {
      put(app, { [`${platform}-like.mjs`]: elsewhere });
      return must(app, process.execPath, "--import", `./${platform}-like.mjs`, ...args);
    };

    it("the generator works", () => {
      expect(there(cli, "app.bpf.o")).toBe(readFileSync(join(app, "app.skel.ts"), "utf8"));
      expect(there(cli, "--check", "-o", "app.skel.ts", "app.bpf.o")).toBe("");
      expect(there(cli, "inspect", "app.bpf.o")).toContain("handle_exec");
      expect(there(cli, "diff", "app.bpf.o", "app.bpf.o")).toBe("");
      there(cli, "init", `started-${platform}`);
      expect(readdirSync(join(app, `started-${platform}`))).toContain("Makefile");
    });

    it("an object is imported by the loader hook", () => {
      put(app, { "there.mjs": 'import { App } from "./app.bpf.o";\nconsole.log(typeof App.attach);\n' });
      expect(there("--import", "bpf-tsgen/register", "there.mjs")).toBe("function\n");
    });
  },
);

it("plain JavaScript has a skeleton of its own, and types from beside it", () => {
  const cli = ["npx", "bpf-tsgen"] as const;
  for (const file of ["plain.skel.js", "plain.skel.d.ts"]) must(app, ...cli, "-o", file, "app.bpf.o");
  must(app, ...cli, "--check", "-o", "plain.skel.js", "app.bpf.o");
  const good = `// @ts-check
import { App } from "./plain.skel.js";
export const start = () => App.attach((opened) => { opened.rodata.min_duration_ns = 5n; });
console.log(typeof start);
`;
  put(app, { "checked.js": good, "mistaken.js": good.replace("5n", "5") });
  expect(must(app, process.execPath, "checked.js")).toBe("function\n");
  const check = (file: string): string => {
    const compilerOptions = {
      ...{ allowJs: true, noEmit: true, strict: true, target: "es2022", module: "nodenext", types: ["node"] },
      ...{ lib: ["es2023", "esnext.disposable"], typeRoots: [join(root, "node_modules/@types")] },
    };
    put(app, { "checked.json": JSON.stringify({ compilerOptions, files: [file] }) });
    return run(app, process.execPath, join(root, "node_modules/typescript/bin/tsc"), "-p", "checked.json")
      .stdout;
  };
  expect(check("checked.js")).toBe("");
  expect(check("mistaken.js")).toContain("error TS2322");
}, 240_000);

const compilers = ["typescript-5.4", "typescript-5.9", "typescript-6.0", "typescript"];
it.each(compilers)(
  "%s compiles an application",
  (name) => {
    const out = `dist-${name}`;
    const types = join(root, "node_modules/@types");
    const compilerOptions = {
      strict: true,
      target: "es2022",
      module: "nodenext",
      lib: ["es2023", "esnext.disposable"],
      types: ["node"],
      typeRoots: [types],
      outDir: out,
      rootDir: ".",
    };
    put(app, { [`${name}.json`]: JSON.stringify({ compilerOptions, files: ["app.ts"] }) });
    const { status, stdout } = run(
      app,
      process.execPath,
      join(root, "node_modules", name, "bin/tsc"),
      "-p",
      `${name}.json`,
    );
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(must(app, process.execPath, join(out, "app.js"))).toBe("App true 2 false\n4 function BpfError\n");
  },
  240_000,
);

describe.each(nodes)("Node $version", ({ path, version }) => {
  it("runs plain JavaScript", () => {
    const skeleton = must(app, path, "node_modules/bpf-tsgen/dist/generator/cli.js", "app.bpf.o");
    expect(skeleton).toBe(readFileSync(join(app, "app.skel.ts"), "utf8"));
    must(app, process.execPath, join(root, "node_modules/typescript/bin/tsc"), "-p", "typescript.json");
    put(app, { "app.skel.js": readFileSync(join(app, "dist-typescript/app.skel.js"), "utf8") });
    expect(must(app, path, "plain.js")).toBe("App true 2 false\n4 function BpfError\n");
  }, 240_000);

  it("imports an object by bpf-tsgen/register", () => {
    put(app, { "direct.mjs": 'import { App } from "./app.bpf.o";\nconsole.log(typeof App.attach);\n' });
    expect(run(app, path, "--import", "bpf-tsgen/register", "direct.mjs")).toEqual({
      status: 0,
      stdout: "function\n",
      stderr: "",
    });
    put(app, { "bad.bpf.o": "", "bad.mjs": 'import "./bad.bpf.o";\n' });
    const { status, stderr } = run(app, path, "--import", "bpf-tsgen/register", "bad.mjs");
    expect(status).toBe(1);
    expect(stderr).toContain("bad.bpf.o: the file is empty — has the compiler failed?");
  });

  it.runIf(Number(/\d+/.exec(version)![0]) >= 22)("runs a skeleton unbuilt", () => {
    put(app, { "unbuilt.ts": 'import { App } from "./app.skel.ts";\nconsole.log(typeof App.attach);\n' });
    expect(must(app, path, "unbuilt.ts")).toBe("function\n");
  });

  it.each(["darwin", "win32"])("imports on %s, and says what it needs when it is used", (platform) => {
    put(app, {
      [`${platform}.mjs`]: `Object.defineProperty(process, "platform", { value: "${platform}" });
const { App } = await import("./dist-typescript/app.skel.js");
await import("bpf-tsgen-runtime");
console.log("imported");
try {
  App.attach();
} catch (error) {
  console.log(error.name, error.code, error.message);
}
`,
    });
    const [imported, error] = must(app, path, `${platform}.mjs`).split("\n");
    expect(imported).toBe("imported");
    expect(error).toMatch(/^BpfError \w+ .*Linux.* — /);
  });
});
