import hljs from "highlight.js";
import { Marked } from "marked";

/** A heading that can be linked to. */
export interface Heading {
  readonly id: string;
  readonly level: number;
  /** Its HTML. */
  readonly html: string;
}

/** A page as HTML. */
export interface Rendered {
  readonly html: string;
  readonly headings: readonly Heading[];
}

/** Where a link or picture of a page leads in the site. */
export type Resolve = (href: string) => string;

/** Text as HTML. */
export function escapeHtml(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (character) => entities[character]!);
}

/** Code as HTML with a class for each kind of token. */
export function highlight(code: string, language: string): string {
  if (hljs.getLanguage(language) === undefined) return escapeHtml(code);
  return hljs.highlight(code, { language }).value;
}

/** An id as GitHub makes one of a heading's text. */
function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/<[^>]+>|&\w+;|[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(" ", "-");
}

/** GitHub's Markdown as HTML. What stands behind a block's language, as in "c opens.bpf.c", is the name of its file. */
export function render(markdown: string, resolve: Resolve): Rendered {
  const headings: Heading[] = [];
  const marked = new Marked({ gfm: true });
  marked.use({
    renderer: {
      heading({ tokens, depth }) {
        const html = this.parser.parseInline(tokens);
        const base = slug(html);
        const same = headings.filter(({ id }) => id === base || id.replace(/-\d+$/, "") === base).length;
        const id = same === 0 ? base : `${base}-${same}`;
        headings.push({ id, level: depth, html: html.replace(/<\/?a\b[^>]*>/g, "") });
        return `<h${depth} id="${id}">${html} <a class="anchor" href="#${id}" aria-label="Link to this section">#</a></h${depth}>\n`;
      },
      code({ text, lang = "" }) {
        const [language = "", name] = lang.split(" ");
        const caption = name === undefined ? "" : `<figcaption>${escapeHtml(name)}</figcaption>`;
        const code = highlight(text, language);
        return `<figure class="code ${language}">${caption}<pre tabindex="0"><code>${code}</code></pre></figure>\n`;
      },
      link({ href, title, tokens }) {
        const hint = title ? ` title="${escapeHtml(title)}"` : "";
        return `<a href="${escapeHtml(resolve(href))}"${hint}>${this.parser.parseInline(tokens)}</a>`;
      },
      image({ href, text }) {
        return `<img src="${escapeHtml(resolve(href))}" alt="${escapeHtml(text)}" loading="lazy">`;
      },
      table(token) {
        const row = (cells: typeof token.header, tag: "th" | "td"): string =>
          `<tr>${cells
            .map(({ tokens, align }) => {
              const style = align ? ` style="text-align:${align}"` : "";
              return `<${tag}${style}>${this.parser.parseInline(tokens)}</${tag}>`;
            })
            .join("")}</tr>`;
        const hasHead = token.header.some(({ text }) => text !== "");
        const head = hasHead ? `<thead>${row(token.header, "th")}</thead>` : "";
        const body = token.rows.map((cells) => row(cells, "td")).join("\n");
        return `<div class="table" tabindex="0"><table>${head}<tbody>${body}</tbody></table></div>\n`;
      },
    },
  });
  const html = marked.parse(markdown, { async: false });
  return { html, headings };
}
