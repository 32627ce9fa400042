import type { ProgramSurface, Surface } from "../../templates/surface.js";
import { type Change, change } from "./change.js";
import { mapChanges } from "./map-changes.js";
import { globalChanges } from "./member-changes.js";
import { pair } from "./pair.js";
import { typeChanges, writtenTypes } from "./type-changes.js";

/** What has changed for application code from one object to another: programs, maps, globals, then types. */
export function changes(before: Surface, after: Surface): Change[] {
  const found = [
    ...programChanges(before.programs, after.programs),
    ...mapChanges(before.maps, after.maps),
    ...globalChanges(before.globals, after.globals),
    ...typeChanges(before.types, after.types, writtenTypes(after)),
  ];
  if (before.name === after.name) return found;
  return [change("skeleton-renamed", true, before.name, `renamed to ${after.name}`, before, after), ...found];
}

function programChanges(before: readonly ProgramSurface[], after: readonly ProgramSurface[]): Change[] {
  const { kept, renamed, removed, added } = pair(before, after, ({ section }) => section);
  return [
    ...removed.map((gone) =>
      change("program-removed", true, `program ${gone.name}`, "removed", gone.section),
    ),
    ...renamed.map(([was, is]) =>
      change("program-renamed", true, `program ${was.name}`, `renamed to ${is.name}`, was, is),
    ),
    ...kept.flatMap(([was, is]) => {
      if (was.section === is.section && was.class === is.class && was.auto === is.auto) return [];
      const notAttached = was.auto && !is.auto;
      const note = notAttached
        ? ": attach() leaves it out"
        : was.class !== is.class
          ? `: ${was.class} became ${is.class}`
          : "";
      const message = `SEC("${was.section}") → SEC("${is.section}")${note}`;
      const breaking = was.class !== is.class || notAttached;
      return change("program-section", breaking, `program ${is.name}`, message, was.section, is.section);
    }),
    ...added.map((fresh) =>
      change("program-added", false, `program ${fresh.name}`, "added", undefined, fresh.section),
    ),
  ];
}
