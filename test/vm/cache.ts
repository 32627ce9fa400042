// Where downloads and builds are kept: outside the tree, and each whole or not at all.
import { type SpawnSyncOptions, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** The folder of everything that is downloaded or built; it may be deleted at any time. */
export const cacheFolder: string = join(
  process.env.XDG_CACHE_HOME || join(homedir(), ".cache"),
  "bpf-tsgen-test",
);

/** Something that cannot be had here: a package, a download, a program. Said in one sentence, without a stack. */
export class Unavailable extends Error {}

/** The folder `name` of the cache; when it is not there yet, `make` fills it. */
export function cached(name: string, make: (folder: string) => void): string {
  const folder = join(cacheFolder, name);
  if (existsSync(folder)) return folder;
  mkdirSync(dirname(folder), { recursive: true });
  const making = mkdtempSync(`${folder}.`);
  try {
    make(making);
    try {
      renameSync(making, folder);
    } catch (error) {
      // Another run has just made the same.
      if (!existsSync(folder)) throw error;
    }
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return folder;
}

/** Runs a program to its end and returns what it prints; throws {@link Unavailable} with its last words. */
export function output(command: string, args: readonly string[], options: SpawnSyncOptions = {}): string {
  const run = spawnSync(command, args, { maxBuffer: 1 << 28, ...options, encoding: "utf8" });
  if (run.status === 0) return run.stdout;
  const words = run.error?.message ?? `${run.stdout}${run.stderr}`.trim().split("\n").slice(-8).join("\n  ");
  throw new Unavailable(`${[command, ...args.slice(-3)].join(" ")}:\n  ${words}`);
}
