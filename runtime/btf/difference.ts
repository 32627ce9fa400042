import type { Btf } from "./btf.js";
import { type ElfFile, symbols } from "./elf.js";
import { layoutAttributes, mapVariables } from "./fingerprint.js";
import { type DataSection, readSections } from "./globals.js";

/** An object and its types. */
export interface Parsed {
  readonly elf: ElfFile;
  readonly btf: Btf;
}

/**
 * What the layout of `now` differs in from that of `before`, as the end of a sentence: the first map, global variable
 * or named type that does, and where inside of it. Undefined when {@link fingerprint} sees no difference.
 * @param types the C names of further types, such as those of records.
 */
export function firstDifference(before: Parsed, now: Parsed, types: readonly string[]): string | undefined {
  return differentMap(before, now) ?? differentVariable(before, now) ?? differentType(before, now, types);
}

function differentMap(before: Parsed, now: Parsed): string | undefined {
  const [old, fresh] = [mapsOf(before), mapsOf(now)];
  for (const [name, id] of old) {
    const other = fresh.get(name);
    if (other === undefined) return `it has no map "${name}"`;
    const [was, is] = [before.btf.strip(id), now.btf.strip(other)];
    if (was.kind !== "struct" || is.kind !== "struct") continue;
    for (const attribute of layoutAttributes) {
      const [a, b] = [was, is].map(
        ({ members }) => members.find((member) => member.name === attribute)?.type,
      );
      if (a === undefined && b === undefined) continue;
      const what = `map "${name}": its ${attribute.replace("_", " ")}`;
      if (a === undefined || b === undefined) return `${what} is ${a === undefined ? "given" : "not given"}`;
      const found = new Comparison(before.btf, now.btf).pointees(a, b, what);
      if (found) return found;
    }
  }
  const added = [...fresh.keys()].find((name) => !old.has(name));
  return added === undefined ? undefined : `it has a map "${added}", too`;
}

function mapsOf({ elf, btf }: Parsed): Map<string, number> {
  return new Map(mapVariables(btf, elf, symbols(elf)).map(({ name, to }) => [name, to]));
}

function differentVariable(before: Parsed, now: Parsed): string | undefined {
  const [old, fresh] = [sectionsOf(before), sectionsOf(now)];
  for (const [section, variables] of old) {
    const others = fresh.get(section);
    if (!others) return `it has no ${section}`;
    for (const variable of variables) {
      const what = `${section}: ${variable.name}`;
      const other = others.find(({ name }) => name === variable.name);
      if (!other) return `${what} is not there`;
      if (other.at !== variable.at) return `${what} is at ${other.at}, not at ${variable.at}`;
      const found = new Comparison(before.btf, now.btf).types(variable.type, other.type, what);
      if (found) return found;
    }
    const added = others.find(({ name }) => !variables.some((each) => each.name === name));
    if (added) return `${section} has a variable ${added.name}, too`;
  }
  const added = [...fresh.keys()].find((section) => !old.has(section));
  return added === undefined ? undefined : `it has a section ${added}, too`;
}

function sectionsOf({ elf, btf }: Parsed): Map<string, DataSection["variables"]> {
  return new Map(readSections(btf, elf, symbols(elf)).map((each) => [each.section, each.variables]));
}

function differentType(before: Parsed, now: Parsed, types: readonly string[]): string | undefined {
  for (const name of types) {
    const [kind, bare = ""] = name.split(" ", 2) as ["struct" | "union" | "enum", string?];
    const kinds = kind === "enum" ? (["enum", "enum64"] as const) : ([kind] as const);
    const [was, is] = [before, now].map(({ btf }) =>
      kinds.map((each) => btf.named(each, bare)).find(Boolean),
    );
    if (!was && !is) continue;
    if (!was || !is) return `${name} is ${was ? "not there" : "new"}`;
    const found = new Comparison(before.btf, now.btf).types(was.id, is.id, name);
    if (found) return found;
  }
  return undefined;
}

/** Compares types of two objects, as deep as they go. */
class Comparison {
  readonly #before: Btf;
  readonly #now: Btf;
  readonly #seen = new Set<string>();

  constructor(before: Btf, now: Btf) {
    this.#before = before;
    this.#now = now;
  }

  /** Of map attributes: a number is a pointer to an array of that length. */
  pointees(before: number, now: number, where: string): string | undefined {
    const [a, b] = [this.#before.strip(before), this.#now.strip(now)];
    return a.kind === "ptr" && b.kind === "ptr" ? this.types(a.to, b.to, where) : undefined;
  }

  types(before: number, now: number, where: string): string | undefined {
    const [a, b] = [this.#before.strip(before), this.#now.strip(now)];
    if (this.#seen.has(`${a.id} ${b.id}`)) return undefined;
    this.#seen.add(`${a.id} ${b.id}`);
    if (a.kind !== b.kind) return `${where} is ${b.kind}, not ${a.kind}`;
    if (a.kind === "array" && b.kind === "array")
      return a.length === b.length
        ? this.types(a.element, b.element, `${where}[]`)
        : `${where} is ${b.length}, not ${a.length}`;
    if ((a.kind === "struct" && b.kind === "struct") || (a.kind === "union" && b.kind === "union")) {
      for (const member of a.members) {
        const at = `${where}.${member.name || "(anonymous)"}`;
        const other = b.members.find(({ name }) => name === member.name);
        if (!other) return `${at} is not there`;
        if (other.bitOffset !== member.bitOffset)
          return `${at} is at ${other.bitOffset / 8}, not at ${member.bitOffset / 8}`;
        if (other.bitSize !== member.bitSize) return `${at} has ${other.bitSize} bits, not ${member.bitSize}`;
        const found = this.types(member.type, other.type, at);
        if (found) return found;
      }
      const added = b.members.find(({ name }) => !a.members.some((each) => each.name === name));
      if (added) return `${where}.${added.name} is new`;
    }
    if ((a.kind === "enum" || a.kind === "enum64") && a.kind === b.kind) {
      const text = (values: typeof a.values): string =>
        values.map(({ name, value }) => `${name}=${value}`).join();
      if (text(a.values) !== text(b.values)) return `${where} has other enumerators`;
    }
    if ("size" in a && "size" in b && a.size !== b.size) return `${where} has ${b.size} bytes, not ${a.size}`;
    if (
      a.kind === "int" &&
      b.kind === "int" &&
      (a.signed !== b.signed || a.bool !== b.bool || (a.name === "char") !== (b.name === "char"))
    )
      return `${where} is ${b.name}, not ${a.name}`;
    return undefined;
  }
}
