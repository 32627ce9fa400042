import type { Btf } from "./btf.js";
import { type ElfFile, type ElfSymbol, symbols as readSymbols, sectionNamed } from "./elf.js";
import { readSections } from "./globals.js";
import { FormatError } from "./reader.js";
import { structOpsVariables } from "./struct-ops.js";
import type { BtfMember, BtfType } from "./types.js";

/** What a map definition says of its layout; sizes and flags may change without the application noticing. */
export const layoutAttributes: ReadonlySet<string> = new Set([
  "type",
  "key",
  "value",
  "key_size",
  "value_size",
  "values",
]);

/**
 * A number that changes when anything does that a skeleton reads or writes by: the types of keys, values and
 * variables, their members and where they lie. It tells a skeleton that it is not the one of an object.
 * @param types the C names of further types, such as those of records.
 */
export function fingerprint(elf: ElfFile, btf: Btf, types: readonly string[]): string {
  const layouts = new Layouts(btf);
  const symbols = readSymbols(elf);
  const maps = mapVariables(btf, elf, symbols).map(({ name, to }) => `map ${name} ${layouts.ofMap(to, 0)}`);
  const sections = readSections(btf, elf, symbols).map(({ section, variables }) => {
    const of = variables.map(({ name, type, at }) => `${name}@${at}:${layouts.of(type)}`);
    return `section ${section} ${of.join()}`;
  });
  const structOps = structOpsVariables(btf, elf, symbols).map(
    ({ name, type }) => `struct_ops ${name} ${layouts.of(type)}`,
  );
  const named = types.map((name) => `type ${name} ${layouts.ofNamed(name)}`);
  return hash([...maps.sort(), ...sections.sort(), ...structOps.sort(), ...named].join("\n"));
}

/** The variables that define maps, and the types of their definitions. */
export function mapVariables(
  btf: Btf,
  elf: ElfFile,
  symbols: readonly ElfSymbol[],
): { name: string; to: number }[] {
  const section = btf.named("datasec", ".maps");
  const index = sectionNamed(elf, ".maps")?.index;
  const defined = new Set(symbols.filter((symbol) => symbol.section === index).map(({ name }) => name));
  return (section?.vars ?? []).flatMap(({ type }) => {
    const variable = btf.type(type);
    return variable.kind === "var" && defined.has(variable.name) ? [variable] : [];
  });
}

/**
 * Types say no more than so many characters, which is six times what the kernel's own say: a crafted object has a
 * name of 64 kB a million times.
 */
const MAX_ROOM = 2 ** 26;

/** Layouts of types as short texts, each made once however often the type occurs. */
class Layouts {
  #room = MAX_ROOM;
  readonly #btf: Btf;
  readonly #known = new Map<number, string>();

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  of(id: number): string {
    const type = this.#btf.strip(id);
    const known = this.#known.get(type.id);
    if (known !== undefined) return known;
    const layout = this.#spell(type);
    // Long ones are cut down to their hash, or a struct in a struct in a struct would grow and grow.
    const short = layout.length > 40 ? hash(layout) : layout;
    this.#known.set(type.id, short);
    return short;
  }

  ofNamed(name: string): string {
    const [kind, bare] = name.split(" ", 2) as [string, string?];
    const kinds = kind === "enum" ? (["enum", "enum64"] as const) : ([kind] as ["struct" | "union"]);
    for (const each of kinds) {
      const found = bare === undefined ? undefined : this.#btf.named(each, bare);
      if (found) return this.of(found.id);
    }
    return "none";
  }

  /** A map definition: numbers are pointers to arrays of that length, types are pointers. */
  ofMap(id: number, nesting: number): string {
    const definition = this.#btf.strip(id);
    if (definition.kind !== "struct" || nesting > 1) return "?";
    const attributes = definition.members.flatMap(({ name, type }) => {
      if (!layoutAttributes.has(name)) return [];
      const value = this.#btf.strip(type);
      if (name === "values" && value.kind === "array") {
        const element = this.#btf.strip(value.element);
        return element.kind === "ptr" ? [`values:${this.ofMap(element.to, nesting + 1)}`] : [];
      }
      if (value.kind !== "ptr") return [];
      const to = this.#btf.strip(value.to);
      return to.kind === "array" && name !== "key" && name !== "value"
        ? [`${name}:${to.length}`]
        : [`${name}:${this.of(value.to)}`];
    });
    return `{${attributes.join()}}`;
  }

  #take(name: string): void {
    this.#room -= name.length + 32;
    if (this.#room < 0) throw new FormatError(".BTF", "what its types say is absurdly long for their number");
  }

  #spell(type: BtfType): string {
    switch (type.kind) {
      case "int":
        return `i${type.size}${type.signed ? "s" : ""}${type.bool ? "b" : ""}${type.name === "char" ? "c" : ""}`;
      case "float":
        return `f${type.size}`;
      case "array":
        return `[${type.length}]${this.of(type.element)}`;
      case "struct":
      case "union":
        return `${type.kind}${type.size}{${type.members.map((member) => this.#member(member)).join()}}`;
      case "enum":
      case "enum64":
        for (const { name } of type.values) this.#take(name);
        return `e${type.size}${type.signed ? "s" : ""}{${type.values.map((v) => `${v.name}=${v.value}`).join()}}`;
      default:
        return type.kind;
    }
  }

  #member({ name, type, bitOffset, bitSize }: BtfMember): string {
    this.#take(name);
    return `${name}@${bitOffset}:${bitSize}:${this.of(type)}`;
  }
}

/** 64 bits of FNV-1a, in two halves with different seeds: no secret, only a difference to be seen. */
function hash(text: string): string {
  let [a, b] = [0x811c9dc5, 0x9e3779b9];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x85ebca6b) + (b >>> 13);
  }
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}
