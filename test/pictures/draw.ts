// A screen as a picture: a terminal's window in SVG, of a few kilobytes.
import type { Run, Screen } from "./screen.js";

const [CELL, LINE, FONT] = [8, 18, 13];
const [MARGIN, BAR] = [14, 34];
/** Bars, by eighths of a cell. */
const BLOCKS = "▏▎▍▌▋▊▉█";
const background = "#0d1117";
const foreground = "#d0d7de";
/** Black, red, green, yellow, blue, magenta, cyan, white: on the dark background. */
const palette = ["#6e7681", "#ff7b72", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#ffffff"];

/** Draws a window with a title, as wide as it must be for `columns`. */
export function draw(screen: Screen, title: string, columns: number): string {
  const width = columns * CELL + 2 * MARGIN;
  const height = BAR + screen.length * LINE + MARGIN;
  const buttons = ["#ff5f57", "#febc2e", "#28c840"].map(
    (colour, index) => `<circle cx="${MARGIN + 6 + 20 * index}" cy="17" r="6" fill="${colour}"/>`,
  );
  const lines = screen.flatMap((runs, row) => runs.map((run) => drawRun(run, BAR + row * LINE)));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="${FONT}" fill="${foreground}">
<title>${entities(title)}</title>
<rect width="${width}" height="${height}" rx="9" fill="${background}"/>
${buttons.join("")}
<text x="${width / 2}" y="21.5" text-anchor="middle" fill="#8b949e">${entities(title)}</text>
${lines.join("\n")}
</svg>
`;
}

function drawRun(run: Run, top: number): string {
  const fill = run.colour === undefined ? "" : ` fill="${palette[run.colour]}"`;
  const faint = run.dim ? ' opacity=".6"' : "";
  const found: string[] = [];
  // Bars are drawn as what they are: fonts leave gaps in them.
  for (const { 0: part, index } of run.text.matchAll(/[█▏▎▍▌▋▊▉]+|[^█▏▎▍▌▋▊▉]+/g)) {
    const x = MARGIN + (run.column + [...run.text.slice(0, index)].length) * CELL;
    const cells = [...part];
    if (BLOCKS.includes(cells[0]!)) {
      const eighths = cells.reduce((sum, cell) => sum + BLOCKS.indexOf(cell) + 1, 0);
      found.push(
        `<rect x="${x}" y="${top + 3}" width="${(CELL * eighths) / 8}" height="${LINE - 5}"${fill}${faint}/>`,
      );
    } else {
      const weight = run.bold ? ' font-weight="bold"' : "";
      const length = ` textLength="${cells.length * CELL}" lengthAdjust="spacingAndGlyphs"`;
      found.push(
        `<text x="${x}" y="${top + 13.5}"${length}${weight}${fill}${faint}>${entities(part)}</text>`,
      );
    }
  }
  return found.join("");
}

function entities(text: string): string {
  return text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
