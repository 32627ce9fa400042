import {
  type ElfFile,
  FormatError,
  type LineInfo,
  parseBtf,
  parseBtfExt,
  readElf,
  relocations,
  type Section,
  SHF_EXECINSTR,
  SHT_REL,
  STT_FUNC,
  sectionNamed,
  symbols,
} from "../btf/index.js";

const INSTRUCTION = 8;
const CALL = 0x85;
const LOAD_ADDRESS = 0x18;
const BPF_PSEUDO_CALL = 1;

/** Lines of C by instruction, as the verifier numbers them. */
export interface SourceMap {
  /** The line that an instruction comes from. */
  at(instruction: number): LineInfo | undefined;
  /** The first line from an instruction on, in the same function, that a word is in. */
  mentioning(word: string, instruction: number): LineInfo | undefined;
  /** Lines of the same function that are known, at most `count`, right before a line. */
  before(line: LineInfo, count: number): LineInfo[];
  /** The line of this text, if there is just one. */
  withText(text: string): LineInfo | undefined;
}

/** A function's instructions in its section. */
interface Code {
  readonly section: Section;
  /** Bytes into the section. */
  readonly start: number;
  readonly size: number;
}

/** Reads where a program's instructions come from, by `.BTF.ext`; undefined for an object that does not tell. */
export function sourceMap(object: Uint8Array, program: string): SourceMap | undefined {
  try {
    const elf = readElf(object);
    const [btf, ext] = [sectionNamed(elf, ".BTF"), sectionNamed(elf, ".BTF.ext")];
    if (!btf || !ext) return undefined;
    const { lines } = parseBtfExt(ext.data, parseBtf(btf.data));
    const pieces = codeOf(elf, program);
    const linesOf = ({ section, start, size }: Code): LineInfo[] =>
      lines.filter(
        (line) => line.section === section.name && line.offset >= start && line.offset < start + size,
      );
    const known = pieces.map(linesOf);
    /** The lines of the function that an instruction is in, and its place in the section. */
    const placeOf = (instruction: number): { lines: LineInfo[]; offset: number } | undefined => {
      let left = instruction * INSTRUCTION;
      for (const [i, { start, size }] of pieces.entries()) {
        // What the compiler made for itself is said to be on line 0.
        if (left < size) return { lines: known[i]!.filter(({ line }) => line > 0), offset: start + left };
        left -= size;
      }
      return undefined;
    };
    return {
      at(instruction) {
        const place = placeOf(instruction);
        return place?.lines.findLast(({ offset }) => offset <= place.offset);
      },
      mentioning(word, instruction) {
        const place = placeOf(instruction);
        const pattern = new RegExp(`\\b${word}\\b`);
        return place?.lines.find(({ offset, text }) => offset >= place.offset && pattern.test(text));
      },
      before(line, count) {
        const same = known.find((each) => each.includes(line)) ?? [];
        const found = new Map(
          same.filter((each) => each.file === line.file && each.line > 0).map((each) => [each.line, each]),
        );
        return [...found.values()]
          .filter((each) => each.line < line.line && each.line >= line.line - 6)
          .sort((a, b) => a.line - b.line)
          .slice(-count);
      },
      withText(text) {
        const found = known.flat().filter((line) => line.text.trim() === text);
        const places = new Set(found.map(({ file, line }) => `${file}:${line}`));
        return places.size === 1 ? found[0] : undefined;
      },
    };
  } catch (error) {
    // An error is being explained: that the object is odd, too, is not what it is about.
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/**
 * A program's instructions in the order in which libbpf loads them: its own, then each function that it calls, at
 * the first call of it, and before what that calls in turn.
 */
function codeOf(elf: ElfFile, program: string): Code[] {
  const all = symbols(elf);
  const functions = all.flatMap(({ name, type, section: index, value, size }) => {
    const section = elf.sections[index];
    if (type !== STT_FUNC || !section || !(section.flags & SHF_EXECINSTR)) return [];
    return [{ name, section, start: value, size }];
  });
  const main = functions.find(({ name }) => name === program);
  if (!main) return [];
  const text = sectionNamed(elf, ".text");
  const targets = new Map<number, Map<number, number>>();
  for (const table of elf.sections.filter(({ type }) => type === SHT_REL))
    targets.set(table.info, new Map(relocations(elf, table).map((each) => [each.offset, each.symbol])));

  const pieces: Code[] = [main];
  const append = ({ section, start, size }: Code): void => {
    const { data } = section;
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    for (let at = start; at < start + size && at + INSTRUCTION <= data.length; at += INSTRUCTION) {
      const relocated = targets.get(section.index)?.get(at);
      const symbol = relocated === undefined ? undefined : all[relocated];
      const callee = calleeAt(view, at, symbol && symbol.section === text?.index ? symbol.value : undefined);
      // A call without a relocation stays in its section, a symbol outside of `.text` is no function of the object's.
      if (callee === undefined || !text || (symbol?.section ?? section.index) !== text.index) continue;
      const called = functions.find(
        (each) => each.section === text && callee >= each.start && callee < each.start + each.size,
      );
      if (!called || pieces.includes(called)) continue;
      pieces.push(called);
      append(called);
    }
  };
  append(main);
  return pieces;
}

/** Where in `.text` the function lies that an instruction calls or takes the address of. */
function calleeAt(view: DataView, at: number, symbol: number | undefined): number | undefined {
  const opcode = view.getUint8(at);
  const immediate = view.getInt32(at + 4, true);
  if (opcode === CALL && view.getUint8(at + 1) >> 4 === BPF_PSEUDO_CALL)
    return (symbol ?? at) + (immediate + 1) * INSTRUCTION;
  return opcode === LOAD_ADDRESS && symbol !== undefined ? symbol + immediate : undefined;
}
