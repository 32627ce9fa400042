import { describe, expect, it } from "vitest";
import { GenerateError, type GenerateOptions, generate } from "../../../generator/index.js";
import { fixture } from "../../fixtures/fixtures.js";
import { Kind } from "../btf/assemble.js";
import { ObjectBuilder } from "./object.js";

const options = (more: Partial<GenerateOptions> = {}): GenerateOptions => ({
  file: "o.bpf.o",
  embed: "none",
  ...more,
});

/** What is said of a member of the skeleton's interface: its doc comment and its type. */
function member(text: string, name: string): string {
  const [, doc, type] =
    new RegExp(`/\\*\\* (.*) \\*/\\n +(?:get )?${name}(?:\\(\\))?: (.*);`).exec(text) ?? [];
  return doc === undefined ? "" : `${doc} ${type}`;
}

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (!(error instanceof GenerateError)) throw error;
    return `${error.code}: ${error.message}`;
  }
  return "accepted";
}

describe("maps", () => {
  /** The map `m` with these members, and what the skeleton says of it. */
  function map(
    define: (b: ObjectBuilder) => readonly (readonly [string, number])[],
  ): ReturnType<typeof generate> {
    const b = new ObjectBuilder();
    b.maps({ m: define(b) });
    return generate(b.bytes(), options());
  }

  it("have keys and values of any type", () => {
    const { text, warnings } = map((b) => [
      ["type", b.uint(1)],
      ["max_entries", b.uint(7)],
      ["key", b.pointer(b.int("unsigned int"))],
      ["value", b.pointer(b.struct("v", 8, [["a", b.int("long long", 8, 1)]]))],
    ]);
    expect(member(text, "m")).toBe(
      "`BPF_MAP_TYPE_HASH`, `unsigned int` to `struct v`, 7 entries. bpf.HashMap<number, V>",
    );
    expect(warnings).toEqual([]);
  });

  it("may say sizes instead", () => {
    const { text } = map((b) => [
      ["type", b.uint(2)],
      ["key_size", b.uint(4)],
      ["value_size", b.uint(24)],
      ["max_entries", b.uint(1)],
    ]);
    expect(member(text, "m")).toContain("bpf.ArrayMap<Uint8Array>");
    expect(text).toContain("bpf.u8Array(24)");
  });

  it("may leave out all but the type", () => {
    const { text, warnings } = map((b) => [["type", b.uint(27)]]);
    expect(member(text, "m")).toBe("`BPF_MAP_TYPE_RINGBUF`. bpf.RingBuf<Uint8Array>");
    expect(warnings).toEqual([expect.stringMatching(/^map "m": .* — --event m=TYPE$/)]);
  });

  it("may say map_extra by an enum, as __ulong does, and be behind a typedef", () => {
    const b = new ObjectBuilder();
    const number = (value: number): number =>
      b.type(0, (Kind.enum << 24) | 1, 8, b.name(`__unique_value${value}`), value);
    const definition = b.typedef(
      "map_type",
      b.struct("", 16, [
        ["type", b.uint(2)],
        ["max_entries", b.uint(9)],
        ["map_extra", number(3)],
        ["value", b.pointer(b.int("unsigned char", 1))],
      ]),
    );
    b.symbol({ name: "m", section: ".maps", size: 16 });
    b.section(".maps", { type: 1, flags: 3, data: new Uint8Array(16) });
    b.dataSection(".maps", [[b.variable("m", definition)]]);
    expect(member(generate(b.bytes(), options()).text, "m")).toBe(
      "`BPF_MAP_TYPE_ARRAY` of `unsigned char`, 9 entries. bpf.ArrayMap<number>",
    );
  });

  it("of a kind that is not known are bytes, with a warning", () => {
    const { text, warnings } = map((b) => [
      ["type", b.uint(999)],
      ["key_size", b.uint(4)],
      ["value_size", b.uint(4)],
    ]);
    expect(member(text, "m")).toMatch(/^`BPF_MAP_TYPE_999`.* bpf\.RawMap$/);
    expect(warnings).toEqual([expect.stringMatching(/^map "m": BPF_MAP_TYPE_999 .* bytes$/)]);
  });

  it("are in the order of the section, not of BTF", () => {
    const b = new ObjectBuilder();
    const type = b.struct("", 8, [["type", b.uint(27)]]);
    const [first, second] = [b.variable("first", type), b.variable("second", type)];
    b.section(".maps", { type: 1, flags: 3, data: new Uint8Array(16) });
    b.symbol({ name: "second", section: ".maps", value: 0 });
    b.symbol({ name: "first", section: ".maps", value: 8 });
    b.dataSection(".maps", [[first], [second]]);
    const { text } = generate(b.bytes(), options());
    expect(text.indexOf("second: ")).toBeLessThan(text.indexOf("first: "));
  });

  it.each<[string, (b: ObjectBuilder) => readonly (readonly [string, number])[], RegExp]>([
    [
      "a number that is none",
      (b) => [["max_entries", b.int("int")]],
      /^map "m": "max_entries": is not a number — define it with __uint$/,
    ],
    [
      "a key that is no type",
      (b) => [["key", b.int("int")]],
      /^map "m": "?key"?: is not a type — define it with __type$/,
    ],
  ])("are refused: %s", (_, define, message) => {
    const said = refusal(() => map(define));
    expect(said).toMatch(/^ERR_BPF_OBJECT: /);
    expect(said.slice("ERR_BPF_OBJECT: ".length)).toMatch(message);
  });

  it("are refused: one that is no struct", () => {
    const b = new ObjectBuilder();
    b.section(".maps", { type: 1, flags: 3, data: new Uint8Array(4) });
    b.dataSection(".maps", [[b.variable("m", b.int("int"))]]);
    expect(refusal(() => generate(b.bytes(), options()))).toBe(
      'ERR_BPF_OBJECT: map "m": is not a BTF map definition — define it with __uint and __type',
    );
  });

  it("are refused in the form of old", () => {
    expect(refusal(() => generate(fixture("legacy.bpf.o"), options()))).toBe(
      'ERR_BPF_OBJECT: section "maps": holds map definitions of the form that libbpf 1.0 dropped — define maps in SEC(".maps") with __uint and __type',
    );
  });
});

describe("records", () => {
  /** Ring buffers `a`, tagged, and `b`, of a value type, and a hash map `h`; and structs `one` and `two`. */
  function object(): Uint8Array {
    const b = new ObjectBuilder();
    const u32 = b.int("unsigned int");
    const [one, two] = [b.struct("one", 4, [["x", u32]]), b.struct("two", 8, [["y", u32]])];
    b.variable("keep", b.pointer(two));
    b.type(b.name("kind"), (Kind.enum << 24) | 1, 4, b.name("KIND"), 1);
    const ring: readonly (readonly [string, number])[] = [["type", b.uint(27)]];
    const [a] = b.maps({
      a: ring,
      b: [...ring, ["value", b.pointer(one)]],
      c: ring,
      h: [
        ["type", b.uint(1)],
        ["key", b.pointer(u32)],
        ["value", b.pointer(u32)],
      ],
    });
    b.declTag("event:struct two", a!);
    return b.bytes();
  }
  const types = (events: GenerateOptions["events"]): string[] => {
    const { text } = generate(object(), options(events === undefined ? {} : { events }));
    return ["a", "b", "c"].map((name) => /<(.*)>$/.exec(member(text, name))?.[1] ?? "");
  };

  it("are what the tag says, then the value, then bytes", () => {
    expect(types(undefined)).toEqual(["Two", "One", "Uint8Array"]);
  });

  it("are what --event says before all else", () => {
    expect(types({ a: "one", b: "two", c: "struct one" })).toEqual(["One", "Two", "One"]);
    expect(types({ c: "unsigned int" })).toEqual(["Two", "One", "number"]);
    expect(types({ c: "enum kind" })).toEqual(["Two", "One", "Kind"]);
  });

  it.each<[string, Record<string, string>, string]>([
    [
      "a map that is not there",
      { nowhere: "one" },
      "--event nowhere: the object has no such map — it has: a, b, c, h",
    ],
    ["a map without records", { h: "one" }, 'map "h": has no events — it is a HASH'],
    [
      "a type that is not there",
      { a: "event" },
      'type "event": the object\'s BTF has no such type — put `struct event *unused __attribute__((unused));` into the C source to keep it',
    ],
    [
      "a struct that is a union",
      { a: "union one" },
      'type "union one": the object\'s BTF has no such type — put `union one *unused __attribute__((unused));` into the C source to keep it',
    ],
  ])("are refused: %s", (_, events, message) => {
    expect(refusal(() => types(events))).toBe(`ERR_BPF_OPTION: ${message}`);
  });
});

describe("--type", () => {
  it("declares a type, and what is in it, once", () => {
    const { text } = generate(
      fixture("types.bpf.o"),
      options({ types: ["stray", "struct stray", "union address"] }),
    );
    expect(text.match(/^export interface Stray /gm)).toHaveLength(1);
    expect(text.match(/^export type Address /gm)).toHaveLength(1);
  });

  it.each(["", "nothing", "struct address", "enum stray", "struct  "])("is refused: %j", (type) => {
    expect(refusal(() => generate(fixture("types.bpf.o"), options({ types: [type] })))).toMatch(
      /^ERR_BPF_OPTION: type ".*": the object's BTF has no such type — /,
    );
  });

  it("takes a type that is no struct", () => {
    for (const type of ["__u32", "int", "level", "enum state", "char", "double"])
      expect(refusal(() => generate(fixture("types.bpf.o"), options({ types: [type] })))).toBe("accepted");
  });
});

describe("sections", () => {
  /** A `.data` of three variables, whose symbols say where they lie. */
  function data(
    symbols: Readonly<Record<string, { value: number; binding?: number; visibility?: number }>>,
    linkage: Readonly<Record<string, number>> = {},
  ): string {
    const b = new ObjectBuilder();
    const u32 = b.int("unsigned int");
    b.section(".data", { type: 1, flags: 3, data: new Uint8Array(16) });
    const variables = Object.entries(symbols).map(([name, symbol]): [number] => {
      b.symbol({ name, section: ".data", size: 4, ...symbol });
      return [b.variable(name, u32, linkage[name] ?? 1)];
    });
    b.dataSection(".data", variables);
    return generate(b.bytes(), options()).text;
  }

  it("have their variables where the symbols say, in that order", () => {
    const text = data({ c: { value: 12 }, a: { value: 0 }, b: { value: 4 } });
    expect(text).toContain(`    data: bpf.section(".data", 16, {
      a: [0, bpf.u32],
      b: [4, bpf.u32],
      c: [12, bpf.u32],
    }),`);
  });

  it("show no variable that only the object itself can name", () => {
    const text = data(
      {
        shown: { value: 0 },
        hidden: { value: 4, visibility: 2 },
        internal: { value: 8, visibility: 1 },
        local: { value: 12, binding: 0 },
        fixed: { value: 12 },
      },
      { fixed: 0 },
    );
    expect(text).toContain('bpf.section(".data", 16, {\n      shown: [0, bpf.u32],\n    })');
    const nothing = data({ a: { value: 0, visibility: 2 } });
    expect(nothing).toContain("globals: {},");
  });

  it("have their variables where BTF says, once a linker has filled that in", () => {
    const b = new ObjectBuilder();
    const u32 = b.int("unsigned int");
    b.section(".bss", { type: 8, flags: 3, size: 64 });
    b.symbol({ name: "a", section: ".bss", value: 4 });
    b.dataSection(".bss", [[b.variable("a", u32), 8, 4]], 12);
    expect(generate(b.bytes(), options()).text).toContain(
      'bpf.section(".bss", 12, {\n      a: [8, bpf.u32],',
    );
  });

  it("are refused when a variable lies outside", () => {
    expect(refusal(() => data({ a: { value: 13 } }))).toBe(
      'ERR_BPF_OBJECT: .data: variable "a": lies outside the section — is it a BPF object, whole, as the compiler wrote it?',
    );
  });

  it("have members of their own when their names become the same", () => {
    const { text } = generate(fixture("hostile.bpf.o"), options());
    const names = [...text.matchAll(/^ {4}(\w+): bpf\.section\("(.*?)"/gm)].map(
      ([, name, of]) => `${of} ${name}`,
    );
    expect(names).toEqual([
      ".data data",
      ".bss bss",
      ".rodata rodata",
      ".data.foo data_foo",
      ".data.then data_then",
      ".rodata.bar rodata_bar",
      ".data.a.b data_a_b",
      ".data.a_b data_a_b_2",
      ".bss.baz bss_baz",
    ]);
    expect(text).not.toMatch(/\b(unseen|concealed)\b/);
  });

  it("are laid out for .kconfig as libbpf does it", () => {
    const b = new ObjectBuilder();
    const [int, bool, char] = [b.int("int", 4, 1), b.int("_Bool", 1, 4), b.int("char", 1, 1)];
    const externs: readonly (readonly [string, number])[] = [
      ["CONFIG_BPF", bool],
      ["CONFIG_CC_VERSION_TEXT", b.array(char, 64)],
      ["LINUX_KERNEL_VERSION", int],
      ["CONFIG_X", int],
    ];
    b.dataSection(
      ".kconfig",
      externs.map(([name, type]) => [b.variable(name, type, 2)]),
    );
    expect(generate(b.bytes(), options()).text).toContain(`    kconfig: bpf.section(".kconfig", 73, {
      CONFIG_X: [0, bpf.s32],
      LINUX_KERNEL_VERSION: [4, bpf.s32],
      CONFIG_BPF: [8, bpf.bool],
      CONFIG_CC_VERSION_TEXT: [9, bpf.text(64)],
    }),`);
  });
});

describe("members of a struct that share bits", () => {
  type Members = (b: ObjectBuilder) => Parameters<ObjectBuilder["struct"]>[2];
  const struct = (members: Members): string => {
    const b = new ObjectBuilder();
    b.maps({
      m: [
        ["type", b.uint(2)],
        ["key", b.pointer(b.int("int"))],
        ["value", b.pointer(b.struct("s", 8, members(b)))],
        ["max_entries", b.uint(1)],
      ],
    });
    return refusal(() => generate(b.bytes(), options()));
  };
  const union = (b: ObjectBuilder, ...names: string[]): number => {
    const members = names.map((name) => [name, b.int("long", 8)] as const);
    return b.struct("", 8, members, Kind.union);
  };

  it.each<[string, Members]>([
    ["from the same byte", (b) => ["a", "b"].map((name) => [name, b.int("int")])],
    [
      "with a union in front",
      (b) => [
        ["", union(b, "a")],
        ["b", b.int("int"), 32],
      ],
    ],
    [
      "with a union from the same byte",
      (b) => [
        ["a", b.int("int")],
        ["", union(b, "b")],
      ],
    ],
  ])("are refused: %s", (_, members) => {
    expect(struct(members)).toMatch(/^ERR_BPF_OBJECT: \.BTF: struct s: its members "\w*" and "\w*" overlap/);
  });

  it.each<[string, Members]>([
    ["members of a union", (b) => [["", union(b, "a", "b")]]],
    [
      "a place that takes no room",
      (b) => [
        ["a", b.int("int")],
        ["b", b.array(b.int("int"), 0), 32],
        ["c", b.int("int"), 32],
      ],
    ],
  ])("are no %s", (_, members) => {
    expect(struct(members)).toBe("accepted");
  });
});

describe("options", () => {
  const header = (more: Partial<GenerateOptions>): string | undefined =>
    /^\/\/ Options: (.*)$/m.exec(
      generate(fixture("types.bpf.o"), { file: "types.bpf.o", ...more }).text,
    )?.[1];

  it("are recorded when they are not the usual ones", () => {
    expect(header({})).toBeUndefined();
    expect(
      header({
        embed: "inline",
        charArrays: "text",
        runtime: "bpf-tsgen-runtime/codegen",
        events: {},
        types: [],
      }),
    ).toBeUndefined();
    expect(JSON.parse(header({ embed: "url" })!)).toEqual(["--embed", "url"]);
    expect(
      JSON.parse(
        header({
          name: "other",
          embed: "none",
          runtime: "./r.js",
          events: { untyped: "struct line", tagged: "stray" },
          types: ["stray", "level"],
          charArrays: "bytes",
        })!,
      ),
    ).toEqual([
      ...["--name", "other", "--embed", "none", "--runtime", "./r.js", "--event", "untyped=struct line"],
      ...["--event", "tagged=stray", "--type", "stray", "--type", "level", "--char-arrays", "bytes"],
    ]);
  });

  it("cannot put a line into the header", () => {
    const { text } = generate(fixture("nobtf.bpf.o"), { file: "a\nb\u2028c\u202ed.bpf.o" });
    expect(text.split(/[\n\u2028]/).slice(0, 2)).toEqual([
      "// Code generated by bpf-tsgen 1.0.0 from a\ufffdb\ufffdc\ufffdd.bpf.o. DO NOT EDIT.",
      "/* eslint-disable */",
    ]);
  });

  it.each(["", "a\nb", 'a"; alert(1); "', "a\\b", "a\u2028b", "a\u202eb"])(
    "--runtime %j is refused",
    (runtime) => {
      expect(refusal(() => generate(fixture("nobtf.bpf.o"), { file: "o.bpf.o", runtime }))).toMatch(
        /^ERR_BPF_OPTION: --runtime ".*": is not a module's name — use /s,
      );
    },
  );

  it.each(["", "a-b", "a b", "größe", "a.b"])("--name %j is refused", (name) => {
    expect(refusal(() => generate(fixture("nobtf.bpf.o"), { file: "o.bpf.o", name }))).toBe(
      `ERR_BPF_OPTION: --name ${JSON.stringify(name)}: is not a C name — use letters, digits and _`,
    );
  });

  it("--char-arrays bytes makes bytes of them", () => {
    const { text } = generate(fixture("types.bpf.o"), options({ charArrays: "bytes" }));
    expect(text).not.toMatch(/\bstring\b|bpf\.text/);
    expect(member(text, "filter")).toBe("`const volatile char[16]` at 24. bpf.View<Uint8Array>");
  });
});
