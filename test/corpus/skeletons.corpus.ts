import { writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import type { Codec } from "../../runtime/codec/types.js";
import { askCompiler, elfSymbols, sectionStructs } from "./compiled.js";
import { compilersReport } from "./compilers-report.js";
import { generateAll, isOfCompilers, type Ours, type Subject, sources, typeCheck } from "./corpus.js";
import { breaches, compareLayout, type Pair } from "./laws.js";
import { Oracle, type OracleMap, Random } from "./oracle.js";
import { composites, type RecordedMap, type RecordedSkeleton } from "./recorder.js";
import { report, tallyOf } from "./report.js";

// CONTRACT §3: which class a kind of map has, by the kernel's number, and what the class is made from.
const keyed = ["key", "value"] as const;
const mapClasses: Readonly<Record<number, readonly [string, ...("key" | "value" | "record" | "inner")[]]>> = {
  ...{
    1: ["HashMap", ...keyed],
    9: ["HashMap", ...keyed],
    11: ["LpmTrie", ...keyed],
    19: ["HashMap", ...keyed],
  },
  ...{ 5: ["PerCpuHashMap", ...keyed], 10: ["PerCpuHashMap", ...keyed], 21: ["PerCpuHashMap", ...keyed] },
  ...{ 2: ["ArrayMap", "value"], 6: ["PerCpuArrayMap", "value"], 30: ["BloomFilter", "value"] },
  ...{ 22: ["Queue", "value"], 23: ["Stack", "value"], 3: ["ProgArray"], 7: ["StackTraceMap"] },
  ...{ 27: ["RingBuf", "record"], 4: ["PerfEventArray", "record"], 31: ["UserRingBuf", "record"] },
  ...{ 8: ["FdArray"], 17: ["FdArray"], 20: ["FdArray"], 15: ["SockMap", "key"], 18: ["SockMap", "key"] },
  ...{ 14: ["RedirectMap", "value"], 25: ["RedirectMap", "value"], 16: ["RedirectMap", "value"] },
  ...{ 24: ["StorageMap", "value"], 28: ["StorageMap", "value"], 29: ["StorageMap", "value"] },
  ...{
    33: ["ArenaMap"],
    32: ["StorageMap", "value"],
    12: ["ArrayOfMaps", "inner"],
    13: ["HashOfMaps", "key", "inner"],
  },
};

const subjects = generateAll();
const generated = subjects.filter(
  (subject): subject is Subject & { ours: Ours & { recorded: string } } =>
    subject.ours.recorded !== undefined,
);

/** Fails with all that is wrong, or with as much of it as one reads. */
function expectNone(wrong: readonly string[]): void {
  if (wrong.length > 0) expect.fail(wrong.slice(0, 20).join("\n"));
}

test("every object that bpftool accepts gets a skeleton, or types when there is nothing else in it", () => {
  const wrongly = subjects
    .filter(({ ours, bpftool }) => ours.recorded === undefined && "header" in bpftool)
    .filter(({ name }) => !name.endsWith("/empty.nobtf"))
    .map(({ name, ours }) => `${name}: ${ours.refusal}`);
  expectNone(wrongly);
});

test("all skeletons type-check together", () => {
  expectNone(typeCheck());
});

describe.each(generated)("$name", ({ set, name, object, ours, bpftool }) => {
  const tally = tallyOf(set);
  const oracle = new Oracle(object);
  const met = new Map<string, Pair>();
  const values: Pair[] = [];
  let skeleton: RecordedSkeleton;

  test("has the compiler's layout", async () => {
    composites.clear();
    const exports = (await import(/* @vite-ignore */ pathToFileURL(ours.recorded).href)) as Record<
      string,
      unknown
    >;
    skeleton = (exports[ours.skeleton ?? ""] ?? { programs: {}, maps: {}, globals: {} }) as RecordedSkeleton;
    const wrong: string[] = [];
    collectMaps(wrong);
    collectGlobals(wrong);
    collectTypes(wrong);
    for (const pair of values) compareLayout(oracle, pair, met, wrong);
    wrong.push(...enumsOf(exports));
    wrong.push(...membersOfHeader());
    tally.composites += met.size;
    expectNone(wrong);
  });

  test("has the layout that a C compiler gives bpftool's header", () => {
    const all = oracle.types.filter(({ kind }) => kind === "STRUCT" || kind === "UNION");
    const once = new Set<string>();
    const twice = new Set<string>();
    for (const type of all.map(({ kind, name: bare }) => `${kind.toLowerCase()} ${bare}`))
      (once.has(type) ? twice : once).add(type);
    for (const type of twice) once.delete(type);
    if (oracle.types.some(({ kind, name: c, size }) => kind === "ENUM" && c === "(anon)" && size === 8)) {
      tally.notCompiled.push({
        name,
        why: "the compiler cut the values of a nameless enum of 8 bytes: in C it has 4",
      });
      return;
    }
    const answer = askCompiler(
      object,
      oracle,
      ours.recorded,
      once,
      skeleton,
      "header" in bpftool ? bpftool.header : undefined,
    );
    if ("failed" in answer) tally.notCompiled.push({ name, why: answer.failed });
    else {
      tally.compiled++;
      tally.asked += answer.asked;
      expectNone(answer.wrong);
    }
  });

  test("keeps the laws of codecs", () => {
    const random = new Random(name);
    const pairs = [...met.values(), ...values.filter(({ codec }) => !composites.has(codec))];
    tally.codecs += pairs.length;
    tally.subjects++;
    expectNone(pairs.flatMap((pair) => breaches(oracle, pair, random)));
  });

  function add(where: string, type: number, codec: Codec<unknown>): void {
    values.push({ where, type, codec });
  }

  function collectMaps(wrong: string[]): void {
    const theirs = oracle.maps();
    // Without BTF there are only names, which are held against nothing.
    if (oracle.types.length === 0) return;
    const names = [...theirs.map((map) => map.name), ...oracle.structOps()];
    if (Object.keys(skeleton.maps).sort().join() !== names.sort().join())
      wrong.push(`maps are ${Object.keys(skeleton.maps)}, not ${names}`);
    for (const map of theirs) collectMap(map, skeleton.maps[map.name], wrong);
  }

  function collectMap(map: OracleMap, recorded: RecordedMap | undefined, wrong: string[]): void {
    const [mapClass, ...roles] = mapClasses[map.type] ?? ["RawMap"];
    if (!recorded) return;
    tally.maps++;
    if (recorded.class !== mapClass) wrong.push(`map ${map.name}: is a ${recorded.class}, not a ${mapClass}`);
    for (const [i, role] of roles.entries()) {
      const part = recorded.parts[i];
      if (role === "inner") {
        if (map.inner) collectMap(map.inner, part as RecordedMap | undefined, wrong);
        continue;
      }
      const codec = part as Codec<unknown> | undefined;
      const type = role === "key" ? map.key : map.value;
      const size = role === "key" ? map.keySize : map.valueSize;
      if (!codec) wrong.push(`map ${map.name}: its ${role} has no codec`);
      else if (type !== undefined) add(`map ${map.name} ${role}`, type, codec);
      else if (role !== "record" && codec.size !== size)
        wrong.push(`map ${map.name}: its ${role} has ${size} bytes, not ${codec.size}`);
    }
  }

  function collectGlobals(wrong: string[]): void {
    const symbols = elfSymbols(object);
    for (const { section, fields } of Object.values(skeleton.globals)) {
      const { vars = [], size = 0 } = oracle.section(section) ?? {};
      const visible = new Map<string, number>();
      for (const { type_id, offset, size: given } of vars) {
        const variable = oracle.type(type_id);
        const symbol = symbols.get(variable.name);
        if (variable.linkage === "static" || /HIDDEN|INTERNAL/.test(symbol?.visibility ?? "")) continue;
        visible.set(variable.name, type_id);
        const field = fields[variable.name];
        if (!field) {
          wrong.push(`${section}: has no ${variable.name}`);
          continue;
        }
        const [at, codec] = field;
        // .kconfig is in no file: the C compiler holds it against bpftool's struct.
        const there = size > 0 ? offset : symbol?.value;
        if (section !== ".kconfig" && at !== there)
          wrong.push(`${section}: ${variable.name} is at ${there}, not ${at}`);
        tally.globals++;
        const whole = codec as unknown as Codec<unknown>;
        if (!oracle.missing(variable.type_id!)) add(`${section} ${variable.name}`, variable.type_id!, whole);
        else if (whole.size !== given)
          wrong.push(`${section}: ${variable.name} has ${given} bytes, not ${whole.size}`);
      }
      for (const variable of Object.keys(fields))
        if (!visible.has(variable)) wrong.push(`${section}: ${variable} is not visible`);
    }
  }

  /** Every named struct and union of the object, whether or not a map or variable leads to it. */
  function collectTypes(wrong: string[]): void {
    const asked = new Set<string>();
    const byName = new Map<string, object[]>();
    for (const [codec, { name: c }] of composites) byName.set(c, [...(byName.get(c) ?? []), codec]);
    for (const { id, kind, name: type } of oracle.named()) {
      const c = `${kind.toLowerCase()} ${type}`;
      if (kind.startsWith("ENUM") || asked.has(c)) continue;
      asked.add(c);
      const codecs = byName.get(c) ?? [];
      const attempts = codecs.map((codec) => {
        const faults: string[] = [];
        compareLayout(oracle, { where: c, type: id, codec: codec as Codec<unknown> }, new Map(), faults);
        return { codec: codec as Codec<unknown>, faults };
      });
      const best = attempts.find(({ faults }) => faults.length === 0);
      if (!best) wrong.push(...(attempts[0]?.faults ?? [`${c}: has no codec`]));
      else add(c, id, best.codec);
    }
  }

  function enumsOf(exports: Record<string, unknown>): string[] {
    const spell = (entries: (readonly [string, unknown])[]): string =>
      entries.map(([n, v]) => `${n}=${v}`).join();
    const all = Object.values(exports).flatMap((value) => {
      const isEnum =
        typeof value === "object" && value !== null && value !== skeleton && !composites.has(value);
      return isEnum ? [spell(Object.entries(value))] : [];
    });
    const ours = new Set(all);
    return oracle.named().flatMap(({ kind, name: type, values: names }) => {
      if (!kind.startsWith("ENUM")) return [];
      tally.enums++;
      const wanted = spell(names!.map(({ name: n, val }) => [n, val] as const));
      return ours.has(wanted) ? [] : [`enum ${type}: is nowhere {${wanted}}`];
    });
  }

  /** The maps, programs and data sections that bpftool's skeleton has, ours has. */
  function membersOfHeader(): string[] {
    if (!("header" in bpftool)) return [];
    const { header } = bpftool;
    const list = (pattern: RegExp): string[] =>
      [...new Set([...header.matchAll(pattern)].map(([, m]) => m!))].sort();
    const wrong: string[] = [];
    const programs = list(/^\t\tstruct bpf_program \*(\w+);/gm);
    // Its header has others, too, but is no C then.
    const ours = Object.keys(skeleton.programs).filter((program) => /^\w+$/.test(program));
    if (ours.sort().join() !== programs.join()) wrong.push(`programs are ${ours}, bpftool has ${programs}`);
    tally.programs += programs.length;
    const known = new Set([...Object.keys(skeleton.maps), ...Object.keys(skeleton.globals)]);
    for (const map of list(/^\t\tstruct bpf_map \*(\w+);/gm)) {
      if (known.has(map) || /^(data|rodata|bss)/.test(map)) continue;
      wrong.push(`bpftool has ${map}, we have not`);
    }
    for (const section of sectionStructs(header).keys())
      if (!known.has(section)) wrong.push(`bpftool has section ${section}, we have not`);
    return wrong;
  }
});

afterAll(() => {
  // Not when only some of the tests were run.
  const sets = new Set(subjects.map(({ set }) => set));
  const done = [...sets].reduce((sum, set) => sum + tallyOf(set).subjects, 0);
  if (done < generated.length) return;
  const [file, text] = isOfCompilers
    ? ["COMPILERS.md", compilersReport(sources, subjects)]
    : ["RESULTS.md", report(sources, subjects)];
  writeFileSync(fileURLToPath(new URL(file, import.meta.url)), text);
});
