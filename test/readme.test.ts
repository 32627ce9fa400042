import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { marked } from "marked";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { application, mistakes, picture } from "../docs/site/picture.js";
import { help } from "../generator/help.js";
import { generate } from "../generator/index.js";

/**
 * The code in the documents. C is compiled as the pages say; its skeletons are generated; all TypeScript is type-checked
 * against them. What stands behind a block's language is the name of its file. A block of TypeScript that imports no
 * skeleton goes on where the block before it ended, as it reads.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const readme = read("README.md");
const guides = readdirSync(join(root, "docs")).filter((file) => file.endsWith(".md"));
const documents = [
  ...["README.md", "runtime/README.md", "generator/README.md"],
  ...guides.map((file) => `docs/${file}`),
];
// Inside the project, so that imports find its packages.
const folder = join(root, "dist/readme");

interface Block {
  readonly document: string;
  readonly language: string;
  readonly file: string | undefined;
  readonly text: string;
}

const blocks = documents.flatMap((document) =>
  marked.lexer(read(document)).flatMap((token): Block[] => {
    if (token.type !== "code") return [];
    const [language = "", file] = String(token.lang ?? "").split(" ");
    return [{ document, language, file, text: String(token.text) }];
  }),
);
const programs = blocks.filter(({ language }) => language === "c");
const placeOf = (document: string): string => join(folder, document.replace(/\W/g, "_"));

/** One module for an application and all that goes on from it, each block in a scope of its own. */
function modules(document: string): string[] {
  const found: { imports: Set<string>; parts: string[] }[] = [];
  for (const { text } of blocks.filter((block) => block.document === document && block.language === "ts")) {
    if (/^import .* from "\.\//m.test(text) || found.length === 0)
      found.push({ imports: new Set(), parts: [] });
    const { imports, parts } = found.at(-1)!;
    const rest = text.replace(/^import .*$\n?/gm, (line) => {
      imports.add(line.trim());
      return "";
    });
    parts.push(parts.length === 0 || /^export /m.test(rest) ? rest : `{\n${rest}\n}`);
  }
  return found.map(({ imports, parts }) => [...imports, ...parts, "export {};", ""].join("\n"));
}

/** The program of an object, on the page itself or, when it is only mentioned there, on another one. */
function programOf(document: string, object: string): Block {
  const named = programs.filter(({ file }) => file === object.replace(/\.o$/, ".c"));
  const found = named.find((block) => block.document === document) ?? named[0];
  if (!found) throw new Error(`${document}: no page has the program of ${object}`);
  return found;
}

/** How a page compiles its programs: as it says, or as the first page does. */
function compile(document: string): string {
  const commands = blocks.filter(({ language, text }) => language === "sh" && /^clang /m.test(text));
  const own = commands.find((block) => block.document === document);
  const first = commands.find((block) => block.document === "docs/README.md");
  return /^clang (?:.*\\\n)*.*$/m.exec((own ?? first)!.text)![0];
}

const hasClang =
  spawnSync("clang", ["--version"]).status === 0 && existsSync("/usr/include/bpf/bpf_helpers.h");

beforeAll(() => mkdirSync(folder, { recursive: true }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(!hasClang)("with clang and libbpf-dev", () => {
  /** Compiles a program in the folder of a page, and generates its skeleton there. */
  function build(document: string, { file, text }: Block): string[] {
    const at = placeOf(document);
    const name = file!.replace(/\.bpf\.c$/, "");
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, file!), text);
    const command = compile(document).replace(/-c .*/, `-c ${name}.bpf.c -o ${name}.bpf.o`);
    const { stderr } = spawnSync("sh", ["-c", command], { cwd: at, encoding: "utf8" });
    if (stderr !== "") return [stderr];
    const [, types = ""] =
      new RegExp(`bpf-tsgen ((?:--type \\w+ )+)-o ${name}.skel.ts`).exec(read(document)) ?? [];
    const options = { file: `${name}.bpf.o`, types: types.split(/ ?--type | /).filter(Boolean) };
    const { text: skeleton, warnings } = generate(readFileSync(join(at, `${name}.bpf.o`)), options);
    writeFileSync(join(at, `${name}.skel.ts`), skeleton);
    // As `import { X } from "./x.bpf.o"` finds its types.
    writeFileSync(join(at, `${name}.bpf.d.o.ts`), `export * from "./${name}.skel.js";\n`);
    return [...warnings];
  }

  test("each program compiles, and its skeleton is generated without a warning", () => {
    expect(programs.filter(({ file }) => file === undefined)).toEqual([]);
    expect(programs.flatMap((program) => build(program.document, program))).toEqual([]);
  });

  test("all TypeScript compiles", () => {
    const files = documents.flatMap((document) =>
      modules(document).map((text, index) => {
        for (const [, object = ""] of text.matchAll(/from "\.\/([\w-]+)\.(?:skel\.[jt]s|bpf\.o)"/g))
          if (!existsSync(join(placeOf(document), `${object}.skel.ts`)))
            expect(build(document, programOf(document, `${object}.bpf.o`))).toEqual([]);
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
    expect(build("docs/README.md", programOf("docs/README.md", "opens.bpf.o"))).toEqual([]);
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
