// Shows which programs are started, with their arguments: as a live table on a terminal, else as lines.
import { type Exec, Execsnoop } from "./execsnoop.skel.js";

process.on("uncaughtException", ({ message }) => {
  console.error(message);
  process.exit(1);
});
if (process.argv.length > 2) {
  console.error("usage: execsnoop");
  process.exit(2);
}
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

const { isTTY, rows = 24, columns = 100 } = process.stdout;
const HEADER = "TIME     PID     UID    PARENT           COMMAND";
const counts = new Map<string, number>();
let shown: string[] = [];

function line({ pid, uid, parent, args, length, comm }: Exec): string {
  const time = new Date().toTimeString().slice(0, 8);
  // Each argument ends with a NUL. What a terminal would take for orders is shown as dots.
  const text = new TextDecoder().decode(args.subarray(0, length)).replace(/\0/g, " ").trim();
  const command = (text || comm).replace(/\p{Cc}/gu, "·");
  return `${time} ${String(pid).padEnd(7)} ${String(uid).padEnd(6)} ${parent.padEnd(16)} ${command}`;
}

/** The most frequent commands on top, and the latest starts below. */
function draw(): void {
  const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, 5);
  const [, first = 1] = most[0] ?? [];
  const bars = most.map(([comm, count]) => {
    const bar = "█".repeat(Math.ceil((40 * count) / first));
    return `\x1b[36m${comm.padEnd(16)}\x1b[0m ${String(count).padStart(6)} ${bar}`;
  });
  shown = shown.slice(-(rows - bars.length - 4));
  const table = [...bars, "", `\x1b[1m${HEADER}\x1b[0m`, ...shown.map((each) => each.slice(0, columns))];
  process.stdout.write(`\x1b[H\x1b[J${table.join("\n")}\n`); // home, and clear
}

using execsnoop = Execsnoop.attach();
console.log(HEADER);
for await (const batch of execsnoop.maps.execs.batches({ signal: stop.signal })) {
  for (const exec of batch) {
    counts.set(exec.comm, (counts.get(exec.comm) ?? 0) + 1);
    if (isTTY) shown.push(line(exec));
    else console.log(line(exec));
  }
  if (isTTY) draw();
}
const sum = [...counts.values()].reduce((a, b) => a + b, 0);
console.log(`Detached after ${sum} starts of ${counts.size} programs; ${execsnoop.bss.dropped} were missed.`);
