// Runs the tests of the packages on every Node that we support: `npm run test:nodes`.
// The others than this one come from npm, one package of a hundred megabytes each, and go when it is done.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-nodes-"));
const nodes = ["22", "24", "26"].map((version) => {
  const at = join(folder, version);
  mkdirSync(at);
  writeFileSync(join(at, "package.json"), "{}");
  const name = `node-linux-${process.arch}`;
  const { status } = spawnSync("npm", ["install", "--silent", "--ignore-scripts", `${name}@${version}`], {
    cwd: at,
    stdio: "inherit",
  });
  if (status !== 0) process.exit(1);
  return join(at, "node_modules", name, "bin/node");
});
try {
  const { status } = spawnSync("npx", ["vitest", "run", "test/packages"], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, NODES: nodes.join(":") },
  });
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true });
}
