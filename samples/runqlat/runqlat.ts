// Draws how long tasks that could run had to wait for a CPU, every second.
import { bar, everySecond, paint, show, usage } from "../terminal.js";
import { Runqlat } from "./runqlat.skel.js";

const [argument = "0", ...rest] = process.argv.slice(2);
if (!/^\d{1,9}$/.test(argument) || rest.length > 0) usage("runqlat [PID]");

using runqlat = Runqlat.attach((opened) => {
  opened.rodata.only_pid = Number(argument);
});

const HEADER = "      WAIT              COUNT";
const limit = (us: number): string =>
  us < 2 ** 10 ? `${us} µs` : us < 2 ** 20 ? `${us >> 10} ms` : `${us >> 20} s`;

/** The histogram from the first to the last slot that has counted something. */
function histogram(): string[] {
  // Memory that BPF programs write: a copy, so that all bars are of one moment.
  const counts = Array.from(runqlat.bss.waits, Number);
  const most = Math.max(...counts);
  const first = counts.findIndex((count) => count > 0);
  if (first === -1) return ["  nobody has waited yet"];
  const last = counts.findLastIndex((count) => count > 0);
  const width = Math.max(10, Math.min(50, (process.stdout.columns ?? 80) - 29));
  return counts.slice(first, last + 1).map((count, index) => {
    const slot = first + index;
    const from = (slot === 0 ? "0 µs" : limit(2 ** slot)).padStart(7);
    const to = limit(2 ** (slot + 1)).padEnd(7);
    // Long waits are what one looks for.
    const colour = slot < 10 ? "green" : slot < 14 ? "yellow" : "red";
    return `${from} … ${to} ${String(count).padStart(9)} ${paint(colour, bar(count / most, width))}`;
  });
}

const whose = argument === "0" ? "all processes" : `process ${argument}`;
for await (const time of everySecond())
  show([`Waits for a CPU of ${whose} at ${time}; Ctrl-C ends it`, paint("bold", HEADER), ...histogram()]);
console.log("Detached.");
