import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { FormatError, fingerprint, parseBtf, readElf, sectionNamed } from "../../runtime/btf/index.js";
import { info, Kind, type RawSection, rawElf } from "../unit/btf/assemble.js";
import { Assembly, type Name } from "./assembly.js";
import { runtimeErrors, typeErrors } from "./compile.js";
import { hostile } from "./grammar.js";
import { outcome, stopwatch } from "./harness.js";
import { violations } from "./proof.js";

/** What was found by fuzzing, or by thinking as one who wants to stop the generator; each case once did. */

/** An object of its own for each case: `int` is type 1. */
function assembly(build: (object: Assembly, int: number) => void): Uint8Array {
  const object = new Assembly();
  object.program();
  build(object, object.int());
  return object.bytes();
}

const LONG = "x".repeat(0xffff);
const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

type Members = readonly (readonly [string | number, number, number])[];

/** Objects made to exhaust the generator, and whether they are refused. */
const exhausting: readonly (readonly [name: string, isRefused: boolean, bytes: () => Uint8Array])[] = [
  [
    "a struct that is part of itself",
    true,
    () => assembly((object) => object.global("x", object.struct("s", 8, [["s", object.next, 0]]), 8)),
  ],
  [
    "typedefs that name each other",
    true,
    () =>
      assembly((object) => {
        object.typedef("a", object.next + 1);
        object.global("x", object.typedef("b", object.next - 1), 4);
      }),
  ],
  [
    "an array of itself",
    true,
    () => assembly((object) => object.global("x", object.array(object.next, 2), 8)),
  ],
  [
    "100 000 typedefs of each other",
    true,
    () =>
      assembly((object, int) => {
        let type = int;
        for (let i = 0; i < 100_000; i++) type = object.typedef("t", type);
        object.global("x", type, 4);
      }),
  ],
  [
    "a pointer behind 200 pointers",
    false,
    () =>
      assembly((object, int) => {
        let type = int;
        for (let i = 0; i < 200; i++) type = object.pointer(type);
        object.global("x", type, 8);
      }),
  ],
  [
    "an array of 2^32 - 1 integers",
    true,
    () => assembly((object, int) => object.global("x", object.array(int, 0xffff_ffff), 8)),
  ],
  [
    "arrays whose size overflows 64 bits",
    true,
    () =>
      assembly((object, int) => {
        let type = int;
        for (let i = 0; i < 5; i++) type = object.array(type, 0xffff_ffff);
        object.global("x", object.struct("s", 8, [["a", type, 0]]), 8);
      }),
  ],
  [
    "an array of 2^32 - 1 elements of no size",
    false,
    () =>
      assembly((object) => {
        const empty = object.struct("empty", 0, []);
        object.global("x", object.struct("s", 8, [["a", object.array(empty, 0xffff_ffff), 0]]), 8);
      }),
  ],
  [
    "tuples of tuples of tuples, 16^30 elements of no size",
    false,
    () =>
      assembly((object) => {
        let type = object.struct("empty", 0, []);
        for (let i = 0; i < 30; i++) type = object.array(type, 16);
        object.global("x", object.struct("s", 8, [["a", type, 0]]), 8);
      }),
  ],
  [
    "tuples of tuples of a type with a long name",
    true,
    () =>
      assembly((object) => {
        const type = object.array(object.array(object.struct(LONG, 0, []), 16), 16);
        object.global("x", object.struct("s", 8, [["a", type, 0]]), 8);
      }),
  ],
  [
    "an array of 40 dimensions",
    true,
    () =>
      assembly((object, int) => {
        let type = int;
        for (let i = 0; i < 40; i++) type = object.array(type, 1);
        object.global("x", type, 4);
      }),
  ],
  [
    "anonymous structs that double 40 times",
    true,
    () =>
      assembly((object, int) => {
        let type = object.struct("", 0, [["x", object.array(int, 0), 0]]);
        for (let i = 0; i < 40; i++)
          type = object.struct("", 0, [
            ["", type, 0],
            ["", type, 0],
          ]);
        object.global("x", object.struct("s", 8, [["", type, 0]]), 8);
      }),
  ],
  [
    "anonymous unions that double 40 times",
    true,
    () =>
      assembly((object, int) => {
        let type = object.struct("", 4, [["x", int, 0]], Kind.union);
        for (let i = 0; i < 40; i++)
          type = object.struct(
            "",
            4,
            [
              ["", type, 0],
              ["", type, 0],
            ],
            Kind.union,
          );
        object.global("x", object.struct("s", 8, [["", type, 0]]), 8);
      }),
  ],
  [
    "2000 structs that share 30 000 anonymous members",
    true,
    () =>
      assembly((object, int) => {
        const shared = object.struct(
          "",
          4,
          times(30_000, (i): Members[number] => [`m${i}`, int, 0]),
        );
        const all = times(2000, (i) => object.struct(`s${i}`, 4, [["", shared, 0]]));
        object.global(
          "x",
          object.struct(
            "s",
            8000,
            all.map((type, i): Members[number] => [`m${i}`, type, 32 * i]),
          ),
          8000,
        );
      }),
  ],
  [
    "60 000 members of one name",
    false,
    () =>
      assembly((object, int) =>
        object.global(
          "x",
          object.struct(
            "s",
            240_000,
            times(60_000, (i): Members[number] => ["same", int, 32 * i]),
          ),
          240_000,
        ),
      ),
  ],
  [
    "20 000 members that are one name without their letters",
    false,
    () =>
      assembly((object, int) => {
        const array = object.array(object.pointer(int), 2);
        const members = times(20_000, (i): Members[number] => [
          String.fromCodePoint(0x1_0000 + i),
          array,
          128 * i,
        ]);
        object.global("x", object.struct("s", 320_000, members), 320_000);
      }),
  ],
  [
    "30 000 types of one name and one layout",
    false,
    () =>
      assembly((object) => {
        const all = times(30_000, () => object.struct("same", 0, []));
        object.global(
          "x",
          object.struct(
            "s",
            8,
            all.map((type, i): Members[number] => [`m${i}`, type, 0]),
          ),
          8,
        );
      }),
  ],
  [
    "50 000 members with a name of 64 kB",
    true,
    () =>
      assembly((object, int) =>
        object.global(
          "x",
          object.struct(
            "s",
            4,
            times(50_000, (): Members[number] => [LONG, int, 0]),
          ),
          4,
        ),
      ),
  ],
  [
    "50 000 members of a type with a name of 64 kB",
    true,
    () =>
      assembly((object) => {
        const type = object.struct(LONG, 0, []);
        object.global(
          "x",
          object.struct(
            "s",
            4,
            times(50_000, (i): Members[number] => [`m${i}`, type, 0]),
          ),
          4,
        );
      }),
  ],
  [
    "nameless types inside one another, under long names",
    true,
    () =>
      assembly((object, int) => {
        let type = int;
        for (let i = 0; i < 250; i++) type = object.struct("", 4, [[LONG, type, 0]]);
        object.global("x", type, 4);
      }),
  ],
  [
    "60 000 values of an enum whose names are the ends of one",
    true,
    () =>
      assembly((object) => {
        const at = object.name(LONG);
        const values = times(60_000, (i) => [at + i, i]).flat();
        object.global("x", object.type(object.name("e"), info(Kind.enum, 60_000), 4, ...values), 4);
      }),
  ],
  [
    "1000 enums of 1000 values with one name of 64 kB",
    true,
    () =>
      assembly((object) => {
        const at = object.name(LONG);
        const values = times(1000, (i) => [at, i]).flat();
        const all = times(1000, (i) =>
          object.type(object.name(`e${i}`), info(Kind.enum, 1000), 4, ...values),
        );
        object.global(
          "x",
          object.struct(
            "s",
            4,
            all.map((type, i): Members[number] => [`m${i}`, type, 0]),
          ),
          4,
        );
      }),
  ],
  [
    "2^24 members in 12 bytes",
    true,
    () => assembly((object) => object.global("x", object.type(0, info(Kind.struct, 0xff_ffff), 4), 4)),
  ],
  [
    "a member at the end of the world",
    true,
    () => assembly((object, int) => object.global("x", object.struct("s", 4, [["a", int, 0xffff_ffff]]), 4)),
  ],
  [
    "30 000 data sections of one name",
    true,
    () =>
      assembly((object, int) => {
        object.global("x", int, 4);
        for (let i = 0; i < 30_000; i++) object.dataSection(".data", 4, [[object.variable("y", int), 0, 4]]);
      }),
  ],
  [
    "30 000 data sections and 30 000 symbols",
    false,
    () =>
      assembly((object, int) => {
        object.global("x", int, 4);
        for (let i = 0; i < 30_000; i++) {
          object.dataSection(`.data.${i}`, 0, []);
          object.symbols.push({ name: `s${i}`, section: ".data" });
        }
      }),
  ],
  [
    "one variable 50 000 times in a section",
    true,
    () =>
      assembly((object, int) => {
        const variable = object.variable("y", int);
        object.sections.push({ name: ".rodata", type: 1, flags: 2, data: new Uint8Array(4) });
        object.dataSection(
          ".rodata",
          4,
          times(50_000, () => [variable, 0, 4] as const),
        );
      }),
  ],
  [
    "20 000 maps of one definition with 20 000 attributes",
    true,
    () =>
      assembly((object) => {
        const number = object.uint(1);
        const members = times(20_000, (i): Members[number] => [`a${i % 50}`, number, 64 * i]);
        const definition = object.struct("", 160_000, members);
        const maps = times(20_000, (i) => [object.variable(`m${i}`, definition), 0, 8] as const);
        object.sections.push({ name: ".maps", type: 1, flags: 3, data: new Uint8Array(8) });
        object.dataSection(".maps", 0, maps);
      }),
  ],
  [
    "50 000 decl tags on one map",
    true,
    () =>
      assembly((object) => {
        const map = object.variable("m", object.struct("", 8, [["type", object.uint(27), 0]]));
        object.sections.push({ name: ".maps", type: 1, flags: 3, data: new Uint8Array(8) });
        object.dataSection(".maps", 0, [[map, 0, 8]]);
        for (let i = 0; i < 50_000; i++)
          object.type(object.name("event:int"), info(Kind.declTag), map, 0xffff_ffff);
      }),
  ],
  [
    "a map whose inner map is itself",
    true,
    () =>
      assembly((object) => {
        const definition = object.next + 4;
        const type = object.uint(12);
        const values = object.array(object.pointer(definition), 0);
        object.struct("", 16, [
          ["type", type, 0],
          ["values", values, 64],
        ]);
        object.sections.push({ name: ".maps", type: 1, flags: 3, data: new Uint8Array(8) });
        object.dataSection(".maps", 0, [[object.variable("m", definition), 0, 8]]);
      }),
  ],
  [
    "5000 programs in a section with a name of 64 kB",
    true,
    () =>
      assembly((object) => {
        for (let i = 0; i < 5000; i++) object.program(`p${i}`, LONG);
      }),
  ],
  [
    "130 000 types of one name, with a warning each",
    true,
    () =>
      assembly((object) => {
        const all = times(130_000, () => object.struct("same", 0, []));
        const parts = times(3, (part) =>
          object.struct(
            `part${part}`,
            8,
            all.slice(part * 50_000, (part + 1) * 50_000).map((type): Members[number] => ["m", type, 0]),
          ),
        );
        const members = parts.map((type, i): Members[number] => [`p${i}`, type, 64 * i]);
        object.global("x", object.struct("s", 24, members), 24);
      }),
  ],
  [
    "a .BTF of 17 MB",
    true,
    () =>
      assembly((object, int) => {
        for (let i = 0; i < 1_420_000; i++) object.typedef("t", int);
      }),
  ],
  [
    "a section of 40 MB",
    true,
    () =>
      assembly((object) => {
        object.sections.push({ name: ".rodata", type: 1, flags: 2, data: new Uint8Array(40e6) });
      }),
  ],
  [
    "300 000 symbols",
    true,
    () =>
      assembly((object) => {
        for (let i = 0; i < 300_000; i++) object.symbols.push({ name: "", section: "xdp" });
      }),
  ],
  [
    "100 000 programs",
    true,
    () =>
      assembly((object) => {
        for (let i = 0; i < 100_000; i++) object.symbols.push({ name: `p${i}`, section: "xdp", type: 2 });
      }),
  ],
  [
    "50 000 struct_ops of a type with a name of 64 kB",
    true,
    () =>
      assembly((object) => {
        const type = object.struct(LONG, 0, []);
        object.dataSection(
          ".struct_ops",
          0,
          times(50_000, (i) => [object.variable(`v${i}`, type), 0, 0] as const),
        );
      }),
  ],
  [
    "60 000 sections under one long name",
    true,
    () =>
      rawElf(times(60_000, (): RawSection => ({ type: 1 })).concat({ name: LONG, type: 1 })).map(
        (byte) => byte,
      ),
  ],
];

describe("objects that exhaust", () => {
  it.each(exhausting)("%s", (_, isRefused, bytes) => {
    const object = bytes();
    const before = process.memoryUsage.rss();
    const { text, refusal, ms } = outcome(object, "skeleton", { embed: "none" });
    expect(refusal !== undefined, refusal).toBe(isRefused);
    expect(ms).toBeLessThan(10_000);
    expect((process.memoryUsage.rss() - before) / 2 ** 20).toBeLessThan(512);
    if (text !== undefined && text.length < 2 ** 22) expect(violations(text)).toEqual([]);
  });

  // What open() does with an object that is given to it: it reads the layouts for their fingerprint.
  it.each(exhausting)("are met by the runtime as soon: %s", (_, __, bytes) => {
    const object = bytes();
    const before = process.memoryUsage.rss();
    const since = stopwatch();
    try {
      const elf = readElf(object);
      const btf = sectionNamed(elf, ".BTF");
      if (btf) fingerprint(elf, parseBtf(btf.data), ["struct a"]);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
    expect(since()).toBeLessThan(10_000);
    expect((process.memoryUsage.rss() - before) / 2 ** 20).toBeLessThan(512);
  });
});

/** The output for an object that must be accepted. */
function accepted(bytes: Uint8Array): string {
  const { text, refusal } = outcome(bytes, "skeleton", { embed: "none" });
  expect(refusal).toBeUndefined();
  expect(violations(text!)).toEqual([]);
  return text!;
}

/** A name in every place where an object can have one. */
function everywhere(name: Name): Uint8Array {
  return assembly((object, int) => {
    const state = object.type(object.name(name), info(Kind.enum, 1), 4, object.name(name), 7);
    const union = object.struct(
      name,
      8,
      [
        [name, state, 0],
        [name, object.array(int, 2), 0],
      ],
      Kind.union,
    );
    const struct = object.struct(name, 32, [
      [name, int, 0],
      [name, object.array(object.typedef(name, state), 2), 32],
      ["", union, 96],
      [name, object.pointer(object.type(object.name(name), info(Kind.fwd), 0)), 192],
    ]);
    object.global(name, object.typedef(name, struct), 32);
    const map = object.struct("", 24, [
      ["type", object.uint(1), 0],
      ["key", object.pointer(struct), 64],
      ["value", object.pointer(union), 128],
    ]);
    object.sections.push({ name: ".maps", type: 1, flags: 3, data: new Uint8Array(24) });
    object.symbols.push({ name, section: ".maps", size: 24 });
    object.dataSection(".maps", 0, [[object.variable(name, map), 0, 24]]);
    object.program(name, typeof name === "string" ? name : "tc");
  });
}

describe("names", () => {
  it("of any text stay names, wherever they stand", () => {
    const texts = [...hostile, "x".repeat(2000)].map((name) => accepted(everywhere(name)));
    for (const text of texts) expect(runtimeErrors(text, () => 0)).toEqual([]);
    expect(typeErrors(texts.filter((text) => text.length < 100_000))).toEqual([]);
  });

  it.each(["m", "at", "value", "size"])("of types are not those of parameters: %s", (name) => {
    const bytes = assembly((object, int) => {
      // Two types that would be called alike keep their C names.
      const lower = object.struct(name, 4, [["x", int, 0]]);
      const upper = object.struct(name.charAt(0).toUpperCase() + name.slice(1), 8, [
        [name, lower, 0],
        ["y", lower, 32],
      ]);
      object.global("x", upper, 8);
    });
    const text = accepted(bytes);
    expect(typeErrors([text])).toEqual([]);
    expect(runtimeErrors(text, () => 1)).toEqual([]);
  });

  it("of types keep letters only that all compilers know", () => {
    const text = accepted(
      assembly((object, int) =>
        object.global("x", object.struct("a\u{1c89}\u{1e5d0}größe名", 4, [["x", int, 0]]), 4),
      ),
    );
    expect(text).toContain("export interface A__größe名 {");
    const load = createRequire(import.meta.url);
    const compilers: typeof import("ts-morph").ts[] = ["5.4", "5.9", "6.0"].map((version) =>
      load(`typescript-${version}`),
    );
    const ranges = [
      [0x80, 0x86f],
      [0x1e00, 0x1fff],
      [0x3041, 0x30fa],
      [0x30fc, 0x30ff],
      [0x4e00, 0x9fa5],
      [0xac00, 0xd7a3],
    ] as const;
    for (const [from, to] of ranges)
      for (let code = from; code <= to; code++) {
        const letter = String.fromCodePoint(code);
        for (const ts of compilers) {
          const { ESNext } = ts.ScriptTarget;
          if (/\p{ID_Start}/u.test(letter)) expect(ts.isIdentifierStart(code, ESNext), letter).toBe(true);
          if (/\p{ID_Continue}/u.test(letter)) expect(ts.isIdentifierPart(code, ESNext), letter).toBe(true);
        }
      }
  });

  it("with spaces around are declared in a file of types", () => {
    const bytes = assembly((object, int) => void object.struct(" a ", 4, [["x", int, 0]]));
    expect(outcome(bytes, "types").text).toContain("export interface _a_ {");
  });

  it("of nothing but enums need no import", () => {
    const bytes = assembly((object) => void object.type(object.name("e"), info(Kind.enum), 4));
    const { text = "" } = outcome(bytes, "types");
    expect(text).not.toContain("import");
    expect(typeErrors([text])).toEqual([]);
  });
});

/** What was accepted, though its output could not be right. */
const refused: readonly (readonly [what: string, bytes: () => Uint8Array, why: RegExp])[] = [
  ...[3, 16, 2 ** 30].map(
    (size) =>
      [
        `an enum of ${size} bytes`,
        () => assembly((object) => object.global("x", object.type(0, info(Kind.enum), size), 64)),
        /an enum of \d+ bytes/,
      ] as const,
  ),
  [
    "a member that starts inside a byte",
    () =>
      assembly((object, int) => {
        const inner = object.struct("i", 4, [["x", int, 0]]);
        object.global("x", object.struct("s", 8, [["a", inner, 3]]), 8);
      }),
    /member "a" starts inside a byte/,
  ],
  [
    "two variables of one name",
    () =>
      assembly((object, int) => {
        object.sections.push({ name: ".bss", type: 8, flags: 3, size: 8 });
        object.dataSection(".bss", 8, [
          [object.variable("a", int), 0, 4],
          [object.variable("a", int), 4, 4],
        ]);
      }),
    /variable "a": is there twice/,
  ],
  [
    "two maps of one name",
    () =>
      assembly((object) => {
        const definition = object.struct("", 8, [["type", object.uint(27), 0]]);
        object.sections.push({ name: ".maps", type: 1, flags: 3, data: new Uint8Array(16) });
        object.dataSection(".maps", 0, [
          [object.variable("a", definition), 0, 8],
          [object.variable("a", definition), 8, 8],
        ]);
      }),
    /map "a": is there twice/,
  ],
  [
    "a map without a name",
    () =>
      assembly((object) => {
        const definition = object.struct("", 8, [["type", object.uint(27), 0]]);
        object.sections.push({ name: ".maps", type: 1, flags: 3, data: new Uint8Array(16) });
        object.dataSection(".maps", 0, [[object.variable("", definition), 0, 8]]);
      }),
    /a map has no name/,
  ],
  [
    "sections that overlap",
    () => {
      const bytes = assembly((object, int) => object.global("x", int, 4));
      const view = new DataView(bytes.buffer);
      const table = view.getUint32(40, true);
      // Each of them the whole file.
      for (const section of [1, 2, 3]) {
        view.setUint32(table + section * 64 + 24, 0, true);
        view.setUint32(table + section * 64 + 32, bytes.length, true);
      }
      return bytes;
    },
    /sections overlap/,
  ],
  [
    "a section past the end",
    () => {
      const bytes = assembly((object, int) => object.global("x", int, 4));
      const view = new DataView(bytes.buffer);
      view.setUint32(view.getUint32(40, true) + 64 + 24, 0xffff_ffff, true);
      return bytes;
    },
    /truncated/,
  ],
];

describe("objects whose output could not be right", () => {
  it.each(refused)("are refused: %s", (_, bytes, why) => {
    expect(outcome(bytes()).refusal).toMatch(why);
  });

  it("but for an integer of the old kind that starts inside a byte, which is a bit-field", () => {
    const text = accepted(
      assembly((object, int) =>
        object.global(
          "x",
          object.struct("s", 8, [
            ["a", int, 0],
            ["b", int, 29],
          ]),
          8,
        ),
      ),
    );
    expect(text).toContain("b: m.sbits(at, 29, 32)");
    expect(runtimeErrors(text, () => 9)).toEqual([]);
  });

  it("and records of two types of one name", () => {
    const bytes = assembly((object, int) => {
      object.struct("e", 4, [["x", int, 0]]);
      object.struct("e", 8, [["x", int, 0]], Kind.union);
      const map = object.variable("m", object.struct("", 8, [["type", object.uint(27), 0]]));
      object.sections.push({ name: ".maps", type: 1, flags: 3, data: new Uint8Array(8) });
      object.dataSection(".maps", 0, [[map, 0, 8]]);
      for (const tag of ["event:struct e", "event:union e"])
        object.type(object.name(tag), info(Kind.declTag), map, 0xffff_ffff);
    });
    expect(outcome(bytes).refusal).toMatch(/m=e: is the name of two types/);
  });
});
