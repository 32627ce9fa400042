import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { fixture, fixtureText } from "./fixtures/fixtures.js";

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

test("objects of other compilers are what `npm run test:compilers` makes", (context) => {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "bpf-tsgen-corpus/compilers");
  const made = JSON.parse(fixtureText("compilers/objects.json")) as {
    file: string;
    set: string;
    version: string;
  }[];
  let compared = 0;
  for (const { file, set, version } of made) {
    const object = join(
      cache,
      "objects",
      set,
      file === "linked.bpf.o" ? "linked.O2.bpf.o" : file.slice(set.length + 1),
    );
    const index = join(cache, "index.json");
    const known = existsSync(index)
      ? (JSON.parse(readFileSync(index, "utf8")) as { object: string; version: string }[])
      : [];
    // A newer version of the same compiler may say things otherwise.
    if (!known.some((entry) => entry.object === object && entry.version === version) || !existsSync(object))
      continue;
    compared++;
    expect(Buffer.from(fixture(`compilers/${file}`)).equals(readFileSync(object)), file).toBe(true);
  }
  if (compared < made.length)
    context.skip(
      `${made.length - compared} of ${made.length} not compared: npm run test:compilers fetches their compilers`,
    );
});
