import { describe, expect, it } from "vitest";
import {
  type BtfExt,
  FormatError,
  parseBtf,
  parseBtfExt,
  readElf,
  sectionNamed,
} from "../../../runtime/btf/index.js";
import { fixture } from "../../fixtures/fixtures.js";
import { int, pack, rawBtf, Strings } from "./assemble.js";

describe.each(["kinds.bpf.o", "kinds.eb.bpf.o"])("%s", (name) => {
  const elf = readElf(fixture(name));
  const btf = parseBtf(sectionNamed(elf, ".BTF")!.data);
  const ext = parseBtfExt(sectionNamed(elf, ".BTF.ext")!.data, btf);
  const program = "tracepoint/syscalls/sys_enter_write";

  it("has functions", () => {
    const funcs = ext.funcs.map(({ section, offset, type }) => [section, offset, btf.type(type)]);
    expect(funcs).toMatchObject([
      [".text", 0, { kind: "func", name: "global_function" }],
      [".text", 80, { kind: "func", name: "twice" }],
      [program, 0, { kind: "func", name: "on_write" }],
    ]);
  });

  it("has lines", () => {
    expect(ext.lines.find(({ section }) => section === program)).toEqual({
      section: program,
      offset: 0,
      file: "./kinds.bpf.c",
      text: "  struct task_struct___fixture *task = (void *)current();",
      line: expect.any(Number),
      column: 48,
    });
  });

  it("has CO-RE relocations", () => {
    const relocations = ext.relocations.map(({ type, ...rest }) => ({ ...rest, type: btf.type(type) }));
    expect(relocations).toMatchObject([
      { section: program, access: "0:0", kind: 0, type: { name: "task_struct___fixture" } },
    ]);
  });
});

describe("by hand", () => {
  const names = new Strings();
  const [text, access] = ["text", "0:1"].map((name) => names.name(name));
  const btf = parseBtf(rawBtf([int()], names));
  const magic = Uint8Array.of(0x9f, 0xeb, 1, 0);
  const empty: BtfExt = { funcs: [], lines: [], relocations: [] };
  const parse = (...words: (number | Uint8Array)[]): BtfExt => parseBtfExt(pack([magic, ...words]), btf);

  it("may be empty, and its header without relocations", () => {
    expect(parse(24, 0, 0, 0, 0)).toEqual(empty);
    expect(parse(32, 0, 0, 0, 0, 0, 0)).toEqual(empty);
  });

  it("skips what longer headers and records add", () => {
    const header = [40, 0, 24, 24, 32, 56, 32, 0xdead, 0xdead];
    const func = [12, text!, 1, 8, 1, 0xdead];
    const line = [20, text!, 1, 16, text!, access!, (7 << 10) | 3, 0xdead];
    const relocation = [20, text!, 1, 24, 1, access!, 5, 0xdead];
    const ext = parse(...header, ...func, ...line, ...relocation);
    expect(ext).toEqual({
      funcs: [{ section: "text", offset: 8, type: 1 }],
      lines: [{ section: "text", offset: 16, file: "text", text: "0:1", line: 7, column: 3 }],
      relocations: [{ section: "text", offset: 24, type: 1, access: "0:1", kind: 5 }],
    });
  });

  it.each<[string, (number | Uint8Array)[], string]>([
    ["a short header", [20, 0, 0, 0, 0], ".BTF.ext: a header of 20 bytes"],
    ["a huge header", [0xffff_ffff, 0, 0, 0, 0], ".BTF.ext: a header of 4294967295 bytes"],
    ["a table past the end", [24, 0, 20, 0, 0, 8, 0], ".BTF.ext function info: truncated: ends at 44 of 32"],
    ["short records", [24, 0, 4, 0, 0, 4], ".BTF.ext function info: records of 4 bytes, not 8"],
    [
      "too many records",
      [24, 0, 12, 0, 0, 8, 1, 0xffff_ffff],
      ".BTF.ext function info: 4294967295 records exceed it",
    ],
    ["an unknown type", [24, 0, 20, 0, 0, 8, 1, 1, 0, 9], ".BTF: no type 9 of 2"],
    [
      "an unknown name",
      [24, 0, 12, 0, 0, 8, 99, 0],
      ".BTF.ext function info: no name at 99 of the 10-byte string table",
    ],
    [
      "half an entry",
      [24, 0, 8, 0, 0, 8, 1],
      ".BTF.ext function info: truncated: 4 bytes expected at 32 of 32",
    ],
  ])("refuses %s", (_, words, message) => {
    expect(() => parse(...words)).toThrow(FormatError);
    expect(() => parse(...words)).toThrow(message);
  });

  it("refuses the other byte order", () => {
    const bytes = pack([Uint8Array.of(0xeb, 0x9f, 1, 0), 24, 0, 0, 0, 0], false);
    expect(() => parseBtfExt(bytes, btf)).toThrow(
      new FormatError(".BTF.ext", "not in the byte order of .BTF"),
    );
  });

  it("refuses every truncation but those that leave it whole", () => {
    const elf = readElf(fixture("kinds.bpf.o"));
    const types = parseBtf(sectionNamed(elf, ".BTF")!.data);
    const bytes = sectionNamed(elf, ".BTF.ext")!.data;
    for (let length = 0; length < bytes.length; length++)
      expect(() => parseBtfExt(bytes.subarray(0, length), types), `${length} bytes`).toThrow(FormatError);
  });
});
