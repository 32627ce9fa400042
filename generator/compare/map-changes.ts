import type { MapSurface } from "../../templates/surface.js";
import { type Change, change } from "./change.js";
import { memberChanges } from "./member-changes.js";
import { pair } from "./pair.js";
import { type Value, valueChange } from "./value.js";

/** Maps whose keys are indexes below `maxEntries`. */
const indexed = /^(ArrayMap|PerCpuArrayMap|ProgArray|FdArray|ArrayOfMaps)\b/;

/** What has changed of the maps. */
export function mapChanges(before: readonly MapSurface[], after: readonly MapSurface[]): Change[] {
  const { kept, renamed, removed, added } = pair(before, after, ({ name: _, ...all }) => JSON.stringify(all));
  return [
    ...removed.map((gone) => change("map-removed", true, `map ${gone.name}`, "removed", gone.class)),
    ...renamed.map(([was, is]) =>
      change("map-renamed", true, `map ${was.name}`, `renamed to ${is.name}`, was, is),
    ),
    ...kept.flatMap(([was, is]) => mapChange(was, is)),
    ...added.map((fresh) => change("map-added", false, `map ${fresh.name}`, "added", undefined, fresh.class)),
  ];
}

function mapChange(was: MapSurface, is: MapSurface): Change[] {
  const of = `map ${is.name}`;
  const [wasKind, isKind] = [was.class.replace(/<.*/s, ""), is.class.replace(/<.*/s, "")];
  if (wasKind !== isKind) {
    const message = `${was.type} → ${is.type}: ${was.class} became ${is.class}`;
    return [change("map-kind", true, of, message, was.class, is.class)];
  }
  const found = memberChanges("field", of, was.members ?? [], is.members ?? [], false);
  if (was.type !== is.type)
    found.push(change("map-kind", false, of, `${was.type} → ${is.type}`, was.type, is.type));
  const record = /^(RingBuf|PerfEventArray|UserRingBuf)$/.test(isKind) ? "record" : "value";
  for (const part of ["key", "value"] as const) {
    const values = [entry(was, part), entry(is, part)] as const;
    const changed = valueChange(...values);
    if (!changed) continue;
    const kind = part === "key" ? "map-key" : (`map-${record}` as const);
    const what = part === "key" ? "key" : record;
    const [a, b] = values;
    found.push(
      change(kind, changed.breaking, of, `${what}: ${changed.message}`, a.c || a.type, b.c || b.type),
    );
  }
  if (was.maxEntries !== is.maxEntries) {
    const unit = /RingBuf$/.test(isKind) ? "bytes" : "entries";
    const message = `${was.maxEntries} → ${is.maxEntries} ${unit}`;
    const breaking = indexed.test(isKind) && is.maxEntries < was.maxEntries;
    found.push(change("map-resized", breaking, of, message, `${was.maxEntries}`, `${is.maxEntries}`));
  }
  // What a map of maps holds, and whatever else the class says.
  if (found.length === 0 && was.class !== is.class)
    found.push(change("map-value", true, of, `${was.class} → ${is.class}`, was.class, is.class));
  return found;
}

/** A map's key or value. */
function entry(map: MapSurface, part: "key" | "value"): Value {
  const types = parameters(map.class);
  const index = part === "key" ? 0 : map.key === undefined ? 0 : 1;
  if (map[part] === undefined && (part === "key" || map.key !== undefined))
    return { c: "", type: "", storage: "" };
  return { c: map[part] ?? "", type: types[index] ?? "", storage: map.storage[index] ?? "" };
}

/** `HashMap<number, [State, State]>` → `number`, `[State, State]`. */
function parameters(text: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let from = text.indexOf("<") + 1;
  if (from === 0) return [];
  for (let at = from; at < text.length; at++) {
    const c = text[at]!;
    if ("<[{(".includes(c)) depth++;
    else if (depth === 0 && (c === "," || c === ">")) {
      found.push(text.slice(from, at).trim());
      from = at + 1;
    } else if (">]})".includes(c)) depth--;
  }
  return found;
}
