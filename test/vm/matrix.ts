// npm run test:matrix [-- FILE…]: this machine's own suite on each Node and with each libbpf.
//
//   --every        each Node with each libbpf: sixteen runs; without it four, in which each of both comes once
//   --node VERSION of these Nodes only, repeatable
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { Unavailable } from "./cache.js";
import { libbpfPath, libbpfVersions } from "./libbpf.js";
import { nodePath, nodeVersions } from "./node.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { every: { type: "boolean" }, node: { type: "string", multiple: true } },
});
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const files = positionals.length > 0 ? positionals : ["test/unit", "test/kernel"];
/** At most this long for one run. */
const LIMIT = 20 * 60_000;

// Tests of what happens without privileges run both as somebody else, who may not look into root's cache.
const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-matrix-"));
chmodSync(folder, 0o755);
function forAll(path: string, name: string): string {
  const copy = join(folder, name);
  copyFileSync(path, copy);
  chmodSync(copy, 0o755);
  return copy;
}

try {
  const failed: string[] = [];
  for (const [index, node] of nodeVersions.entries()) {
    if (values.node && !values.node.includes(`${node}`)) continue;
    for (const libbpf of values.every ? libbpfVersions : [libbpfVersions[index]!]) {
      const started = performance.now();
      const library = forAll(libbpfPath(libbpf), "libbpf.so.1");
      const env = { ...process.env, LIBBPF_PATH: library, BPF_TSGEN_PROCESSES: "1000" };
      const run = spawnSync(forAll(nodePath(node), "node"), [vitest, "run", ...files], {
        encoding: "utf8",
        env,
        timeout: LIMIT,
        maxBuffer: 1 << 28,
      });
      const last = run.stdout.trimEnd().split("\n").at(-1);
      const seconds = ((performance.now() - started) / 1000).toFixed(0);
      console.log(`Node ${node}, libbpf ${libbpf}: ${last}, ${seconds} s`);
      if (run.status === 0) continue;
      failed.push(`Node ${node}, libbpf ${libbpf}`);
      console.log(
        `${run.stdout}\n${run.stderr}`
          .split("\n")
          .filter((line) => /FAIL|Error/.test(line))
          .join("\n"),
      );
    }
  }
  if (failed.length > 0) console.error(`failed: ${failed.join("; ")}`);
  process.exitCode = failed.length > 0 ? 1 : 0;
} catch (error) {
  if (!(error instanceof Unavailable)) throw error;
  console.error(`test/vm: ${error.message}`);
  process.exitCode = 2;
} finally {
  rmSync(folder, { recursive: true });
}
