import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Linked } from "../fixtures/linked.skel.js";
import { describeKernel, thrown } from "./kernel.js";

describeKernel("an object that bpftool has linked of two, with types of the same name", () => {
  test("has each type where it belongs", () => {
    using linked = Linked.attach();
    linked.maps.ones.set(1, { pid: 7, mode: 1 });
    linked.maps.twos.set(1, { at: 7n, comm: "two", mode: 4 });
    expect(linked.maps.ones.get(1)).toEqual({ pid: 7, mode: 1 });
    expect(linked.maps.twos.get(1)).toEqual({ at: 7n, comm: "two", mode: 4 });
    expect(thrown(() => linked.maps.ones.set(1, { at: 7n, comm: "two", mode: 4 } as never))).toBeInstanceOf(
      TypeError,
    );
    // Both programs write, this process' calls among others.
    execFileSync("cat", [fileURLToPath(import.meta.url)]);
    expect(linked.bss.last_one.mode).toBe(1);
    expect(linked.bss.last_one.pid).toBeGreaterThan(0);
    expect(linked.bss.last_two.mode).toBe(4);
    expect(linked.bss.last_two.at).toBeGreaterThan(0n);
    expect(linked.bss.last_two.comm).not.toBe("");
  });
});
