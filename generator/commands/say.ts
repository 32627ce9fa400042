import type { Style } from "../report/style.js";
import { styleFor } from "../report/style.js";

/** Says something on stderr: one line, whatever names are in it. */
export function say(message: string): void {
  process.stderr.write(`bpf-tsgen: ${oneLine(message)}\n`);
}

/** Says warnings about an object. */
export function warn(object: string, warnings: readonly string[]): void {
  for (const warning of shown(warnings)) say(`${object}: ${warning}`);
}

/** The style of reports on stdout. */
export function reportStyle(): Style {
  return styleFor(process.stdout, process.env);
}

/** Data on stdout as JSON; `format` counts its changes of form, which schema.json describes. */
export function sayJson(data: object): void {
  process.stdout.write(`${JSON.stringify({ format: 1, ...data }, undefined, 2)}\n`);
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ");
}

/** Names of a whole kernel clash by the hundred: nobody reads so many warnings. */
function shown(warnings: readonly string[]): readonly string[] {
  const most = 20;
  if (warnings.length <= most) return warnings;
  return [...warnings.slice(0, most), `${warnings.length - most} more warnings like these`];
}
