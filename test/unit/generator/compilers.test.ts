import { describe, expect, it } from "vitest";
import { generate, type Inspection, inspect } from "../../../generator/index.js";
import { fixture, fixtureText } from "../../fixtures/fixtures.js";

interface Made {
  readonly file: string;
  readonly set: string;
  readonly version: string;
}

/** Objects that compilers made which this machine need not have: see fixtures/compilers/README.md. */
const made = JSON.parse(fixtureText("compilers/objects.json")) as Made[];
const constructs = made.filter(({ file }) => file.includes("constructs"));
const reference = inspect(fixture("constructs.bpf.o"), { file: "constructs.bpf.o" });

function read(file: string): Inspection {
  return inspect(fixture(`compilers/${file}`), { file: "constructs.bpf.o" });
}

/**
 * Where the members of a struct are, and how they are read. Clang before 15 and gcc 12 do not say whether an enum is
 * signed; gcc 12 turns the dimensions of an array around.
 */
function layout({ types }: Inspection, name: string): unknown {
  const type = types.find(({ c }) => c === name);
  if (!type || !("members" in type)) return undefined;
  const members = type.members.map(({ name, c, at, size, storage }) => {
    const isEnum = c.startsWith("enum ");
    return [name, at, size, name === "grid" ? "" : isEnum ? storage.replace(/^s/, "u") : storage];
  });
  return { size: type.size, members };
}

describe.each(constructs)("$set $version: $file", ({ file, set }) => {
  const ours = read(file);
  const texts = [...(ours.warnings ?? [])].join("\n");

  it("has the layouts of every other compiler", () => {
    for (const name of ["struct packed", "struct aligned", "struct value", "struct bits"])
      expect(layout(ours, name), name).toEqual(layout(reference, name));
    expect(ours.programs).toEqual(reference.programs);
    const maps = ours.maps.map(({ name }) => name).filter((name) => name !== "arena");
    // In the order of the section, which gcc fills from behind.
    expect(maps.sort()).toEqual(reference.maps.map(({ name }) => name).sort());
  });

  it("has the variables that can be seen, each once", () => {
    const variables = ours.globals
      .filter(({ section }) => section !== ".addr_space.1")
      .flatMap((section) => section.variables.map(({ name }) => name));
    const all = reference.globals.flatMap((section) => section.variables.map(({ name }) => name));
    expect([...variables].sort()).toEqual([...all].sort());
    expect(variables).not.toContain("not_shown");
    expect(variables).not.toContain("not_seen");
  });

  it("says floats where the compiler does, bytes and a warning where not", () => {
    const single = ours.globals.flatMap(({ variables }) => variables).find(({ name }) => name === "single");
    expect(single?.storage).toBe(set === "clang-11" ? "u8Array(4)" : "f32");
    expect(/floats need clang 13/.test(texts)).toBe(set === "clang-11");
  });

  it("knows the enums of 8 bytes, or says that they were cut", () => {
    const wide = ours.types.find(({ c }) => c === "enum wide");
    const wasCut = ["clang-11", "clang-13", "gcc-12"].includes(set);
    expect(/enum wide: the compiler cut/.test(texts)).toBe(wasCut);
    const top = wide?.kind === "enum" ? wide.values[1]?.value : undefined;
    // gcc 12 leaves out what it would have to cut.
    const low = set === "gcc-12" ? undefined : `${0x76543210n}`;
    expect(top).toBe(wasCut ? low : `${0xfedcba9876543210n}`);
  });

  it("counts the dimensions of an array as C does, but for gcc 12", () => {
    const value = ours.types.find(({ c }) => c === "struct value");
    const grid = value && "members" in value ? value.members.find(({ name }) => name === "grid") : undefined;
    expect(grid?.c).toBe(set === "gcc-12" ? "__u16[3][2]" : "__u16[2][3]");
  });

  it("has 128 bits where they are", () => {
    const huge = ours.types.find(({ c }) => c === "struct huge");
    const places = huge && "members" in huge ? huge.members.map(({ at }) => at) : [];
    expect(places).toEqual(set.startsWith("gcc") ? [0, 8, 24] : [0, 16, 32]);
  });

  it("takes the event of a decl tag where there is one", () => {
    const events = ours.maps.find(({ name }) => name === "events");
    const isTagged = !["clang-11", "clang-13", "gcc-12", "gcc-14"].includes(set);
    expect(events?.class).toBe(isTagged ? "RingBuf<Event>" : "RingBuf<Uint8Array>");
  });

  it("has an arena from clang 19 on", () => {
    expect(ours.globals.some(({ section }) => section === ".addr_space.1")).toBe(/clang-2/.test(set));
  });
});

it("constants lie in .data when gcc 12 puts them there", () => {
  const where = (ours: Inspection): string | undefined =>
    ours.globals.find(({ variables }) => variables.some(({ name }) => name === "limits"))?.name;
  expect(where(read("gcc-12.constructs.O2.bpf.o"))).toBe("data");
  expect(where(read("gcc-14.constructs.O2.bpf.o"))).toBe("rodata");
});

describe("names of types that have none", () => {
  const file = "anonymous.bpf.o";
  const before = generate(fixture(file), { file, embed: "none" }).text;
  const after = generate(fixture("anonymous.edited.bpf.o"), { file, embed: "none" }).text;
  const declarations = (text: string): Map<string, string> =>
    new Map(
      text.split(/\n(?=\/\*\*|export )/).flatMap((part): [string, string][] => {
        const [, name] = /^export interface (\w+) \{/m.exec(part) ?? [];
        return name === undefined ? [] : [[name, part]];
      }),
    );

  it("stay the same when others come before and between", () => {
    const [old, edited] = [declarations(before), declarations(after)];
    const unnamed = ["MessagesKey", "MessagePlace", "Counts", "CountsNested"];
    expect([...old.keys()]).toEqual(expect.arrayContaining(unnamed));
    expect(edited.size).toBeGreaterThan(old.size);
    for (const name of unnamed) expect(edited.get(name), name).toBe(old.get(name));
  });

  it("are none for a member without one whose type has a name, as -fms-extensions allows", () => {
    const { types } = inspect(fixture(file), { file });
    const message = types.find(({ c }) => c === "struct message");
    const members =
      message && "members" in message ? message.members.map(({ name, at }) => `${name} ${at}`) : [];
    expect(members).toEqual(["id 0", "length 4", "halves 4", "place 8", "colour 16"]);
  });
});

describe("types that share a name in a linked object", () => {
  const linked = inspect(fixture("compilers/linked.bpf.o"), { file: "linked.bpf.o" });

  it("have names of their own, and every map and variable has its own", () => {
    const [ones, twos] = linked.maps.map((map) => /, (\w+)>/.exec(map.class)?.[1]);
    const members = (name: string | undefined): unknown => {
      const type = linked.types.find((each) => each.name === name);
      return type && "members" in type
        ? type.members.map((member) => `${member.name} ${member.at}`)
        : undefined;
    };
    expect(members(ones)).toEqual(["pid 0", "mode 4"]);
    expect(members(twos)).toEqual(["at 0", "comm 8", "mode 24"]);
    const variables = linked.globals.flatMap((section) => section.variables);
    const typeOf = (name: string): string | undefined => variables.find((each) => each.name === name)?.type;
    expect([typeOf("last_one"), typeOf("last_two")]).toEqual([ones, twos]);
    expect(linked.types.filter(({ c }) => c === "enum mode")).toHaveLength(2);
  });

  it("keep their names when the objects are linked in the other order", () => {
    // The name has the layout's hash, not a number.
    expect(linked.types.map(({ name }) => name).sort()).toEqual([
      "event_10e443",
      "event_852a27",
      "mode_635756",
      "mode_8c0dc0",
    ]);
  });
});
