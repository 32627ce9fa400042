// Node in the versions that the runtime is for: npm packages of the official binaries.
import { join } from "node:path";
import { cached, output } from "./cache.js";

const versions = { 20: "20.20.2", 22: "22.22.0", 24: "24.11.0", 26: "26.10.0" } as const;

/** A major version of Node. */
export type Node = keyof typeof versions;
/** All of them, oldest first. */
export const nodeVersions: readonly Node[] = [20, 22, 24, 26];

/** The path of a node, downloaded when it is needed first. */
export function nodePath(version: Node, arch: "x64" | "arm64" = "x64"): string {
  const full = versions[version];
  if (process.version === `v${full}` && process.arch === arch) return process.execPath;
  const folder = cached(arch === "x64" ? `node-${full}` : `node-${full}-${arch}`, (making) => {
    output("npm", ["pack", "--silent", `node-linux-${arch}@${full}`], { cwd: making });
    output("sh", ["-c", "tar --strip-components=2 -xzf *.tgz package/bin/node && rm *.tgz"], { cwd: making });
  });
  return join(folder, "node");
}
