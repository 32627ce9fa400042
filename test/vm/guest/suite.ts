// The suite in a guest: each file in a process of its own, one after the other. Exit status 1 when a test fails.
import { fork } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Result } from "./result.js";

const LIMIT = Number(process.env.BPF_TSGEN_LIMIT ?? 120) * 1000;
/** Not run here: these need the generator, which knows no kernel, or only count in the thousands. */
const elsewhere = ["fixtures", "leaks"];

const folder = fileURLToPath(new URL("../../kernel/", import.meta.url));
const files =
  process.env.BPF_TSGEN_FILES?.split(",") ??
  readdirSync(folder)
    .filter((name) => name.endsWith(".test.js"))
    .map((name) => name.slice(0, -8))
    .filter((name) => !elsewhere.includes(name))
    .sort();

let failed = 0;
function say(result: Result): void {
  if (result.state === "fail") failed++;
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

for (const file of files) {
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
