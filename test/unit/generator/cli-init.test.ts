import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { version } from "../../../generator/index.js";
import { ensureBuilt } from "../../build.js";

/** What `bpf-tsgen init` writes; test/packages builds and runs it. */
const root = mkdtempSync(join(tmpdir(), "bpf-tsgen-init-"));
afterAll(() => rmSync(root, { recursive: true }));
let cli = "";
beforeAll(() => {
  cli = ensureBuilt("generator");
});

function init(folder: string): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, "init", folder], {
    cwd: root,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

const tree = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();

it("writes a project, and says how to go on", () => {
  const { status, stdout, stderr } = init("My App");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain("\n  npm install\n  npm run build\n  sudo npm test\n  sudo npm start\n");
  expect(stdout).toContain('\n  cd "My App"\n');
  for (const line of stdout.split("\n").slice(1)) expect(line.length).toBeLessThanOrEqual(80);
  const files = [
    ".gitignore",
    "Makefile",
    "README.md",
    "ci.yml",
    "execs.bpf.c",
    "execs.test.ts",
    "main.ts",
    "package.json",
  ];
  expect(tree("My App")).toEqual([...files, "tsconfig.json"]);
  const { name, dependencies, devDependencies } = JSON.parse(
    readFileSync(join(root, "My App/package.json"), "utf8"),
  ) as Record<string, Record<string, string>>;
  expect(name).toBe("my-app");
  expect(dependencies?.["bpf-tsgen-runtime"]).toBe(`^${version}`);
  expect(devDependencies?.["bpf-tsgen"]).toBe(`^${version}`);
  const ours = JSON.parse(
    readFileSync(fileURLToPath(new URL("../../../package.json", import.meta.url)), "utf8"),
  ) as { devDependencies: Record<string, string> };
  // What it is tested with here.
  for (const tool of ["typescript", "vitest", "@types/node"])
    expect(devDependencies?.[tool]?.replace("^", "")).toBe(ours.devDependencies[tool]?.replace("^", ""));
});

it("writes over nothing", () => {
  mkdirSync(join(root, "mine"));
  writeFileSync(join(root, "mine/Makefile"), "all:\n");
  expect(init("mine")).toEqual({
    status: 2,
    stdout: "",
    stderr: `bpf-tsgen: ${join("mine", "Makefile")}: is there already, and is not written over — name another folder\n`,
  });
  expect(tree("mine")).toEqual(["Makefile"]);
  mkdirSync(join(root, "notes"));
  writeFileSync(join(root, "notes/notes.txt"), "");
  expect(init("notes").status).toBe(0);
});

it("fails where it cannot write", () => {
  writeFileSync(join(root, "file"), "");
  const { status, stdout, stderr } = init("file/app");
  expect({ status, stdout }).toEqual({ status: 3, stdout: "" });
  expect(stderr).toMatch(/^bpf-tsgen: file\/app: cannot be written: .* — check the path\n$/);
});
