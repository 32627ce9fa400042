import { describe, expect, it } from "vitest";
import { readObject } from "../../../generator/elf.js";
import { stripDebug } from "../../../generator/strip.js";
import {
  type ElfFile,
  FormatError,
  readElf,
  relocations,
  SHT_PROGBITS,
  SHT_REL,
  SHT_STRTAB,
  SHT_SYMTAB,
  sectionNamed,
  symbols,
} from "../../../runtime/btf/index.js";
import { fixture } from "../../fixtures/fixtures.js";
import { pack, type RawSection, rawElf, Strings } from "../btf/assemble.js";

describe.each(["kinds.bpf.o", "kinds.eb.bpf.o"])("%s", (name) => {
  const bytes = fixture(name);
  const before = readObject(bytes);
  const stripped = stripDebug(before);
  const after = readObject(stripped);

  it("loses DWARF and the address-significance table, and nothing else", () => {
    const kept = (elf: ElfFile): string[] => elf.sections.map((section) => section.name);
    expect(kept(after)).toEqual(
      kept(before).filter((name) => !/^\.(rel)?\.?debug_|^\.llvm_addrsig$/.test(name)),
    );
    expect(kept(after)).toContain(".rel.BTF.ext");
    expect(stripped.length).toBeLessThan(bytes.length * 0.6);
    expect(Buffer.from(stripped).includes("debug_")).toBe(false);
  });

  it("keeps the bytes of sections without indexes in them", () => {
    for (const section of after.sections) {
      if ([SHT_STRTAB, SHT_SYMTAB, SHT_REL].includes(section.type)) continue;
      const { index: _, offset: __, link: ___, info: ____, ...same } = sectionNamed(before, section.name)!;
      expect(section).toMatchObject(same);
      expect(section.offset % Math.min(section.addralign || 1, 8)).toBe(0);
    }
  });

  it("keeps symbols but for those of dropped sections, locals first", () => {
    const described = (elf: ElfFile): object[] =>
      symbols(elf).map(({ section, ...symbol }) => ({
        ...symbol,
        section: elf.sections[section]?.name ?? section,
      }));
    expect(described(after)).toEqual(
      described(before).filter(
        (symbol) => !("section" in symbol && /^\.debug_/.test(String(symbol.section))),
      ),
    );
    const firstGlobal = symbols(after).findIndex((symbol) => symbol.binding !== 0);
    expect(sectionNamed(after, ".symtab")!.info).toBe(firstGlobal);
  });

  it("keeps relocations and what they apply to", () => {
    const described = (elf: ElfFile): object[] =>
      elf.sections
        .filter((section) => section.type === SHT_REL && !/debug/.test(section.name))
        .map((section) => ({
          name: section.name,
          target: elf.sections[section.info]!.name,
          symbols: elf.sections[section.link]!.name,
          entries: relocations(elf, section).map(({ symbol, ...entry }) => {
            const { name, value, section: index } = symbols(elf)[symbol]!;
            return { ...entry, name, value, section: elf.sections[index]?.name };
          }),
        }));
    expect(described(after)).toEqual(described(before));
    expect(described(after)).toHaveLength(4);
  });

  it("is stable, and leaves its input alone", () => {
    expect(Buffer.compare(stripDebug(after), stripped)).toBe(0);
    expect(Buffer.compare(stripDebug(readElf(Buffer.from(bytes))), stripped)).toBe(0);
    expect(Buffer.compare(bytes, fixture(name))).toBe(0);
  });
});

describe("by hand", () => {
  const names = new Strings();
  const text = names.name("in_text");
  names.name("unused");
  const debug = names.name("in_debug");
  const symbol = (name: number, section: number): Uint8Array =>
    pack([name, Uint8Array.of(0, 0, section, 0), 0, 0, 0, 0]);
  const base: RawSection[] = [
    { name: ".debug_info", type: SHT_PROGBITS, data: new Uint8Array(8) },
    { name: ".text", type: SHT_PROGBITS, data: new Uint8Array(8), addralign: 8 },
    {
      name: ".symtab",
      type: SHT_SYMTAB,
      data: pack([new Uint8Array(24), symbol(debug, 1), symbol(text, 2)]),
      link: 4,
      info: 2,
      entsize: 24,
    },
    { name: ".strtab", type: SHT_STRTAB, data: names.bytes() },
  ];
  const rel = (info: number, symbol: number, over: Partial<RawSection> = {}): RawSection => ({
    name: ".rel",
    type: SHT_REL,
    link: 3,
    info,
    entsize: 16,
    data: pack([0, 0, 1, symbol]),
    ...over,
  });
  const strip = (...more: RawSection[]): ElfFile =>
    readElf(stripDebug(readObject(rawElf([...base, ...more]))));
  const listed = (elf: ElfFile): string[] => elf.sections.map((section) => section.name);

  it("rebuilds string tables from the names in use", () => {
    const elf = strip();
    expect(listed(elf)).toEqual(["", ".text", ".symtab", ".strtab", ".shstrtab"]);
    expect(Buffer.from(sectionNamed(elf, ".strtab")!.data).toString()).toBe("\0in_text\0");
    expect(Buffer.from(sectionNamed(elf, ".shstrtab")!.data).toString()).toBe(
      "\0.text\0.symtab\0.strtab\0.shstrtab\0",
    );
    expect(symbols(elf)[1]).toMatchObject({ name: "in_text", section: 1 });
    expect(sectionNamed(elf, ".symtab")).toMatchObject({ link: 3, info: 1 });
  });

  it("needs neither symbols nor anything to strip", () => {
    const bytes = stripDebug(readObject(rawElf([])));
    expect(listed(readElf(bytes))).toEqual(["", ".shstrtab"]);
    expect(stripDebug(readObject(bytes))).toEqual(bytes);
  });

  it("drops relocations of what it drops, whatever their name", () => {
    expect(listed(strip(rel(1, 1), rel(2, 2)))).toEqual([
      "",
      ".text",
      ".symtab",
      ".strtab",
      ".rel",
      ".shstrtab",
    ]);
  });

  it("drops inactive sections", () => {
    expect(listed(strip({ name: "gone", type: 0, addralign: 8 }))).not.toContain("gone");
  });

  it("drops section groups along with the flag of their members", () => {
    const elf = strip(
      { name: ".group", type: 17, link: 3, info: 2, entsize: 4, data: pack([1, 6]) },
      { name: "member", type: SHT_PROGBITS, flags: 0x202 },
    );
    expect(listed(elf)).not.toContain(".group");
    expect(sectionNamed(elf, "member")!.flags).toBe(2n);
  });

  it("keeps sections that only sound like DWARF", () => {
    const alike: RawSection[] = [
      { name: ".debug_data", type: SHT_PROGBITS, flags: 2 },
      { name: ".debug", type: SHT_PROGBITS },
    ];
    expect(listed(strip(...alike))).toEqual(expect.arrayContaining([".debug_data", ".debug"]));
  });

  it.each<[string, RawSection, string]>([
    ["a symbol", rel(2, 1), 'section 5 ".rel": needs symbol 1,'],
    ["a section", { name: "user", type: SHT_PROGBITS, link: 1 }, 'section 5 "user": needs section 1'],
    [
      "a missing section",
      { name: "user", type: SHT_PROGBITS, link: 99 },
      'section 5 "user": needs section 99',
    ],
  ])("refuses when something it keeps needs %s that it drops", (_, section, message) => {
    expect(() => strip(section)).toThrow(FormatError);
    expect(() => strip(section)).toThrow(message);
  });
});
