// Opens objects, good and damaged, in threads at once, and prints what libbpf says and what errors make of it. It runs on
// machines of several kinds, beside a built runtime; what it prints is the same on all of them.
import { readdirSync, readFileSync } from "node:fs";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { BpfObject, setLogger } from "./runtime/index.js";

const objects = new URL("objects/", import.meta.url);

async function said() {
  const lines = [];
  // Addresses are of one process only.
  const write = (...words) => lines.push(words.join(" ").replace(/\b0x[\da-f]{6,}\b/g, "0x…"));
  setLogger((level, text) => write(level, text));
  for (const file of readdirSync(objects).sort()) {
    const good = readFileSync(new URL(file, objects));
    for (let damage = 0; damage < 6; damage++) {
      const bytes = new Uint8Array(good);
      for (let i = 1; i <= damage; i++)
        bytes.fill(0x7f * i, (bytes.length / 7) * i, (bytes.length / 7) * i + 40);
      write(`${file} ${damage}`);
      try {
        BpfObject.open(bytes, { name: "said" }).close();
      } catch (error) {
        write(`${error.code}: ${error.message}\n${error.log}`);
      }
      // The logger is told when everything else has run.
      await null;
    }
  }
  setLogger(null);
  return lines.join("\n");
}

if (isMainThread) {
  const workers = [1, 2].map(() => new Worker(new URL(import.meta.url)));
  const others = workers.map((worker) => new Promise((resolve) => worker.once("message", resolve)));
  const own = await said();
  for (const each of await Promise.all(others))
    if (each !== own) throw new Error("libbpf said something else in another thread");
  console.log(`${own}\n${own.split("\n").length} lines`);
} else parentPort.postMessage(await said());
