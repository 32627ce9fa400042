// npm run test:vm [KERNEL…]: the suite of test/kernel inside stock Debian kernels, two machines at a time.
//
//   --libbpf VERSION --node VERSION   other than a kernel's own pair
//   --file NAME --test REGEXP         some of the suite: NAME is of test/kernel/NAME.test.ts, repeatable
//   --keep                            keeps what was run, and says where
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cacheFolder, Unavailable } from "./cache.js";
import { boot, ensureQemu, type Run } from "./guest.js";
import { stageSuite, writeInitramfs } from "./initramfs.js";
import { type KernelName, kernel, kernelNames } from "./kernels.js";
import { type Libbpf, libbpfPath, libbpfVersions } from "./libbpf.js";
import { type Node, nodePath, nodeVersions } from "./node.js";

/** What each kernel runs with, so that every libbpf and every Node meets one of them. */
const pairs: Readonly<Record<KernelName, readonly [Libbpf, Node]>> = {
  "5.10": ["1.4", 22],
  "6.1": ["1.1", 20],
  "6.12": ["1.5", 24],
  "7": ["1.7", 26],
};

/** At most this long for one machine, in seconds. */
const LIMIT = 900;

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
      keep: { type: "boolean" },
    },
  });
  const known = <T extends string | number>(what: string, all: readonly T[], given: string): T =>
    all.find((each) => String(each) === given) ?? fail(`no ${what} ${given} — there are ${all.join(", ")}`);
  const names = positionals.length > 0 ? positionals : kernelNames;
  const jobs = names.map((given): Job => {
    const name = known("kernel", kernelNames, given);
    const [libbpf, node] = pairs[name];
    return {
      kernel: name,
      libbpf: values.libbpf ? known("libbpf", libbpfVersions, values.libbpf) : libbpf,
      node: values.node ? known("Node", nodeVersions, values.node) : node,
    };
  });
  return { ...values, jobs };
}

/** Runs one machine; once more when it ended without a word, which is QEMU's doing, never when a test failed. */
async function run(job: Job, work: string, environment: Readonly<Record<string, string>>): Promise<Run> {
  const name = `${job.kernel}-${job.libbpf}-${job.node}`;
  const archive = join(work, `${name}.cpio`);
  const booted = kernel(job.kernel);
  writeInitramfs(archive, join(work, "suite"), booted, libbpfPath(job.libbpf), nodePath(job.node));
  for (let attempt = 1; ; attempt++) {
    const log = join(work, `${name}.${attempt}.log`);
    const ended = await boot(booted, archive, log, LIMIT, environment);
    if (ended.status === undefined && ended.results.length === 0 && attempt === 1) {
      console.log(`${name}: ended without a word after ${ended.seconds.toFixed(0)} s, once more`);
      continue;
    }
    rmSync(archive);
    return ended;
  }
}

function report(job: Job, { results, status, seconds }: Run): boolean {
  const count = { pass: 0, fail: 0, skip: 0 };
  for (const { state } of results) count[state]++;
  for (const { file, name, state, error } of results)
    if (state === "fail")
      console.log(`FAIL ${file}: ${name}\n  ${(error ?? "").split("\n").slice(0, 12).join("\n  ")}`);
  const end = status === undefined ? "no exit line" : `exit ${status}`;
  console.log(
    `Linux ${job.kernel} (${kernel(job.kernel).version}), libbpf ${job.libbpf}, Node ${job.node}: ` +
      `${count.pass} passed, ${count.fail} failed, ${count.skip} skipped, ${end}, ${seconds.toFixed(0)} s`,
  );
  return status === 0 && count.fail === 0;
}

async function main(): Promise<boolean> {
  const { jobs, file, test, keep } = options();
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
    let good = true;
    const waiting = [...jobs];
    const one = async (): Promise<void> => {
      for (let job = waiting.shift(); job; job = waiting.shift())
        good = report(job, await run(job, work, environment)) && good;
    };
    await Promise.all([one(), one()]);
    return good;
  } finally {
    if (keep) console.log(`kept: ${work}`);
    else rmSync(work, { recursive: true, force: true });
  }
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  if (error instanceof Unavailable) fail(error.message);
  throw error;
}
