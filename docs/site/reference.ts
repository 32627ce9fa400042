// The API's pages, as Markdown, from the declarations and doc comments of both packages.
import { spawnSync } from "node:child_process";
import { join, posix, relative } from "node:path";
import {
  type ClassDeclaration,
  type ExportedDeclarations,
  type InterfaceDeclaration,
  type JSDoc,
  type JSDocableNode,
  Node,
  Project,
} from "ts-morph";
import { escapeHtml, highlight } from "./markdown.js";
import type { Page } from "./pages.js";

/** A page of the reference. */
export interface ReferencePage {
  readonly page: Page;
  readonly markdown: string;
}

/** The pages, each with the folders whose exports it tells of; a declaration goes to the first that fits. */
const parts: readonly { path: string; label: string; about: string; folders: readonly string[] }[] = [
  {
    path: "api/skeleton.html",
    label: "Skeletons",
    about: "What `X.open()`, `load()` and `attach()` of a generated skeleton take and give.",
    folders: ["runtime/skeleton/", "runtime/object/open"],
  },
  {
    path: "api/maps.html",
    label: "Maps",
    about: "`loaded.maps.NAME` is one of these classes, by the kind of the map.",
    folders: ["runtime/maps/"],
  },
  {
    path: "api/programs.html",
    label: "Programs and links",
    about:
      "`loaded.programs.NAME` is one of these classes, by the section of the program; `attach` makes a `Link`.",
    folders: ["runtime/programs/"],
  },
  {
    path: "api/values.html",
    label: "Values and codecs",
    about: "How C values are JavaScript values, views in memory, and bytes.",
    folders: ["runtime/codec/"],
  },
  {
    path: "api/objects.html",
    label: "Objects without a skeleton",
    about: "Programs and maps by their names, for objects that are not known when the application is built.",
    folders: ["runtime/object/"],
  },
  {
    path: "api/kernel.html",
    label: "Kernel, libbpf, errors",
    about: "What kernel and libbpf are and can do, their numbers and names, and what goes wrong.",
    folders: ["runtime/kernel/", "runtime/ffi/", "runtime/errors"],
  },
  {
    path: "api/generator.html",
    label: "The generator",
    about: '`import { generate, inspect, diff } from "bpf-tsgen"`: bytes in, text and plain data out.',
    folders: ["generator/", "templates/"],
  },
];

interface Entry {
  readonly name: string;
  readonly declaration: ExportedDeclarations;
  readonly part: (typeof parts)[number];
}

/** Makes the reference's pages. */
export function reference(root: string): ReferencePage[] {
  const entries = new Map<string, Entry>();
  for (const { name, declaration, file } of exported(root)) {
    const part = parts.find(({ folders }) => folders.some((folder) => file.startsWith(folder)));
    if (part) entries.set(name, { name, declaration, part });
  }
  const sorted = [...entries.values()].sort((a, b) => a.name.localeCompare(b.name, "en"));
  const pages = parts.map((part) => {
    const resolve = linker(entries, part.path);
    const own = sorted.filter((entry) => entry.part === part);
    const texts = own.map((entry) => describe(entry, resolve));
    return { page: toPage(part), markdown: `# ${part.label}\n\n${part.about}\n\n${texts.join("\n\n")}\n` };
  });
  const names = sorted.map(
    ({ name, part }) => `<li><a href="../${part.path}#${anchor(name)}"><code>${name}</code></a></li>`,
  );
  const index = { path: "api/index.html", label: "All names" };
  const markdown = `# All names\n\nEvery export of \`bpf-tsgen-runtime\` and \`bpf-tsgen\`.\n\n<ul class="names">\n${names.join("\n")}\n</ul>\n`;
  return [...pages, { page: toPage(index), markdown }];
}

const toPage = ({ path, label }: { path: string; label: string }): Page => ({
  file: `docs/${path}`,
  path,
  label,
});

/** As {@link render} makes ids of headings. */
const anchor = (name: string): string => name.toLowerCase();

/** What the packages export, as the compiler declares it: without bodies and private members. */
function exported(root: string): { name: string; declaration: ExportedDeclarations; file: string }[] {
  const folder = join(root, "dist/declarations");
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  // As the packages' own rootDirs have it, so that the paths are those of the sources.
  for (const [name, outDir] of [
    ["runtime", join(folder, "runtime")] as const,
    ["generator", folder] as const,
  ]) {
    const args = [tsc, "-p", join(root, name), "--emitDeclarationOnly", "--outDir", outDir];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`${name}/ does not compile:\n${stdout}`);
  }
  const project = new Project({
    skipAddingFilesFromTsConfig: true,
    compilerOptions: { noLib: true, types: [] },
  });
  return ["runtime/index.d.ts", "generator/index.d.ts"].flatMap((entry) => {
    const index = project.addSourceFileAtPath(join(folder, entry));
    project.resolveSourceFileDependencies();
    return [...index.getExportedDeclarations()].flatMap(([name, [declaration]]) => {
      if (declaration === undefined || Node.isSourceFile(declaration)) return [];
      return [{ name, declaration, file: relative(folder, declaration.getSourceFile().getFilePath()) }];
    });
  });
}

/** Makes links of `{@link Name.member}`. */
type Linker = (name: string) => string | undefined;

function linker(entries: ReadonlyMap<string, Entry>, from: string): Linker {
  return (name) => {
    const [top = ""] = name.split(".");
    const entry = entries.get(top);
    if (!entry) return undefined;
    const path = entry.part.path === from ? "" : posix.relative(posix.dirname(from), entry.part.path);
    return `${path}#${name.includes(".") ? name : anchor(top)}`;
  };
}

/** The text of a doc comment, with its links made. */
function prose(text: string, resolve: Linker, self: string): string {
  return text.replace(/\{@link\s+([\w.]+)\s*\}/g, (_, name: string) => {
    const full = resolve(name) ? name : `${self}.${name}`;
    const to = resolve(full);
    return to === undefined ? `\`${name}\`` : `[\`${name}\`](${to})`;
  });
}

/** What a doc comment says: text, then parameters, result and errors as a list. */
function documentation(docs: readonly JSDoc[], resolve: Linker, self: string): string {
  return docs
    .map((doc) => {
      const tags = doc.getTags().flatMap((tag) => {
        const text = tag.getCommentText()?.replace(/\s*\n\s*/g, " ") ?? "";
        if (Node.isJSDocParameterTag(tag)) return [`- \`${tag.getName()}\`: ${text}`];
        if (tag.getTagName() === "returns") return [`- Returns ${text}`];
        if (tag.getTagName() === "throws") return [`- Throws ${text}`];
        return [];
      });
      return prose(`${doc.getDescription().trim()}\n\n${tags.join("\n")}`, resolve, self).trim();
    })
    .join("\n\n");
}

const code = (text: string): string => `\`\`\`ts\n${text}\n\`\`\``;

/** A declaration without comments, on as few lines as it takes. */
function signature(node: Node): string {
  const text = node.getText().replace(/^(export )?(declare )?/, "");
  // What is not exported says nothing to a reader: `keyof typeof modes` is its names.
  const names = (_: string, table: string): string => {
    const type = node.getSourceFile().getVariableDeclaration(table)?.getTypeNode();
    if (!type || !Node.isTypeLiteral(type)) return `keyof typeof ${table}`;
    return type
      .getProperties()
      .map((property) => JSON.stringify(property.getName().replaceAll('"', "")))
      .join(" | ");
  };
  return text
    .replace(/keyof typeof (\w+)/g, names)
    .replace(/^ {4}/gm, "  ")
    .replace(/;$/, "");
}

function describe({ name, declaration }: Entry, resolve: Linker): string {
  const [documented, shown, list] = partsOf(name, declaration);
  const docs = Node.isJSDocable(documented) ? documentation(documented.getJsDocs(), resolve, name) : "";
  const listed = list.length === 0 ? "" : members(name, list, resolve);
  return [`## ${name}`, docs, shown === "" ? "" : code(shown), listed].filter(Boolean).join("\n\n");
}

/** Where the doc comment of a declaration is, the code that is shown of it, and the members that are listed. */
function partsOf(name: string, declaration: ExportedDeclarations): [Node, string, readonly Node[]] {
  if (Node.isClassDeclaration(declaration))
    return [declaration, header(declaration, "class"), classMembers(declaration)];
  if (Node.isInterfaceDeclaration(declaration)) {
    const line = header(declaration, "interface");
    return [declaration, line === `interface ${name}` ? "" : line, declaration.getMembers()];
  }
  if (Node.isVariableDeclaration(declaration)) {
    const statement = declaration.getVariableStatementOrThrow();
    const type = declaration.getTypeNode();
    // Tables of numbers explain themselves.
    const isTable = /^\{(\s*readonly \w+: \d+;)+\s*\}$/.test(type?.getText() ?? "");
    return type && Node.isTypeLiteral(type) && !isTable
      ? [statement, `const ${name}`, type.getMembers()]
      : [statement, `const ${signature(declaration)}`, []];
  }
  return [declaration, uncommented(declaration), []];
}

/** A type or function; comments inside of a type stay, as they explain its members. */
function uncommented(declaration: Node): string {
  const text = signature(declaration);
  const docs = Node.isJSDocable(declaration) ? declaration.getJsDocs() : [];
  return docs
    .reduce((rest, doc) => rest.replace(doc.getText(), "").trim(), text)
    .replace(/^(export )?(declare )?/, "");
}

/** The first line of a class or interface. */
function header(declaration: ClassDeclaration | InterfaceDeclaration, keyword: string): string {
  const parameters = declaration.getTypeParameters().map((parameter) => parameter.getText());
  const generic = parameters.length === 0 ? "" : `<${parameters.join(", ")}>`;
  const heritage = declaration.getHeritageClauses().map((clause) => ` ${clause.getText()}`);
  const isAbstract = Node.isClassDeclaration(declaration) && declaration.isAbstract();
  return `${isAbstract ? "abstract " : ""}${keyword} ${declaration.getName()}${generic}${heritage.join("")}`;
}

/** What a class offers: its own members, and those of bases that are not exported and so have no page. */
function classMembers(declaration: ClassDeclaration): Node[] {
  const own = declaration.getMembers().filter((member) => {
    if (/^(static )?(abstract )?protected\b/.test(uncommented(member))) return false;
    if (Node.isConstructorDeclaration(member)) return member.getJsDocs().length > 0;
    // `kinds` is for the runtime; of the private members the compiler leaves one that says that there are some.
    return !/^(static readonly kinds\b|#private)/.test(member.getText());
  });
  const base = declaration.getBaseClass();
  return base && !base.isExported() ? [...own, ...classMembers(base)] : own;
}

/** A list of members: declaration, and what it is. */
function members(owner: string, nodes: readonly Node[], resolve: Linker): string {
  if (nodes.length === 0) return "";
  const seen = new Set<string>();
  const items = nodes.flatMap((node) => {
    const text = uncommented(node).replace(/^(readonly )?\[Symbol/, "[Symbol");
    const name = nameOf(node);
    if (seen.has(text)) return [];
    seen.add(text);
    const id = name === undefined || seen.has(name) ? "" : ` id="${owner}.${escapeHtml(name)}"`;
    if (name !== undefined) seen.add(name);
    const docs = Node.isJSDocable(node)
      ? documentation((node as JSDocableNode & Node).getJsDocs(), resolve, owner)
      : "";
    return [`<dt${id}><code>${highlight(text, "ts")}</code></dt>\n<dd>\n\n${docs}\n\n</dd>`];
  });
  return `<dl>\n${items.join("\n")}\n</dl>`;
}

function nameOf(node: Node): string | undefined {
  if (Node.isConstructorDeclaration(node)) return "constructor";
  return Node.hasName(node) && !node.getName().startsWith("[") ? node.getName() : undefined;
}
