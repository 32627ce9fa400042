// Has the kernel count what this very process writes, and shows it.
import { setTimeout } from "node:timers/promises";
import { Minimal } from "./minimal.skel.js";

process.on("uncaughtException", ({ message }) => {
  console.error(message);
  process.exit(1);
});
if (process.argv.length > 2) {
  console.error("usage: minimal");
  process.exit(2);
}
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

using minimal = Minimal.attach((opened) => {
  opened.rodata.my_pid = process.pid;
});

console.log(`Attached. The kernel now counts what process ${process.pid} writes; Ctrl-C ends it.`);
console.log("Each is a line of /sys/kernel/tracing/trace_pipe, too. Node itself writes to wake its threads.");
while (!stop.signal.aborted) {
  console.log(`${new Date().toTimeString().slice(0, 8)}  ${minimal.bss.writes} writes so far`);
  await setTimeout(1000, undefined, { signal: stop.signal }).catch(() => undefined);
}
console.log(`Detached after ${minimal.bss.writes} writes.`);
