import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as codegen from "../../runtime/codegen.js";
import { BaseProgram } from "../../runtime/programs/base.js";

/** Whether `attach.ts` has calls of each class of programs, in each of its lists. What they prove, compilers say. */
const read = (name: string): string => readFileSync(new URL(name, import.meta.url), "utf8");
const calls = read("attach.ts");
const skeleton = read("../fixtures/kernel-kinds.skel.ts");

const classes = Object.entries(codegen)
  .filter(([, value]) => typeof value === "function" && value.prototype instanceof BaseProgram)
  .map(([name]) => name);
/** The class of each program of the skeleton. */
const classOf = new Map(
  [...skeleton.matchAll(/^ {4}(\w+): bpf\.program\(bpf\.(\w+)/gm)].map(([, name, of]) => [name!, of!]),
);

/** The classes whose programs one of the lists attaches. */
function attached(list: string): string[] {
  const body = new RegExp(`^export function ${list}\\(.*?^}`, "ms").exec(calls)![0];
  const found = [...body.matchAll(/\b(programs|bare|structOps)\.(\w+)(?:\.attach\()?/g)].map(
    ([, of, name]) => {
      if (of === "structOps") return "StructOpsProgram";
      return of === "bare" ? name! : (classOf.get(name!) ?? `no program ${name}`);
    },
  );
  return [...new Set(found)].sort();
}

/** All classes but some. */
const but = (...names: string[]): string[] => classes.filter((name) => !names.includes(name)).sort();

test.each([
  // Something else brings these two to run.
  ["right", but("Passive", "StructOpsProgram")],
  // What the others attach to is said before they are loaded, so that nothing can be missing.
  ["missing", but("Passive", "StructOpsProgram", "Tracing", "Lsm")],
  ["wrong", but("Passive", "StructOpsProgram")],
  ["superfluous", but()],
])("every class of programs is in the list of calls that are %s", (list, wanted) => {
  expect(classes.length).toBeGreaterThan(25);
  expect(attached(list)).toEqual(wanted);
});
