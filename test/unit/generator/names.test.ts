import { ts } from "ts-morph";
import { describe, expect, it } from "vitest";
import {
  baseName,
  fileName,
  nameTypes,
  objectName,
  pascal,
  sectionMember,
} from "../../../generator/model/names.js";
import { syntaxErrors } from "./syntax.js";

describe("the name of an object", () => {
  it.each([
    ["prog.bpf.o", "prog", "prog"],
    ["prog.o", "prog", "prog"],
    ["prog", "prog", "prog"],
    ["exec-snoop.bpf.o", "exec-snoop", "exec_snoop"],
    ["a.b.bpf.o", "a.b", "a_b"],
    ["prog.bpf", "prog.bpf", "prog_bpf"],
    ["prog.bpf.o.bpf.o", "prog.bpf.o", "prog_bpf_o"],
    ["prog.BPF.O", "prog.BPF.O", "prog_BPF_O"],
    ["1st.bpf.o", "1st", "1st"],
    ["größe.bpf.o", "größe", "gr__e"],
    [".bpf.o", "", "_"],
    [".o", "", "_"],
    ["", "", "_"],
    ["dir/sub/prog.bpf.o", "prog", "prog"],
    ["C:\\dir\\prog.bpf.o", "prog", "prog"],
    ["dir.bpf.o/prog", "prog", "prog"],
  ])("of %j is %j, %j in C", (file, base, c) => {
    expect(baseName(file)).toBe(base);
    expect(objectName(file)).toBe(c);
  });

  it("does not depend on folders", () => {
    expect(fileName("/a/b/c.bpf.o")).toBe("c.bpf.o");
    expect(fileName("..\\c.bpf.o")).toBe("c.bpf.o");
  });
});

it.each([
  ["event", "Event"],
  ["exec_snoop", "ExecSnoop"],
  ["fooBar", "FooBar"],
  ["foo__bar_", "FooBar"],
  ["__u32", "U32"],
  ["tcp_v4_addr", "TcpV4Addr"],
  ["HTTP_request", "HTTPRequest"],
  ["_", "_"],
  ["___", "_"],
  ["", "_"],
  ["1st", "_1st"],
  ["_1st", "_1st"],
  ["a-b", "A_b"],
  ["$x", "$x"],
  ["größe", "Größe"],
  ["ünder_ähnlich", "ÜnderÄhnlich"],
  ["a b*/c", "A_b__c"],
])("the type %j is called %s", (c, name) => {
  expect(pascal(c)).toBe(name);
});

it.each([
  [".rodata", "rodata"],
  [".data.foo", "data_foo"],
  [".bss.a-b.c", "bss_a_b_c"],
  [".kconfig", "kconfig"],
])("the section %s is the member %s", (section, member) => {
  expect(sectionMember(section)).toBe(member);
});

describe("names of types", () => {
  /** C names, each with a layout of its own unless it says one after a colon, to names in the order of asking. */
  function named(types: readonly string[], skeleton = "Skeleton"): { names: string[]; warnings: string[] } {
    const requests = types.map((type) => {
      const [c = "", layout = c] = type.split(":");
      return { c, layout };
    });
    const { names, warnings } = nameTypes(requests, skeleton);
    return { names: requests.map((request) => names.get(request)!), warnings };
  }

  it.each<[what: string, types: string[], names: (string | RegExp)[]]>([
    ["nothing to do", ["event", "conn_key"], ["Event", "ConnKey"]],
    ["two that would be called the same", ["foo_bar", "fooBar", "other"], ["foo_bar", "fooBar", "Other"]],
    ["three, one of them rightly so", ["foo_bar", "FooBar", "foo__bar"], ["foo_bar", "FooBar", "foo__bar"]],
    ["the skeleton's name", ["skeleton", "Skeleton"], ["skeleton", /^Skeleton_[0-9a-f]{6}$/]],
    [
      "globals of the language",
      ["array", "promise", "uint8_array", "URL", "Map"],
      ["array", "promise", "uint8_array", /^URL_[0-9a-f]{6}$/, /^Map_[0-9a-f]{6}$/],
    ],
    [
      "a C name that is reserved in TypeScript",
      ["string", "number", "symbol", "object"],
      [/^string_/, /^number_/, /^symbol_/, /^object_/],
    ],
    ["the import", ["bpf"], ["Bpf"]],
    ["the import, as a C name that must be kept", ["bpf", "Bpf"], [/^bpf_[0-9a-f]{6}$/, "Bpf"]],
    ["a leading digit", ["_1st", "_2nd"], ["_1st", "_2nd"]],
    ["the same C name, two layouts", ["event:a", "event:b"], [/^event_[0-9a-f]{6}$/, /^event_[0-9a-f]{6}$/]],
    ["the same C name, one layout", ["event:a", "event:a"], [/^event_[0-9a-f]{6}$/, /^event_[0-9a-f]{6}_2$/]],
    ["no identifier", ["a-b", "a_b"], ["A_b", "AB"]],
    ["no identifier, clashing", ["a-b", "a*b"], [/^a_b_[0-9a-f]{6}$/, /^a_b_[0-9a-f]{6}$/]],
  ])("with %s", (_, types, names) => {
    const found = named(types).names;
    expect(found).toHaveLength(names.length);
    for (const [i, name] of names.entries())
      if (typeof name === "string") expect(found[i]).toBe(name);
      else expect(found[i]).toMatch(name);
    expect(new Set(found).size).toBe(found.length);
  });

  it("warn of those that are not called as their C name says", () => {
    expect(named(["foo_bar", "FooBar"]).warnings).toEqual([
      "type foo_bar: the name FooBar is taken — it is called foo_bar",
    ]);
    expect(named(["event"]).warnings).toEqual([]);
    const [name] = named(["Array"]).names;
    expect(named(["Array"]).warnings).toEqual([`type Array: the name Array is taken — it is called ${name}`]);
  });

  it("depend on layouts, not on the order of asking", () => {
    const types = ["event:a", "event:b", "foo_bar", "fooBar", "Array", "skeleton", "fine"];
    const forward = named(types).names;
    const backward = named([...types].reverse()).names.reverse();
    expect(backward).toEqual(forward);
    expect(named(types)).toEqual(named(types));
  });

  it("can be written wherever a type or a const can, whatever word of the language the C name is", () => {
    const words = Object.values(ts.SyntaxKind).flatMap((kind) =>
      typeof kind === "number" ? (ts.tokenToString(kind) ?? []) : [],
    );
    const keywords = words.filter((word) => /^[a-z]\w*$/i.test(word));
    expect(keywords.length).toBeGreaterThan(80);
    for (const word of keywords) {
      // A second type that wants its Pascal name makes each keep its C name where it can.
      for (const name of named([word, `_${word}`]).names) {
        const text = `export interface ${name} {}
export const ${name}: ${name} = {};
const uses: [${name}, ${name}[], Codec<${name}>] = f<${name}>(${name}, ${name}.decode());
interface Holder extends Base<${name}> { member: ${name} }
export type Alias = ${name};
`;
        expect(syntaxErrors(text), name).toEqual([]);
      }
    }
  });

  it("do not repeat a name that only another clash leaves", () => {
    // `A_b` is free for a-b, and the C name of a type that clashes with a third.
    const { names } = named(["a-b", "A_b", "AB"]);
    expect(new Set(names).size).toBe(3);
  });

  it("are those of many types soon", () => {
    const start = performance.now();
    const { names } = named(Array.from({ length: 20_000 }, (_, i) => `type_${i % 15_000}:${i}`));
    expect(new Set(names).size).toBe(20_000);
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});
