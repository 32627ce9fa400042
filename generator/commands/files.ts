import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Failure } from "../command.js";
import { GenerateError } from "../errors.js";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file — has it been compiled?",
  EACCES: "it may not be read — check its permissions",
  EISDIR: "it is a folder — name a BPF object",
};

/** What an object's file holds. */
export function read(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw new Failure(3, `${file}: ${reasons[code] ?? `cannot be read: ${message} — check the path`}`);
  }
}

/** Does something with an object; what is wrong with the object is said with its name. */
export function withObject<T>(file: string, act: (bytes: Uint8Array) => T): T {
  const bytes = read(file);
  try {
    return act(bytes);
  } catch (error) {
    if (!(error instanceof GenerateError)) throw error;
    if (/\.[ch]$/.test(file) && error.code === "ERR_BPF_OBJECT")
      throw new Failure(3, `${file}: ${isSource(file)}`);
    throw new Failure(3, `${file}: ${error.message}`);
  }
}

function isSource(file: string): string {
  const object = file.replace(/\.[ch]$/, ".o");
  return `it is C source — compile it: clang -g -O2 -target bpf -c ${file} -o ${object}`;
}

/** What a file holds; undefined when there is none that can be read. */
export function existing(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** Refuses to write over an object, the input itself above all. */
export function refuseObject(file: string): void {
  if (!existing(file)?.startsWith("\x7fELF")) return;
  throw new Failure(
    2,
    `${file}: is an object itself — write the skeleton to another file, such as prog.skel.ts`,
  );
}

/** Writes a whole file or none: beside its place, then moved there. A file that has the text already is left alone. */
export function write(file: string, text: string): void {
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
