/**
 * The long run: `npx tsx test/fuzz/run.ts --inputs 1000000 --seed 1 [--keep FOLDER]`. Prints figures; an input that
 * the generator meets wrongly is written to FOLDER, or the run's seed and its number are printed. Exit status 1 then.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fixture } from "../fixtures/fixtures.js";
import { hotspots, mutated, randomBelow } from "../mutate.js";
import { runtimeErrors, typeErrors } from "./compile.js";
import { type Below, grownTypes, input } from "./grammar.js";
import { outcome } from "./harness.js";
import { violations } from "./proof.js";

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
    keep: { type: "string" },
    /** One accepted text in so many has its syntax tree proved. */
    prove: { type: "string", default: "16" },
    /** One accepted text in so many is loaded, and its codecs run. */
    load: { type: "string", default: "64" },
    /** So many accepted texts are compiled in the end. */
    compile: { type: "string", default: "200" },
  },
});
const inputs = Number(values.inputs);
const [prove, load, compile] = [values.prove, values.load, values.compile].map(Number) as [
  number,
  number,
  number,
];

const originals = ["types", "hostile", "kinds", "kinds.eb", "nobtf", "legacy", "empty"].map((name) => {
  const bytes = fixture(`${name}.bpf.o`);
  return { bytes, ranges: hotspots(bytes) };
});

function next(i: number, below: Below): Uint8Array {
  if (i % 5 === 0) return grownTypes(below);
  if (i % 5 > 1) return input(below);
  const { bytes, ranges } = originals[below(originals.length)]!;
  return mutated(bytes, ranges, below);
}

// Zero is where xorshift stands still.
const below = randomBelow((Number(values.seed) * 2_654_435_761) % 0x7fff_ffff || 1);
const reasons = new Set<string>();
const wrong = new Map<string, number>();
const texts: string[] = [];
let accepted = 0;
let proved = 0;
let loaded = 0;
let slowest = 0;
const start = performance.now();

function report(i: number, bytes: Uint8Array, what: string): void {
  const key = what.slice(0, 300);
  const known = wrong.get(key) ?? 0;
  wrong.set(key, known + 1);
  if (known > 0) return;
  console.log(`input ${i} of seed ${values.seed}: ${what.slice(0, 600)}`);
  if (values.keep) writeFileSync(join(values.keep, `seed-${values.seed}-${i}.bin`), bytes);
}

for (let i = 0; i < inputs; i++) {
  const bytes = next(i, below);
  try {
    const result = outcome(bytes, i % 5 === 0 ? "types" : "skeleton", {
      embed: i % 7 === 0 ? "inline" : "none",
      ...(i % 11 === 0 && { charArrays: "bytes" }),
    });
    slowest = Math.max(slowest, result.ms);
    if (result.ms > 2_000) report(i, bytes, "takes longer than 2 s");
    if (result.text === undefined) {
      reasons.add(result.refusal!.replace(/".*"|\d+/g, "…"));
      continue;
    }
    accepted++;
    if (accepted % prove === 0) {
      proved++;
      for (const violation of violations(result.text)) report(i, bytes, violation);
    }
    if (accepted % load === 0) {
      loaded++;
      for (const error of runtimeErrors(result.text, below)) report(i, bytes, error);
    }
    if (texts.length < compile && accepted % 8 === 0 && result.text.length < 1e5) texts.push(result.text);
  } catch (error) {
    report(i, bytes, (error as Error).stack?.split("\n").slice(0, 5).join(" | ") ?? String(error));
  }
}
const seconds = (performance.now() - start) / 1000;
const peak = process.resourceUsage().maxRSS / 1024;
const errors = typeErrors(texts);
for (const error of errors.slice(0, 40)) console.log(`type error: ${error}`);

console.log(
  `${inputs} inputs of seed ${values.seed} in ${seconds.toFixed(0)} s, ${(inputs / seconds).toFixed(0)} inputs/s`,
);
console.log(`${accepted} accepted, ${inputs - accepted} refused for ${reasons.size} reasons`);
console.log(
  `${proved} syntax trees proved, ${loaded} texts loaded and their codecs run, ${texts.length} compiled`,
);
console.log(`slowest ${slowest.toFixed(0)} ms, peak RSS ${peak.toFixed(0)} MB`);
console.log(`${wrong.size} kinds of wrong, ${errors.length} type errors`);
process.exitCode = wrong.size + errors.length > 0 ? 1 : 0;
