import { describe, expect, it } from "vitest";
import { readObject } from "../../../generator/elf.js";
import { FormatError, readElf } from "../../../runtime/btf/index.js";
import { fixture } from "../../fixtures/fixtures.js";
import { type RawSection, rawElf } from "../btf/assemble.js";

describe("elfy's object, corrected", () => {
  const everything: RawSection[] = [
    {
      name: "odd",
      type: 0x6fff_4c03,
      flags: 0x8000_0123,
      addralign: 4096,
      entsize: 24,
      info: 7,
      data: Uint8Array.of(1),
    },
    { name: ".bss", type: 8, size: 5000, flags: 3, addralign: 32 },
    { name: "größe", type: 1, data: Uint8Array.of(1, 2, 3), link: 1 },
    { type: 1 },
  ];

  it.each<[string, Uint8Array]>([
    ["a little-endian object", fixture("kinds.bpf.o")],
    ["a big-endian object", fixture("kinds.eb.bpf.o")],
    ["unusual headers", rawElf(everything)],
    ["unusual big-endian headers", rawElf(everything, false)],
  ])("is what the runtime reads: %s", (_, bytes) => {
    expect(readObject(bytes)).toEqual(readElf(bytes));
  });

  it("reads a part of a larger buffer", () => {
    const bytes = fixture("kinds.bpf.o");
    const larger = new Uint8Array(bytes.length + 20);
    larger.set(bytes, 7);
    const elf = readObject(larger.subarray(7, 7 + bytes.length));
    expect(elf.sections).toEqual(readElf(bytes).sections);
  });
});

it("refuses what the runtime refuses, in the same words", () => {
  for (const bytes of [new Uint8Array(), fixture("kinds.bpf.c"), fixture("kinds.bpf.o").subarray(0, 5000)]) {
    const message = messageOf(() => readElf(bytes));
    expect(() => readObject(bytes)).toThrow(FormatError);
    expect(messageOf(() => readObject(bytes))).toBe(message);
  }
});

it("refuses what elfy alone refuses", () => {
  const bytes = rawElf([]);
  new DataView(bytes.buffer).setUint32(32, 60, true); // e_phoff
  new DataView(bytes.buffer).setUint16(54, 4, true); // e_phentsize
  new DataView(bytes.buffer).setUint16(56, 1, true); // e_phnum
  expect(readElf(bytes).sections).toHaveLength(2);
  expect(() => readObject(bytes)).toThrow(/^ELF header: refused by elfy: /);
  expect(() => readObject(bytes)).toThrow(FormatError);
});

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return String(error);
  }
  return "";
}
