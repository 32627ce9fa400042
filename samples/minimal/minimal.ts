// Counts the writes of this very process: the smallest program there is.
import { setTimeout } from "node:timers/promises";
import { Minimal } from "./minimal.skel.js";

using minimal = Minimal.attach((opened) => {
  opened.rodata.my_pid = process.pid;
});

for (let second = 1; second <= 5; second++) {
  console.log(`The kernel has seen ${minimal.bss.writes} writes of process ${process.pid}.`);
  await setTimeout(1000);
}
