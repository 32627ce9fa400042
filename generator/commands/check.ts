import { comment } from "../../templates/escape.js";
import { type Checked, check as compare, readHeader } from "../check.js";
import { type FileJob, type GivenOptions, type Making, parseRecorded } from "../command.js";
import { difference } from "../inspect.js";
import { countChanges, reportChanges } from "../report/changes.js";
import type { Style } from "../report/style.js";
import { existing, withObject } from "./files.js";
import { make } from "./generate.js";
import { reportStyle, sayJson } from "./say.js";

/** What is checked, and how. */
export interface CheckCommand extends Making {
  readonly jobs: readonly FileJob[];
  readonly layoutOnly: boolean;
  readonly json: boolean;
}

/** Reports which skeletons are not what their objects are now; the exit status says whether there are any. */
export function check({ jobs, layoutOnly, json, ...given }: CheckCommand): 0 | 1 {
  const results = jobs.map((job) => ({ ...job, ...checkOne(job, given) }));
  const isGood = ({ state }: Checked): boolean => state === "current" || (layoutOnly && state === "code");
  if (json)
    sayJson({
      check: layoutOnly ? "layout" : "all",
      skeletons: results.map(({ object, output, state, reason, changes }) => ({
        file: output,
        object,
        state,
        ...(reason !== undefined && { reason }),
        ...difference(changes),
      })),
    });
  else {
    const style = reportStyle();
    const bad = results.filter((result) => !isGood(result));
    process.stdout.write(bad.map((result) => report(result, style)).join(""));
  }
  return results.every(isGood) ? 0 : 1;
}

function checkOne({ object, output }: FileJob, given: Making): Checked {
  const written = existing(output);
  return withObject(object, (bytes) => {
    const recorded = written === undefined ? undefined : parseRecorded(readHeader(written)?.options ?? []);
    const making = recorded
      ? { make: recorded.make, options: merged(recorded.options, given.options) }
      : given;
    return compare(written, make(bytes, object, output, making).text);
  });
}

/** The options that a skeleton was made with, but for those that are given anew. */
function merged(recorded: GivenOptions, given: GivenOptions): GivenOptions {
  const anew = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...recorded, ...Object.fromEntries(anew) };
}

function report({ object, output, state, reason, changes }: FileJob & Checked, style: Style): string {
  const what = {
    current: "",
    missing: `there is none yet for ${object}`,
    unknown: "is no file that bpf-tsgen has written",
    code: `object code only: the programs in ${object} have changed, and nothing else`,
    stale:
      changes.length > 0 ? `${object} has changed: ${countChanges(changes)}` : `is not what ${object} gives`,
  }[state];
  const why = reason === undefined ? "" : ` (${reason})`;
  return `${style.paint("bold", comment(output))}: ${comment(what + why)}\n${reportChanges(changes, style)}`;
}
