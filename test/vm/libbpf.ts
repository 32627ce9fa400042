// libbpf in the versions that the runtime is for. By hand: LIBBPF_PATH=$(npx tsx test/vm/libbpf.ts 1.5) npm test
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached, output, Unavailable } from "./cache.js";
import { newestVersion, type Release, unpackPackages, unpackSource } from "./debian.js";

/** A version of libbpf. */
export type Libbpf = "1.1" | "1.4" | "1.5" | "1.7";

/** Where each comes from: a package that runs on Debian 12 and newer, or the source of one. */
const origins: Readonly<Record<Libbpf, Release>> = {
  "1.1": "bookworm",
  "1.4": "bookworm-backports",
  "1.5": "trixie-source",
  "1.7": "sid-source",
};

/** All of them, oldest first. */
export const libbpfVersions: readonly Libbpf[] = ["1.1", "1.4", "1.5", "1.7"];

/** The path of a libbpf, downloaded or built when it is needed first. */
export function libbpfPath(version: Libbpf): string {
  const release = origins[version];
  const source = release.endsWith("-source");
  const folder = cached(`libbpf-${version}`, (making) => {
    if (!source) {
      unpackPackages(release, [`libbpf1=${newestVersion(release, "libbpf1", version)}`], making);
      return;
    }
    for (const tool of ["make", "gcc"])
      if (spawnSync("sh", ["-c", `command -v ${tool}`]).status !== 0)
        throw new Unavailable(`libbpf ${version} is built here — apt-get install make gcc libelf-dev`);
    unpackSource(release, "libbpf", newestVersion(release, "libbpf", version), making);
    output("make", ["-C", "src", "-j2", "NO_PKG_CONFIG=1", "libbpf.so"], { cwd: making });
  });
  const library = join(folder, source ? "src" : "usr/lib/x86_64-linux-gnu");
  const file = readdirSync(library).find((name) => /^libbpf\.so\.\d+\.\d+\.\d+$/.test(name));
  if (!file) throw new Unavailable(`${library} holds no libbpf — delete ${folder}`);
  return join(library, file);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    for (const version of process.argv.length > 2 ? process.argv.slice(2) : libbpfVersions) {
      if (!libbpfVersions.includes(version as Libbpf))
        throw new Unavailable(`no libbpf ${version} — there are ${libbpfVersions.join(", ")}`);
      console.log(libbpfPath(version as Libbpf));
    }
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    console.error(`test/vm: ${error.message}`);
    process.exitCode = 2;
  }
}
