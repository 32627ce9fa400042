import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Builds what tests use as users do: the command as a process, the runtime's declarations. */
const root = fileURLToPath(new URL("..", import.meta.url));

const packages = {
  generator: { sources: ["generator", "templates", "runtime/btf"], proof: "generator/dist/generator/cli.js" },
  runtime: { sources: ["runtime"], proof: "runtime/dist/codegen.d.ts" },
} as const;

/** Builds a package when its `dist` is missing or older than a source, and says where the proof of it lies. */
export function ensureBuilt(name: keyof typeof packages): string {
  const { sources, proof } = packages[name];
  const built = join(root, proof);
  const newest = Math.max(...sources.map((folder) => newestSource(join(root, folder))));
  if ((statSync(built, { throwIfNoEntry: false })?.mtimeMs ?? 0) <= newest) {
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const args = [tsc, "-p", join(root, name), "--noEmitOnError"];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`${name}/ does not compile:\n${stdout}`);
  }
  return built;
}

/** When the last of the files that a build reads was written. */
function newestSource(folder: string): number {
  const times = readdirSync(folder, { withFileTypes: true }).map((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return /^(dist|node_modules)$/.test(entry.name) ? 0 : newestSource(path);
    return /\.(ts|json)$/.test(entry.name) ? statSync(path).mtimeMs : 0;
  });
  return Math.max(0, ...times);
}
