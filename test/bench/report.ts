import type { Row } from "./works.js";

/** One run of the benchmark, as `results.json` keeps it. */
export interface Results {
  /** Year, month and day. */
  readonly date: string;
  readonly node: string;
  readonly kernel: string;
  readonly machine: string;
  /** How often each contender had its turn. */
  readonly rounds: number;
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
    row.wanted,
    row.reached ? "yes" : "no",
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
  const table = [line(HEAD), ...rows.map(line)].join("\n");
  const markdown = [HEAD, HEAD.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
  const { date, node, kernel, machine, rounds } = results;
  return {
    table,
    files: {
      "results.json": `${JSON.stringify(results, null, 2)}\n`,
      "results.table.md": `${date}, ${machine}, Linux ${kernel}, Node ${node}, medians of ${rounds} rounds.\n\n${markdown}\n`,
      "times.svg": bars(results),
    },
  };
}

const ROW = 26;
const LEFT = 330;
const WIDTH = 860;
const SCALE = 220;

/** Given the rows that hold nanoseconds against C's or npm `bpf`'s, draws a bar each: how many times as long ours takes. */
function bars({ rows }: Results): string {
  const shown = rows.filter((row) => row.unit === "ns" && row.against);
  const height = (shown.length + 2) * ROW;
  const text = (x: number, y: number, what: string, more = ""): string =>
    `  <text x="${x}" y="${y}"${more}>${what.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</text>`;
  const body = shown.flatMap((row, i) => {
    const y = (i + 1) * ROW;
    const ratio = ratioOf(row)!;
    const width = Math.min(ratio, 2) * SCALE;
    return [
      text(LEFT - 10, y + 16, `${row.name.split(";")[0]}`, ' text-anchor="end"'),
      `  <rect x="${LEFT}" y="${y + 4}" width="${width.toFixed(1)}" height="${ROW - 8}" fill="${row.against!.who === "npm bpf" ? "#7a9e7e" : "#3b6ea5"}"/>`,
      text(LEFT + width + 6, y + 16, `${ratio.toFixed(2)} × ${row.against!.who}`),
    ];
  });
  const one = LEFT + SCALE;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12">`,
    `  <rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(LEFT, 16, "time that bpf-tsgen takes, in times of the other's: shorter is faster"),
    ...body,
    `  <line x1="${one}" y1="${ROW}" x2="${one}" y2="${height - ROW}" stroke="#888888" stroke-dasharray="3 3"/>`,
    "</svg>",
    "",
  ].join("\n");
}
