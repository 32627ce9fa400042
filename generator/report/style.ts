/** How a report looks: with columns and colours for people, one plain line a thing for pipes. */
export interface Style {
  /** Whether to align in columns. */
  readonly columns: boolean;
  /** Puts a text in a colour, if there are colours. */
  paint(colour: Colour, text: string): string;
}

/** What stands out in a report. */
export type Colour = "bold" | "dim" | "red" | "green" | "yellow";

const codes: Readonly<Record<Colour, readonly [on: number, off: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
};

/** Without columns or colours. */
export const plain: Style = { columns: false, paint: (_, text) => text };

/** The style for where a report goes; `NO_COLOR` and `FORCE_COLOR` are heeded as everywhere. */
export function styleFor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Style {
  const forced = env.FORCE_COLOR !== undefined && !/^(0|false)?$/.test(env.FORCE_COLOR);
  const isTerminal = stream.isTTY === true;
  const wanted = forced || (isTerminal && env.TERM !== "dumb");
  if (!wanted || (env.NO_COLOR ?? "") !== "") return { columns: isTerminal, paint: plain.paint };
  return {
    columns: isTerminal,
    paint(colour, text) {
      const [on, off] = codes[colour];
      return text === "" ? "" : `\x1b[${on}m${text}\x1b[${off}m`;
    },
  };
}

/** Pads cells so that each column is as wide as its widest cell; the last one is left as it is. */
export function table(rows: readonly (readonly string[])[]): string[][] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  return rows.map((row) =>
    row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index]!))),
  );
}
