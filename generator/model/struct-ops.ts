import {
  type Btf,
  type ElfFile,
  type ElfSymbol,
  FormatError,
  sectionNamed,
} from "../../runtime/btf/index.js";
import type { MapModel } from "./model.js";
import type { Types } from "./types.js";

/** The struct_ops maps: each variable of `.struct_ops` and `.struct_ops.link` is one, as libbpf has it. */
export function structOpsMaps(
  btf: Btf,
  types: Types,
  elf: ElfFile,
  symbols: readonly ElfSymbol[],
): MapModel[] {
  return btf.types.flatMap((type) => {
    if (type.kind !== "datasec" || !/^\??\.struct_ops(\.link)?$/.test(type.name)) return [];
    const index = sectionNamed(elf, type.name)?.index;
    const offsets = new Map(
      symbols.filter((symbol) => symbol.section === index).map(({ name, value }) => [name, value]),
    );
    const variables = type.vars.map(({ type: id }) => {
      const variable = btf.type(id);
      if (variable.kind !== "var")
        throw new FormatError(".BTF", `${type.name}: type ${id} is not a variable`);
      return variable;
    });
    variables.sort((a, b) => (offsets.get(a.name) ?? 0) - (offsets.get(b.name) ?? 0));
    return variables.map(
      ({ name, to }): MapModel => ({
        name,
        class: "StructOps",
        type: "BPF_MAP_TYPE_STRUCT_OPS",
        types: [],
        c: { value: types.c(to) },
        maxEntries: 0,
      }),
    );
  });
}
