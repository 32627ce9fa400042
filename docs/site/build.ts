// Makes the static site of the project's Markdown and doc comments: `npm run docs` writes it to dist/site.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, extname, join, posix, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { layout } from "./layout.js";
import { escapeHtml, highlight, type Rendered, render } from "./markdown.js";
import { type Chapter, chapters, type Page } from "./pages.js";
import { reference } from "./reference.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), "utf8");

/** Languages by the ends of files, for those that pages link to. */
const languages: Readonly<Record<string, string>> = { ".ts": "ts", ".mjs": "js", ".c": "c", ".json": "json" };

/** Makes the site in a folder, and says which pages it has. */
export function buildSite(folder: string): readonly Page[] {
  rmSync(folder, { recursive: true, force: true });
  const api = reference(root);
  const written = chapters.map(({ title, pages }) => ({
    title,
    pages: pages.filter(({ file }) => existsSync(join(root, file))),
  }));
  const menu: Chapter[] = [...written, { title: "API", pages: api.map(({ page }) => page) }];
  const pages = menu.flatMap((chapter) => chapter.pages);
  const byFile = new Map(pages.map((page) => [page.file, page]));
  /** Files that are no pages, which pages link to. */
  const sources = new Map<string, Page>();

  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };

  /** Where a link of a page leads in the site: to a page, a picture, or a file of the project, shown as it is. */
  const resolver =
    ({ file, path }: Page) =>
    (href: string): string => {
      if (/^([a-z]+:|#)/.test(href)) return href;
      const [target = "", anchor] = href.split("#");
      const named = posix.join(posix.dirname(file), target).replace(/\/$/, "");
      const isFolder = existsSync(join(root, named)) && statSync(join(root, named)).isDirectory();
      const to = isFolder ? `${named}/README.md` : named;
      if (!byFile.has(to) && !existsSync(join(root, to))) throw new Error(`${file}: there is no ${href}`);
      const end = anchor === undefined ? "" : `#${anchor}`;
      const up = (other: string): string => posix.relative(posix.dirname(path), other) + end;
      const page = byFile.get(to);
      if (page) return up(page.path);
      if (/\.(svg|png)$/.test(to)) {
        mkdirSync(dirname(join(folder, "files", to)), { recursive: true });
        copyFileSync(join(root, to), join(folder, "files", to));
        return up(`files/${to}`);
      }
      sources.set(to, { file: to, path: `files/${to}.html`, label: posix.basename(to) });
      return up(`files/${to}.html`);
    };

  const write = (page: Page, rendered: Rendered): void =>
    put(page.path, layout({ page, menu, pages, ...rendered }));

  for (const page of written.flatMap((chapter) => chapter.pages)) {
    const rendered = render(read(page.file) + samplesOf(page), resolver(page));
    write(page, rendered);
  }
  for (const { page, markdown } of api) write(page, render(markdown, resolver(page)));
  for (const page of sources.values()) {
    const code = highlight(read(page.file), languages[extname(page.file)] ?? "");
    const html = `<h1>${escapeHtml(page.label)}</h1>\n<p>${escapeHtml(page.file)}</p>\n<figure class="code"><pre tabindex="0"><code>${code}</code></pre></figure>`;
    write(page, { html, headings: [] });
  }
  copyFileSync(join(root, "docs/site/style.css"), join(folder, "style.css"));
  return [...pages, ...sources.values()];
}

/** The sources of a sample, to be shown below its README. */
function samplesOf({ file }: Page): string {
  const folder = posix.dirname(file);
  if (!folder.startsWith("samples/")) return "";
  const shown = readdirSync(join(root, folder)).filter(
    (name) => /(\.bpf\.c|\.ts)$/.test(name) && !/\.(skel|types)\.ts$/.test(name),
  );
  const fences = shown.map((name) => {
    const language = name.endsWith(".c") ? "c" : "ts";
    return `\n\n## ${name}\n\n\`\`\`\`${language} ${name}\n${read(posix.join(folder, name))}\`\`\`\`\n`;
  });
  return fences.join("");
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === process.argv[1]) {
  const folder = join(root, "dist/site");
  const pages = buildSite(folder);
  console.log(`${pages.length} pages in ${relative(process.cwd(), folder)}: open index.html`);
}
