// Waits for room in a user ring buffer, in this thread or in a worker; nothing else keeps it alive.
import { isMainThread, Worker } from "node:worker_threads";
import { KernelMaps } from "../../fixtures/kernel-maps.skel.js";
import { trigger } from "../child.js";

if (isMainThread && process.argv[2] === "worker")
  new Worker(new URL("worker.mjs", import.meta.url), { execArgv: [], workerData: "submitting" });
else {
  const kernel = KernelMaps.attach(({ programs }) => {
    for (const [name, program] of Object.entries(programs)) program.autoload = name === "take_commands";
  });
  kernel.bss.target = process.pid;
  const { commands } = kernel.maps;
  while (commands.submit({ x: 1, y: 0n }));
  setTimeout(trigger, 200, 1).unref();
  console.log("waits");
  console.log((await commands.submitAsync({ x: 1, y: 0n })) ? "in" : "not in");
}
