// npm run test:arm64: the generator, and what the runtime takes for granted of libbpf, on arm64, in QEMU's emulation of
// its user space, on the oldest and the newest Node. There is no bpf(2) in it: objects are opened, not loaded. What
// libbpf says of them, which native code of ours writes down, must be word for word what it says on x86-64, and the
// skeletons of the samples must be those that are committed.
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached, output, Unavailable } from "./cache.js";
import { unpackPackages } from "./debian.js";
import { libbpfPath } from "./libbpf.js";
import { type Node, nodePath } from "./node.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const nodes: readonly Node[] = [20, 26];
const objects = ["kernel", "kernel-maps", "kernel-programs", "kernel-halves", "refusals"];

const qemu = (): string =>
  join(
    cached("qemu-user", (making) => unpackPackages("bookworm", ["qemu-user-static"], making)),
    "usr/bin/qemu-aarch64-static",
  );

/** The libraries of an arm64 machine. */
const system = (): string =>
  cached("arm64", (making) =>
    unpackPackages(
      "bookworm-arm64",
      ["libc6", "libstdc++6", "libgcc-s1", "libatomic1", "libbpf1", "libelf1", "zlib1g"],
      making,
    ),
  );

/** koffi's binary for a machine, which is a package of its own. */
function koffiFor(arch: "arm64" | "x64", version: string): string {
  const name = `@koromix/koffi-linux-${arch}`;
  return cached(`koffi-${version}-${arch}`, (making) => {
    output("npm", ["pack", "--silent", `${name}@${version}`], { cwd: making });
    output("sh", ["-c", "tar --strip-components=1 -xzf *.tgz && rm *.tgz"], { cwd: making });
  });
}

/** A folder with the runtime as it is built, koffi for both machines, and the objects. */
function prepare(folder: string): void {
  output(process.execPath, [
    join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc"),
    ...["-p", join(root, "runtime"), "--outDir", join(folder, "runtime")],
  ]);
  const koffi = join(root, "node_modules/koffi");
  const { version } = JSON.parse(readFileSync(join(koffi, "package.json"), "utf8")) as { version: string };
  cpSync(koffi, join(folder, "node_modules/koffi"), { recursive: true });
  for (const arch of ["x64", "arm64"] as const)
    cpSync(koffiFor(arch, version), join(folder, `node_modules/@koromix/koffi-linux-${arch}`), {
      recursive: true,
    });
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  mkdirSync(join(folder, "objects"));
  for (const name of objects)
    cpSync(join(root, `test/fixtures/${name}.bpf.o`), join(folder, `objects/${name}.bpf.o`));
  cpSync(join(root, "test/vm/guest/said.mjs"), join(folder, "said.mjs"));
}

function said(command: readonly string[], env: Readonly<Record<string, string>>): string {
  const [program, ...args] = command;
  const run = spawnSync(program!, args, {
    encoding: "utf8",
    env: { ...process.env, ...env },
    timeout: 300_000,
    maxBuffer: 1 << 28,
  });
  if (run.status === 0) return run.stdout;
  throw new Error(`${command.join(" ")}: ${run.signal ?? run.status}: ${run.stderr.slice(-2000)}`);
}

/** Generates the skeletons of all samples at once, and says how many are as they are committed. */
function generated(
  folder: string,
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): number {
  const samples = readdirSync(join(root, "samples")).filter((name) =>
    existsSync(join(root, `samples/${name}/${name}.skel.ts`)),
  );
  const object = (name: string): string => join(root, `samples/${name}/${name}.bpf.o`);
  const out = join(folder, "skeletons");
  const cli = join(root, "generator/dist/generator/cli.js");
  said([...command, cli, "--out-dir", out, ...samples.map(object)], env);
  for (const name of samples) {
    const text = readFileSync(join(out, `${name}.skel.ts`), "utf8");
    if (text !== readFileSync(join(root, `samples/${name}/${name}.skel.ts`), "utf8"))
      throw new Error(`${name}.skel.ts is not what is committed`);
  }
  rmSync(out, { recursive: true });
  return samples.length;
}

const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-arm64-"));
try {
  prepare(folder);
  const libraries = join(system(), "usr/lib/aarch64-linux-gnu");
  for (const version of nodes) {
    const script = join(folder, "said.mjs");
    const arm64 = [qemu(), "-L", system(), nodePath(version, "arm64")];
    const env = {
      LIBBPF_PATH: join(libraries, "libbpf.so.1"),
      QEMU_SET_ENV: `LD_LIBRARY_PATH=${libraries}:${join(system(), "lib/aarch64-linux-gnu")}`,
    };
    const here = said([nodePath(version), script], { LIBBPF_PATH: libbpfPath("1.1") });
    const there = said([...arm64, script], env);
    const lines = here.split("\n");
    const other = there.split("\n").findIndex((line, i) => line !== lines[i]);
    if (there !== here)
      throw new Error(`Node ${version}: "${there.split("\n")[other]}", not "${lines[other]}"`);
    const skeletons = generated(folder, arm64, env);
    console.log(
      `Node ${version} on arm64: the same as on x86-64, ${skeletons} skeletons, and of libbpf ${lines.at(-2)}`,
    );
  }
} catch (error) {
  if (!(error instanceof Unavailable)) throw error;
  console.error(`test/vm: ${error.message}`);
  process.exitCode = 2;
} finally {
  rmSync(folder, { recursive: true });
}
