import { expect, it } from "vitest";
import { readObject } from "../../../generator/elf.js";
import { stripDebug } from "../../../generator/strip.js";
import {
  FormatError,
  LazyBtf,
  parseBtf,
  parseBtfExt,
  readElf,
  relocations,
  SHT_REL,
  sectionNamed,
  symbols,
} from "../../../runtime/btf/index.js";
import { fixture } from "../../fixtures/fixtures.js";
import { hotspots, mutated, randomBelow } from "../../mutate.js";

const ROUNDS = 3000;
const originals = ["kinds.bpf.o", "kinds.eb.bpf.o"].map(fixture);
const sections = [".BTF", ".BTF.ext", ".symtab", ".rel.text", ".strtab"];
const ranges = originals.map((bytes) => hotspots(bytes, sections));

it("meets mutated objects with FormatError alone, and soon", () => {
  const below = randomBelow(20_260_101);
  const reasons = new Set<string>();
  let survivors = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const which = round % originals.length;
    const bytes = mutated(originals[which]!, ranges[which]!, below);
    const start = performance.now();
    try {
      readAll(bytes);
      survivors++;
    } catch (error) {
      if (!(error instanceof FormatError)) throw new Error(`round ${round}`, { cause: error });
      reasons.add(error.message.replace(/".*"|\d+/g, "…"));
    }
    expect(performance.now() - start, `round ${round}`).toBeLessThan(1000);
  }
  // Or the mutations would not reach what they are meant to test.
  expect(survivors).toBeGreaterThan(ROUNDS / 10);
  expect(reasons.size).toBeGreaterThan(30);
});

/** Everything a reader of objects does; what strips must strip to itself. */
function readAll(bytes: Uint8Array): void {
  const elf = readObject(bytes);
  symbols(elf);
  for (const section of elf.sections) if (section.type === SHT_REL) relocations(elf, section);
  const stripped = stripDebug(elf);
  expect(Buffer.compare(stripDebug(readElf(stripped)), stripped)).toBe(0);
  const types = sectionNamed(elf, ".BTF");
  if (!types) return;
  const lazy = new LazyBtf(types.data);
  const functions = lazy.functions(() => true).map(({ id }) => lazy.strip(id));
  const btf = parseBtf(types.data);
  expect(functions).toEqual(btf.types.filter(({ kind }) => kind === "func"));
  for (const { id } of btf.types) btf.strip(id);
  const ext = sectionNamed(elf, ".BTF.ext");
  if (ext) parseBtfExt(ext.data, btf);
}
