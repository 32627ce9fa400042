import type { Btf } from "./btf.js";
import { type ElfFile, type ElfSymbol, type Section, STB_LOCAL, STV_HIDDEN, STV_INTERNAL } from "./elf.js";
import { FormatError, quote } from "./reader.js";
import type { BtfOfKind } from "./types.js";

/** A global variable and where it lies in its section. */
export interface DataVariable {
  readonly name: string;
  readonly type: number;
  readonly at: number;
  readonly size: number;
}

/** A data section with the variables that can be seen from outside. */
export interface DataSection {
  readonly section: string;
  readonly size: number;
  readonly variables: readonly DataVariable[];
}

/** The object's data sections, in the order of the object. */
export function readSections(btf: Btf, elf: ElfFile, symbols: readonly ElfSymbol[]): DataSection[] {
  const found: (DataSection & { readonly index: number })[] = [];
  const named = new Map<string, Section>();
  for (const section of elf.sections) if (!named.has(section.name)) named.set(section.name, section);
  const symbolsOf = new Map<number, Map<string, ElfSymbol>>();
  for (const symbol of symbols) {
    const known = symbolsOf.get(symbol.section) ?? new Map<string, ElfSymbol>();
    symbolsOf.set(symbol.section, known.set(symbol.name, symbol));
  }
  const seen = new Set<string>();
  for (const type of btf.types) {
    if (type.kind !== "datasec") continue;
    if (seen.has(type.name)) throw new FormatError(".BTF", `section ${quote(type.name)}: is there twice`);
    seen.add(type.name);
    if (type.name === ".kconfig") found.push({ ...kconfig(btf, type), index: Number.MAX_SAFE_INTEGER });
    if (!/^\.((rodata|data|bss)(\.|$)|addr_space\.1$)/.test(type.name)) continue;
    const section = named.get(type.name);
    if (!section) continue;
    const bySymbol = symbolsOf.get(section.index);
    const size = type.size || section.size;
    const variables = type.vars.flatMap(({ type: id, offset, size: given }): DataVariable[] => {
      const variable = btf.type(id);
      if (variable.kind !== "var")
        throw new FormatError(".BTF", `${type.name}: type ${id} is not a variable`);
      const symbol = bySymbol?.get(variable.name);
      const hidden = symbol && (symbol.visibility === STV_HIDDEN || symbol.visibility === STV_INTERNAL);
      if (variable.linkage === "static" || hidden || symbol?.binding === STB_LOCAL) return [];
      // clang leaves every offset 0 and the section without a size; `bpftool gen object` fills both in.
      const at = type.size === 0 ? symbol?.value : offset;
      const taken = btf.isMissing(variable.to) ? given : btf.size(variable.to);
      if (at === undefined || at + taken > size)
        throw new FormatError(type.name, `variable ${quote(variable.name)}: lies outside the section`);
      return [{ name: variable.name, type: variable.to, at, size: taken }];
    });
    eachOnce(type.name, variables);
    variables.sort((a, b) => a.at - b.at);
    if (variables.length > 0) found.push({ section: type.name, size, variables, index: section.index });
  }
  return found.sort((a, b) => a.index - b.index).map(({ index: _, ...section }) => section);
}

function eachOnce(section: string, variables: readonly { readonly name: string }[]): void {
  const seen = new Set<string>();
  for (const { name } of variables) {
    if (seen.has(name)) throw new FormatError(section, `variable ${quote(name)}: is there twice`);
    seen.add(name);
  }
}

/** `.kconfig` is no section of the file: libbpf lays it out, by alignment down, then size and name up. */
function kconfig(btf: Btf, type: BtfOfKind<"datasec">): DataSection {
  const externs = type.vars.map(({ type: id }) => {
    const variable = btf.type(id);
    if (variable.kind !== "var") throw new FormatError(".BTF", `.kconfig: type ${id} is not a variable`);
    const inner = btf.strip(variable.to);
    const align = inner.kind === "array" ? btf.size(inner.element) : btf.size(variable.to);
    return { name: variable.name, type: variable.to, size: btf.size(variable.to), align };
  });
  eachOnce(type.name, externs);
  externs.sort((a, b) => b.align - a.align || a.size - b.size || (a.name < b.name ? -1 : 1));
  let end = 0;
  const variables = externs.map(({ name, type: id, size, align }) => {
    const at = Math.ceil(end / (align || 1)) * (align || 1);
    end = at + size;
    return { name, type: id, at, size };
  });
  return { section: ".kconfig", size: end, variables };
}
