import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureBuilt } from "../build.js";

/** Projects of users: both packages as `npm pack` makes them, installed in an empty folder. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url));
/** Where everything lies; whoever imports this removes it. */
export const folder: string = mkdtempSync(join(tmpdir(), "bpf-tsgen-packages-"));

/** What a command did. */
export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command. */
export function run(cwd: string, command: string, ...args: string[]): Ran {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    timeout: 300_000,
  });
  return { status, stdout, stderr: error ? error.message : stderr };
}

/** Runs a command that must not fail. */
export function must(cwd: string, command: string, ...args: string[]): string {
  const { status, stdout, stderr } = run(cwd, command, ...args);
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")} ended with ${status}:\n${stdout}\n${stderr}`);
}

/** The tarballs of both packages. */
export function pack(): { readonly generator: string; readonly runtime: string } {
  const to = join(folder, "tarballs");
  mkdirSync(to, { recursive: true });
  // Not by npm: other tests run what is built, and must not meet it half-written.
  ensureBuilt("generator");
  ensureBuilt("runtime");
  const which = ["-w", "generator", "-w", "runtime"];
  must(root, "npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", to, ...which);
  const file = (pattern: RegExp): string => {
    const name = readdirSync(to).find((entry) => pattern.test(entry));
    if (name === undefined) throw new Error(`npm pack made no ${pattern}`);
    return join(to, name);
  };
  return { generator: file(/^bpf-tsgen-\d/), runtime: file(/^bpf-tsgen-runtime-\d/) };
}

/** Installs packages into a folder, from npm's cache where it has them. */
export function install(cwd: string, ...packages: string[]): void {
  must(cwd, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--silent", ...packages);
}

/** Makes an empty project with files. */
export function project(name: string, files: Readonly<Record<string, string>>): string {
  const at = join(folder, name);
  put(at, { "package.json": JSON.stringify({ name, private: true, type: "module" }), ...files });
  return at;
}

/** Writes files into a folder. */
export function put(at: string, files: Readonly<Record<string, string>>): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(at, file)), { recursive: true });
    writeFileSync(join(at, file), text);
  }
}

/**
 * The Nodes to test with: this one, and those that NODES names, separated by colons.
 * `npm run test:nodes` installs the others and names them.
 */
export const nodes: readonly { readonly version: string; readonly path: string }[] = [
  process.execPath,
  ...(process.env.NODES ?? "").split(":").filter(Boolean),
].map((path) => ({ version: must(root, path, "--version").trim(), path }));
