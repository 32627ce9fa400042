import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { generate } from "../../generator/index.js";
import { fixture, fixtureText } from "../fixtures/fixtures.js";
import { reasons } from "./kernel.js";

test.each(["kernel", "kernel-extra", "kernel-halves", "kernel-refused"])(
  "%s.skel.ts is what the generator makes of its object today",
  (name) => {
    const file = `${name}.bpf.o`;
    expect(generate(fixture(file), { file }).text).toBe(fixtureText(`${name}.skel.ts`));
  },
);

test("the tests of the kernel are skipped only where bpftool cannot load anything either", () => {
  const can =
    process.geteuid?.() === 0 &&
    existsSync("/sys/kernel/btf/vmlinux") &&
    existsSync("/sys/kernel/tracing/events/syscalls");
  if (can && reasons.length > 0)
    expect(() => execFileSync("bpftool", ["prog", "show"], { stdio: "ignore" })).toThrow();
  if (!can) expect(reasons).not.toEqual([]);
});
