import type { GivenOptions } from "../command.js";
import { changes } from "../compare/changes.js";
import { difference, inspect as look } from "../inspect.js";
import { countChanges, reportChanges } from "../report/changes.js";
import { reportInspection } from "../report/inspection.js";
import { withObject } from "./files.js";
import { reportStyle, sayJson, warn } from "./say.js";

/** Shows what is in an object. */
export function inspect(object: string, options: GivenOptions, json: boolean): void {
  const found = withObject(object, (bytes) => look(bytes, { ...options, file: object }));
  if (json) {
    sayJson({ file: object, ...found });
    return;
  }
  warn(object, found.warnings);
  process.stdout.write(reportInspection(found, reportStyle()));
}

/** Shows what has changed from one object to another; the exit status says whether anything has. */
export function diff(before: string, after: string, options: GivenOptions, json: boolean): 0 | 1 {
  // Both go by one name: that of their files is not what is asked for.
  const all = { ...options, file: after };
  const [was, is] = [before, after].map((file) => withObject(file, (bytes) => look(bytes, all)));
  const found = difference(changes(was!, is!));
  if (json) sayJson({ before, after, ...found });
  else if (found.changes.length > 0)
    process.stdout.write(`${countChanges(found.changes)}\n${reportChanges(found.changes, reportStyle())}`);
  return found.changes.length > 0 ? 1 : 0;
}
