// The whole way, live: object → skeleton → type check → kernel → typed events. `npm run demo`
import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ensureMounts, ensurePackages, obstacles } from "../test/machine.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const sample = join(root, "samples/bootstrap");
// Inside the project, so that imports find its packages; out of git's sight.
const folder = join(root, "dist/demo");
const copy = join(folder, "bootstrap");
const SECONDS = 3;

const step = (text: string): void => console.log(`\n▸ ${text}`);

function run(script: string, ...args: string[]): void {
  const done = spawnSync(process.execPath, [script, ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

try {
  mkdirSync(copy, { recursive: true });
  accessSync(folder, constants.W_OK);
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" }))
    accessSync(join(folder, file), constants.W_OK);
} catch (error) {
  const { code, path } = error as NodeJS.ErrnoException;
  console.error(
    `${path ?? folder}: cannot be written (${code}) — if the demo ran as root before: sudo rm -r dist`,
  );
  process.exit(1);
}

step("Generating bootstrap.skel.ts from the BPF object samples/bootstrap/bootstrap.bpf.o");
const skeleton = join(copy, "bootstrap.skel.ts");
run(
  join(root, "node_modules/bpf-tsgen/dist/generator/cli.js"),
  "-o",
  skeleton,
  join(sample, "bootstrap.bpf.o"),
);

step("Type-checking and compiling it with the application samples/bootstrap/bootstrap.ts");
copyFileSync(join(sample, "bootstrap.ts"), join(copy, "bootstrap.ts"));
copyFileSync(join(root, "samples/terminal.ts"), join(folder, "terminal.ts"));
const compilerOptions = {
  strict: true,
  target: "es2022",
  module: "nodenext",
  lib: ["es2023", "esnext.disposable"],
  types: ["node"],
};
const files = ["bootstrap/bootstrap.ts"];
writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
const typescript = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
run(join(typescript, "bin/tsc"), "-p", folder);

ensurePackages(["libbpf1"]);
ensureMounts();
const missing = obstacles();
if (missing.length > 0) {
  step("Not loading it into the kernel, because:");
  for (const what of missing) console.log(`  ${what}`);
  process.exit(0);
}

step(`Loading and attaching it; starting a few processes; watching all of them for ${SECONDS} seconds`);
const application = spawn(process.execPath, [join(copy, "bootstrap.js")], {
  stdio: ["ignore", "inherit", "inherit"],
});
const ended = new Promise<number>((resolve) => application.once("exit", (code) => resolve(code ?? 1)));
// Ctrl-C reaches the application too, which detaches by itself.
process.on("SIGINT", () => undefined);

for (const command of ["true", "exit 3", "sleep 0.4", "echo hello > /dev/null", "ls / > /dev/null"]) {
  await setTimeout((1000 * SECONDS) / 6);
  spawn("sh", ["-c", command], { stdio: "ignore" });
}
await setTimeout(1000);
application.kill("SIGINT");
const status = await ended;
step(status === 0 ? "Done: nothing is left in the kernel." : `The application ended with status ${status}.`);
process.exitCode = status;
