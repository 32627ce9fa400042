import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { Execs } from "../src/execs.skel.js";

const isRoot = process.getuid?.() === 0;

test.skipIf(!isRoot)("sees and counts what is started", async () => {
  using execs = Execs.attach();
  execFileSync("true");
  for await (const { comm } of execs.maps.events) if (comm === "true") break;
  expect(execs.maps.counts.get("true")).toBeGreaterThanOrEqual(1n);
  expect(execs.bss.dropped).toBe(0n);
});
