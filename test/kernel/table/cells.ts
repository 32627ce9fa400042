// How the tables of kinds and operations are made: cells that say "ok", or why not.
import { BpfError } from "../../../runtime/index.js";

/** What came of each operation on each kind: `"ok"`, or the reason why not. */
export type Outcomes = Record<string, Record<string, string>>;

/** One line of a table, filled by trying. */
export class Row {
  readonly cells: Record<string, string> = {};

  /** Fills a cell by doing what it is about; `why` is said when the kernel refuses that. */
  try(column: string, action: () => unknown, why?: string): void {
    try {
      const said = action();
      this.cells[column] = typeof said === "string" ? said : "ok";
    } catch (error) {
      this.cells[column] = reason(error, why);
    }
  }

  /** Fills cells for which there is nothing to do. */
  none(why: string, ...columns: string[]): void {
    for (const column of columns) this.cells[column] = why;
  }
}

function reason(error: unknown, why: string | undefined): string {
  // What is wrong with us is told in full: no committed table has it.
  if (!(error instanceof BpfError)) return `WRONG: ${error instanceof Error ? error.message : error}`;
  if (why !== undefined) return `${why} (${error.code})`;
  if (error.code === "ENOTSUPP" || error.code === "EOPNOTSUPP")
    return `the kernel has no such operation (${error.code})`;
  return `WRONG: ${error.message}`;
}

/** Throws unless both are the same, as JSON sees them. */
export function same(got: unknown, wanted: unknown): void {
  const [a, b] = [got, wanted].map((value) =>
    JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `${part}n` : part)),
  );
  if (a !== b) throw new Error(`got ${a}, wanted ${b}`);
}

/** Throws unless the action is refused with that code. */
export function refused(code: string, action: () => unknown): void {
  try {
    action();
  } catch (error) {
    if (error instanceof BpfError && error.code === code) return;
    throw error;
  }
  throw new Error(`was not refused with ${code}`);
}

/** A table in Markdown: what is not ok is a number, told below. */
export function render(outcomes: Outcomes, columns: readonly string[], corner: string): string {
  const notes: string[] = [];
  const note = (text: string): string => {
    if (!notes.includes(text)) notes.push(text);
    return `${notes.indexOf(text) + 1}`;
  };
  const lines = Object.entries(outcomes).map(([name, cells]) => {
    const shown = columns.map((column) => {
      const cell = cells[column] ?? "not tried";
      return cell === "ok" ? "✓" : note(cell);
    });
    return `| ${name} | ${shown.join(" | ")} |`;
  });
  return [
    `| ${corner} | ${columns.join(" | ")} |`,
    `| --- |${" :-: |".repeat(columns.length)}`,
    ...lines,
    "",
    ...notes.map((text, index) => `${index + 1}. ${text}`),
    "",
  ].join("\n");
}

/** The cells that neither came off nor have a known reason. */
export function wrong(outcomes: Outcomes): string[] {
  return Object.entries(outcomes).flatMap(([name, cells]) =>
    Object.entries(cells)
      .filter(([, cell]) => cell.startsWith("WRONG"))
      .map(([column, cell]) => `${name}, ${column}: ${cell}`),
  );
}
