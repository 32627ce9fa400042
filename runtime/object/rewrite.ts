import {
  type ElfFile,
  REL_SIZE,
  type Section,
  SHDR_SIZE,
  SHT_PROGBITS,
  SHT_REL,
  sectionNamesIndex,
  sectionTableOffset,
  symbolTable,
} from "../btf/index.js";

const R_BPF_64_ABS64 = 2;

/** A section with other contents: its bytes, and the symbols that its places refer to, by their numbers. */
export interface NewSection {
  readonly section: Section;
  readonly bytes: Uint8Array;
  readonly references: ReadonlyMap<number, number>;
}

/**
 * An object with other contents in some of its sections. Sections keep their sizes and places; new tables of
 * relocations and of sections are put behind the rest of the file.
 */
export function rewriteSections(elf: ElfFile, changes: readonly NewSection[]): Uint8Array {
  const table = sectionTableOffset(elf);
  const headers = elf.sections.map(({ index }) =>
    elf.bytes.slice(table + index * SHDR_SIZE, table + (index + 1) * SHDR_SIZE),
  );
  const namesSection = elf.sections[sectionNamesIndex(elf)]!;
  const names = { section: namesSection, bytes: Buffer.from(namesSection.data) };
  const file: Uint8Array[] = [elf.bytes.slice()];
  let end = elf.bytes.length;
  const append = (bytes: Uint8Array): number => {
    const at = Math.ceil(end / 8) * 8;
    file.push(new Uint8Array(at - end), bytes);
    end = at + bytes.length;
    return at;
  };
  const field = (bytes: Uint8Array): DataView =>
    new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { littleEndian } = elf;

  for (const { section, bytes, references } of changes) {
    file[0]!.set(bytes, section.offset);
    // What the places refer to until now, to be ignored: libbpf skips sections that it does not know.
    for (const old of elf.sections)
      if (old.type === SHT_REL && old.info === section.index)
        field(headers[old.index]!).setUint32(4, SHT_PROGBITS, littleEndian);
    if (references.size === 0) continue;
    let name = names.bytes.indexOf(`.rel${section.name}\0`);
    if (name === -1) {
      name = names.bytes.length;
      names.bytes = Buffer.concat([names.bytes, Buffer.from(`.rel${section.name}\0`)]);
    }
    const relocations = new Uint8Array(references.size * REL_SIZE);
    [...references].forEach(([at, symbol], i) => {
      const record = field(relocations.subarray(i * REL_SIZE));
      record.setBigUint64(0, BigInt(at), littleEndian);
      record.setBigUint64(8, (BigInt(symbol) << 32n) | BigInt(R_BPF_64_ABS64), littleEndian);
    });
    const made = new Uint8Array(SHDR_SIZE);
    const to = field(made);
    to.setUint32(0, name, littleEndian);
    to.setUint32(4, SHT_REL, littleEndian);
    to.setBigUint64(24, BigInt(append(relocations)), littleEndian);
    to.setBigUint64(32, BigInt(relocations.length), littleEndian);
    to.setUint32(40, symbolTable(elf)?.index ?? 0, littleEndian);
    to.setUint32(44, section.index, littleEndian);
    to.setBigUint64(48, 8n, littleEndian);
    to.setBigUint64(56, BigInt(REL_SIZE), littleEndian);
    headers.push(made);
  }

  if (names.bytes.length > names.section.size) {
    const to = field(headers[names.section.index]!);
    to.setBigUint64(24, BigInt(append(names.bytes)), littleEndian);
    to.setBigUint64(32, BigInt(names.bytes.length), littleEndian);
  }
  const start = field(file[0]!);
  start.setBigUint64(40, BigInt(append(join(headers))), littleEndian);
  start.setUint16(60, headers.length, littleEndian);
  return join(file);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
