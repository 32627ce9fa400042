import type { Btf, DataSection } from "../../runtime/btf/index.js";
import type { Member, SectionModel } from "./model.js";
import { sectionMember } from "./names.js";
import { cType, type Types } from "./types.js";

/** Asks for the types of a section's variables. */
export function reachSection(types: Types, section: DataSection): void {
  for (const variable of section.variables) types.reach(variable.type, variable.name);
}

/** The sections as the skeleton has them. */
export function sectionModels(btf: Btf, types: Types, sections: readonly DataSection[]): SectionModel[] {
  const taken = new Set<string>();
  return sections.map(({ section, size, variables }) => {
    let name = sectionMember(section);
    while (taken.has(name)) name += "_";
    taken.add(name);
    return {
      name,
      section,
      size,
      variables: variables.map(
        (variable): Member => ({
          name: variable.name,
          c: cType(btf, variable.type),
          at: variable.at,
          type: types.value(variable.type),
        }),
      ),
    };
  });
}
