import type { Btf } from "./btf.js";
import {
  type ElfFile,
  type ElfSymbol,
  relocations,
  type Section,
  SHT_REL,
  STT_FUNC,
  sectionNamed,
} from "./elf.js";
import { FormatError } from "./reader.js";

/** A variable of `.struct_ops` or `.struct_ops.link`: libbpf makes a map of each. */
export interface StructOpsVariable {
  readonly name: string;
  /** The BTF id of its type. */
  readonly type: number;
  /** Absent in an object that has the section in its BTF only. */
  readonly section?: Section | undefined;
  /** Bytes from the start of the section. */
  readonly at: number;
}

/** The struct_ops maps, in the order of libbpf. */
export function structOpsVariables(
  btf: Btf,
  elf: ElfFile,
  symbols: readonly ElfSymbol[],
): StructOpsVariable[] {
  return btf.types.flatMap((type) => {
    if (type.kind !== "datasec" || !/^\??\.struct_ops(\.link)?$/.test(type.name)) return [];
    const section = sectionNamed(elf, type.name);
    const offsets = new Map(
      symbols.filter((symbol) => symbol.section === section?.index).map(({ name, value }) => [name, value]),
    );
    const variables = type.vars.map(({ type: id }): StructOpsVariable => {
      const variable = btf.type(id);
      if (variable.kind !== "var")
        throw new FormatError(".BTF", `${type.name}: type ${id} is not a variable`);
      return { name: variable.name, type: variable.to, section, at: offsets.get(variable.name) ?? 0 };
    });
    return variables.sort((a, b) => a.at - b.at);
  });
}

/** The functions that a section's data points to: offset to name, as its relocations say it. */
export function functionsIn(
  elf: ElfFile,
  symbols: readonly ElfSymbol[],
  section: Section,
): Map<number, string> {
  const found = new Map<number, string>();
  for (const table of elf.sections)
    if (table.type === SHT_REL && table.info === section.index)
      for (const { offset, symbol } of relocations(elf, table)) {
        const { section: of, value } = symbols[symbol]!;
        const to = symbols.find((s) => s.type === STT_FUNC && s.section === of && s.value === value);
        if (to) found.set(offset, to.name);
      }
  return found;
}
