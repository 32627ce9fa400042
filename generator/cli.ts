#!/usr/bin/env node
/** The command: reads objects, writes skeletons. The only file of the generator that touches files and the process. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import module from "node:module";
import { dirname } from "node:path";
import { type Command, Failure, help, parseCommand } from "./command.js";
import { GenerateError } from "./errors.js";
import { version } from "./version.js";

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

/** What a file holds; undefined when there is none that can be read. */
function existing(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** Refuses to write over an object, the input itself above all. */
function refuseObject(file: string): void {
  if (!existing(file)?.startsWith("\x7fELF")) return;
  throw new Failure(
    2,
    `${file}: is an object itself — write the skeleton to another file, such as prog.skel.ts`,
  );
}

/** Writes a whole file or none: beside its place, then moved there. A file that has the text already is left alone. */
function write(file: string, text: string): void {
  if (existing(file) === text) return;
  const beside = `${file}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    try {
      writeFileSync(beside, text);
      renameSync(beside, file);
    } finally {
      rmSync(beside, { force: true });
    }
  } catch (error) {
    throw new Failure(3, `${file}: cannot be written: ${(error as Error).message} — check the path`);
  }
}

async function run({ make, jobs, options }: Command): Promise<void> {
  // The one slow import: late, so that help and mistakes are answered at once, and cached where Node can.
  (module as { enableCompileCache?: () => void }).enableCompileCache?.();
  const { generate, generateTypes } = await import("./index.js");
  const made = jobs.map(({ object, output }) => {
    const bytes = read(object);
    try {
      const all = { ...options, file: object };
      const { text, warnings } = make === "types" ? generateTypes(bytes, all) : generate(bytes, all);
      return { object, output, text, warnings };
    } catch (error) {
      if (error instanceof GenerateError) throw new Failure(3, `${object}: ${error.message}`);
      throw error;
    }
  });
  for (const { output } of made) if (output !== undefined) refuseObject(output);
  for (const { object, output, text, warnings } of made) {
    for (const warning of shown(warnings))
      process.stderr.write(`bpf-tsgen: ${oneLine(`${object}: ${warning}`)}\n`);
    if (output === undefined) process.stdout.write(text);
    else write(output, text);
  }
}

/** Names of a whole kernel clash by the hundred: nobody reads so many warnings. */
function shown(warnings: readonly string[]): readonly string[] {
  const most = 20;
  if (warnings.length <= most) return warnings;
  return [...warnings.slice(0, most), `${warnings.length - most} more warnings like these`];
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
  const command = parseCommand(process.argv.slice(2));
  if (command === "help") process.stdout.write(help);
  else if (command === "version") process.stdout.write(`${version}\n`);
  else await run(command);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`bpf-tsgen: ${oneLine(error.message)}\n`);
  process.exitCode = error.status;
}
