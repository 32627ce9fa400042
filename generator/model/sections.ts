import { type DataSection, quote } from "../../runtime/btf/index.js";
import type { Member, SectionModel } from "./model.js";
import { numbering, sectionMember } from "./names.js";
import type { Types } from "./types.js";

/** Asks for the types of a section's variables. */
export function reachSection(types: Types, section: DataSection): void {
  for (const variable of section.variables) types.reach(variable.type, variable.name);
}

/** The sections as the skeleton has them. */
export function sectionModels(types: Types, sections: readonly DataSection[]): SectionModel[] {
  const unique = numbering();
  return sections.map(({ section, size, variables }) => ({
    name: unique(sectionMember(section)),
    section,
    size,
    variables: variables.map(
      (variable): Member => ({
        name: variable.name,
        c: types.c(variable.type),
        at: variable.at,
        type: types.variable(variable.type, variable.size, `variable ${quote(variable.name)}`),
      }),
    ),
  }));
}
