// Shows which programs are started, with their arguments: as a live table on a terminal, else as lines.
import { bar, clock, paint, show, stop, usage } from "../terminal.js";
import { type Exec, Execsnoop } from "./execsnoop.skel.js";

if (process.argv.length > 2) usage("execsnoop");

const HEADER = "TIME     PID     UID    PARENT           COMMAND";
const MOST = 5;
const { stdout } = process;
const counts = new Map<string, number>();
let latest: string[] = [];

function line({ pid, uid, parent, args, length, comm }: Exec): string {
  // Each argument ends with a NUL. What a terminal would take for orders is shown as dots.
  const text = new TextDecoder().decode(args.subarray(0, length)).replace(/\0/g, " ").trim();
  const command = (text || comm).replace(/\p{Cc}/gu, "·");
  const who = `${String(pid).padEnd(7)} ${String(uid).padEnd(6)} ${parent.padEnd(16)}`;
  return `${paint("dim", clock())} ${who} ${paint("green", command)}`;
}

/** The most frequent commands on top, and the latest starts below. */
function draw(): void {
  const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, MOST);
  const [, first = 1] = most[0] ?? [];
  const width = Math.min(40, stdout.columns - 26);
  const bars = most.map(([comm, count]) => {
    return `${comm.padEnd(16)} ${String(count).padStart(7)} ${paint("cyan", bar(count / first, width))}`;
  });
  latest = latest.slice(-Math.max(1, stdout.rows - MOST - 4));
  show([...bars, "", paint("bold", HEADER), ...latest]);
}

using execsnoop = Execsnoop.attach();
if (stdout.isTTY) draw();
else console.log(HEADER);
for await (const batch of execsnoop.maps.execs.batches({ signal: stop })) {
  for (const exec of batch) {
    counts.set(exec.comm, (counts.get(exec.comm) ?? 0) + 1);
    if (stdout.isTTY) latest.push(line(exec));
    else console.log(line(exec));
  }
  if (stdout.isTTY) draw();
}
const sum = [...counts.values()].reduce((a, b) => a + b, 0);
console.log(`Detached after ${sum} starts of ${counts.size} programs; ${execsnoop.bss.dropped} were missed.`);
