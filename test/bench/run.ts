/**
 * `npm run bench`: this library, C over libbpf and npm `bpf` side by side, in turns, in one run. Prints medians and
 * ratios.
 *
 * `-- --quick` takes about a minute · `--only WORK` runs one of them · `--json FILE` writes the results · `--save`
 * makes RESULTS.md and its pictures anew · `--node FILE` runs ours with another Node.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { arch, cpus, loadavg, release, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ensureMounts, ensurePackages, obstacles } from "../machine.js";
import { Unavailable } from "../vm/cache.js";
import { nodePath } from "../vm/node.js";
import { type Results, render } from "./report.js";
import { type Contender, type Figures, type Row, type Work, works } from "./works.js";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../..");
const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    save: { type: "boolean", default: false },
    json: { type: "string" },
    only: { type: "string", multiple: true },
    node: { type: "string", default: process.execPath },
  },
});

const scratch = mkdtempSync(join(tmpdir(), "bpf-tsgen-bench-"));
try {
  main();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function main(): void {
  ensurePackages(["libbpf1", "libbpf-dev", "clang"]);
  ensureMounts();
  const why = obstacles();
  if (why.length > 0) throw new Error(`nothing can be measured here: ${why.join(" ")}`);
  const all = works(flags.quick ? 1 : 2);
  const chosen = flags.only ? all.filter(({ name }) => flags.only!.includes(name)) : all;
  if (chosen.length === 0) throw new Error(`--only takes: ${all.map(({ name }) => name).join(", ")}`);
  const commands = contenders();
  const before = loadavg()[0]!;
  const rows = chosen.flatMap((work) => {
    process.stderr.write(`${work.name} …\n`);
    return measure(work, commands);
  });
  const results: Results = {
    date: new Date().toISOString().slice(0, 10),
    node: execFileSync(flags.node, ["--version"], { encoding: "utf8" }).trim(),
    kernel: release(),
    machine: `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown"} (${arch()})`,
    rounds: rounds(),
    load: [before, loadavg()[0]!],
    rows,
  };
  const { table, files } = render(results);
  console.log(table);
  if (flags.json) writeFileSync(flags.json, `${JSON.stringify(results, null, 2)}\n`);
  if (flags.save) for (const [name, text] of Object.entries(files)) writeFileSync(join(here, name), text);
}

/** How often each contender has its turn. */
function rounds(): number {
  return flags.quick ? 3 : 10;
}

/** What is to be run for a work's arguments. */
type Command = (args: readonly string[]) => string[];

/** How each contender is called; without those that this machine has not got. */
function contenders(): Partial<Record<Contender, Command>> {
  const c = join(scratch, "bench");
  execFileSync("cc", ["-O2", "-Wall", "-o", c, join(here, "bench.c"), "-lbpf"], { stdio: "inherit" });
  const object = join(here, "bench.bpf.o");
  const ours = [flags.node, compileOurs()];
  const inC: Command = (args) => [c, args[0]!, object, ...args.slice(1)];
  const inOurs: Command = (args) => [...ours, ...args, ...(args[0] === "deliver" ? [c] : [])];
  const peer = installPeer();
  const onNode24 = node24();
  return {
    ours: inOurs,
    "ours by views": inOurs,
    "bare koffi": inOurs,
    idle: inOurs,
    "ts-morph": inOurs,
    ...(onNode24 && { "ours on Node 24": onNode24(inOurs), "ts-morph on Node 24": onNode24(inOurs) }),
    C: inC,
    "C in batches": inC,
    ...(peer && { "npm bpf": (args) => [flags.node, join(here, "peer.mjs"), peer, ...args] }),
  };
}

/** How a command of Node's is called with Node 24; nothing where that cannot be had. */
function node24(): ((command: Command) => Command) | undefined {
  try {
    const node = nodePath(24);
    return (command) => (args) => [node, ...command(args).slice(1)];
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    process.stderr.write(`Node 24 is not to be had here, so it is left out: ${error.message}\n`);
    return undefined;
  }
}

/** Ours and its skeleton as JavaScript, over the packages as they are built: what an application runs. */
function compileOurs(): string {
  const out = join(root, "node_modules/.cache/bpf-tsgen-bench");
  mkdirSync(out, { recursive: true });
  const options = [
    "--ignoreConfig",
    "--noCheck",
    "--module",
    "nodenext",
    "--target",
    "es2022",
    "--outDir",
    out,
  ];
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, ...options, join(here, "ours.ts"), join(here, "bench.skel.ts")]);
  copyFileSync(join(here, "bench.bpf.o"), join(out, "bench.bpf.o"));
  writeFileSync(join(out, "package.json"), '{ "type": "module" }\n');
  return join(out, "ours.js");
}

/** npm `bpf`, its prebuilt addon, for this run only: where it cannot be had, its column stays empty. */
function installPeer(): string | undefined {
  const folder = join(scratch, "peer");
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), "{}");
  const npm = spawnSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "bpf@1.3.0"], {
    cwd: folder,
    encoding: "utf8",
  });
  if (npm.status === 0) return join(folder, "package.json");
  process.stderr.write(
    `npm bpf 1.3.0 is not to be had here, so it is left out: ${npm.stderr.split("\n")[0]}\n`,
  );
  return undefined;
}

/** Runs the contenders of a work in turns, each in a process of its own. */
function measure(work: Work, commands: ReturnType<typeof contenders>): Row[] {
  const seen = new Map<Contender, Figures[]>();
  for (let round = 0; round < rounds(); round++)
    for (const [who, args] of Object.entries(work.contenders) as [Contender, readonly string[]][]) {
      const command = commands[who]?.(args);
      if (!command) continue;
      const figures = run(command);
      seen.set(who, [...(seen.get(who) ?? []), figures]);
    }
  const medians = Object.fromEntries([...seen].map(([who, all]) => [who, mediansOf(all)]));
  return work.rows.flatMap((row) => row(medians) ?? []);
}

function run([command, ...args]: string[]): Figures {
  const child = spawnSync(command!, args, { cwd: root, encoding: "utf8", timeout: 120_000 });
  if (child.status !== 0)
    throw new Error(`${args.join(" ")}: ${child.stderr || child.error || child.signal}`);
  return JSON.parse(child.stdout.trim().split("\n").at(-1)!);
}

function mediansOf(all: readonly Figures[]): Figures {
  return Object.fromEntries(
    Object.keys(all[0]!).map((name) => {
      const sorted = all.map((figures) => figures[name]!).sort((a, b) => a - b);
      return [name, (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2];
    }),
  );
}
