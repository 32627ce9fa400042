import {
  EHDR_SIZE,
  type ElfFile,
  REL_SIZE,
  RELA_SIZE,
  relocationSymbolAt,
  relocations,
  type Section,
  SHDR_SIZE,
  SHF_ALLOC,
  SHF_GROUP,
  SHF_INFO_LINK,
  SHN_LORESERVE,
  SHT_GROUP,
  SHT_LLVM_ADDRSIG,
  SHT_NOBITS,
  SHT_NULL,
  SHT_PROGBITS,
  SHT_REL,
  SHT_RELA,
  SHT_SYMTAB_SHNDX,
  SYM_SIZE,
  sectionLabel,
  sectionNamesIndex,
  sectionTableOffset,
  symbols,
  symbolTable,
} from "../runtime/btf/elf.js";
import { FormatError } from "../runtime/btf/reader.js";

/**
 * Rewrites an object without DWARF and the lists that only a linker reads, in a layout of its own: the same object
 * gives the same bytes, and stripping twice changes nothing.
 *
 * Dropped are `.debug_*`, relocations of dropped sections, symbols in dropped sections, `.llvm_addrsig`, section
 * groups and inactive sections. The rest keeps its order and contents but for the indexes in it, and string tables hold only names in use.
 */
export function stripDebug(elf: ElfFile): Uint8Array {
  const kept = elf.sections.filter((section) => !isDropped(section, elf));
  const newSection = renumbering(kept.map((section) => section.index));
  const names = new Map<number, NameTable>();
  const namesOf = (index: number): NameTable => {
    const table = names.get(index) ?? new NameTable(elf.sections[index]!.data);
    names.set(index, table);
    return table;
  };

  const tableAt = sectionTableOffset(elf);
  const header = view(elf.bytes);
  const sectionNames = kept.map(({ index }) =>
    index === 0
      ? 0
      : namesOf(sectionNamesIndex(elf)).add(header.getUint32(tableAt + index * SHDR_SIZE, elf.littleEndian)),
  );

  const contents = new Map<Section, Uint8Array>();
  const symtab = symbolTable(elf);
  const keptSymbols = symbols(elf).flatMap(({ section }, index) =>
    section >= SHN_LORESERVE || newSection.has(section) ? [index] : [],
  );
  const newSymbol = renumbering(keptSymbols);
  if (symtab) contents.set(symtab, symbolRecords(elf, symtab, keptSymbols, newSection, namesOf(symtab.link)));
  for (const section of kept)
    if (isRelocations(section)) contents.set(section, relocationRecords(elf, section, newSymbol));
  for (const [index, table] of names) contents.set(elf.sections[index]!, table.bytes());

  const globalsAt = keptSymbols.filter((index) => index < (symtab?.info ?? 0)).length;
  return layOut(
    elf,
    kept.map((section, index) => ({
      section,
      name: sectionNames[index]!,
      data: contents.get(section) ?? section.data,
      link: section.link === 0 ? 0 : indexIn(newSection, "section", section.link, section),
      info: pointsToSection(section)
        ? indexIn(newSection, "section", section.info, section)
        : section === symtab
          ? globalsAt
          : section.info,
    })),
    newSection.get(sectionNamesIndex(elf))!,
  );
}

function isDropped(section: Section, elf: ElfFile): boolean {
  switch (section.type) {
    case SHT_NULL:
      return section.index !== 0;
    case SHT_PROGBITS:
      return section.name.startsWith(".debug_") && (section.flags & SHF_ALLOC) === 0n;
    case SHT_REL:
    case SHT_RELA: {
      const target = elf.sections[section.info];
      return target !== undefined && !isRelocations(target) && isDropped(target, elf);
    }
    default:
      return [SHT_LLVM_ADDRSIG, SHT_GROUP, SHT_SYMTAB_SHNDX].includes(section.type);
  }
}

function isRelocations({ type }: Section): boolean {
  return type === SHT_REL || type === SHT_RELA;
}

function pointsToSection(section: Section): boolean {
  return isRelocations(section) || (section.flags & SHF_INFO_LINK) !== 0n;
}

/** From the old index to the new one of what is kept. */
function renumbering(kept: readonly number[]): Map<number, number> {
  return new Map(kept.map((old, index) => [old, index]));
}

function indexIn(
  renumbered: ReadonlyMap<number, number>,
  what: "section" | "symbol",
  old: number,
  user: Section,
): number {
  const index = renumbered.get(old);
  if (index === undefined)
    throw new FormatError(sectionLabel(user), `needs ${what} ${old}, which is missing or debug information`);
  return index;
}

function symbolRecords(
  elf: ElfFile,
  symtab: Section,
  kept: readonly number[],
  newSection: ReadonlyMap<number, number>,
  names: NameTable,
): Uint8Array {
  const records = new Uint8Array(kept.length * SYM_SIZE);
  const out = view(records);
  for (const [index, old] of kept.entries()) {
    const at = index * SYM_SIZE;
    records.set(symtab.data.subarray(old * SYM_SIZE, (old + 1) * SYM_SIZE), at);
    out.setUint32(at, names.add(out.getUint32(at, elf.littleEndian)), elf.littleEndian);
    const section = out.getUint16(at + 6, elf.littleEndian);
    out.setUint16(at + 6, newSection.get(section) ?? section, elf.littleEndian);
  }
  return records;
}

function relocationRecords(
  elf: ElfFile,
  section: Section,
  newSymbol: ReadonlyMap<number, number>,
): Uint8Array {
  const stride = section.type === SHT_REL ? REL_SIZE : RELA_SIZE;
  const records = Uint8Array.from(section.data);
  const out = view(records);
  for (const [index, { symbol }] of relocations(elf, section).entries())
    out.setUint32(
      relocationSymbolAt(elf, index * stride),
      indexIn(newSymbol, "symbol", symbol, section),
      elf.littleEndian,
    );
  return records;
}

interface Placed {
  readonly section: Section;
  readonly name: number;
  readonly data: Uint8Array;
  readonly link: number;
  readonly info: number;
}

/** ELF header, contents in order, section headers. Nothing in a file needs more than the 8-byte alignment of records. */
function layOut(elf: ElfFile, sections: readonly Placed[], namesIndex: number): Uint8Array {
  let end = EHDR_SIZE;
  const offsets = sections.map(({ section, data }) => {
    const at = section.index === 0 ? end : align(end, Math.min(section.addralign, 8));
    end = at + data.length;
    return at;
  });
  const tableAt = align(end, 8);
  const file = new Uint8Array(tableAt + sections.length * SHDR_SIZE);
  const out = view(file);
  const u16 = (at: number, value: number): void => out.setUint16(at, value, elf.littleEndian);
  const u32 = (at: number, value: number): void => out.setUint32(at, value, elf.littleEndian);
  const u64 = (at: number, value: number | bigint): void =>
    out.setBigUint64(at, BigInt(value), elf.littleEndian);

  file.set(elf.bytes.subarray(0, EHDR_SIZE));
  u64(24, 0); // e_entry
  u64(32, 0); // e_phoff
  u64(40, tableAt); // e_shoff
  u16(52, EHDR_SIZE); // e_ehsize
  u32(54, 0); // e_phentsize, e_phnum
  u16(60, sections.length); // e_shnum
  u16(62, namesIndex); // e_shstrndx

  for (const [index, { section, name, data, link, info }] of sections.entries()) {
    if (index === 0) continue;
    const at = tableAt + index * SHDR_SIZE;
    file.set(data, offsets[index]!);
    u32(at, name);
    u32(at + 4, section.type);
    u64(at + 8, section.flags & ~SHF_GROUP);
    u64(at + 24, offsets[index]!);
    u64(at + 32, section.type === SHT_NOBITS ? section.size : data.length);
    u32(at + 40, link);
    u32(at + 44, info);
    u64(at + 48, section.addralign);
    u64(at + 56, section.entsize);
  }
  return file;
}

function align(at: number, to: number): number {
  return to > 1 ? Math.ceil(at / to) * to : at;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A string table made of those names of another that are asked for, byte for byte, in the order of asking. */
class NameTable {
  readonly #from: Uint8Array;
  readonly #offsets = new Map<number, number>();
  readonly #names: Uint8Array[] = [Uint8Array.of(0)];
  #size = 1;

  constructor(from: Uint8Array) {
    this.#from = from;
  }

  /** The new offset of the name at an offset of the old table; the caller knows that there is one. */
  add(old: number): number {
    if (this.#from[old] === 0) return 0;
    const known = this.#offsets.get(old);
    if (known !== undefined) return known;
    const name = this.#from.subarray(old, this.#from.indexOf(0, old) + 1);
    const offset = this.#size;
    this.#offsets.set(old, offset);
    this.#names.push(name);
    this.#size += name.length;
    return offset;
  }

  bytes(): Uint8Array {
    const table = new Uint8Array(this.#size);
    let at = 0;
    for (const name of this.#names) {
      table.set(name, at);
      at += name.length;
    }
    return table;
  }
}
