import { comment } from "../../templates/escape.js";
import type { Change } from "../compare/change.js";
import { type Style, table } from "./style.js";

/** A line of a report: one change, or several fields that moved. */
interface Line {
  readonly breaking: boolean;
  readonly place: string;
  readonly message: string;
}

/** Changes for people: one line each, what breaks code first. */
export function reportChanges(changes: readonly Change[], style: Style): string {
  const lines = gather(changes).sort((a, b) => Number(b.breaking) - Number(a.breaking));
  const cells = lines.map(({ breaking, place, message }) => [
    breaking ? "breaking" : "compatible",
    place,
    message,
  ]);
  const shown = style.columns
    ? table(cells).map(([kind, place, message]) => ({ kind: kind!, rest: `  ${place}  ${message}` }))
    : cells.map(([kind, place, message]) => ({ kind: kind!, rest: `: ${place}: ${message}` }));
  return shown
    .map(({ kind, rest }) => `  ${style.paint(kind.startsWith("breaking") ? "red" : "green", kind)}${rest}\n`)
    .join("");
}

/** `5 changes, 2 breaking` */
export function countChanges(changes: readonly Change[]): string {
  const breaking = changes.filter((change) => change.breaking).length;
  const all = changes.length === 1 ? "1 change" : `${changes.length} changes`;
  return `${all}, ${breaking === 0 ? "none" : breaking} breaking`;
}

/** A field that is added in front moves all behind it: they are one line. */
function gather(changes: readonly Change[]): Line[] {
  const lines: Line[] = [];
  const moved = new Map<string, string[]>();
  for (const change of changes) if (isMove(change)) group(moved, change.of).push(change.member ?? "");
  for (const change of changes) {
    const { of, member, breaking, message } = change;
    const others = isMove(change) ? group(moved, of) : [];
    if (others.length > 1 && others[0] !== member) continue;
    const line =
      others.length > 1
        ? { place: of, message: `moved: ${others.join(", ")}` }
        : { place: member === undefined ? of : `${of}.${member}`, message };
    lines.push({ breaking, place: comment(line.place), message: comment(line.message) });
  }
  return lines;
}

/** A move inside its struct or section; one to another section breaks code. */
function isMove({ kind, breaking }: Change): boolean {
  return !breaking && (kind === "field-moved" || kind === "global-moved");
}

function group(groups: Map<string, string[]>, key: string): string[] {
  const found = groups.get(key) ?? [];
  groups.set(key, found);
  return found;
}
