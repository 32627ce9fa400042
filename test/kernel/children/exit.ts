// Attaches, waits for records, and ends in the way that is asked for.
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { Kernel } from "../../fixtures/kernel.skel.js";
import { KernelRefused } from "../../fixtures/kernel-refused.skel.js";
import { only, trigger } from "../child.js";

const [how, name] = process.argv.slice(2) as [string, string];

async function iterate(): Promise<number> {
  using kernel = Kernel.attach(only("emit", "by_raw"), { name });
  kernel.bss.target = process.pid;
  let count = 0;
  const sending = setInterval(trigger, 1, 1);
  for await (const _ of kernel.maps.records) {
    if (++count === 20) {
      if (isMainThread) console.log("iterating");
      else parentPort!.postMessage("iterating");
      if (how === "exit") process.exit(7);
      if (how === "throw") throw new Error("out of the loop");
      if (how === "timer")
        setTimeout(() => {
          throw new Error("out of a timer");
        });
      if (how === "abort") process.abort();
    }
    if (how.endsWith("end") && count === 40) break;
  }
  clearInterval(sending);
  return count;
}

if (isMainThread && how.startsWith("worker")) {
  const worker = new Worker(new URL("worker.mjs", import.meta.url), {
    ...{ argv: [how, name], execArgv: [], workerData: "exit" },
  });
  let inside = 0;
  worker.on("message", async (message) => {
    if (message !== "iterating") {
      inside = message;
      return;
    }
    if (how === "worker-terminate") {
      await worker.terminate();
      // What libbpf is asked to say must not go to the thread that is gone.
      for (let i = 0; i < 3; i++) {
        try {
          KernelRefused.load(undefined, { name: "after" });
        } catch (error) {
          console.log((error as { program?: string }).program);
        }
      }
      console.log(`after: ${await iterateHere()}`);
    }
    if (how === "worker-exit") process.exit(9);
    if (how === "worker-both-end") console.log(`main: ${await iterateHere()}`);
  });
  worker.on("exit", () => console.log(`worker ended: ${inside}`));
} else {
  const count = await iterate();
  if (!isMainThread) parentPort!.postMessage(count);
  else console.log(`ended: ${count}`);
}

async function iterateHere(): Promise<number> {
  using kernel = Kernel.attach(only("emit"));
  kernel.bss.target = process.pid;
  let count = 0;
  const sending = setInterval(trigger, 1, 1);
  for await (const _ of kernel.maps.records) if (++count === 20) break;
  clearInterval(sending);
  return count;
}
