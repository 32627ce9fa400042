import { inspect } from "node:util";
import { BpfError } from "../errors.js";
import type { Link } from "../programs/link.js";
import type { Program } from "../programs/program.js";
import { type Immediate, isThenable, runNow } from "./hook.js";
import { BpfObject } from "./object.js";
import type { OpenOptions } from "./open.js";

/** What {@link withObject} opens and attaches. */
export interface WithObjectOptions extends OpenOptions {
  /** The object's file. */
  readonly path: string;
  /** The C names of the programs to attach, in this order; they attach to what their sections name. */
  readonly programs: readonly string[];
  /** Runs before the object is loaded: to configure its programs and maps. It must not be async. */
  readonly beforeLoad?: ((object: BpfObject) => Immediate) | undefined;
  /** Runs when the object is loaded and nothing attached yet: to fill maps. It must not be async. */
  readonly beforeAttach?: ((object: BpfObject) => Immediate) | undefined;
}

/**
 * Opens and loads an object, runs `beforeAttach`, attaches the named programs, runs `run`, and cleans everything up,
 * whichever way that ends.
 *
 * ```ts
 * import { setTimeout } from "node:timers/promises";
 *
 * await withObject({ path: "bootstrap.bpf.o", programs: ["handle_exec", "handle_exit"] }, async (object) => {
 *   await setTimeout(10_000);
 *   console.log(object.map("exec_start").count(), "processes were started and run on");
 * });
 * ```
 *
 * @param run gets the object and the links, in the order of `programs`. A promise that it returns is waited for before
 * anything is cleaned up.
 * @returns what `run` returns.
 * @throws BpfError that names all programs the object does not have, before it is loaded; or all that cannot be
 * attached, and then none is. What `beforeAttach` and `run` throw is thrown on.
 */
export function withObject<T>(
  options: WithObjectOptions,
  run: (object: BpfObject, links: readonly Link[]) => T,
): T {
  const { path, programs, beforeLoad, beforeAttach, ...open } = checked(options, run);
  const object = BpfObject.open(path, open);
  let result: T;
  try {
    const wanted = find(object, programs);
    runNow("withObject(): beforeLoad", beforeLoad, object, "load() does not wait for it");
    object.load();
    runNow("withObject(): beforeAttach", beforeAttach, object, "attach() does not wait for it");
    result = run(object, attach(object, wanted));
  } catch (error) {
    giveUp(object);
    throw error;
  }
  if (!isThenable(result)) {
    object.close();
    return result;
  }
  const closing = Promise.resolve(result).then(
    (value) => {
      object.close();
      return value;
    },
    (error: unknown) => {
      giveUp(object);
      throw error;
    },
  );
  return closing as T;
}

function checked(options: WithObjectOptions, run: unknown): WithObjectOptions {
  const { path, programs, beforeLoad, beforeAttach } = options ?? {};
  if (typeof path !== "string")
    throw new TypeError(`withObject(): path is the path of an object, not ${typeof path}`);
  if (!Array.isArray(programs) || !Array.from(programs).every((name) => typeof name === "string"))
    throw new TypeError(`withObject(): programs are names, not ${inspect(programs, { depth: 0 })}`);
  const twice = programs.find((name, index) => programs.indexOf(name) !== index);
  if (twice !== undefined) throw new TypeError(`withObject(): program "${twice}" is named twice`);
  for (const [name, hook] of Object.entries({ beforeLoad, beforeAttach }))
    if (hook !== undefined && typeof hook !== "function")
      throw new TypeError(`withObject(): ${name} is a function, not ${typeof hook}`);
  if (typeof run !== "function") throw new TypeError(`withObject(): takes a function, not ${typeof run}`);
  return options;
}

/** The programs of these names. */
function find(object: BpfObject, names: readonly string[]): Program[] {
  const all = new Map(object.programs().map((program) => [program.name, program]));
  const missing = names.filter((name) => !all.has(name));
  if (missing.length > 0)
    throw new BpfError(
      `${object.name}: has no program ${quoted(missing)} — it has: ${[...all.keys()].join(", ") || "none"}`,
      { code: "ENOENT", errno: 2 },
    );
  return names.map((name) => all.get(name)!);
}

/** Attaches all, or none and an error that names all that cannot be. */
function attach(object: BpfObject, programs: readonly Program[]): Link[] {
  const links: Link[] = [];
  const failed: { readonly name: string; readonly error: BpfError }[] = [];
  for (const program of programs)
    try {
      links.push(program.attach());
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      failed.push({ name: program.name, error });
    }
  const [first, ...others] = failed;
  if (first === undefined) return links;
  if (others.length === 0) throw first.error;
  const { code, errno, syscall } = first.error;
  const reasons = failed.map(({ error }) => error.message).join("; ");
  const cause = new AggregateError(failed.map(({ error }) => error));
  throw new BpfError(`${object.name}: cannot attach ${quoted(failed.map(({ name }) => name))}: ${reasons}`, {
    code,
    errno,
    syscall,
    cause,
  });
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}

/** Closes an object after a failure, which is what is told then. */
function giveUp(object: BpfObject): void {
  try {
    object.close();
  } catch {
    // What failed first says more.
  }
}
