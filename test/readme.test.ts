import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { help } from "../generator/help.js";
import { generate } from "../generator/index.js";

/** README's first program, compiled, generated and type-checked as it stands. */
const root = fileURLToPath(new URL("..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");
// Inside the project, so that imports find its packages.
const folder = join(root, "dist/readme");

function block(language: string): string {
  const found = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(readme);
  if (!found) throw new Error(`README has no block of ${language}`);
  return found[1]!;
}

beforeAll(() => mkdirSync(folder, { recursive: true }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the program compiles, its skeleton is generated, and the application type-checks", (context) => {
  if (spawnSync("clang", ["--version"]).status !== 0 || !existsSync("/usr/include/bpf/bpf_helpers.h"))
    context.skip("needs clang and libbpf-dev");
  writeFileSync(join(folder, "opens.bpf.c"), block("c"));
  const command = /^clang .*$/m.exec(readme)![0];
  const compiled = spawnSync("sh", ["-c", command], { cwd: folder, encoding: "utf8" });
  expect(compiled.stderr).toBe("");
  const { text, warnings } = generate(readFileSync(join(folder, "opens.bpf.o")), { file: "opens.bpf.o" });
  expect(warnings).toEqual([]);
  writeFileSync(join(folder, "opens.skel.ts"), text);
  writeFileSync(join(folder, "opens.ts"), block("ts"));
  const paths = {
    "bpf-tsgen-runtime": ["../../runtime/index.ts"],
    "bpf-tsgen-runtime/codegen": ["../../runtime/codegen.ts"],
  };
  const project = {
    extends: "../../tsconfig.json",
    compilerOptions: { paths },
    files: ["opens.ts"],
    include: [],
    exclude: [],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(project));
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
  const checked = spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
  expect(checked.stdout).toBe("");
});

test("the commands and options that it names are those of the command", () => {
  const named = [...readme.matchAll(/^bpf-tsgen \S.*$/gm)].map(([line]) => line.replace(/ {2,}.*$/, ""));
  expect(named.length).toBeGreaterThan(2);
  for (const line of named) expect(help).toContain(line.trim());
  const options = [
    ...readme
      .split("## The command")[1]!
      .split("##")[0]!
      .matchAll(/--[a-z-]+/g),
  ].map(([option]) => option);
  for (const option of options) expect(help).toContain(option);
});
