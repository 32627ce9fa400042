import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ensureBuilt } from "../build.js";

/** Every committed skeleton, and what the type tests do with them, under each compiler that users may have. */
const root = fileURLToPath(new URL("../..", import.meta.url));
const modules = join(root, "node_modules");

const strict = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };
const modern = { ...strict, verbatimModuleSyntax: true, noImplicitOverride: true, noUnusedLocals: true };

/** The compilers, each with the flags that it knows. */
const compilers: readonly (readonly [folder: string, version: string, flags: object])[] = [
  ["typescript-5.4", "5.4", modern],
  ["typescript-5.9", "5.9", { ...modern, isolatedDeclarations: true, erasableSyntaxOnly: true }],
  ["typescript-6.0", "6.0", { ...modern, isolatedDeclarations: true, erasableSyntaxOnly: true }],
  ["typescript", "7.0", { ...modern, isolatedDeclarations: true, erasableSyntaxOnly: true }],
];

const skeletons = [
  ...readdirSync(join(root, "samples"))
    .map((name) => join(root, "samples", name, `${name}.skel.ts`))
    .filter((file) => existsSync(file)),
  ...readdirSync(join(root, "test/golden"))
    // The one that imports the runtime's source says nothing of what is built of it.
    .filter((file) => file.endsWith(".skel.ts") && file !== "options.skel.ts")
    .map((file) => join(root, "test/golden", file)),
];
const applications = ["accepted.ts", "attach.ts", "rejected.ts"].map((file) =>
  join(root, "test/types", file),
);

// Inside the workspace, so that `bpf-tsgen-runtime` and `@types/node` are found as a user's compiler finds them.
const folder = mkdtempSync(join(modules, ".matrix-"));
beforeAll(() => void ensureBuilt("runtime"));
afterAll(() => rmSync(folder, { recursive: true }));

it("has all skeletons", () => {
  expect(skeletons.length).toBeGreaterThan(6);
});

it.concurrent.each(compilers)(
  "%s takes skeletons, type tests and the runtime's declarations",
  async (name, version, flags) => {
    const bin = join(modules, name, "bin/tsc");
    const installed: { version: string } = JSON.parse(
      readFileSync(join(modules, name, "package.json"), "utf8"),
    );
    expect(installed.version.startsWith(`${version}.`)).toBe(true);
    const config = join(folder, `${name}.json`);
    const compilerOptions = {
      ...flags,
      target: "es2022",
      lib: ["es2023", "esnext.disposable"],
      module: "nodenext",
      types: ["node"],
      typeRoots: [join(modules, "@types")],
      declaration: true,
      skipLibCheck: false,
      noEmit: true,
    };
    writeFileSync(config, JSON.stringify({ compilerOptions, files: [...skeletons, ...applications] }));
    expect(await run(bin, ["-p", config])).toBe("");
  },
);

/** What the compiler has to say. */
function run(bin: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...args], { cwd: root }, (error, stdout, stderr) => {
      resolve(`${stdout}${stderr}` || (error ? error.message : ""));
    });
  });
}
