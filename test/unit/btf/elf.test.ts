import { describe, expect, it } from "vitest";
import {
  EM_BPF,
  FormatError,
  readElf,
  relocations,
  SHT_NOBITS,
  SHT_PROGBITS,
  SHT_REL,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_GLOBAL,
  STB_WEAK,
  STT_FUNC,
  STT_OBJECT,
  STV_HIDDEN,
  sectionNamed,
  symbols,
} from "../../../runtime/btf/index.js";
import { fixture } from "../../fixtures/fixtures.js";
import { pack, type RawSection, rawElf, Strings } from "./assemble.js";

describe.each(["kinds.bpf.o", "kinds.eb.bpf.o"])("%s", (name) => {
  const elf = readElf(fixture(name));

  it("has sections", () => {
    expect(elf).toMatchObject({ machine: EM_BPF, littleEndian: name === "kinds.bpf.o" });
    expect(elf.sections[0]).toMatchObject({ index: 0, name: "", size: 0 });
    expect(sectionNamed(elf, ".bss")).toMatchObject({ type: SHT_NOBITS, size: 160, addralign: 16 });
    expect(sectionNamed(elf, ".bss")!.data).toHaveLength(0);
    expect(sectionNamed(elf, "license")).toMatchObject({ type: SHT_PROGBITS, flags: 3n });
    expect(sectionNamed(elf, "license")!.data).toEqual(new TextEncoder().encode("GPL\0"));
    expect(sectionNamed(elf, ".symtab")).toMatchObject({ type: SHT_SYMTAB, entsize: 24 });
    expect(sectionNamed(elf, "nowhere")).toBeUndefined();
  });

  it("has symbols", () => {
    const known = symbols(elf);
    const found = (name: string): object => known.find((symbol) => symbol.name === name)!;
    expect(known[0]).toMatchObject({ name: "", section: 0 });
    const data = sectionNamed(elf, ".data")!.index;
    expect(found("hidden")).toMatchObject({
      visibility: STV_HIDDEN,
      type: STT_OBJECT,
      section: data,
      value: 16,
      size: 4,
    });
    expect(found("weak")).toMatchObject({ binding: STB_WEAK, section: data, value: 20 });
    expect(found("on_write")).toMatchObject({ binding: STB_GLOBAL, type: STT_FUNC, value: 0 });
    expect(found("CONFIG_HZ")).toMatchObject({ section: 0 });
  });

  it("has relocations", () => {
    const known = symbols(elf);
    const named = relocations(elf, sectionNamed(elf, ".rel.text")!).map(({ offset, type, symbol }) => [
      offset,
      type,
      known[symbol]!.name,
    ]);
    expect(named).toEqual([
      [0, 1, "limit"],
      [32, 1, "hidden"],
      [104, 1, ""],
    ]);
  });
});

describe("files that are not BPF objects", () => {
  const valid = rawElf([]);
  const changed = (at: number, ...bytes: number[]): Uint8Array => {
    const copy = valid.slice();
    copy.set(bytes, at);
    return copy;
  };

  it.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(), "not an ELF file"],
    ["text", new TextEncoder().encode("#include <linux/bpf.h>"), "not an ELF file"],
    ["a start only", valid.subarray(0, 63), "truncated: 63 of 64 bytes"],
    ["32-bit", changed(4, 1), "a 32-bit ELF file; BPF objects are 64-bit"],
    ["no class", changed(4, 7), "neither 32- nor 64-bit"],
    ["no byte order", changed(5, 0), "neither little- nor big-endian"],
    ["x86-64", changed(18, 62, 0), "made for x86-64, not for BPF — compile with clang -target bpf"],
    ["AArch64", changed(18, 183), "made for AArch64, not for BPF — compile with clang -target bpf"],
    ["another machine", changed(18, 99), "made for machine 99, not for BPF — compile with clang -target bpf"],
    ["an executable", changed(16, 2), "not a relocatable object (type 2) — compile with clang -c"],
    ["odd headers", changed(58, 40), "section headers are not 64 bytes each"],
    ["no sections", changed(60, 0), "more sections than a BPF object has"],
    ["countless sections", changed(60, 0xff, 0xff), "more sections than a BPF object has"],
    ["too many sections", changed(60, 3), "truncated: 3 section headers at 75 of 203 bytes"],
    ["headers far away", changed(44, 1), "truncated: 2 section headers at 4294967371 of 203 bytes"],
    ["headers beyond 2^53", changed(47, 0x80), "absurd 64-bit number at byte 40"],
    ["names nowhere", changed(62, 2), "section names in section 2 of 2"],
    ["names in no section", changed(62, 0), "section names in section 0 of 2"],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => readElf(bytes)).toThrow(new FormatError("ELF header", message));
  });

  it("accepts the smallest", () => {
    expect(readElf(valid).sections.map((section) => section.name)).toEqual(["", ".shstrtab"]);
    expect(readElf(rawElf([], false)).littleEndian).toBe(false);
  });

  it("refuses every truncation, wherever it cuts", () => {
    const bytes = fixture("kinds.bpf.o");
    for (let length = 0; length < bytes.length; length += length < 100 ? 1 : 37)
      expect(() => readElf(bytes.subarray(0, length)), `${length} bytes`).toThrow(FormatError);
  });
});

describe("malformed sections", () => {
  it.each<[string, RawSection[], string]>([
    [
      "one past the end",
      [{ name: ".maps", type: 1, size: 9999 }],
      'section 1 ".maps": truncated: 9999 bytes at 64',
    ],
    [
      "several in one place",
      Array(20).fill({ type: 1, size: 1000 }),
      "sections overlap: together they exceed the file",
    ],
  ])("refuses %s", (_, sections, message) => {
    expect(() => readElf(rawElf(sections))).toThrow(FormatError);
    expect(() => readElf(rawElf(sections))).toThrow(message);
  });

  it("refuses a first section that is not empty", () => {
    const bytes = rawElf([]);
    const view = new DataView(bytes.buffer);
    view.setUint32(view.getUint32(40, true) + 4, SHT_PROGBITS, true);
    expect(() => readElf(bytes)).toThrow(new FormatError("section 0", "is not the empty one"));
  });

  it("tells absurd .bss from a large one", () => {
    const bytes = rawElf([{ name: ".bss", type: SHT_NOBITS, size: 2 ** 32 - 1 }]);
    expect(readElf(bytes).sections[1]).toMatchObject({ size: 2 ** 32 - 1, data: new Uint8Array() });
    const view = new DataView(bytes.buffer);
    view.setUint32(view.getUint32(40, true) + 64 + 36, 1, true);
    expect(() => readElf(bytes)).toThrow(new FormatError('section 1 ".bss"', "absurd size 8589934591"));
  });

  it("refuses 65,000 sections that share one giant name, at once", () => {
    const count = 65_000;
    const names = new Uint8Array(1_000_000).fill(0x78);
    names.set([0], 0);
    names.set([0], names.length - 1);
    const file = rawElf(Array.from({ length: count }, () => ({ type: 1, data: new Uint8Array() })));
    const bytes = new Uint8Array(file.length + names.length);
    bytes.set(file);
    bytes.set(names, file.length);
    const view = new DataView(bytes.buffer);
    const tableAt = view.getUint32(40, true);
    for (let i = 0; i < count + 2; i++) view.setUint32(tableAt + i * 64, 1, true);
    view.setUint32(tableAt + (count + 1) * 64 + 24, file.length, true);
    view.setUint32(tableAt + (count + 1) * 64 + 32, names.length, true);
    const start = performance.now();
    expect(() => readElf(bytes)).toThrow(/names of the sections together exceed the file/);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it("refuses names outside the string table", () => {
    const bytes = rawElf([{ name: "x", type: 1 }]);
    const view = new DataView(bytes.buffer);
    const tableAt = view.getUint32(40, true);
    view.setUint32(tableAt + 64, 500, true);
    expect(() => readElf(bytes)).toThrow("section 1: no name at 500 of the 13-byte string table");
  });
});

describe("symbols and relocations", () => {
  const names = new Strings();
  const symbol = (name: number, section: number, info = 0x11): Uint8Array =>
    pack([name, Uint8Array.of(info, 2, section & 0xff, section >> 8), 8, 0, 4, 0]);
  const main = names.name("main");
  const table = (records: readonly Uint8Array[], over: Partial<RawSection> = {}): RawSection[] => [
    { name: ".strtab", type: SHT_STRTAB, data: names.bytes() },
    {
      name: ".symtab",
      type: SHT_SYMTAB,
      link: 1,
      entsize: 24,
      data: pack([new Uint8Array(24), ...records]),
      ...over,
    },
    { name: ".text", type: SHT_PROGBITS, data: new Uint8Array(16) },
  ];

  it("has none without a symbol table", () => {
    expect(symbols(readElf(rawElf([])))).toEqual([]);
  });

  it("reads the fields of symbols", () => {
    const [, first, second] = symbols(readElf(rawElf(table([symbol(main, 3), symbol(0, 0xfff1)]))));
    expect(first).toEqual({
      name: "main",
      value: 8,
      size: 4,
      type: 1,
      binding: 1,
      visibility: 2,
      section: 3,
    });
    expect(second!.section).toBe(0xfff1);
  });

  it.each<[string, RawSection[], string]>([
    ["a section out of range", table([symbol(main, 7)]), 'symbol 1 "main": in section 7 of 5'],
    ["extended numbering", table([symbol(main, 0xffff)]), 'symbol 1 "main": in section 65535 of 5'],
    ["a name out of range", table([symbol(99, 3)]), "symbol 1: no name at 99 of the 6-byte string table"],
    [
      "another record size",
      table([], { entsize: 16 }),
      'section 2 ".symtab": is not a table of 24-byte records',
    ],
    ["half a record", table([new Uint8Array(5)]), 'section 2 ".symtab": is not a table of 24-byte records'],
    ["no names", table([], { link: 3 }), 'section 2 ".symtab": no string table in section 3'],
    ["names nowhere", table([], { link: 77 }), 'section 2 ".symtab": no string table in section 77'],
    [
      "a second table",
      [...table([]), { name: "b", type: SHT_SYMTAB }],
      'section 4 "b": a second symbol table',
    ],
  ])("refuses %s", (_, sections, message) => {
    expect(() => symbols(readElf(rawElf(sections)))).toThrow(FormatError);
    expect(() => symbols(readElf(rawElf(sections)))).toThrow(message);
  });

  const rel: RawSection = {
    name: ".rel.text",
    type: SHT_REL,
    entsize: 16,
    link: 2,
    info: 3,
    data: pack([8, 0, 1, 1]),
  };
  const relocated = (section: Partial<RawSection>): unknown => {
    const elf = readElf(rawElf([...table([symbol(main, 3)]), { ...rel, ...section }]));
    return relocations(elf, elf.sections[4]!);
  };

  it("reads relocations with and without addends", () => {
    expect(relocated({})).toEqual([{ offset: 8, type: 1, symbol: 1 }]);
    expect(relocated({ type: SHT_RELA, entsize: 24, data: pack([8, 0, 1, 1, 0, 0]) })).toEqual(relocated({}));
    expect(relocated({ data: new Uint8Array() })).toEqual([]);
  });

  it.each<[string, Partial<RawSection>, string]>([
    ["other sections", { type: SHT_PROGBITS }, "does not hold relocations"],
    ["a target out of range", { info: 77 }, "applies to section 77, which is missing"],
    ["another symbol table", { link: 1 }, "is not linked to the symbol table"],
    ["an offset out of range", { data: pack([16, 0, 1, 1]) }, 'relocates byte 16 of 16 of ".text"'],
    ["a symbol out of range", { data: pack([0, 0, 1, 2]) }, "refers to symbol 2 of 2"],
    ["half a record", { data: new Uint8Array(20) }, "is not a table of 16-byte records"],
  ])("refuses %s", (_, section, message) => {
    expect(() => relocated(section)).toThrow(new FormatError('section 4 ".rel.text"', message));
  });
});
