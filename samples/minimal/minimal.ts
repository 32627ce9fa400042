// Has the kernel count what this very process writes, and shows it.
import { everySecond, paint, usage } from "../terminal.js";
import { Minimal } from "./minimal.skel.js";

if (process.argv.length > 2) usage("minimal");

using minimal = Minimal.attach((opened) => {
  opened.rodata.my_pid = process.pid;
});

console.log(`Attached. The kernel now counts what process ${process.pid} writes; Ctrl-C ends it.`);
console.log("Each is a line of /sys/kernel/tracing/trace_pipe, too. Node itself writes to wake its threads.");
for await (const time of everySecond())
  console.log(`${time}  ${paint("cyan", String(minimal.bss.writes))} writes so far`);
console.log(`Detached after ${minimal.bss.writes} writes.`);
