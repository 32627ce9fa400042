// npm run test:vm [KERNEL…]: the suite of test/kernel inside stock Debian kernels, two machines at a time.
//
//   --libbpf VERSION --node VERSION   other than a kernel's own pair
//   --file NAME --test REGEXP         some of the suite: NAME is of test/kernel/NAME.test.ts, repeatable
//   --ci                              6.1 with libbpf 1.1 and 7 with 1.7: the tables, and the files that matter most
//   --every                           every kernel with every libbpf: the tables of kinds only
//   --accept                          what came out is expected from now on, and the compatibility page says so
//   --keep                            keeps what was run, and says where
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Counts, closingLine } from "../closing-line.js";
import { cacheFolder, Unavailable } from "./cache.js";
import { accept, compare } from "./expected.js";
import { boot, ensureQemu, type Run } from "./guest.js";
import { stageSuite, writeInitramfs } from "./initramfs.js";
import { type KernelName, kernel, kernelNames } from "./kernels.js";
import { type Libbpf, libbpfPath, libbpfVersions } from "./libbpf.js";
import { type Node, nodePath, nodeVersions } from "./node.js";
import { writePage } from "./page.js";

/** What each kernel runs with, so that every libbpf and every Node meets one of them. */
const pairs: Readonly<Record<KernelName, readonly [Libbpf, Node]>> = {
  "5.10": ["1.4", 22],
  "6.1": ["1.1", 20],
  "6.12": ["1.5", 24],
  "7": ["1.7", 26],
};

/** Of the suite, what CI runs on {@link ciKernels}: what depends most on the kernel, in a few minutes. */
const ciFiles = [
  "tables",
  "attach",
  "arena",
  "errors",
  "links",
  "map-kinds",
  "own-maps",
  "programs",
  "sched-ext",
  "streams",
];
const ciKernels: readonly KernelName[] = ["6.1", "7"];

/** At most this long for one machine, in seconds: a test that hangs ends long before. */
const LIMIT = 3600;

/** One machine to run. */
interface Job {
  readonly kernel: KernelName;
  readonly libbpf: Libbpf;
  readonly node: Node;
}

function fail(message: string): never {
  console.error(`test/vm: ${message}`);
  process.exit(2);
}

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      libbpf: { type: "string" },
      node: { type: "string" },
      file: { type: "string", multiple: true },
      test: { type: "string" },
      every: { type: "boolean" },
      ci: { type: "boolean" },
      accept: { type: "boolean" },
      keep: { type: "boolean" },
    },
  });
  const known = <T extends string | number>(what: string, all: readonly T[], given: string): T =>
    all.find((each) => String(each) === given) ?? fail(`no ${what} ${given} — there are ${all.join(", ")}`);
  const names = positionals.length > 0 ? positionals : values.ci ? ciKernels : kernelNames;
  const jobs = names.map((given): Job => {
    const name = known("kernel", kernelNames, given);
    const [libbpf, node] = pairs[name];
    return {
      kernel: name,
      libbpf: values.libbpf ? known("libbpf", libbpfVersions, values.libbpf) : libbpf,
      node: values.node ? known("Node", nodeVersions, values.node) : node,
    };
  });
  if (!values.every) return { ...values, file: values.file ?? (values.ci ? ciFiles : undefined), jobs };
  const every = jobs.flatMap((job) => libbpfVersions.map((libbpf) => ({ ...job, libbpf })));
  return { ...values, file: values.file ?? ["tables"], jobs: every };
}

/** Runs one machine; once more when it panicked, which is QEMU's doing, never when a test failed or took too long. */
async function run(job: Job, work: string, environment: Readonly<Record<string, string>>): Promise<Run> {
  const name = `${job.kernel}-${job.libbpf}-${job.node}`;
  const archive = join(work, `${name}.cpio`);
  const booted = kernel(job.kernel);
  writeInitramfs(archive, join(work, "suite"), booted, libbpfPath(job.libbpf), nodePath(job.node));
  for (let attempt = 1; ; attempt++) {
    const log = join(work, `${name}.${attempt}.log`);
    const ended = await boot(booted, archive, log, LIMIT, environment);
    const failed = ended.results.some(({ state }) => state === "fail");
    if (ended.status === undefined) {
      console.log(`${name}: no exit line after ${ended.seconds.toFixed(0)} s; the end of its console:`);
      console.log(readFileSync(log, "utf8").split("\n").slice(-25).join("\n"));
      if (attempt === 1 && !failed && !ended.late) continue;
    }
    rmSync(archive);
    return ended;
  }
}

/** Says what came of a run, and counts it: rows of the tables are tests like others. */
function report(job: Job, ended: Run): Counts {
  const { results, rows, status, seconds } = ended;
  const { good, lacks, beyond } = compare(job, ended);
  const skipped = results.filter(({ state }) => state === "skip");
  for (const each of lacks) console.log(`  FAIL ${each}`);
  for (const each of beyond) console.log(`  beyond what is expected: ${each}`);
  for (const { file, name } of skipped) console.log(`  skipped: ${file}: ${name}`);
  const end = status === undefined ? "no exit line" : `exit ${status}`;
  console.log(
    `Linux ${job.kernel} (${kernel(job.kernel).version}), libbpf ${job.libbpf}, Node ${job.node}: ` +
      `${rows.length} rows and ${results.length} tests: ${good} as expected, ${lacks.length} not, ` +
      `${skipped.length} skipped, ${end}, ${seconds.toFixed(0)} s`,
  );
  const failed = lacks.length + (status === undefined ? 1 : 0);
  return { passed: good, failed, skipped: skipped.length };
}

async function main(): Promise<Counts> {
  const { jobs, file, test, keep, accept: accepting } = options();
  ensureQemu();
  mkdirSync(cacheFolder, { recursive: true });
  const work = mkdtempSync(join(cacheFolder, "run-"));
  const environment: Record<string, string> = {
    ...(file && { BPF_TSGEN_FILES: file.join(",") }),
    ...(test && { BPF_TSGEN_TEST: test }),
  };
  try {
    stageSuite(join(work, "suite"));
    // First all that must be downloaded, so that what cannot be had is said at once.
    for (const { kernel: name, libbpf, node } of jobs) [kernel(name), libbpfPath(libbpf), nodePath(node)];
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const runs: [Job, Run][] = [];
    const waiting = [...jobs];
    const one = async (): Promise<void> => {
      for (let job = waiting.shift(); job; job = waiting.shift()) {
        const ended = await run(job, work, environment);
        runs.push([job, ended]);
        const more = report(job, ended);
        for (const each of ["passed", "failed", "skipped"] as const) counts[each] += more[each];
      }
    };
    await Promise.all([one(), one()]);
    if (accepting) {
      accept(runs);
      writePage();
    }
    return counts;
  } finally {
    if (keep) console.log(`kept: ${work}`);
    else rmSync(work, { recursive: true, force: true });
  }
}

try {
  const counts = await main();
  process.exitCode = counts.failed > 0 ? 1 : 0;
  console.log(closingLine(counts));
} catch (error) {
  if (error instanceof Unavailable) fail(error.message);
  throw error;
}
