import { describe, expect, it } from "vitest";
import {
  type Btf,
  type BtfType,
  FormatError,
  LazyBtf,
  parseBtf,
  readElf,
  sectionNamed,
} from "../../../runtime/btf/index.js";
import { fixture, fixtureText } from "../../fixtures/fixtures.js";
import { info, int, Kind, pack, type RawType, rawBtf, Strings } from "./assemble.js";

const parse = (types: readonly RawType[], strings?: Strings): Btf => parseBtf(rawBtf(types, strings));

describe("a compiled object", () => {
  it.each(["kinds.bpf.o", "kinds.eb.bpf.o"])("%s has the types that bpftool sees", (name) => {
    const btf = parseBtf(sectionNamed(readElf(fixture(name)), ".BTF")!.data);
    const dump = btf.types.slice(1).map((type) => dumped(type, btf));
    expect(`${dump.join("\n")}\n`).toBe(fixtureText("kinds.btf.txt"));
    expect(btf.littleEndian).toBe(name === "kinds.bpf.o");
  });

  it("knows sizes and what is behind typedefs", () => {
    const btf = parseBtf(sectionNamed(readElf(fixture("kinds.bpf.o")), ".BTF")!.data);
    const node = btf.named("struct", "node")!;
    const sizes = node.members.map(({ name, type }) => [name, btf.size(type)]);
    expect(Object.fromEntries(sizes)).toMatchObject({
      next: 8,
      number: 8,
      wide: 8,
      huge: 16,
      grid: 24,
      tail: 0,
    });
    expect(btf.strip(btf.named("typedef", "s128")!.id)).toMatchObject({ kind: "int", name: "__int128" });
    expect(btf.size(btf.named("var", "packed")!.id)).toBe(9);
    expect(btf.named("struct", "nowhere")).toBeUndefined();
  });
});

describe("types that are decoded when they are asked for", () => {
  it.each(["kinds.bpf.o", "kinds.eb.bpf.o"])("are those of %s", (name) => {
    const { data } = sectionNamed(readElf(fixture(name)), ".BTF")!;
    const [all, lazy] = [parseBtf(data), new LazyBtf(data)];
    for (const { id, kind } of all.types) {
      // Bit-fields without kind_flag are looked up in other types, which a lazy reader does not do.
      if (kind !== "struct" && kind !== "union") expect(lazy.type(id)).toEqual(all.type(id));
      expect(lazy.strip(id).id).toBe(all.strip(id).id);
    }
    const functions = all.types.filter((type) => type.kind === "func");
    expect(functions.length).toBeGreaterThan(1);
    expect(lazy.functions(() => true)).toEqual(functions);
    expect(lazy.functions((text) => text === functions[1]!.name)).toEqual([functions[1]]);
    expect(() => lazy.type(all.types.length)).toThrow(FormatError);
  });

  it("are refused when a type stands for itself, or nothing for it", () => {
    const lazy = new LazyBtf(
      rawBtf([
        [0, info(Kind.typedef), 1],
        [0, info(Kind.const), 9],
      ]),
    );
    expect(() => lazy.strip(1)).toThrow(".BTF type 1: nested more than 256 types deep");
    expect(() => lazy.strip(2)).toThrow(".BTF: no type 9 of 3");
    expect(() => new LazyBtf(rawBtf([int(), [0, info(31), 0]]))).toThrow(".BTF type 2: unknown kind 31");
  });
});

describe("kinds that clang 14 does not emit", () => {
  it("reads 64-bit enums of both signs", () => {
    const names = new Strings();
    const a = names.name("A");
    const values = [a, 0xffff_ffff, 0xffff_ffff];
    const btf = parse(
      [
        [0, info(Kind.enum64, 1), 8, ...values],
        [0, info(Kind.enum64, 1, 1), 8, ...values],
      ],
      names,
    );
    expect(btf.type(1)).toMatchObject({ signed: false, values: [{ name: "A", value: 2n ** 64n - 1n }] });
    expect(btf.type(2)).toMatchObject({ kind: "enum64", signed: true, values: [{ name: "A", value: -1n }] });
  });

  it("extends the values of an enum by its sign", () => {
    const btf = parse([
      [0, info(Kind.enum, 1), 4, 0, -1],
      [0, info(Kind.enum, 1, 1), 4, 0, -1],
    ]);
    expect(btf.type(1)).toMatchObject({ signed: false, values: [{ value: 0xffff_ffffn }] });
    expect(btf.type(2)).toMatchObject({ signed: true, values: [{ value: -1n }] });
  });

  it("brings both encodings of bit-fields to one", () => {
    const members = (first: number, second: number, third: number): number[] => [
      0,
      1,
      first,
      0,
      3,
      second,
      0,
      1,
      third,
    ];
    const btf = parse([
      int(),
      int(0, 4, 0, 3, 2),
      [0, info(Kind.const), 2],
      [0, info(Kind.struct, 3), 12, ...members(0, 32, 64)],
      [0, info(Kind.struct, 3, 1), 12, 0, 1, 0, 0, 1, (3 << 24) | 34, 0, 1, 64],
    ]);
    const layout = [
      { bitOffset: 0, bitSize: 0 },
      { bitOffset: 34, bitSize: 3 },
      { bitOffset: 64, bitSize: 0 },
    ];
    expect(btf.type(4)).toMatchObject({ members: layout });
    expect(btf.type(5)).toMatchObject({ members: layout });
  });

  it("reads functions of other objects", () => {
    const btf = parse([
      [0, info(Kind.funcProto), 0],
      [0, info(Kind.func, 2), 1],
      [0, info(Kind.datasec, 1), 0, 2, 0, 0],
    ]);
    expect(btf.type(2)).toMatchObject({ kind: "func", linkage: "extern" });
    expect(btf.type(3)).toMatchObject({ kind: "datasec", vars: [{ type: 2 }] });
  });
});

describe("the container", () => {
  it("reads either byte order", () => {
    const names = new Strings();
    const types = [int(names.name("int"))];
    const [little, big] = [true, false].map((littleEndian) =>
      parseBtf(rawBtf(types, names, { littleEndian })),
    );
    expect(big!.types).toEqual(little!.types);
    expect([little!.littleEndian, big!.littleEndian]).toEqual([true, false]);
  });

  it("skips what a longer header adds", () => {
    expect(parseBtf(rawBtf([int()], new Strings(), { headerSize: 32 })).types).toHaveLength(2);
  });

  it("keeps names that are not UTF-8, not ASCII, long or a byte order mark", () => {
    const names = new Strings();
    const texts = ["größe", "x".repeat(300), "\ufeffx"];
    const offsets = [...texts.map((text) => names.name(text)), names.name(Uint8Array.of(0x61, 0xff))];
    const btf = parse(
      offsets.map((offset) => int(offset)),
      names,
    );
    expect(btf.types.slice(1).map((type) => "name" in type && type.name)).toEqual([...texts, "a\ufffd"]);
  });

  it("holds only void when empty", () => {
    const btf = parse([]);
    expect(btf.types).toEqual([{ kind: "void", id: 0 }]);
    expect(() => btf.size(0)).toThrow(new FormatError(".BTF type 0", "void has no size"));
    expect(() => btf.type(1)).toThrow(new FormatError(".BTF", "no type 1 of 1"));
  });
});

describe("malformed types", () => {
  const ptr = (to: number): RawType => [0, info(Kind.ptr), to];
  const typedef = (to: number): RawType => [0, info(Kind.typedef), to];
  const array = (element: number, length = 1): RawType => [0, info(Kind.array), 0, element, 1, length];
  const struct = (size: number, ...members: number[][]): RawType => [
    0,
    info(Kind.struct, members.length, 1),
    size,
    ...members.flat(),
  ];

  it.each<[what: string, types: RawType[], message: string]>([
    ["an unknown kind", [[0, info(31), 0]], ".BTF type 1: unknown kind 31"],
    ["reserved bits", [[0, info(Kind.ptr) | (1 << 30), 0]], ".BTF type 1: unknown kind 66"],
    ["an id out of range", [ptr(7)], ".BTF type 1: refers to type 7 of 2"],
    ["a member's id out of range", [struct(4, [0, 9, 0])], ".BTF type 1: refers to type 9 of 2"],
    ["an index type out of range", [[0, info(Kind.array), 0, 0, 9, 1]], ".BTF type 1: refers to type 9 of 2"],
    ["a name out of range", [int(99)], ".BTF type 1: no name at 99 of the 1-byte string table"],
    [
      "many members",
      [[0, info(Kind.struct, 0xffff), 4]],
      ".BTF type 1: truncated: 786420 bytes expected at 12 of 12",
    ],
    ["a typedef of itself", [typedef(1)], ".BTF type 1: type 1 is part of itself"],
    ["typedefs in a circle", [typedef(2), typedef(1)], ".BTF type 2: type 1 is part of itself"],
    ["an array of itself", [array(1)], ".BTF type 1: type 1 is part of itself"],
    ["a pointer to itself", [ptr(1)], ".BTF type 1: type 1 is part of itself"],
    [
      "a function that takes itself",
      [[0, info(Kind.funcProto, 1), 0, 0, 2], ptr(1)],
      "type 1 is part of itself",
    ],
    ["a struct in itself", [struct(8, [0, 2, 0]), typedef(1)], ".BTF type 2: type 1 is part of itself"],
    ["a member outside", [int(), struct(4, [0, 1, 8])], '.BTF type 2: member "" lies outside struct ""'],
    [
      "a wide bit-field",
      [int(), struct(8, [0, 1, 33 << 24])],
      'bit-field "" of 33 bits does not fit its int',
    ],
    ["a bit-field of pointers", [ptr(0), struct(8, [0, 1, 3 << 24])], "of 3 bits does not fit its ptr"],
    ["a wide integer", [int(0, 4, 0, 33)], '.BTF type 1: integer "" of 33 bits in 4 bytes'],
    [
      "a function without prototype",
      [int(), [0, info(Kind.func, 1), 1]],
      '.BTF type 2: function "" without a prototype',
    ],
    ["an unknown linkage", [[0, info(Kind.var), 0, 3]], ".BTF type 1: unknown linkage 3"],
    [
      "a section of types",
      [int(), [0, info(Kind.datasec, 1), 0, 1, 0, 0]],
      'section "" holds int 1, not a variable',
    ],
  ])("refuses %s", (_, types, message) => {
    expect(() => parse(types)).toThrow(FormatError);
    expect(() => parse(types)).toThrow(message);
  });

  it("accepts the circles that C has", () => {
    const node = struct(8, [0, 2, 0]);
    expect(parse([node, ptr(3), [0, info(Kind.const), 1], array(2, 4)]).size(4)).toBe(32);
  });

  it.each([0, 65_537])("tells absurd arrays from large ones (%i over)", (length) => {
    const btf = parse([int(0, 1), array(1, 65_536), array(2, length), ptr(3)]);
    if (length === 0) expect(btf.size(3)).toBe(0);
    else expect(() => btf.size(3)).toThrow(new FormatError(".BTF type 3", "is absurdly large"));
    expect(btf.size(4)).toBe(8);
  });

  it.each<[string, (to: number) => RawType]>([
    ["typedefs", typedef],
    ["arrays", array],
    ["pointers", ptr],
    ["structs", (to) => struct(4, [0, to, 0])],
  ])("refuses 100,000 nested %s, in either direction, at once", (_, link) => {
    const count = 100_000;
    const start = performance.now();
    const backwards = Array.from({ length: count }, (_, i) => link(i + 1));
    const forwards = Array.from({ length: count }, (_, i) => link(i + 2));
    expect(() => parse([int(), ...backwards])).toThrow(/nested more than 256 types deep/);
    expect(() => parse([...forwards, int()])).toThrow(/nested more than 256 types deep/);
    expect(parse([int(), ...backwards.slice(0, 200)]).types).toHaveLength(202);
    expect(performance.now() - start).toBeLessThan(3000);
  });

  it("refuses names that overlap without end", () => {
    const names = new Strings();
    names.name("x".repeat(200_000));
    expect(() =>
      parse(
        Array.from({ length: 100_000 }, (_, i) => int(i + 1)),
        names,
      ),
    ).toThrow(/absurdly long/);
  });
});

describe("a malformed container", () => {
  const valid = rawBtf([int(), [0, info(Kind.ptr), 1]]);
  const changed = (at: number, ...bytes: number[]): Uint8Array => {
    const copy = valid.slice();
    copy.set(bytes, at);
    return copy;
  };

  it.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(), "truncated: 2 bytes expected at 0 of 0"],
    ["another format", pack([1, 2, 3, 4, 5, 6]), "not BTF"],
    ["another version", changed(2, 2), "version 2 of BTF is unknown"],
    ["a short header", changed(4, 20), "a header of 20 bytes"],
    ["a huge header", changed(4, 255, 255, 255, 255), "truncated"],
    ["types beyond the end", changed(8, 255), "truncated"],
    ["strings beyond the end", changed(19, 255), "truncated"],
    ["strings without an end", changed(valid.length - 1, 65), "does not start and end with NUL"],
    ["no strings", changed(20, 0), "does not start and end with NUL"],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => parseBtf(bytes)).toThrow(FormatError);
    expect(() => parseBtf(bytes)).toThrow(`.BTF: ${message.replace(/^does/, "the string section does")}`);
  });

  it("refuses every truncation, wherever it cuts", () => {
    for (const bytes of [valid, sectionNamed(readElf(fixture("kinds.bpf.o")), ".BTF")!.data])
      for (let length = 0; length < bytes.length; length++)
        expect(() => parseBtf(bytes.subarray(0, length)), `${length} bytes`).toThrow(FormatError);
  });
});

/** A type as `bpftool btf dump` prints it. */
function dumped(type: BtfType, btf: Btf): string {
  const quoted = (name: string): string => `'${name || "(anon)"}'`;
  const head = (...words: (string | number)[]): string => {
    const name = "name" in type ? type.name : "";
    return [`[${type.id}] ${type.kind.toUpperCase()} ${quoted(name)}`, ...words].join(" ");
  };
  const lines = (...all: string[]): string => all.join("\n\t");
  switch (type.kind) {
    case "void":
      return "";
    case "int": {
      const encoding =
        (type.signed && "SIGNED") || (type.char && "CHAR") || (type.bool && "BOOL") || "(none)";
      const { size, bitOffset, bits } = type;
      return head(`size=${size} bits_offset=${bitOffset} nr_bits=${bits} encoding=${encoding}`);
    }
    case "array":
      return head(`type_id=${type.element} index_type_id=${type.index} nr_elems=${type.length}`);
    case "struct":
    case "union":
      return lines(
        head(`size=${type.size} vlen=${type.members.length}`),
        ...type.members.map(({ name, type: id, bitOffset, bitSize }) => {
          const field = `${quoted(name)} type_id=${id} bits_offset=${bitOffset}`;
          return bitSize > 0 ? `${field} bitfield_size=${bitSize}` : field;
        }),
      );
    case "enum":
    case "enum64":
      return lines(
        head(`encoding=${type.signed ? "SIGNED" : "UNSIGNED"} size=${type.size} vlen=${type.values.length}`),
        ...type.values.map(({ name, value }) => `${quoted(name)} val=${value}`),
      );
    case "fwd":
      return head(`fwd_kind=${type.union ? "union" : "struct"}`);
    case "float":
      return head(`size=${type.size}`);
    case "func":
      return head(`type_id=${type.to} linkage=${type.linkage}`);
    case "var":
      return head(`type_id=${type.to}, linkage=${type.linkage}`);
    case "func_proto":
      return lines(
        head(`ret_type_id=${type.returns} vlen=${type.params.length}`),
        ...type.params.map(({ name, type: id }) => `${quoted(name)} type_id=${id}`),
      );
    case "datasec":
      return lines(
        head(`size=${type.size} vlen=${type.vars.length}`),
        ...type.vars.map(({ type: id, offset, size }) => {
          const variable = btf.type(id);
          const name = "name" in variable ? variable.name : "";
          return `type_id=${id} offset=${offset} size=${size} (${variable.kind.toUpperCase()} '${name}')`;
        }),
      );
    case "decl_tag":
      return head(`type_id=${type.to} component_idx=${type.component}`);
    default:
      return head(`type_id=${type.to}`);
  }
}
