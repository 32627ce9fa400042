import { type FSWatcher, watch as watchFolder } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { type Checked, check } from "../check.js";
import { Failure, type FileJob, type Making } from "../command.js";
import { GenerateError } from "../errors.js";
import { countChanges, reportChanges } from "../report/changes.js";
import { existing, refuseObject, write } from "./files.js";
import { make } from "./generate.js";
import { reportStyle, say, warn } from "./say.js";

/** A compiler writes in pieces: an object is read when nothing has happened to its folder for so long. */
const SETTLE_MS = 60;
/** Where the system says nothing (network file systems, a folder made anew), files are looked at this often. */
const LOOK_MS = 1000;

/** Generates all files, and each again when its object has changed, until the process is asked to end. */
export async function watch({
  jobs,
  ...making
}: { readonly jobs: readonly FileJob[] } & Making): Promise<void> {
  for (const { output } of jobs) refuseObject(output);
  const watched = jobs.map((job) => new Watched(job, making));
  await Promise.all(watched.map((object) => object.look()));
  const folders = new Map<string, Watched[]>();
  for (const object of watched) folders.set(object.folder, [...(folders.get(object.folder) ?? []), object]);
  const watchers = [...folders].flatMap(([folder, inside]) => watchFor(folder, inside));
  const timer = setInterval(() => {
    for (const object of watched) void object.look();
  }, LOOK_MS);
  const objects = watched.length === 1 ? "an object" : `${watched.length} objects`;
  say(`watching ${objects} — Ctrl-C ends it`);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
  });
  clearInterval(timer);
  for (const watcher of watchers) watcher.close();
  for (const object of watched) object.close();
}

/** A folder's watcher: a file's own would lose it when a compiler puts another one in its place. */
function watchFor(folder: string, inside: readonly Watched[]): FSWatcher[] {
  try {
    const watcher = watchFolder(folder, (_, name) => {
      for (const object of inside) if (name === null || name === object.name) object.touched();
    });
    // The folder is gone: looking now and then goes on.
    watcher.on("error", () => watcher.close());
    return [watcher];
  } catch {
    return [];
  }
}

/** One object, and what was last made of it. */
class Watched {
  readonly folder: string;
  readonly name: string;
  readonly #job: FileJob;
  readonly #making: Making;
  #bytes: Buffer | undefined;
  #said = "";
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #again = false;

  constructor(job: FileJob, making: Making) {
    this.#job = job;
    this.#making = making;
    this.folder = dirname(job.object);
    this.name = basename(job.object);
  }

  /** Something has happened to it: looks when it is quiet. */
  touched(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.look(), SETTLE_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Generates if its bytes are others than last time; once more if it was touched meanwhile. */
  async look(): Promise<void> {
    this.#again = true;
    if (this.#looking) return;
    this.#looking = true;
    while (this.#again) {
      this.#again = false;
      await this.#lookOnce();
    }
    this.#looking = false;
  }

  async #lookOnce(): Promise<void> {
    const { object } = this.#job;
    let bytes: Buffer;
    try {
      bytes = await readFile(object);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      this.#bytes = undefined;
      return this.#wait(code === "ENOENT" ? "it is not there" : message);
    }
    if (this.#bytes?.equals(bytes)) return;
    this.#bytes = bytes;
    try {
      this.#generate(bytes);
      this.#said = "";
    } catch (error) {
      if (error instanceof GenerateError) return this.#wait(error.message);
      if (error instanceof Failure) return this.#wait(error.message);
      throw error;
    }
  }

  /** Half-written, deleted or refused objects are waited for: what is there of them already stays. */
  #wait(why: string): void {
    const message = `${this.#job.object}: waiting for another one: ${why}`;
    if (message !== this.#said) say(message);
    this.#said = message;
  }

  #generate(bytes: Uint8Array): void {
    const { object, output } = this.#job;
    const before = existing(output);
    const { text, warnings } = make(bytes, object, output, this.#making);
    write(output, text);
    const checked = check(before, text);
    if (checked.state === "current") return;
    warn(object, warnings);
    const style = reportStyle();
    process.stdout.write(
      `${style.paint("bold", output)}: ${outcome(checked)}\n${reportChanges(checked.changes, style)}`,
    );
  }
}

function outcome({ state, changes }: Checked): string {
  if (state === "missing") return "written";
  if (state === "code") return "written, with other object code";
  return changes.length > 0 ? `written, ${countChanges(changes)}` : "written anew";
}
