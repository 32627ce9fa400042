/**
 * What generation costs as the object grows: objects of N structs of twelve fields and as many globals.
 * `npx tsx test/bench/generate.ts` prints a table; each size runs in a process of its own, so that its memory is its own.
 */
import { execFileSync } from "node:child_process";
import { argv, execArgv, execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { generate } from "../../generator/index.js";
import { manyStructs } from "../fuzz/assembly.js";

const SIZES = [10, 30, 100, 300, 1_000, 3_000, 10_000];
const count = Number(argv[2] ?? 0);

if (count > 0) {
  const bytes = manyStructs(count);
  // What is measured is the work, not the loading of the code; still, each size's first run is what a user sees.
  generate(manyStructs(10), { file: "warm.bpf.o" });
  const rss = process.memoryUsage.rss();
  const start = performance.now();
  const cpu = process.cpuUsage();
  const { text } = generate(bytes, { file: "many.bpf.o" });
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  const cpuMs = (user + system) / 1000;
  const peak = process.resourceUsage().maxRSS / 1024;
  const row = [
    count,
    `${(bytes.length / 1024).toFixed(0)} kB`,
    `${(text.length / 1024).toFixed(0)} kB`,
    ms.toFixed(0),
    // The collector of garbage and the compiler have threads of their own, so this may be the larger one.
    cpuMs.toFixed(0),
    (cpuMs / count).toFixed(3),
    `${(rss / 2 ** 20).toFixed(0)} MB`,
    `${peak.toFixed(0)} MB`,
  ];
  console.log(`| ${row.join(" | ")} |`);
} else {
  console.log("| structs | object | skeleton | ms | CPU ms | CPU ms/struct | RSS before | peak RSS |");
  console.log("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
  const self = fileURLToPath(import.meta.url);
  for (const size of SIZES)
    console.log(execFileSync(execPath, [...execArgv, self, String(size)], { encoding: "utf8" }).trim());
}
