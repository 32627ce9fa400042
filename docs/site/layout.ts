import { posix } from "node:path";
import { escapeHtml, type Heading } from "./markdown.js";
import type { Chapter, Page } from "./pages.js";

/** What a page is put together from. */
export interface Parts {
  readonly page: Page;
  readonly html: string;
  readonly headings: readonly Heading[];
  readonly menu: readonly Chapter[];
  /** All pages of the menu, in its order. */
  readonly pages: readonly Page[];
}

/** A whole page: menu, text, what is on the page, and the ways on. It needs no JavaScript. */
export function layout({ page, html, headings, menu, pages }: Parts): string {
  const to = (path: string): string => posix.relative(posix.dirname(page.path), path) || posix.basename(path);
  const link = (other: Page, attributes = ""): string =>
    `<a href="${to(other.path)}"${attributes}>${escapeHtml(other.label)}</a>`;
  const chapters = menu
    .map(({ title, pages }) => {
      const items = pages
        .map((other) => `<li>${link(other, other === page ? ' aria-current="page"' : "")}</li>`)
        .join("");
      return `<h2>${title}</h2><ul>${items}</ul>`;
    })
    .join("\n");
  const sections = headings.filter(({ level }) => level === 2);
  const contents =
    sections.length < 2
      ? ""
      : `<nav class="contents" aria-label="On this page"><h2>On this page</h2><ul>${sections
          .map(({ id, html }) => `<li><a href="#${id}">${html}</a></li>`)
          .join("")}</ul></nav>`;
  const at = pages.indexOf(page);
  const [before, after] = at < 0 ? [] : [pages[at - 1], pages[at + 1]];
  const ways = [
    before ? `<span>← ${link(before, ' rel="prev"')}</span>` : "<span></span>",
    after ? `<span>${link(after, ' rel="next"')} →</span>` : "",
  ].join("");
  const title = page.path === "index.html" ? "bpf-tsgen" : `${page.label} · bpf-tsgen`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="Typed TypeScript skeletons for BPF objects: ${escapeHtml(page.label)}">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${to("style.css")}">
</head>
<body>
<a class="skip" href="#the-text">Skip to the text</a>
<header><a class="home" href="${to("index.html")}">bpf-tsgen</a><a class="to-menu" href="#menu">Menu</a></header>
<div class="columns">
<main id="the-text">
${html}
<footer>${ways}</footer>
</main>
${contents}
<nav class="menu" id="menu" aria-label="Pages">
${chapters}
</nav>
</div>
</body>
</html>
`;
}
