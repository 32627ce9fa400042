/**
 * `npm run bench`: this library, C over libbpf and npm `bpf` side by side, in turns, in one run. Prints medians and
 * ratios.
 *
 * `-- --quick` takes about a minute · `--only WORK` runs one of them · `--json FILE` writes the results · `--save`
 * makes RESULTS.md and its pictures anew · `--node FILE` runs ours with another Node.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { arch, cpus, loadavg, release, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
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

/** How often each process of a work that is done in turns has its turn. */
const TURNS = 10;

const scratch = mkdtempSync(join(tmpdir(), "bpf-tsgen-bench-"));
try {
  await main();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function main(): Promise<void> {
  ensurePackages(["libbpf1", "libbpf-dev", "clang"]);
  ensureMounts();
  const why = obstacles();
  if (why.length > 0) throw new Error(`nothing can be measured here: ${why.join(" ")}`);
  const all = works(flags.quick ? 1 : 2);
  const chosen = flags.only ? all.filter(({ name }) => flags.only!.includes(name)) : all;
  if (chosen.length === 0) throw new Error(`--only takes: ${all.map(({ name }) => name).join(", ")}`);
  const commands = contenders();
  const before = loadavg()[0]!;
  const rows: Row[] = [];
  for (const work of chosen) {
    process.stderr.write(`${work.name} …\n`);
    rows.push(...(await measure(work, commands)));
  }
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

/** How many processes each contender has; half as many where each has several turns. */
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

/** Has the contenders of a work do it in turns, each in a process of its own. */
async function measure(work: Work, commands: ReturnType<typeof contenders>): Promise<Row[]> {
  const called = Object.entries(work.contenders).flatMap(([who, args]) => {
    const command = commands[who as Contender]?.(args);
    return command ? [[who as Contender, command] as const] : [];
  });
  const seen = new Map(called.map(([who]) => [who, [] as Figures[]]));
  const processes = work.inTurns ? Math.ceil(rounds() / 2) : rounds();
  for (let round = 0; round < processes; round++)
    if (work.inTurns) await takeTurns(called, seen);
    else for (const [who, command] of called) seen.get(who)!.push(run(command));
  const medians = Object.fromEntries([...seen].map(([who, all]) => [who, mediansOf(all)]));
  return work.rows.flatMap((row) => row(medians) ?? []);
}

/** Starts all at once, and has one at a time do a round, while the others wait for theirs. */
async function takeTurns(
  called: readonly (readonly [Contender, string[]])[],
  seen: ReadonlyMap<Contender, Figures[]>,
): Promise<void> {
  const started: { who: Contender; child: ReturnType<typeof start>; next: () => Promise<Figures> }[] = [];
  try {
    for (const [who, command] of called) {
      const child = start(command);
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const next = async (): Promise<Figures> => {
        const { value, done } = await lines.next();
        if (done) throw new Error(`${command.slice(1).join(" ")}: it has ended`);
        return JSON.parse(value) as Figures;
      };
      started.push({ who, child, next });
      // Until it is warm: one after the other.
      await next();
    }
    for (let turn = 0; turn < TURNS; turn++)
      for (const { who, child, next } of started) {
        child.stdin.write(".");
        seen.get(who)!.push(await next());
      }
  } finally {
    for (const { child } of started) child.stdin.end();
    await Promise.all(started.map(({ child }) => child.exitCode ?? once(child, "exit")));
  }
}

function start([command, ...args]: string[]) {
  return spawn(command!, args, { cwd: root, stdio: ["pipe", "pipe", "inherit"], timeout: 120_000 });
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
