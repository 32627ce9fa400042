import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { BpfObject, linkObjects } from "../../runtime/index.js";
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

describeKernel("objects that are linked here", () => {
  const file = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}.bpf.o`, import.meta.url));

  test("are one that loads, and that a skeleton takes", () => {
    const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-link-"));
    try {
      const output = join(folder, "both.bpf.o");
      linkObjects(output, [file("linked-one"), file("linked-two")]);
      using object = BpfObject.open(output).load();
      expect(object.programs().map(({ name }) => name)).toEqual(["on_write", "on_read"]);
      expect(object.map("ones").info().name).toBe("ones");
      // As bpftool has linked it.
      using linked = Linked.load(undefined, { object: output });
      expect(linked.maps.twos.name).toBe("twos");
      // What failed leaves nothing behind.
      const twice = join(folder, "twice.bpf.o");
      const error = thrown(() => linkObjects(twice, [file("linked-one"), file("linked-one")]));
      expect(error).toMatchObject({ name: "BpfError", syscall: "bpf_linker__add_file" });
      expect(error.message).toMatch(
        /^linkObjects\(\): .*linked-one\.bpf\.o: .*(last_one|LICENSE|on_write|ones)/,
      );
      expect(existsSync(twice)).toBe(false);
      expect(thrown(() => linkObjects(twice, [file("none")]))).toMatchObject({ code: "ENOENT" });
      // libbpf 1.1 would end the process for the first of these.
      for (const other of ["/etc/passwd", "/dev/null", process.execPath]) {
        const refused = thrown(() => linkObjects(twice, [file("linked-one"), other]));
        expect(refused, other).toMatchObject({ name: "BpfError" });
      }
      const cut = join(folder, "cut.bpf.o");
      writeFileSync(cut, readFileSync(file("linked-one")).subarray(0, 1000));
      expect(thrown(() => linkObjects(twice, [cut]))).toMatchObject({ code: "ERR_BPF_OBJECT" });
      const bare = thrown(() => linkObjects(twice, [file("nobtf")]));
      expect(bare).toMatchObject({ name: "BpfError", syscall: "bpf_linker__add_file" });
      expect(bare.message).toMatch(/BTF/);
      expect(thrown(() => linkObjects(join(folder, "no", "x.o"), [file("linked-one")]))).toMatchObject({
        code: "ENOENT",
        syscall: "bpf_linker__new",
      });
      expect(() => linkObjects(twice, [])).toThrow(TypeError);
      expect(() => linkObjects(twice, file("linked-one") as never)).toThrow(TypeError);
      expect(() => linkObjects("a\0b", [file("linked-one")])).toThrow(TypeError);
      expect(existsSync(twice)).toBe(false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
