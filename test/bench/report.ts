import type { Row } from "./works.js";

/** One run of the benchmark, as `results.json` keeps it. */
export interface Results {
  /** Year, month and day. */
  readonly date: string;
  readonly node: string;
  readonly kernel: string;
  readonly machine: string;
  /** How many processes each contender had. */
  readonly rounds: number;
  /** Processes that wanted a CPU at the start and at the end (the load of a minute): the machine was shared. */
  readonly load: readonly [before: number, after: number];
  readonly rows: readonly Row[];
}

const number = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/** Ours by the other's, where that says anything. */
function ratioOf({ ours, against }: Row): number | undefined {
  return against && against.value > 0 ? ours / against.value : undefined;
}

function cells(row: Row): string[] {
  const ratio = ratioOf(row);
  return [
    row.name,
    `${number(row.ours)} ${row.unit}`,
    row.against ? `${number(row.against.value)} ${row.unit}` : "",
    row.against?.who ?? "",
    ratio === undefined ? "" : ratio.toFixed(2),
    row.wanted ?? "",
    row.wanted === undefined ? "" : row.reached ? "yes" : "no",
  ];
}

const HEAD = ["work", "ours", "other", "whose", "ratio", "wanted", "reached"];

/** The results as a table for a terminal, and as the files that the repository keeps. */
export function render(results: Results): { table: string; files: Record<string, string> } {
  const rows = results.rows.map(cells);
  const widths = HEAD.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join("  ")
      .trimEnd();
  return {
    table: [line(HEAD), ...rows.map(line)].join("\n"),
    files: {
      "results.json": `${JSON.stringify(results, null, 2)}\n`,
      "RESULTS.md": page(results, rows),
      "times.svg": times(results),
      "events.svg": events(results),
    },
  };
}

function page(results: Results, rows: readonly string[][]): string {
  const { date, node, kernel, machine, rounds, load } = results;
  const missed = results.rows.filter((row) => !row.reached);
  return `# What it costs

Printed by \`npm run bench -- --save\` on ${date}: ${machine}, Linux ${kernel}, Node ${node.slice(1)}. C is libbpf as its users
write it, \`cc -O2\`. Each contender runs in a process of its own, ${rounds} of them, in turns. Operations that take
nanoseconds are done in rounds of some ten milliseconds, by half as many processes that have ten turns each, so that all
meet the machine as it is at that moment. Medians are held against each other. The machine is shared, with a load of ${load[0].toFixed(1)} before and ${load[1].toFixed(1)} after: the ratios count.

![Time that bpf-tsgen takes, in times of C's and npm bpf's](times.svg)

![Ring buffers: events taken in, dropped, and what they cost, ours and C's](events.svg)

${[HEAD, HEAD.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n")}
${missed.length === 0 ? "" : `\n## Not reached\n\n${missed.map(({ name, why }) => `- ${name}${why === undefined ? "" : `: ${why}`}`).join("\n")}\n`}`;
}

const ROW = 26;
const LEFT = 330;
const WIDTH = 860;
const SCALE = 220;

/** Colours for light and dark pages. */
const STYLE = `  <style>
    text { fill: #1f2328; }
    .ours { fill: #2f6feb; }
    .peer { fill: #3f9a5b; }
    .other { fill: #9aa4b2; }
    line { stroke: #9aa4b2; }
    @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .other { fill: #6e7681; } }
  </style>`;

function picture(height: number, title: string, body: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `  <title>${title}</title>`,
    STYLE,
    text(LEFT, 16, title),
    ...body,
    "</svg>",
    "",
  ].join("\n");
}

const text = (x: number, y: number, what: string, more = ""): string =>
  `  <text x="${x.toFixed(1)}" y="${y}"${more}>${what.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</text>`;
const label = (y: number, what: string): string => text(LEFT - 10, y, what, ' text-anchor="end"');
const bar = (y: number, width: number, height: number, kind: "ours" | "peer" | "other"): string =>
  `  <rect class="${kind}" x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${height}" rx="2"/>`;

/** For each row that holds nanoseconds against C's or npm `bpf`'s a bar: how many times as long ours takes. */
function times({ rows }: Results): string {
  const shown = rows.filter((row) => row.unit === "ns" && row.against && row.wanted !== undefined);
  const height = (shown.length + 2) * ROW;
  const bars = shown.flatMap((row, i) => {
    const y = (i + 1) * ROW;
    const ratio = ratioOf(row)!;
    const width = Math.min(ratio, 2) * SCALE;
    return [
      label(y + 16, row.name.split(";")[0]!),
      bar(y + 4, width, ROW - 8, row.against!.who === "npm bpf" ? "peer" : "ours"),
      text(LEFT + width + 6, y + 16, `${ratio.toFixed(2)} × ${row.against!.who}`),
    ];
  });
  const one = LEFT + SCALE;
  return picture(height, "time that bpf-tsgen takes, in times of the other's: shorter is faster", [
    ...bars,
    `  <line x1="${one}" y1="${ROW}" x2="${one}" y2="${height - ROW}" stroke-dasharray="3 3"/>`,
  ]);
}

/** For each row of ring buffers that is held against C's two bars, ours and C's, on a scale of their own. */
function events({ rows }: Results): string {
  const shown = rows.filter((row) => /events/.test(row.name) && row.against?.who === "C");
  const step = 2 * ROW;
  const title = "ring buffers filled by another process: above bpf-tsgen, below C's ring_buffer__poll()";
  return picture((shown.length + 1) * step, title, [
    ...shown.flatMap((row, i) => {
      const y = i * step + ROW + 8;
      const value = row.against!.value;
      const most = Math.max(row.ours, value);
      const pair = [
        [row.ours, "ours", "bpf-tsgen"],
        [value, "other", "C"],
      ] as const;
      return [
        label(y + 20, row.name),
        ...pair.flatMap(([figure, kind, who], which) => {
          const width = (figure / most) * 1.6 * SCALE;
          return [
            bar(y + which * 18, width, 15, kind),
            text(LEFT + width + 6, y + which * 18 + 12, `${number(figure)} ${row.unit} ${who}`),
          ];
        }),
      ];
    }),
  ]);
}
