// What the samples' output has in common: Ctrl-C, mistakes in a line, colours, bars, tables that are drawn in place.
import { setTimeout } from "node:timers/promises";

const { stdout, env } = process;

const ended = new AbortController();
/** Aborted by Ctrl-C, by whoever asks the process to end, and when its output is read no more (`| head`). */
export const stop: AbortSignal = ended.signal;
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ended.abort());
stdout.on("error", () => ended.abort());

process.on("uncaughtException", ({ message }) => {
  console.error(message);
  process.exit(1);
});

/** Says how a sample is called, and ends it. */
export function usage(text: string): never {
  console.error(`usage: ${text}`);
  process.exit(2);
}

/** The time of day, at once and then every second until {@link stop}. */
export async function* everySecond(): AsyncGenerator<string> {
  while (!stop.aborted) {
    yield clock();
    await setTimeout(1000, undefined, { signal: stop }).catch(() => undefined);
  }
}

/** `12:00:01` */
export function clock(): string {
  return new Date().toTimeString().slice(0, 8);
}

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const;
const isForced = !/^(0|false)?$/.test(env.FORCE_COLOR ?? "");
const hasColours = !env.NO_COLOR && (isForced || (stdout.isTTY && stdout.hasColors()));

/** Text in a colour, on terminals that have them. Pad it before: what makes a colour has no width. */
export function paint(colour: keyof typeof codes, text: string): string {
  return hasColours ? `\x1b[${codes[colour]}m${text}\x1b[0m` : text;
}

/** A bar, by eighths of a character; never none for what is not nothing. */
export function bar(share: number, width: number): string {
  const eighths = share > 0 ? Math.max(1, Math.round(8 * width * share)) : 0;
  return "█".repeat(eighths >> 3) + ["", ..."▏▎▍▌▋▊▉"][eighths & 7];
}

/** Shows a table: on a terminal in the place of the last one, cut to its size; elsewhere below it. */
export function show(lines: readonly string[]): void {
  if (!stdout.isTTY) {
    console.log(lines.join("\n"));
    return;
  }
  // Home, each line with the rest of it cleared, then what is below; without wrapping, so that long ones are cut.
  const shown = lines.slice(0, stdout.rows - 1).map((line) => `${line}\x1b[K\n`);
  stdout.write(`\x1b[?7l\x1b[H${shown.join("")}\x1b[J\x1b[?7h`);
}
