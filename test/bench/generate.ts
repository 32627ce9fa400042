/**
 * What generation costs as the object grows: objects of N structs of twelve fields and as many globals, and objects of
 * N MB of code, or of data. `npx tsx test/bench/generate.ts` prints tables, as in GENERATE.md; each size runs in a process of its own, so that its memory is its own.
 */
import { execFileSync } from "node:child_process";
import { argv, execArgv, execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { generate } from "../../generator/index.js";
import { manyStructs } from "../fuzz/assembly.js";
import { ObjectBuilder } from "../unit/generator/object.js";

const SIZES = {
  structs: [10, 30, 100, 300, 1_000, 3_000, 10_000, 16_000],
  code: [1, 5, 10],
  data: [1, 5, 10],
};
const count = Number(argv[2] ?? 0);
const shape = argv[3] ?? "structs";

/** An object with so many MB in one program's section, or in one variable of `.data`. */
function large(megabytes: number, what: string): Uint8Array {
  const size = megabytes * 2 ** 20;
  const b = new ObjectBuilder();
  // Not all the same: what is embedded is not to be compressed away.
  const data = Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
  if (what === "code") {
    b.section("tc", { type: 1, flags: 6, data });
    b.symbol({ name: "large", section: "tc", type: 2, size });
  } else {
    b.section(".data", { type: 1, flags: 3, data });
    b.symbol({ name: "large", section: ".data", size });
    b.dataSection(".data", [[b.variable("large", b.array(b.int("unsigned char", 1), size))]]);
  }
  return b.bytes();
}

if (count > 0) {
  const bytes = shape === "structs" ? manyStructs(count) : large(count, shape);
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
  const self = fileURLToPath(import.meta.url);
  for (const [what, sizes] of Object.entries(SIZES)) {
    const unit = what === "structs" ? "structs" : `MB of ${what}`;
    console.log(`\n| ${unit} | object | skeleton | ms | CPU ms | CPU ms each | RSS before | peak RSS |`);
    console.log("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (const size of sizes)
      console.log(
        execFileSync(execPath, [...execArgv, self, String(size), what], { encoding: "utf8" }).trim(),
      );
  }
}
