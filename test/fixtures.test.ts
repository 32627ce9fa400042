import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** The compiler that made the committed objects; another one makes others. */
const COMPILER = /clang version 14\./;

test("every committed object is what its source compiles to", (context) => {
  const { stdout } = spawnSync("clang", ["--version"], { encoding: "utf8" });
  if (!COMPILER.test(stdout ?? "")) context.skip(`needs clang 14, found ${stdout?.split("\n")[0] || "none"}`);
  const build = fileURLToPath(new URL("fixtures/build.mjs", import.meta.url));
  const check = spawnSync(process.execPath, [build, "--check"], { encoding: "utf8" });
  expect(check.stderr).toBe("");
  expect(check.status).toBe(0);
});
