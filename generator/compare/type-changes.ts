import type { Surface, TypeSurface } from "../../templates/surface.js";
import { type Change, change, memberChange } from "./change.js";
import { memberChanges } from "./member-changes.js";
import { pair } from "./pair.js";

/**
 * What has changed of the types.
 * @param written the names of those whose values application code writes.
 */
export function typeChanges(
  before: readonly TypeSurface[],
  after: readonly TypeSurface[],
  written: ReadonlySet<string>,
): Change[] {
  const contents = (type: TypeSurface): string =>
    JSON.stringify([type.kind, type.size, type.kind === "enum" ? type.values : type.members]);
  const { kept, renamed, removed, added } = pair(before, after, contents);
  return [
    ...removed.map((gone) => change("type-removed", true, gone.name, `removed (${gone.c})`, gone.c)),
    ...renamed.map(([was, is]) => change("type-renamed", true, was.name, `renamed to ${is.name}`, was, is)),
    ...kept.flatMap(([was, is]) => typeChange(was, is, written)),
    ...added.map((fresh) =>
      change("type-added", false, fresh.name, `added (${fresh.c})`, undefined, fresh.c),
    ),
  ];
}

function typeChange(was: TypeSurface, is: TypeSurface, written: ReadonlySet<string>): Change[] {
  const of = is.name;
  if (was.kind !== is.kind)
    return [
      change(
        "type-kind",
        true,
        of,
        `${was.c} → ${is.c}: a ${was.kind} became a ${is.kind}`,
        was.kind,
        is.kind,
      ),
    ];
  const resized = was.size === is.size ? [] : [sizeChange(was, is)];
  if (was.kind === "enum" || is.kind === "enum") {
    const values = was.kind === "enum" && is.kind === "enum" ? valueChanges(of, was.values, is.values) : [];
    return [...resized, ...values];
  }
  // A union is written by one member: another one to choose from is no duty.
  const isAddingBreaking = is.kind === "struct" && written.has(of);
  const members = memberChanges("field", of, was.members, is.members, isAddingBreaking);
  // Fields that came, went or grew say why it has another size.
  return members.length > 0 ? members : resized;
}

function sizeChange(was: TypeSurface, is: TypeSurface): Change {
  const becomesBigint = is.kind === "enum" && (was.size === 8) !== (is.size === 8);
  const note = becomesBigint ? (is.size === 8 ? ": number became bigint" : ": bigint became number") : "";
  const message = `${was.size} → ${is.size} bytes${note}`;
  return change("type-resized", becomesBigint, is.name, message, `${was.size}`, `${is.size}`);
}

function valueChanges(
  of: string,
  before: readonly { readonly name: string; readonly value: string }[],
  after: readonly { readonly name: string; readonly value: string }[],
): Change[] {
  const { kept, renamed, removed, added } = pair(before, after, ({ value }) => value);
  return [
    ...removed.map(({ name, value }) =>
      memberChange(name, change("enum-value-removed", true, of, `removed (${value})`, value)),
    ),
    ...renamed.map(([was, is]) =>
      memberChange(was.name, change("enum-value-renamed", true, of, `renamed to ${is.name}`, was, is)),
    ),
    ...kept.flatMap(([was, is]) =>
      was.value === is.value
        ? []
        : memberChange(
            is.name,
            change("enum-value-changed", true, of, `${was.value} → ${is.value}`, was.value, is.value),
          ),
    ),
    ...added.map(({ name, value }) =>
      memberChange(name, change("enum-value-added", false, of, `added (${value})`, undefined, value)),
    ),
  ];
}

/** Types whose values application code writes: all but those that only come out of ring and perf buffers. */
export function writtenTypes({ maps, globals, types }: Surface): ReadonlySet<string> {
  const byName = new Map(types.map((type) => [type.name, type]));
  const written = new Set<string>();
  const pending = [
    ...maps.filter((map) => !/^(RingBuf|PerfEventArray)\b/.test(map.class)).map((map) => map.class),
    ...globals.filter(({ name }) => name !== "kconfig").flatMap((of) => of.variables.map(({ type }) => type)),
  ];
  for (let text = pending.pop(); text !== undefined; text = pending.pop())
    for (const [name] of text.matchAll(/[\p{ID_Start}$_][\p{ID_Continue}$]*/gu)) {
      const type = byName.get(name);
      if (!type || written.has(name)) continue;
      written.add(name);
      if (type.kind !== "enum") for (const { type: inside } of type.members) pending.push(inside);
    }
  return written;
}
