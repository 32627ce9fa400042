// COMPILERS.md: what every compiler made of our own sources, and what it says otherwise than the others.
import type { Source, Subject } from "./corpus.js";
import { Oracle } from "./oracle.js";
import { table, tallyOf } from "./report.js";

/** What constructs.bpf.c shows of a compiler: a heading, and what its BTF has there. */
const traits: readonly (readonly [string, (oracle: Oracle) => string])[] = [
  ["`float`", (oracle) => missingOr(oracle, "FLOAT")],
  ["`float[2]`", (oracle) => member(oracle, "floats", "pair")],
  ["decl tags", (oracle) => yes(oracle, "DECL_TAG")],
  ["type tags", (oracle) => yes(oracle, "TYPE_TAG")],
  ["enum of 8 bytes", (oracle) => yes(oracle, "ENUM64", "cut to 32 bits")],
  ["enumerator of -1", (oracle) => `${named(oracle, "below")?.values?.[0]?.val ?? "?"}`],
  ["`grid[2][3]` is", (oracle) => grid(oracle)],
  ["`char` is", (oracle) => encoding(oracle, "char")],
  ["`signed char` is", (oracle) => encoding(oracle, "signed char")],
  ["`__int128` aligned to", (oracle) => `${huge(oracle) === 48 ? 16 : 8}`],
  ["`const volatile` in", (oracle) => sectionOf(oracle, "limits")],
  ["extern in `.kconfig` is", (oracle) => linkage(oracle, "LINUX_KERNEL_VERSION")],
  ["hidden variable is", (oracle) => linkage(oracle, "not_seen")],
  ["arena", (oracle) => (oracle.section(".addr_space.1") ? "yes" : "no")],
];

function yes(oracle: Oracle, kind: string, otherwise = "no"): string {
  return oracle.types.some((type) => type.kind === kind) ? "yes" : otherwise;
}

function missingOr(oracle: Oracle, kind: string): string {
  return yes(oracle, kind, "no type");
}

function named(oracle: Oracle, name: string) {
  return oracle.types.find((type) => type.name === name);
}

function member(oracle: Oracle, struct: string, name: string): string {
  const found = named(oracle, struct)?.members?.find((each) => each.name === name);
  if (!found) return "?";
  const element = oracle.strip(oracle.strip(found.type_id).type_id ?? 0);
  return element.kind === "FLOAT" ? "yes" : `array of ${element.kind === "VOID" ? "no type" : element.name}`;
}

function grid(oracle: Oracle): string {
  const type = named(oracle, "value")?.members?.find(({ name }) => name === "grid")?.type_id ?? 0;
  const { nr_elems: outer, type_id = 0 } = oracle.strip(type);
  return `[${outer}][${oracle.strip(type_id).nr_elems}]`;
}

function encoding(oracle: Oracle, name: string): string {
  const of = named(oracle, name)?.encoding ?? "?";
  return { UNKN: "signed, char", "(none)": "unsigned" }[of] ?? of.toLowerCase();
}

function huge(oracle: Oracle): number {
  return named(oracle, "huge")?.size ?? 0;
}

function sectionOf(oracle: Oracle, variable: string): string {
  const holds = oracle.types.find((type) =>
    type.vars?.some(({ type_id }) => oracle.type(type_id).name === variable),
  );
  return holds ? `\`${holds.name}\`` : "?";
}

function linkage(oracle: Oracle, variable: string): string {
  return oracle.types.find(({ kind, name }) => kind === "VAR" && name === variable)?.linkage ?? "?";
}

/** The text of COMPILERS.md. */
export function compilersReport(sources: readonly Source[], subjects: readonly Subject[]): string {
  const sets = [...new Set(sources.map(({ set }) => set))].sort(
    (a, b) => kind(a).localeCompare(kind(b)) || major(a) - major(b),
  );
  const rows = sets.map((set) => {
    const all = sources.filter((source) => source.set === set);
    const mine = subjects.filter((subject) => subject.set === set);
    const { composites, globals, codecs, compiled, asked } = tallyOf(set);
    const skeletons = mine.filter(({ ours }) => ours.recorded !== undefined).length;
    const theirs = mine.filter(({ bpftool }) => "header" in bpftool).length;
    const counts = [all.length, mine.length, skeletons, theirs, composites, globals, codecs];
    return [`${kind(set)} ${all[0]?.version}`, ...counts.map(String), `${compiled}, ${asked}`];
  });
  const oracles = sets.flatMap((set) => {
    const shown = subjects.find(({ name }) => name === `${set}/constructs.O2`);
    return shown ? [{ set, oracle: new Oracle(shown.object) }] : [];
  });
  const errors = new Map<string, string[]>();
  for (const { set, source, variant, error } of sources)
    if (error !== undefined) {
      const key = `${set}\n${error.replace(/'\/\S*\//, "'")}`;
      errors.set(key, [...(errors.get(key) ?? []), `${source.replace(/\.bpf\.c$/, "")}.${variant}`]);
    }
  const refusals = new Map<string, string[]>();
  for (const { name, set, ours } of subjects)
    if (ours.refusal !== undefined)
      refusals.set(ours.refusal, [...(refusals.get(ours.refusal) ?? []), name.replace(`${set}/`, `${set} `)]);
  const notCompared = new Map<string, string[]>();
  for (const { name, why } of sets.flatMap((set) => tallyOf(set).notCompiled))
    notCompared.set(why, [...(notCompared.get(why) ?? []), name.replace("/", " ")]);
  return `# Compilers: our own sources, compiled by each

Written by \`npm run test:compilers\`; see compilers.mjs for where the compilers come from and how they are run. The
sources are those of the tests and samples, each at \`-O2\` and \`-O1\`, in big-endian (\`eb\`) and without debug
information (\`nobtf\`), and two linked into one. Every skeleton type-checks; every layout, in either byte order, is
bpftool's and a C compiler's; every codec keeps the laws of its types.

Debian has no clang 12 and no clang 20 in a release that is still served.

${table(
  [
    "compiler",
    "compilations",
    "objects",
    "accepted by us",
    "accepted by bpftool",
    "structs and unions",
    "variables",
    "codecs",
    "objects, offsets and sizes that a C compiler told too",
  ],
  rows,
)}
bpftool accepts no object of the other byte order.

## What differs

What each compiler makes of \`test/fixtures/constructs.bpf.c\`. A skeleton says what BTF says: floats without a type are
bytes, an event that only a decl tag names is bytes, an enum whose values were cut says so in a warning. Clang before
15 and gcc 12 do not say that an enum is signed, so that -1 is 4294967295 there, in the const and in values alike; gcc
12 turns the dimensions of arrays around.

${table(
  ["", ...oracles.map(({ set }) => set.replace("-", " "))],
  traits.map(([heading, trait]) => [heading, ...oracles.map(({ oracle }) => trait(oracle))]),
)}
## Refusals

${table(
  ["objects", "bpf-tsgen"],
  [...refusals].map(([refusal, names]) => [few(names), refusal]),
)}
## Headers of bpftool that cannot be compared

${table(
  ["objects", "error"],
  [...notCompared].map(([why, names]) => [few(names), why]),
)}
## What does not compile

bpftool's linker breaks down over objects of gcc.

${table(
  ["compiler", "source", "error"],
  [...errors].map(([key, names]) => [key.split("\n")[0]!.replace("-", " "), few(names), key.split("\n")[1]!]),
)}`;
}

function kind(set: string): string {
  return set.replace(/-\d+$/, "");
}

function major(set: string): number {
  return Number(/\d+$/.exec(set)?.[0]);
}

function few(names: readonly string[]): string {
  return names.length > 8 ? `${names.slice(0, 7).join(", ")} and ${names.length - 7} more` : names.join(", ");
}
