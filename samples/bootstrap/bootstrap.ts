// Prints how processes start and end. The argument is a minimum duration in milliseconds: shorter ones are left out.
import { Bootstrap } from "./bootstrap.skel.js";

process.on("uncaughtException", ({ message }) => {
  console.error(message);
  process.exit(1);
});
const argument = process.argv[2] ?? "0";
if (!/^\d{1,12}$/.test(argument)) {
  console.error("usage: bootstrap [MINIMUM_MILLISECONDS]");
  process.exit(2);
}
const milliseconds = BigInt(argument);
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

using bootstrap = Bootstrap.attach((opened) => {
  opened.rodata.min_duration_ns = milliseconds * 1_000_000n;
});

console.log("TIME     EVENT COMM             PID     PPID    FILENAME/EXIT CODE");
for await (const event of bootstrap.maps.rb.records({ signal: stop.signal })) {
  const time = new Date().toTimeString().slice(0, 8);
  const kind = event.exit_event ? "EXIT" : "EXEC";
  const pids = `${String(event.pid).padEnd(7)} ${String(event.ppid).padEnd(7)}`;
  const took = event.duration_ns > 0n ? ` (${event.duration_ns / 1_000_000n}ms)` : "";
  const what = event.exit_event ? `[${event.exit_code}]${took}` : event.filename;
  console.log(`${time} ${kind.padEnd(5)} ${event.comm.padEnd(16)} ${pids} ${what}`);
}
console.log(`Detached. ${bootstrap.bss.dropped} events found the ring buffer full.`);
