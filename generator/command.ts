import { join } from "node:path";
import { parseArgs } from "node:util";
import { baseName } from "./model/names.js";
import type { GenerateOptions } from "./model/options.js";
import { version } from "./version.js";

/** What `--help` prints. */
export const help: string = `Generates a typed TypeScript skeleton from a compiled BPF object.

  bpf-tsgen [options] OBJECT                     skeleton on stdout: bpf-tsgen prog.bpf.o > prog.skel.ts
  bpf-tsgen [options] -o FILE OBJECT             to FILE, which is left untouched when nothing changed
  bpf-tsgen [options] --out-dir DIR OBJECT...    to DIR/BASE.skel.ts each
  bpf-tsgen types [options] FILE                 types and codecs only, from an object or raw BTF
                                                 (/sys/kernel/btf/vmlinux)

Options:
  -o, --output FILE         write to FILE
  --out-dir DIR             write to DIR, made when it is missing
  --name NAME               the object's name, which the skeleton's follows; the file's when left out
  --embed inline|url|none   put the object into the skeleton (the default), look for it beside the skeleton
                            when it is opened (copy it there when you build), or have it given to open()
  --runtime SPECIFIER       where the skeleton imports the runtime from; default bpf-tsgen-runtime/codegen
  --event MAP=TYPE          the C type of the records of a ring or perf buffer; repeatable: a record's size tells
                            several of a map apart, and for equal sizes MAP=TYPE@FIELD=VALUE does
  --type NAME               declare this C type too; repeatable. For types: only these and what they contain
  --char-arrays text|bytes  char arrays as strings (the default) or as Uint8Array
  -h, --help                this text
  --version                 ${version}

Exit status: 0 done, 2 bad usage, 3 input that cannot be read or is not accepted.
`;

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

/** What a command line asks for. */
export interface Command {
  readonly make: "skeleton" | "types";
  readonly jobs: readonly Job[];
  readonly options: Omit<GenerateOptions, "file">;
}

/** Reads a command line; a mistake in it is a {@link Failure}. */
export function parseCommand(args: readonly string[]): Command | "help" | "version" {
  const { values, positionals } = parseCommandLine(args);
  if (values.help) return "help";
  if (values.version) return "version";
  const isTypes = positionals[0] === "types";
  if (isTypes) {
    const skeletonOnly = (["name", "embed", "event", "out-dir"] as const).find(
      (option) => values[option] !== undefined,
    );
    if (skeletonOnly) throw new Failure(2, `types takes no --${skeletonOnly} — see bpf-tsgen --help`);
  }
  return {
    make: isTypes ? "types" : "skeleton",
    jobs: jobs(isTypes ? positionals.slice(1) : positionals, values.output, values["out-dir"]),
    options: {
      name: values.name,
      embed: oneOf("--embed", values.embed, ["inline", "url", "none"]),
      runtime: values.runtime,
      events: parseEvents(values.event ?? []),
      types: values.type,
      charArrays: oneOf("--char-arrays", values["char-arrays"], ["text", "bytes"]),
    },
  };
}

function parseCommandLine(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        output: { type: "string", short: "o" },
        "out-dir": { type: "string" },
        name: { type: "string" },
        embed: { type: "string" },
        runtime: { type: "string" },
        event: { type: "string", multiple: true },
        type: { type: "string", multiple: true },
        "char-arrays": { type: "string" },
        help: { type: "boolean", short: "h" },
        version: { type: "boolean" },
      },
    });
  } catch (error) {
    const [what] = (error as Error).message.split(". ");
    throw new Failure(2, `${what} — see bpf-tsgen --help`);
  }
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
