import { expect, it } from "vitest";
import { readObject } from "../../../generator/elf.js";
import { stripDebug } from "../../../generator/strip.js";
import {
  FormatError,
  parseBtf,
  parseBtfExt,
  readElf,
  relocations,
  SHT_REL,
  sectionNamed,
  symbols,
} from "../../../runtime/btf/index.js";
import { fixture } from "../../fixtures/fixtures.js";

const ROUNDS = 3000;
const originals = ["kinds.bpf.o", "kinds.eb.bpf.o"].map(fixture);
const hotspots = originals.map((bytes) => {
  const elf = readElf(bytes);
  const ranges = [".BTF", ".BTF.ext", ".symtab", ".rel.text", ".strtab"].map((name) => {
    const { offset, size } = sectionNamed(elf, name)!;
    return { offset, size };
  });
  const headers = { offset: bytes.length - elf.sections.length * 64, size: elf.sections.length * 64 };
  return [{ offset: 0, size: bytes.length }, { offset: 0, size: 64 }, headers, headers, ...ranges];
});

it("meets mutated objects with FormatError alone, and soon", () => {
  const random = generator(20_260_101);
  const below = (limit: number): number => Math.floor(random() * limit);
  const reasons = new Set<string>();
  let survivors = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = mutate(round % originals.length, below);
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
  const btf = parseBtf(types.data);
  for (const { id } of btf.types) btf.strip(id);
  const ext = sectionNamed(elf, ".BTF.ext");
  if (ext) parseBtfExt(ext.data, btf);
}

/** Changes an original in one to four places, mostly where its structure lies. */
function mutate(which: number, below: (limit: number) => number): Uint8Array {
  let bytes = originals[which]!.slice();
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const range = hotspots[which]![below(hotspots[which]!.length)]!;
    const at = Math.min(range.offset + below(range.size), bytes.length - 8);
    if (at < 0) continue;
    switch (below(6)) {
      case 0:
        bytes[at] = below(256);
        break;
      case 1:
        bytes[at] = bytes[at]! ^ (1 << below(8));
        break;
      case 2:
        bytes.set(
          [
            [0, 0, 0, 0],
            [255, 255, 255, 255],
            [0, 0, 0, 128],
            [255, 255, 255, 127],
          ][below(4)]!,
          at & ~3,
        );
        break;
      case 3:
        bytes.copyWithin(at, below(bytes.length), below(bytes.length));
        break;
      case 4:
        bytes.fill(below(256), at, at + below(32));
        break;
      default:
        if (below(8) === 0) bytes = bytes.slice(0, at);
        else bytes[at & ~3] = (bytes[at & ~3]! + 1) & 0xff;
    }
  }
  return bytes;
}

/** Marsaglia's xorshift: the same numbers in every run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
