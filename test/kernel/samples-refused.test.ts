import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { describeKernel, run } from "./kernel.js";

/** What samples say when they are used wrongly: one line, on stderr, and no stack. */
const samples = fileURLToPath(new URL("../../samples", import.meta.url));
const names = readdirSync(samples).filter((name) => existsSync(join(samples, name, "README.md")));
const file = (name: string): string => `../../../samples/${name}/${name}`;

describeKernel("samples, refused", () => {
  test.each(names)(
    "%s: wrong arguments are told how it is used, and without privileges why not",
    async (name) => {
      const wrong = await run(file(name), ["no such argument", "nor this", "nor that"]);
      expect({ code: wrong.code, out: wrong.out }).toEqual({ code: 2, out: "" });
      expect(wrong.err).toMatch(new RegExp(`^usage: ${name}( |\n)`));
      expect(wrong.err.split("\n").length).toBe(2);
      const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
      // Where nobody may not even read the sample, there is nothing to see.
      if (spawnSync(nobody[0]!, [...nobody.slice(1), "test", "-r", join(samples, name)]).status !== 0) return;
      const wanted = wrong.err.replace(/\[.*\]|\(.*\)/g, "");
      const args = [...wanted.matchAll(/ (INTERFACE|NETWORK)/g)].map(([, what]) =>
        what === "NETWORK" ? "10.0.0.0/8" : "lo",
      );
      const { code, out, err } = await run(file(name), args, 30_000, nobody);
      expect({ code, out }).toEqual({ code: 1, out: "" });
      expect(err).toMatch(/^.*\((EPERM|EACCES)\) — .*run it as root, .*\n$/);
    },
  );
});
