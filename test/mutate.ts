import { readElf, sectionNamed } from "../runtime/btf/index.js";

/** Marsaglia's xorshift: the same numbers below a limit in every run. */
export function randomBelow(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 2 ** 32) * limit);
  };
}

interface Range {
  readonly offset: number;
  readonly size: number;
}

/** What a generator reads of an object, most of it in `.BTF`. */
const READ_BY_GENERATOR = [".BTF", ".BTF", ".BTF", ".symtab", ".strtab", ".maps"];

/** The parts of an object where its structure lies: its headers, and sections, some of them more than once. */
export function hotspots(bytes: Uint8Array, names: readonly string[] = READ_BY_GENERATOR): readonly Range[] {
  const elf = readElf(bytes);
  const sections = names.flatMap((name) => sectionNamed(elf, name) ?? []);
  const headers = { offset: bytes.length - elf.sections.length * 64, size: elf.sections.length * 64 };
  return [{ offset: 0, size: 64 }, headers, { offset: 0, size: bytes.length }, ...sections].map(
    ({ offset, size }) => ({ offset, size }),
  );
}

/** A copy, changed in one to four places. */
export function mutated(
  original: Uint8Array,
  ranges: readonly Range[],
  below: (limit: number) => number,
): Uint8Array {
  let bytes = original.slice();
  const words = [0, 1, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const range = ranges[below(ranges.length)]!;
    const at = Math.min(range.offset + below(range.size), bytes.length - 8);
    if (at < 0) return bytes;
    const from = range.offset + below(range.size);
    const view = new DataView(bytes.buffer);
    switch (below(7)) {
      case 0:
        bytes[at] = below(256);
        break;
      case 1:
        bytes[at] = bytes[at]! ^ (1 << below(8));
        break;
      case 2:
        view.setUint32(at & ~3, words[below(words.length)]!, true);
        break;
      case 3:
        view.setUint32(at & ~3, view.getUint32(at & ~3, true) + below(5) - 2, true);
        break;
      case 4:
        // One word where another was: types that point elsewhere, names that are others.
        bytes.copyWithin(at & ~3, from & ~3, (from & ~3) + 4);
        break;
      case 5:
        bytes.copyWithin(at, from, from + below(range.size));
        break;
      default:
        if (below(8) === 0) bytes = bytes.slice(0, at);
        else bytes.fill(below(256), at, at + below(16));
    }
  }
  return bytes;
}
