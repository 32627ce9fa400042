// The suite in a guest: each file in a process of its own, one after the other. Exit status 1 when a test fails.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Result, TableRow } from "./result.js";
import { runTables } from "./tables.js";

const LIMIT = Number(process.env.BPF_TSGEN_LIMIT ?? 120) * 1000;
/**
 * The two tables of kinds, and what of test/kernel is about the kernel. The other files are about processes,
 * garbage or counting in millions, which the kernel's version does not touch: `--file` runs them here, too.
 */
const files = process.env.BPF_TSGEN_FILES?.split(",") ?? [
  ...[
    "tables",
    "attach",
    "arena",
    "bootstrap",
    "errors",
    "globals",
    "map-kinds",
    "maps",
    "own-maps",
    "programs",
  ],
  ...["refusals", "ringbuf", "states", "struct-ops", "without-skeleton"],
];

let failed = 0;
function say(line: Result | TableRow): void {
  if ("state" in line && line.state === "fail") failed++;
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

for (const file of files) {
  if (file === "tables") {
    runTables(say);
    continue;
  }
  const started = Date.now();
  await new Promise<void>((resolve) => {
    const child = fork(fileURLToPath(new URL("file.js", import.meta.url)), [file], {
      execArgv: ["--expose-gc"],
      stdio: ["ignore", 2, 2, "ipc"],
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT);
    child.on("message", (message) => say(message as Result));
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const error = signal ? `ended by ${signal}` : `ended with ${code}`;
      if (code !== 0) say({ file, name: "(the process)", state: "fail", ms: Date.now() - started, error });
      resolve();
    });
  });
}
process.exitCode = failed > 0 ? 1 : 0;
