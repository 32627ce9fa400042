import { Execs } from "./execs.skel.js";

using execs = Execs.attach((opened) => {
  opened.rodata.ignored_pid = process.pid;
});

const ended = new AbortController();
process.once("SIGINT", () => ended.abort());
console.log("Start some programs; Ctrl-C ends this.");

for await (const { pid, comm } of execs.maps.events.records({ signal: ended.signal }))
  console.log(`${pid} is ${comm} now`);

console.table(Object.fromEntries(execs.maps.counts));
if (execs.bss.dropped > 0n) console.log(`${execs.bss.dropped} events found no room`);
