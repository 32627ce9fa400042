import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { application, mistakes, picture } from "../docs/site/picture.js";
import { help } from "../generator/help.js";
import * as generator from "../generator/index.js";
import * as runtime from "../runtime/index.js";
import {
  type Block,
  build,
  canCompile,
  documents,
  examples,
  moduleOf,
  modules,
  programOf,
  programs,
  read,
  root,
  withoutImports,
} from "./documents.js";

/**
 * The code in the documents. C is compiled as the pages say; its skeletons are generated; all TypeScript is type-checked
 * against them. A block of TypeScript that imports no skeleton goes on where the block before it ended, as it reads. An
 * example in a doc comment takes the packages' exports, and what is in `given.ts`, as imported.
 */
const readme = read("README.md");
// Inside the project, so that imports find its packages.
const folder = join(root, "dist/readme");
const placeOf = (document: string): string => join(folder, document.replace(/\W/g, "_"));

/** The module of an example, with all imports that it leaves to its reader. */
function exampleModule({ text }: Block): string {
  const imports = new Set<string>();
  const rest = withoutImports(text, imports);
  const given = [...read("test/given.ts").matchAll(/^export declare const (\w+)/gm)].map(([, name]) => name!);
  const sources = {
    "bpf-tsgen-runtime": Object.keys(runtime),
    "bpf-tsgen": Object.keys(generator),
    [join(root, "test/given.js")]: given,
  };
  for (const [from, names] of Object.entries(sources)) {
    const used = names.filter((name) => new RegExp(`(?<![.\\w])${name}\\b`).test(rest));
    if (used.length > 0) imports.add(`import { ${used.join(", ")} } from "${from}";`);
  }
  return moduleOf(imports, [/^export /m.test(rest) ? rest : `{\n${rest}\n}`]);
}

beforeAll(() => mkdirSync(folder, { recursive: true }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the examples in doc comments compile", () => {
  const files = examples.map((example, index) => {
    const file = join(placeOf("examples"), `${example.document.replace(/\W/g, "_")}_${index + 1}.ts`);
    mkdirSync(placeOf("examples"), { recursive: true });
    writeFileSync(file, exampleModule(example));
    return file;
  });
  expect(files.length).toBeGreaterThan(15);
  expect(check(files)).toBe("");
});

describe.skipIf(!canCompile)("with clang and libbpf-dev", () => {
  test("each program compiles, and its skeleton is generated without a warning", () => {
    expect(programs.filter(({ file }) => file === undefined)).toEqual([]);
    expect(programs.flatMap((program) => build(program, placeOf(program.document)))).toEqual([]);
  });

  test("all TypeScript compiles", () => {
    const files = documents.flatMap((document) =>
      modules(document).map(({ text }, index) => {
        for (const [, object = ""] of text.matchAll(/from "\.\/([\w-]+)\.(?:skel\.[jt]s|bpf\.o)"/g))
          take(document, object);
        const file = join(placeOf(document), `${index + 1}.ts`);
        mkdirSync(placeOf(document), { recursive: true });
        writeFileSync(file, text);
        return file;
      }),
    );
    expect(files.length).toBeGreaterThan(documents.length);
    expect(check(files)).toBe("");
  });

  test("the compiler says what README's picture shows", () => {
    expect(read("docs/opens.svg")).toBe(picture());
    take("docs/README.md", "opens");
    const file = join(placeOf("docs/README.md"), "picture.ts");
    writeFileSync(file, application);
    const said = check([file]).trim().split("\n");
    expect(said.length).toBe(mistakes.length);
    for (const [i, { line, message }] of mistakes.entries()) {
      expect(said[i]).toContain(`picture.ts(${line},`);
      expect(said[i]).toMatch(new RegExp(`: ${message.replace(/[.?]/g, "\\$&")}$`));
    }
  });
});

/** Sees to it that the skeleton of an object is beside a page's modules. */
function take(document: string, object: string): void {
  const at = placeOf(document);
  if (!existsSync(join(at, `${object}.skel.ts`)))
    expect(build(programOf(document, `${object}.bpf.o`), at)).toEqual([]);
  // As `import { X } from "./x.bpf.o"` finds its types.
  writeFileSync(join(at, `${object}.bpf.d.o.ts`), `export * from "./${object}.skel.js";\n`);
}

/** What the compiler has to say of files. */
function check(files: readonly string[]): string {
  const sources = {
    "bpf-tsgen-runtime": "runtime/index.ts",
    "bpf-tsgen-runtime/codegen": "runtime/codegen.ts",
    "bpf-tsgen": "generator/index.ts",
    "bpf-tsgen/vite": "generator/vite.ts",
  };
  const project = {
    extends: "../../tsconfig.json",
    compilerOptions: {
      paths: Object.fromEntries(Object.entries(sources).map(([name, to]) => [name, [join(root, to)]])),
      declaration: false,
      isolatedDeclarations: false,
      noUnusedLocals: false,
      allowArbitraryExtensions: true,
      rewriteRelativeImportExtensions: true,
    },
    files: [...files, join(root, "generator/elfy.d.ts")],
    include: [],
    exclude: [],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(project));
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
  return spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" }).stdout;
}

test("the commands and options that README names are those of the command", () => {
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
