// The code in the documents: what stands behind a block's language is the name of its file.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { marked } from "marked";
import { generate } from "../generator/index.js";

/** The project's folder. */
export const root: string = fileURLToPath(new URL("..", import.meta.url));

/** The text of a file of the project. */
export const read = (file: string): string => readFileSync(join(root, file), "utf8");

/** The pages whose code is tried. */
export const documents: readonly string[] = [
  ...["README.md", "runtime/README.md", "generator/README.md"],
  ...readdirSync(join(root, "docs"))
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file}`),
];

/** A block of code. */
export interface Block {
  readonly document: string;
  readonly language: string;
  readonly file: string | undefined;
  readonly text: string;
}

/** All blocks, in the order of the pages. */
export const blocks: readonly Block[] = documents.flatMap((document) => blocksOf(document, read(document)));

/** The examples in the doc comments of both packages, which editors and the API reference show. */
export const examples: readonly Block[] = ["runtime", "generator"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !/\b(dist|node_modules|project)\b/.test(file))
    .map((file) => `${folder}/${file}`)
    .flatMap((file) =>
      [...read(file).matchAll(/^ *\/\*\*$.*?\*\/$/gms)].flatMap(([comment]) =>
        blocksOf(file, comment.replace(/^ *(\/\*\*|\*\/|\* ?)/gm, "")),
      ),
    )
    .filter(({ language }) => language === "ts"),
);

function blocksOf(document: string, markdown: string): Block[] {
  return marked.lexer(markdown).flatMap((token): Block[] => {
    if (token.type !== "code") return [];
    const [language = "", file] = String(token.lang ?? "").split(" ");
    return [{ document, language, file, text: String(token.text) }];
  });
}

/** The BPF programs. */
export const programs: readonly Block[] = blocks.filter(({ language }) => language === "c");

/** The program of an object, on the page itself or, when it is only mentioned there, on another one. */
export function programOf(document: string, object: string): Block {
  const named = programs.filter(({ file }) => file === object.replace(/\.o$/, ".c"));
  const found = named.find((block) => block.document === document) ?? named[0];
  if (!found) throw new Error(`${document}: no page has the program of ${object}`);
  return found;
}

/** Whether programs can be compiled here. */
export const canCompile: boolean =
  spawnSync("clang", ["--version"]).status === 0 && existsSync("/usr/include/bpf/bpf_helpers.h");

/** How a page compiles its programs: as it says, or as the first page does. */
function commandOf(document: string): string {
  const commands = blocks.filter(({ language, text }) => language === "sh" && /^clang /m.test(text));
  const own = commands.find((block) => block.document === document);
  const first = commands.find((block) => block.document === "docs/README.md");
  return /^clang (?:.*\\\n)*.*$/m.exec((own ?? first)!.text)![0];
}

/** Compiles a program in a folder, as its page says, and generates its skeleton there; returns what was said. */
export function build({ document, file, text }: Block, folder: string): string[] {
  const name = file!.replace(/\.bpf\.c$/, "");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, file!), text);
  const command = commandOf(document).replace(/-c .*/, `-c ${name}.bpf.c -o ${name}.bpf.o`);
  const { stderr } = spawnSync("sh", ["-c", command], { cwd: folder, encoding: "utf8" });
  if (stderr !== "") return [stderr];
  const [, types = ""] =
    new RegExp(`bpf-tsgen ((?:--type \\w+ )+)-o ${name}.skel.ts`).exec(read(document)) ?? [];
  const options = { file: `${name}.bpf.o`, types: types.split(/ ?--type | /).filter(Boolean) };
  const skeleton = generate(readFileSync(join(folder, `${name}.bpf.o`)), options);
  writeFileSync(join(folder, `${name}.skel.ts`), skeleton.text);
  return [...skeleton.warnings];
}

/** An application, and all that goes on from it: a block that imports nothing of its own continues the one before it. */
export interface Application {
  /** What the first block calls itself. */
  readonly file: string | undefined;
  /** One module of all of them, each but the first in a scope of its own. */
  readonly text: string;
}

/** The applications of a page. */
export function modules(document: string): Application[] {
  const found: { file: string | undefined; imports: Set<string>; parts: string[] }[] = [];
  for (const { file, text } of blocks.filter(
    (block) => block.document === document && block.language === "ts",
  )) {
    if (/^import .* from "\.\//m.test(text) || found.length === 0)
      found.push({ file, imports: new Set(), parts: [] });
    const { imports, parts } = found.at(-1)!;
    const rest = withoutImports(text, imports);
    parts.push(parts.length === 0 || /^export /m.test(rest) ? rest : `{\n${rest}\n}`);
  }
  return found.map(({ file, imports, parts }) => ({ file, text: moduleOf(imports, parts) }));
}

/** A block without its imports, which are collected. */
export function withoutImports(text: string, imports: Set<string>): string {
  return text.replace(/^import .*$\n?/gm, (line) => {
    imports.add(line.trim());
    return "";
  });
}

/** The text of a module. */
export const moduleOf = (imports: Set<string>, parts: readonly string[]): string =>
  [...imports, ...parts, "export {};", ""].join("\n");
