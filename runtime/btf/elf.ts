import { ByteReader, FormatError, quote, StringTable } from "./reader.js";

/** `e_machine` of BPF, the only one read here. */
export const EM_BPF = 247;

/** `sh_type` values. */
export const SHT_NULL = 0;
export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
export const SHT_GROUP = 17;
export const SHT_SYMTAB_SHNDX = 18;
export const SHT_LLVM_ADDRSIG = 0x6fff_4c03;

/** `sh_flags` bits. */
export const SHF_WRITE = 0x1n;
export const SHF_ALLOC = 0x2n;
export const SHF_EXECINSTR = 0x4n;
export const SHF_INFO_LINK = 0x40n;
export const SHF_GROUP = 0x200n;

/** `st_shndx` values that are not the index of a section. */
export const SHN_UNDEF = 0;
export const SHN_LORESERVE = 0xff00;
export const SHN_ABS = 0xfff1;
export const SHN_COMMON = 0xfff2;
export const SHN_XINDEX = 0xffff;

/** Symbol types. */
export const STT_NOTYPE = 0;
export const STT_OBJECT = 1;
export const STT_FUNC = 2;
export const STT_SECTION = 3;
export const STT_FILE = 4;

/** Symbol bindings. */
export const STB_LOCAL = 0;
export const STB_GLOBAL = 1;
export const STB_WEAK = 2;

/** Symbol visibilities. */
export const STV_DEFAULT = 0;
export const STV_INTERNAL = 1;
export const STV_HIDDEN = 2;
export const STV_PROTECTED = 3;

/** Sizes of the ELF64 records. */
export const EHDR_SIZE = 64;
export const SHDR_SIZE = 64;
export const SYM_SIZE = 24;
export const REL_SIZE = 16;
export const RELA_SIZE = 24;

/** A section: its header's fields, its name and its bytes. */
export interface Section {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: bigint;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly addralign: number;
  readonly entsize: number;
  /** A view of the file; empty for SHT_NOBITS, whose `size` takes no room in it. */
  readonly data: Uint8Array;
}

/** A BPF object: little or big endian, its sections in file order, section 0 being ELF's empty one. */
export interface ElfFile {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  readonly machine: number;
  readonly sections: readonly Section[];
}

/** A symbol; `section` is an index of a section or one of SHN_UNDEF, SHN_ABS, SHN_COMMON. */
export interface ElfSymbol {
  readonly name: string;
  readonly value: number;
  readonly size: number;
  readonly type: number;
  readonly binding: number;
  readonly visibility: number;
  readonly section: number;
}

/** A relocation: `offset` is inside the section it applies to, `symbol` an index into `symbols(elf)`. */
export interface Relocation {
  readonly offset: number;
  readonly type: number;
  readonly symbol: number;
}

const ARCHITECTURES: Readonly<Record<number, string>> = {
  3: "x86",
  8: "MIPS",
  20: "PowerPC",
  21: "PowerPC64",
  22: "S/390",
  40: "Arm",
  62: "x86-64",
  183: "AArch64",
  243: "RISC-V",
  258: "LoongArch",
};

/** Reads header and sections of a compiled BPF object: ELF64, relocatable, machine BPF, of either endianness. */
export function readElf(bytes: Uint8Array): ElfFile {
  const reader = openHeader(bytes);
  const tableAt = reader.offset(40);
  const count = reader.u16(60);
  const namesIndex = reader.u16(62);
  if (reader.u16(58) !== SHDR_SIZE)
    throw new FormatError(reader.where, "section headers are not 64 bytes each");
  if (count === 0 || count >= SHN_LORESERVE)
    throw new FormatError(
      reader.where,
      tableAt === 0 ? "has no sections" : "more sections than a BPF object has",
    );
  if (tableAt + count * SHDR_SIZE > bytes.length)
    throw new FormatError(
      reader.where,
      `truncated: ${count} section headers at ${tableAt} of ${bytes.length} bytes`,
    );
  if (namesIndex === 0 || namesIndex >= count)
    throw new FormatError(reader.where, `section names in section ${namesIndex} of ${count}`);
  const names = readSection(reader, tableAt, namesIndex);
  if (names.type !== SHT_STRTAB) throw new FormatError(reader.where, "section names are not a string table");

  const table = new StringTable(names.data);
  const sections: Section[] = [];
  let room = bytes.length;
  let nameRoom = bytes.length;
  for (let index = 0; index < count; index++) {
    const section = readSection(reader, tableAt, index, table);
    room -= section.data.length;
    nameRoom -= section.name.length;
    if (index === 0 && section.type !== SHT_NULL) throw new FormatError(reader.where, "is not the empty one");
    if (room < 0) throw new FormatError(reader.where, "sections overlap: together they exceed the file");
    if (nameRoom < 0) throw new FormatError(reader.where, "names of the sections together exceed the file");
    sections.push(section);
  }
  return { bytes, littleEndian: reader.littleEndian, machine: EM_BPF, sections };
}

/** Checks the 16-byte identification and what kind of file it is, saying of each refusal what the file is instead. */
function openHeader(bytes: Uint8Array): ByteReader {
  const where = "ELF header";
  const refuse = (what: string): FormatError => new FormatError(where, what);
  if (bytes.length < 4 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46)
    throw refuse("not an ELF file");
  if (bytes.length < EHDR_SIZE) throw refuse(`truncated: ${bytes.length} of ${EHDR_SIZE} bytes`);
  if (bytes[4] !== 2)
    throw refuse(bytes[4] === 1 ? "a 32-bit ELF file; BPF objects are 64-bit" : "neither 32- nor 64-bit");
  if (bytes[5] !== 1 && bytes[5] !== 2) throw refuse("neither little- nor big-endian");
  const reader = new ByteReader(bytes, bytes[5] === 1, where);
  const machine = reader.u16(18);
  if (machine !== EM_BPF)
    throw refuse(
      `made for ${ARCHITECTURES[machine] ?? `machine ${machine}`}, not for BPF — compile with clang -target bpf`,
    );
  const type = reader.u16(16);
  if (type !== 1) throw refuse(`not a relocatable object (type ${type}) — compile with clang -c`);
  return reader;
}

function readSection(reader: ByteReader, tableAt: number, index: number, names?: StringTable): Section {
  const at = tableAt + index * SHDR_SIZE;
  reader.where = `section ${index}`;
  const name = names?.at(reader.u32(at), reader.where) ?? "";
  if (name !== "") reader.where += ` ${quote(name)}`;
  const type = reader.u32(at + 4);
  const offset = reader.offset(at + 24);
  const size = reader.offset(at + 32);
  const empty = type === SHT_NULL || type === SHT_NOBITS;
  if (size > 2 ** 32) throw new FormatError(reader.where, `absurd size ${size}`);
  if (!empty && offset + size > reader.length)
    throw new FormatError(reader.where, `truncated: ${size} bytes at ${offset} of ${reader.length}`);
  return {
    index,
    name,
    type,
    flags: reader.u64(at + 8),
    offset,
    size,
    link: reader.u32(at + 40),
    info: reader.u32(at + 44),
    addralign: reader.offset(at + 48),
    entsize: reader.offset(at + 56),
    data: empty ? reader.bytes(0, 0) : reader.bytes(offset, size),
  };
}

/** The first section of that name. */
export function sectionNamed(elf: ElfFile, name: string): Section | undefined {
  return elf.sections.find((section) => section.name === name);
}

/** Where the section headers start. */
export function sectionTableOffset(elf: ElfFile): number {
  return new ByteReader(elf.bytes, elf.littleEndian, "ELF header").offset(40);
}

/** The index of the string table with the names of the sections. */
export function sectionNamesIndex(elf: ElfFile): number {
  return new ByteReader(elf.bytes, elf.littleEndian, "ELF header").u16(62);
}

/** How a section is called in errors. */
export function sectionLabel(section: Section): string {
  return `section ${section.index} ${quote(section.name)}`;
}

/** The only section of type SHT_SYMTAB, if there is one. */
export function symbolTable(elf: ElfFile): Section | undefined {
  const [table, second] = elf.sections.filter((section) => section.type === SHT_SYMTAB);
  if (second) throw new FormatError(sectionLabel(second), "a second symbol table");
  return table;
}

/** More symbols than these are no compiler's. */
const MAX_SYMBOLS = 2 ** 18;

/** The symbols by index, starting with ELF's empty one; none at all in an object without a symbol table. */
export function symbols(elf: ElfFile): ElfSymbol[] {
  const table = symbolTable(elf);
  if (!table) return [];
  const where = sectionLabel(table);
  const count = recordCount(table, SYM_SIZE);
  if (count > MAX_SYMBOLS) throw new FormatError(where, `absurdly many symbols: ${count}`);
  const strings = elf.sections[table.link];
  if (strings?.type !== SHT_STRTAB) throw new FormatError(where, `no string table in section ${table.link}`);
  const names = new StringTable(strings.data);
  const reader = new ByteReader(table.data, elf.littleEndian, where);
  const found: ElfSymbol[] = [];
  for (let index = 0; index < count; index++) {
    const at = index * SYM_SIZE;
    reader.where = `symbol ${index}`;
    const name = names.at(reader.u32(at), reader.where);
    const info = reader.u8(at + 4);
    const section = reader.u16(at + 6);
    if (section < SHN_LORESERVE ? section >= elf.sections.length : section === SHN_XINDEX)
      throw new FormatError(
        `symbol ${index} ${quote(name)}`,
        `in section ${section} of ${elf.sections.length}`,
      );
    found.push({
      name,
      value: reader.offset(at + 8),
      size: reader.offset(at + 16),
      type: info & 0xf,
      binding: info >> 4,
      visibility: reader.u8(at + 5) & 0x3,
      section,
    });
  }
  return found;
}

/** The relocations of a section of type SHT_REL or SHT_RELA, in file order. */
export function relocations(elf: ElfFile, section: Section): Relocation[] {
  const where = sectionLabel(section);
  const stride = section.type === SHT_REL ? REL_SIZE : RELA_SIZE;
  if (stride === RELA_SIZE && section.type !== SHT_RELA)
    throw new FormatError(where, "does not hold relocations");
  const count = recordCount(section, stride);
  const target = elf.sections[section.info];
  const table = symbolTable(elf);
  if (!target || section.info === 0)
    throw new FormatError(where, `applies to section ${section.info}, which is missing`);
  if (!table || section.link !== table.index)
    throw new FormatError(where, "is not linked to the symbol table");
  const symbolCount = recordCount(table, SYM_SIZE);
  const reader = new ByteReader(section.data, elf.littleEndian, where);
  const found: Relocation[] = [];
  for (let at = 0; at < count * stride; at += stride) {
    const offset = reader.offset(at);
    const type = reader.u32(relocationTypeAt(elf, at));
    const symbol = reader.u32(relocationSymbolAt(elf, at));
    if (offset >= target.size)
      throw new FormatError(where, `relocates byte ${offset} of ${target.size} of ${quote(target.name)}`);
    if (symbol >= symbolCount) throw new FormatError(where, `refers to symbol ${symbol} of ${symbolCount}`);
    found.push({ offset, type, symbol });
  }
  return found;
}

/** Where the symbol index of the relocation record at `at` lies: `r_info`'s upper half, in the file's byte order. */
export function relocationSymbolAt(elf: ElfFile, at: number): number {
  return elf.littleEndian ? at + 12 : at + 8;
}

function relocationTypeAt(elf: ElfFile, at: number): number {
  return elf.littleEndian ? at + 8 : at + 12;
}

function recordCount(section: Section, size: number): number {
  if (section.entsize !== size || section.data.length % size !== 0)
    throw new FormatError(sectionLabel(section), `is not a table of ${size}-byte records`);
  return section.data.length / size;
}
