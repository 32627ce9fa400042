// The picture of README: C on the left, an application on the right, and what the compiler says of its mistakes.
// `npx tsx docs/site/picture.ts` writes docs/opens.svg; test/readme.test.ts holds it to the compiler.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { escapeHtml, highlight } from "./markdown.js";

const c = `struct open_event {
  __u32 pid;
  __u64 count;
  char comm[16];
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __type(key, __u32);
  __type(value, __u64);
} counts SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __type(value, struct open_event);
} events SEC(".maps");

SEC("tp/syscalls/sys_enter_openat")
int on_open(void *ctx)
{ …`;

/** The application on the right. */
export const application = `import { Opens } from "./opens.skel.js";

using opens = Opens.attach();

for await (const event of opens.maps.events) {
  console.log(event.comm, event.pidd);
  opens.maps.counts.set(event.pid, 1);
}`;

/** What the compiler says of it: the line, the piece of it, and the message. */
export const mistakes = [
  {
    line: 6,
    piece: "pidd",
    message: "Property 'pidd' does not exist on type 'OpenEvent'. Did you mean 'pid'?",
  },
  {
    line: 7,
    piece: "1",
    message: "Argument of type 'number' is not assignable to parameter of type 'bigint'.",
  },
] as const;

const LINE = 20;
const CHARACTER = 7.83;
const colours: Readonly<Record<string, string>> = {
  keyword: "#ff8fcf",
  built_in: "#ff8fcf",
  meta: "#ff8fcf",
  string: "#8ddb8c",
  number: "#79c0ff",
  type: "#79c0ff",
  title: "#c8b3ff",
  comment: "#8b949e",
};

/** A line of highlighted HTML as pieces of SVG's text. */
function coloured(html: string): string {
  return html
    .replace(
      /<span class="hljs-(\w+)[^"]*">/g,
      (_, kind: string) => `<tspan fill="${colours[kind] ?? "#dde2ea"}">`,
    )
    .replaceAll("</span>", "</tspan>");
}

function text(x: number, y: number, html: string, attributes = ""): string {
  return `<text x="${x}" y="${y}" xml:space="preserve"${attributes}>${html}</text>`;
}

function pane(x: number, title: string, code: string, language: string): string[] {
  const lines = highlight(code, language).split("\n");
  return [
    text(x, 28, title, ' fill="#98a2b1"'),
    ...lines.map((line, i) => {
      // Whatever the font: as wide as the marks under it reckon.
      const width = code.split("\n")[i]!.length * CHARACTER;
      const fixed = width === 0 ? "" : ` textLength="${width.toFixed(1)}" lengthAdjust="spacingAndGlyphs"`;
      return text(x, 66 + LINE * placeOf(title, i), coloured(line), fixed);
    }),
  ];
}

/** The row of a line: in the application, messages stand between lines. */
function placeOf(title: string, line: number): number {
  return title === "opens.ts" ? line + 2 * mistakes.filter((mistake) => mistake.line <= line).length : line;
}

/** The picture, as SVG. */
export function picture(): string {
  const right = 400;
  const errors = mistakes.flatMap(({ line, piece, message }) => {
    const code = application.split("\n")[line - 1]!;
    const x = right + code.lastIndexOf(piece) * CHARACTER;
    const y = 66 + LINE * placeOf("opens.ts", line - 1);
    const [first, second] = message.split(/(?<=^.{48}\S*) /);
    const red = ' fill="#ff7b72"';
    return [
      `<path d="M${x} ${y + 5}h${piece.length * CHARACTER}" stroke="#ff7b72" stroke-width="2" stroke-dasharray="3 2"/>`,
      text(right + 2 * CHARACTER, y + LINE, escapeHtml(first ?? ""), red),
      text(right + 2 * CHARACTER, y + 2 * LINE - 2, escapeHtml(second ?? ""), red),
    ];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="900" height="480" viewBox="0 0 900 480" role="img" aria-label="A BPF program in C, and a TypeScript application in which the compiler finds a wrong field and a number where a bigint belongs">
<rect width="900" height="480" rx="10" fill="#14171c"/>
<path d="M0 44H900M380 0V480" stroke="#2c323c"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13" fill="#dde2ea">
${[...pane(24, "opens.bpf.c", c, "c"), ...pane(right, "opens.ts", application, "ts"), ...errors].join("\n")}
</g>
</svg>
`;
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === process.argv[1])
  writeFileSync(new URL("../opens.svg", import.meta.url), picture());
