import type { Btf } from "./btf.js";
import { type ElfFile, type ElfSymbol, STB_LOCAL, STV_HIDDEN, STV_INTERNAL, sectionNamed } from "./elf.js";
import { FormatError, quote } from "./reader.js";
import type { BtfOfKind } from "./types.js";

/** A data section with the variables that can be seen from outside. */
export interface DataSection {
  readonly section: string;
  readonly size: number;
  readonly variables: readonly { readonly name: string; readonly type: number; readonly at: number }[];
}

/** The object's data sections, in the order of the object. */
export function readSections(btf: Btf, elf: ElfFile, symbols: readonly ElfSymbol[]): DataSection[] {
  const found: (DataSection & { readonly index: number })[] = [];
  for (const type of btf.types) {
    if (type.kind !== "datasec") continue;
    if (type.name === ".kconfig") found.push({ ...kconfig(btf, type), index: Number.MAX_SAFE_INTEGER });
    if (!/^\.(rodata|data|bss)(\.|$)/.test(type.name)) continue;
    const section = sectionNamed(elf, type.name);
    if (!section) continue;
    const bySymbol = new Map(
      symbols.filter((symbol) => symbol.section === section.index).map((s) => [s.name, s]),
    );
    const size = type.size || section.size;
    const variables = type.vars.flatMap(({ type: id, offset }) => {
      const variable = btf.type(id);
      if (variable.kind !== "var")
        throw new FormatError(".BTF", `${type.name}: type ${id} is not a variable`);
      const symbol = bySymbol.get(variable.name);
      const hidden = symbol && (symbol.visibility === STV_HIDDEN || symbol.visibility === STV_INTERNAL);
      if (variable.linkage === "static" || hidden || symbol?.binding === STB_LOCAL) return [];
      // clang leaves every offset 0 and the section without a size; `bpftool gen object` fills both in.
      const at = type.size === 0 ? symbol?.value : offset;
      if (at === undefined || at + btf.size(variable.to) > size)
        throw new FormatError(type.name, `variable ${quote(variable.name)}: lies outside the section`);
      return [{ name: variable.name, type: variable.to, at }];
    });
    variables.sort((a, b) => a.at - b.at);
    if (variables.length > 0) found.push({ section: type.name, size, variables, index: section.index });
  }
  return found.sort((a, b) => a.index - b.index).map(({ index: _, ...section }) => section);
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
  externs.sort((a, b) => b.align - a.align || a.size - b.size || (a.name < b.name ? -1 : 1));
  let end = 0;
  const variables = externs.map(({ name, type: id, size, align }) => {
    const at = Math.ceil(end / (align || 1)) * (align || 1);
    end = at + size;
    return { name, type: id, at };
  });
  return { section: ".kconfig", size: end, variables };
}
