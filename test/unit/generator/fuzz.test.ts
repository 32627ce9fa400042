import { expect, it } from "vitest";
import { GenerateError, generate } from "../../../generator/index.js";
import { fixture } from "../../fixtures/fixtures.js";
import { hotspots, mutated, randomBelow } from "../../mutate.js";
import { syntaxErrors } from "./syntax.js";

const ROUNDS = 2_000;
const originals = ["types", "hostile", "kinds", "kinds.eb", "nobtf", "legacy", "empty"].map((name) => {
  const bytes = fixture(`${name}.bpf.o`);
  return { bytes, ranges: hotspots(bytes) };
});

it("meets mutated objects with GenerateError alone, and soon, and writes TypeScript", () => {
  const below = randomBelow(20_260_202);
  const reasons = new Set<string>();
  let accepted = 0;
  let slowest = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const { bytes, ranges } = originals[below(3) === 0 ? below(originals.length) : below(2)]!;
    const changed = mutated(bytes, ranges, below);
    const start = performance.now();
    let text = "";
    try {
      ({ text } = generate(changed, { file: "o.bpf.o", embed: round % 8 === 0 ? "inline" : "none" }));
      accepted++;
    } catch (error) {
      if (!(error instanceof GenerateError)) throw new Error(`round ${round}`, { cause: error });
      if (error.code === "ERR_BPF_OBJECT") expect(error.message, `round ${round}`).toMatch(/ — \S/);
      reasons.add(error.message.replace(/".*"|\d+/g, "…"));
    }
    slowest = Math.max(slowest, performance.now() - start);
    expect(syntaxErrors(text), `round ${round}`).toEqual([]);
  }
  expect(slowest).toBeLessThan(2_000);
  // Or the mutations would not reach what they are meant to test.
  expect(accepted).toBeGreaterThan(ROUNDS / 10);
  expect(reasons.size).toBeGreaterThan(30);
}, 120_000);
