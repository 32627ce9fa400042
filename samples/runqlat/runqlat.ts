// Draws how long tasks that could run had to wait for a CPU, every second.
import { setTimeout } from "node:timers/promises";
import { Runqlat } from "./runqlat.skel.js";

process.on("uncaughtException", ({ message }) => {
  console.error(message);
  process.exit(1);
});
const [argument = "0", ...rest] = process.argv.slice(2);
if (!/^\d{1,9}$/.test(argument) || rest.length > 0) {
  console.error("usage: runqlat [PID]");
  process.exit(2);
}
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

using runqlat = Runqlat.attach((opened) => {
  opened.rodata.only_pid = Number(argument);
});

const BAR = 50;
const time = (us: number): string =>
  us < 2 ** 10 ? `${us} µs` : us < 2 ** 20 ? `${us >> 10} ms` : `${us >> 20} s`;

/** The histogram from the first to the last slot that has counted something. */
function histogram(): string[] {
  // Memory that BPF programs write: a copy, so that all bars are of one moment.
  const counts = Array.from(runqlat.bss.waits, Number);
  const most = Math.max(...counts);
  const first = counts.findIndex((count) => count > 0);
  const last = counts.findLastIndex((count) => count > 0);
  return counts.slice(Math.max(first, 0), last + 1).map((count, index) => {
    const slot = index + Math.max(first, 0);
    const range = `${(slot === 0 ? "0 µs" : time(2 ** slot)).padStart(7)} … ${time(2 ** (slot + 1)).padEnd(7)}`;
    // Eighths of a character, as many as it takes.
    const eighths = Math.round((8 * BAR * count) / most);
    const bar = "█".repeat(eighths >> 3) + ["", ..."▏▎▍▌▋▊▉"][eighths & 7];
    // Long waits are what one looks for.
    const colour = !process.stdout.isTTY ? "" : slot < 10 ? "\x1b[32m" : slot < 14 ? "\x1b[33m" : "\x1b[31m";
    return `${range} ${String(count).padStart(9)} ${colour}${bar}${colour && "\x1b[0m"}`;
  });
}

while (!stop.signal.aborted) {
  await setTimeout(1000, undefined, { signal: stop.signal }).catch(() => undefined);
  if (process.stdout.isTTY) process.stdout.write("\x1b[H\x1b[J"); // home, and clear
  const whose = argument === "0" ? "all processes" : `process ${argument}`;
  console.log(`Waits for a CPU of ${whose} at ${new Date().toTimeString().slice(0, 8)}; Ctrl-C ends it`);
  console.log(["      WAIT              COUNT", ...histogram()].join("\n"));
}
console.log("Detached.");
