import type { MemberSurface, SectionSurface } from "../../templates/surface.js";
import { type Change, type ChangeKind, change, memberChange, type Named } from "./change.js";
import { pair } from "./pair.js";
import { valueChange } from "./value.js";

/** What has changed of the global variables. */
export function globalChanges(before: readonly SectionSurface[], after: readonly SectionSurface[]): Change[] {
  const was = variables(before);
  const is = variables(after);
  const fresh = new Map([...is].filter(([path]) => !was.has(path)).map(([, { in: to, name }]) => [name, to]));
  // A variable that left its section for another one.
  const elsewhere = [...was].flatMap(([path, { in: from, name }]): Change[] => {
    const to = is.has(path) ? undefined : fresh.get(name);
    if (to === undefined) return [];
    return [memberChange(name, change("global-moved", true, from, `is in ${to} now`, from, to))];
  });
  const left = new Set(elsewhere.map(({ of, member: name }) => `${of}.${name}`));
  const come = new Set(elsewhere.map(({ after: to, member: name }) => `${to}.${name}`));
  const names = new Set([...before, ...after].map(({ name }) => name));
  return [
    ...elsewhere,
    ...[...names].flatMap((name) => {
      const of = (sections: readonly SectionSurface[], not: ReadonlySet<string>): MemberSurface[] =>
        (sections.find((section) => section.name === name)?.variables ?? []).filter(
          (variable) => !not.has(`${name}.${variable.name}`),
        );
      return memberChanges("global", name, of(before, left), of(after, come), false);
    }),
  ];
}

/** Where each variable is, by `section.name`. */
function variables(sections: readonly SectionSurface[]): Map<string, { in: string; name: string }> {
  return new Map(
    sections.flatMap((of) =>
      of.variables.map(({ name }) => [`${of.name}.${name}`, { in: of.name, name }] as const),
    ),
  );
}

/**
 * What has changed of the fields of a struct, or the variables of a section.
 * @param isAddingBreaking whether code that writes them must name each.
 */
export function memberChanges(
  what: "field" | "global",
  of: string,
  before: readonly MemberSurface[],
  after: readonly MemberSurface[],
  isAddingBreaking: boolean,
): Change[] {
  const place = ({ at, bits }: MemberSurface): string => (bits ? `bit ${bits.at}` : `${at}`);
  const { kept, renamed, removed, added } = pair(before, after, (all) =>
    JSON.stringify([place(all), all.storage, all.type]),
  );
  const say = (
    name: string,
    ...said: [ChangeKind, boolean, string, (string | Named)?, (string | Named)?]
  ): Change => {
    const [kind, breaking, message, a, b] = said;
    return memberChange(name, change(kind, breaking, of, message, a, b));
  };
  return [
    ...removed.map((gone) => say(gone.name, `${what}-removed`, true, `removed (${gone.c})`, gone.c)),
    ...renamed.map(([was, is]) => say(was.name, `${what}-renamed`, true, `renamed to ${is.name}`, was, is)),
    ...kept.flatMap(([was, is]) => {
      const changed = valueChange(was, is);
      if (changed)
        return say(is.name, `${what}-${changed.how}`, changed.breaking, changed.message, was.c, is.c);
      if (place(was) === place(is)) return [];
      return say(
        is.name,
        `${what}-moved`,
        false,
        `moved from ${place(was)} to ${place(is)}`,
        place(was),
        place(is),
      );
    }),
    ...added.map((fresh) => {
      const note = isAddingBreaking ? ": code that writes whole values must give it" : "";
      return say(
        fresh.name,
        `${what}-added`,
        isAddingBreaking,
        `added (${fresh.c})${note}`,
        undefined,
        fresh.c,
      );
    }),
  ];
}
