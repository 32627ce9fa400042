// The suite in a guest: each file in a process of its own, one after the other. Exit status 1 when a test fails.
import { fork } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { slower } from "../../machine.js";
import type { Result, TableRow } from "./result.js";
import { runTables } from "./tables.js";

/** For one file. */
const LIMIT = 60_000 * slower;
/**
 * Files of test/kernel that are not run here: what is of the generator, which is not here; the two tables, which are
 * run by themselves; and what is about this process, not about the kernel, in numbers that would take hours: wrong
 * calls by the hundred thousand, each call failing in its turn, floods. `--file` runs those here, too.
 */
const left = [
  ...["fixtures", "map-grammar", "programs-table", "maps-table"],
  ...["misuse", "failing", "flood", "soak"],
];
const all = readdirSync(new URL("../../kernel", import.meta.url)).flatMap(
  (name) => /^(.*)\.test\.js$/.exec(name)?.[1] ?? [],
);
const files = process.env.BPF_TSGEN_FILES?.split(",") ?? [
  "tables",
  ...all.filter((name) => !left.includes(name)).sort(),
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
