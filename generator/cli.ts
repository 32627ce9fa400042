#!/usr/bin/env node
/** The command: reads objects, writes skeletons. The only file of the generator that touches files and the process. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import module from "node:module";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { GenerateError } from "./errors.js";
import type { GenerateOptions } from "./model/build.js";
import { baseName } from "./model/names.js";
import { version } from "./version.js";

const help = `Generates a typed TypeScript skeleton from a compiled BPF object.

  bpf-tsgen [options] OBJECT                     skeleton on stdout: bpf-tsgen prog.bpf.o > prog.skel.ts
  bpf-tsgen [options] -o FILE OBJECT             to FILE, which is left untouched when nothing changed
  bpf-tsgen [options] --out-dir DIR OBJECT...    to DIR/BASE.skel.ts each

Options:
  -o, --output FILE         write to FILE
  --out-dir DIR             write to DIR, made when it is missing
  --name NAME               the object's name, which the skeleton's follows; the file's when left out
  --embed inline|url|none   put the object into the skeleton (the default), look for it beside the skeleton
                            when it is opened, or have it given to open()
  --runtime SPECIFIER       where the skeleton imports the runtime from; default bpf-tsgen-runtime/codegen
  --event MAP=TYPE          the C type of the records of a ring or perf buffer; repeatable: a record's size tells
                            several of a map apart, and for equal sizes MAP=TYPE@FIELD=VALUE does
  --type NAME               declare this C type too; repeatable
  --char-arrays text|bytes  char arrays as strings (the default) or as Uint8Array
  --help                    this text
  --version                 ${version}

Exit status: 0 done, 2 bad usage, 3 input that cannot be read or is not accepted.
`;

/** Ends the command with a message and an exit status. */
class Failure extends Error {
  readonly status: 2 | 3;
  constructor(status: 2 | 3, message: string) {
    super(message);
    this.status = status;
  }
}

interface Job {
  readonly object: string;
  /** stdout when undefined. */
  readonly output: string | undefined;
}

interface Command {
  readonly jobs: readonly Job[];
  readonly options: Omit<GenerateOptions, "file">;
}

function parse(args: readonly string[]): Command | "help" | "version" {
  const { values, positionals } = parseCommandLine(args);
  if (values.help) return "help";
  if (values.version) return "version";
  return {
    jobs: jobs(positionals, values.output, values["out-dir"]),
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
        help: { type: "boolean" },
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

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file — has it been compiled?",
  EACCES: "it may not be read — check its permissions",
  EISDIR: "it is a folder — name a BPF object",
};

function read(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw new Failure(3, `${file}: ${reasons[code] ?? `cannot be read: ${message} — check the path`}`);
  }
}

/** Writes a whole file or none: beside its place, then moved there. A file that has the text already is left alone. */
function write(file: string, text: string): void {
  try {
    if (readFileSync(file, "utf8") === text) return;
  } catch {
    // No such file yet.
  }
  const beside = `${file}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(beside, text);
    renameSync(beside, file);
  } catch (error) {
    rmSync(beside, { force: true });
    throw new Failure(3, `${file}: cannot be written: ${(error as Error).message} — check the path`);
  }
}

async function run({ jobs, options }: Command): Promise<void> {
  // The one slow import: late, so that help and mistakes are answered at once, and cached where Node can.
  (module as { enableCompileCache?: () => void }).enableCompileCache?.();
  const { generate } = await import("./index.js");
  const made = jobs.map(({ object, output }) => {
    const bytes = read(object);
    try {
      const { text, warnings } = generate(bytes, { ...options, file: object });
      return { object, output, text, warnings };
    } catch (error) {
      if (error instanceof GenerateError) throw new Failure(3, `${object}: ${error.message}`);
      throw error;
    }
  });
  for (const { object, output, text, warnings } of made) {
    for (const warning of warnings) process.stderr.write(`bpf-tsgen: ${oneLine(`${object}: ${warning}`)}\n`);
    if (output === undefined) process.stdout.write(text);
    else write(output, text);
  }
}

/** Messages are one line, whatever names are in them. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ");
}

// A reader that goes away early (`| head`) is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

try {
  const command = parse(process.argv.slice(2));
  if (command === "help") process.stdout.write(help);
  else if (command === "version") process.stdout.write(`${version}\n`);
  else await run(command);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`bpf-tsgen: ${oneLine(error.message)}\n`);
  process.exitCode = error.status;
}
