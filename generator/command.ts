import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Subcommand } from "./help.js";
import { baseName } from "./model/names.js";
import type { GenerateOptions } from "./model/options.js";

/** Ends the command with a message and an exit status. */
export class Failure extends Error {
  readonly status: 2 | 3;
  constructor(status: 2 | 3, message: string) {
    super(message);
    this.status = status;
  }
}

/** One file to be made. */
export interface Job {
  readonly object: string;
  /** stdout when undefined. */
  readonly output: string | undefined;
}

/** A job whose result goes to a file. */
export interface FileJob extends Job {
  readonly output: string;
}

/** Options of the generator as a command line gives them. */
export type GivenOptions = Omit<GenerateOptions, "file">;

/** What is made of an object. */
export interface Making {
  readonly make: "skeleton" | "types";
  readonly options: GivenOptions;
}

/** What a command line asks for. */
export type Command =
  | { readonly do: "help"; readonly of: Subcommand | undefined }
  | { readonly do: "version" }
  | ({ readonly do: "generate"; readonly jobs: readonly Job[] } & Making)
  | ({ readonly do: "watch"; readonly jobs: readonly FileJob[] } & Making)
  | ({
      readonly do: "check";
      readonly jobs: readonly FileJob[];
      readonly layoutOnly: boolean;
      readonly json: boolean;
    } & Making)
  | {
      readonly do: "inspect";
      readonly object: string;
      readonly options: GivenOptions;
      readonly json: boolean;
    }
  | {
      readonly do: "diff";
      readonly before: string;
      readonly after: string;
      readonly options: GivenOptions;
      readonly json: boolean;
    }
  | { readonly do: "init"; readonly folder: string };

const subcommands = ["inspect", "diff", "types", "init"] as const satisfies readonly Subcommand[];

/** Reads a command line; a mistake in it is a {@link Failure}. */
export function parseCommand(args: readonly string[]): Command {
  const { args: plain, layoutOnly } = withoutCheckValue(args);
  const { values, positionals } = parse(plain);
  const [first] = positionals;
  const subcommand = subcommands.find((name) => name === first);
  if (values.help) return { do: "help", of: subcommand };
  if (values.version) return { do: "version" };
  if (!subcommand && first !== undefined) suggest(first);
  const files = subcommand ? positionals.slice(1) : positionals;
  refuseOptions(subcommand, values);
  const options = givenOptions(values);
  const json = values.json ?? false;
  switch (subcommand) {
    case "init":
      return { do: "init", folder: exactly(files, ["DIR"], "init")[0] };
    case "inspect":
      return { do: "inspect", object: exactly(files, ["OBJECT"], "inspect")[0], options, json };
    case "diff": {
      const [before, after] = exactly(files, ["OLD", "NEW"], "diff");
      return { do: "diff", before: before!, after: after!, options, json };
    }
  }
  const make = subcommand === "types" ? "types" : "skeleton";
  if (values.check && values.watch)
    throw new Failure(2, "--check and --watch exclude each other — give one of them");
  const made = jobs(files, values.output, values["out-dir"]);
  if (!values.check && !values.watch) {
    if (json) throw new Failure(2, "--json is of --check, inspect and diff — see bpf-tsgen --help");
    return { do: "generate", make, jobs: made, options };
  }
  const mode = values.check ? "--check" : "--watch";
  if (values.watch && json) throw new Failure(2, "--watch takes no --json — see bpf-tsgen --help");
  const toFiles = made.map(({ object, output }): FileJob => {
    if (output !== undefined) return { object, output };
    throw new Failure(2, `${mode} needs the file of the ${make} — give it by -o FILE or --out-dir DIR`);
  });
  if (values.watch) return { do: "watch", make, jobs: toFiles, options };
  return { do: "check", make, jobs: toFiles, options, layoutOnly, json };
}

/** The options of the generator in a list that a skeleton's header records; undefined when they are none. */
export function parseRecorded(args: readonly string[]): Making | undefined {
  try {
    const { values, positionals } = parse(args);
    return { make: positionals[0] === "types" ? "types" : "skeleton", options: givenOptions(values) };
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

/** `--check=layout` is the one option whose value may be left out, which parseArgs does not know. */
function withoutCheckValue(args: readonly string[]): { args: string[]; layoutOnly: boolean } {
  let layoutOnly = false;
  const end = args.indexOf("--");
  const plain = args.map((arg, index) => {
    if (!arg.startsWith("--check=") || (end !== -1 && index > end)) return arg;
    if (arg !== "--check=layout")
      throw new Failure(2, `--check ${JSON.stringify(arg.slice(8))} — use --check or --check=layout`);
    layoutOnly = true;
    return "--check";
  });
  return { args: plain, layoutOnly };
}

const optionTypes = {
  output: { type: "string", short: "o" },
  "out-dir": { type: "string" },
  check: { type: "boolean" },
  watch: { type: "boolean" },
  json: { type: "boolean" },
  name: { type: "string" },
  embed: { type: "string" },
  runtime: { type: "string" },
  event: { type: "string", multiple: true },
  type: { type: "string", multiple: true },
  "char-arrays": { type: "string" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: optionTypes });
  } catch (error) {
    const [what] = (error as Error).message.split(". ");
    throw new Failure(2, `${what} — see bpf-tsgen --help`);
  }
}

type Values = ReturnType<typeof parse>["values"];
type Option = keyof typeof optionTypes;

const takes: Readonly<Record<Subcommand, readonly Option[]>> = {
  inspect: ["json", "name", "event", "type", "char-arrays"],
  diff: ["json", "name", "event", "type", "char-arrays"],
  types: ["output", "check", "watch", "json", "runtime", "type", "char-arrays"],
  init: [],
};

function refuseOptions(subcommand: Subcommand | undefined, values: Values): void {
  if (!subcommand) return;
  const wrong = (Object.keys(values) as Option[]).find((option) => !takes[subcommand].includes(option));
  if (wrong) throw new Failure(2, `${subcommand} takes no --${wrong} — see bpf-tsgen ${subcommand} --help`);
}

function givenOptions(values: Values): GivenOptions {
  return {
    name: values.name,
    embed: oneOf("--embed", values.embed, ["inline", "url", "none"]),
    runtime: values.runtime,
    events: values.event && parseEvents(values.event),
    types: values.type,
    charArrays: oneOf("--char-arrays", values["char-arrays"], ["text", "bytes"]),
  };
}

/** A word that is almost a subcommand is taken for one: objects have a dot in their names, or a folder before. */
function suggest(word: string): void {
  const near = /^[a-z]+$/i.test(word)
    ? subcommands.find((name) => isNear(word.toLowerCase(), name))
    : undefined;
  if (near)
    throw new Failure(2, `${word}: there is no such command — did you mean ${near}? A file: ./${word}`);
}

/** Whether a word becomes another by at most two letters more, less, or other. */
function isNear(word: string, other: string): boolean {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...word].entries()) {
    const next = [i + 1];
    for (let j = 1; j <= other.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (letter === other[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[other.length]! <= Math.min(2, other.length - 2);
}

/** The arguments of a subcommand, if they are as many as it takes. */
function exactly(
  given: readonly string[],
  names: readonly string[],
  subcommand: Subcommand,
): readonly [string, ...string[]] {
  const [first, ...rest] = given;
  if (first !== undefined && given.length === names.length) return [first, ...rest];
  const wanted = `${subcommand} takes ${names.join(" and ")}`;
  throw new Failure(2, `${wanted}, and ${given.length} are given — see bpf-tsgen ${subcommand} --help`);
}

function jobs(objects: readonly string[], output: string | undefined, folder: string | undefined): Job[] {
  if (objects.length === 0) throw new Failure(2, "no OBJECT is given — see bpf-tsgen --help");
  if (output !== undefined && folder !== undefined)
    throw new Failure(2, "-o and --out-dir exclude each other — give one of them");
  if (folder === undefined) {
    if (objects.length > 1)
      throw new Failure(2, `${objects.length} objects need --out-dir — or run bpf-tsgen once for each`);
    return [{ object: objects[0]!, output }];
  }
  const made = new Map<string, string>();
  return objects.map((object) => {
    const file = join(folder, `${baseName(object)}.skel.ts`);
    const other = made.get(file);
    if (other !== undefined)
      throw new Failure(
        2,
        `${other} and ${object} would both become ${file} — rename one, or use another --out-dir`,
      );
    made.set(file, object);
    return { object, output: file };
  });
}

function oneOf<T extends string>(
  option: string,
  value: string | undefined,
  allowed: readonly T[],
): T | undefined {
  if (value === undefined || allowed.includes(value as T)) return value as T | undefined;
  throw new Failure(2, `${option} ${JSON.stringify(value)} — use ${allowed.join(" or ")}`);
}

function parseEvents(texts: readonly string[]): Record<string, string[]> {
  const events = new Map<string, string[]>();
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at < 1 || at === text.length - 1)
      throw new Failure(2, `--event ${JSON.stringify(text)} — use MAP=TYPE, or MAP=TYPE@FIELD=VALUE`);
    const map = text.slice(0, at);
    events.set(map, [...(events.get(map) ?? []), text.slice(at + 1)]);
  }
  return Object.fromEntries(events);
}
