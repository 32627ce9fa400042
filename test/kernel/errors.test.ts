import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BpfError, BpfObject } from "../../runtime/index.js";
import { fixture } from "../fixtures/fixtures.js";
import { Kernel } from "../fixtures/kernel.skel.js";
import { KernelHalves } from "../fixtures/kernel-halves.skel.js";
import { KernelRefused } from "../fixtures/kernel-refused.skel.js";
import { describeKernel, openFds, run, sources, thrown } from "./kernel.js";

describeKernel("errors", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-errors-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("a program that the verifier refuses: which, why, the whole log, and the line of C", () => {
    const error = thrown(() => KernelRefused.load()) as BpfError;
    expect(error).toBeInstanceOf(BpfError);
    expect(error).toMatchObject({
      code: "EACCES",
      errno: 13,
      syscall: "bpf_object__load",
      program: "refused",
    });
    expect(error.log).toMatch(/^0: /m);
    expect(error.log).toMatch(/R\d invalid mem access 'map_value_or_null'/);
    expect(error.log).toMatch(/processed \d+ insns/);
    expect(error.log).not.toMatch(/libbpf:|PROG LOAD LOG/);
    expect(error.source).toEqual({
      file: expect.stringMatching(/kernel-refused\.bpf\.c$/),
      line: 29,
      text: "return *value; // not checked for NULL",
      column: 9,
    });
    expect(error.message.split("\n")[0]).toBe(
      `kernel_refused: program "refused": the verifier refused it at ${error.source!.file}:29: R0 invalid mem access ` +
        "'map_value_or_null' — it may be NULL: compare it with NULL before using it",
    );
  });

  test("what is no object is refused with its name and what to do, and leaves nothing open", () => {
    const fds = openFds();
    const good = fixture("kernel.bpf.o");
    const swapped = good.slice();
    swapped[5] = swapped[5] === 1 ? 2 : 1;
    const missing = join(folder, "missing.bpf.o");
    const garbage = join(folder, "garbage.bpf.o");
    writeFileSync(garbage, "not an object".repeat(100));
    const cases: [() => unknown, string, RegExp][] = [
      [() => BpfObject.open(missing), "ENOENT", /missing\.bpf\.o: .* — ./],
      [() => BpfObject.open(folder), "EISDIR", /bpf-tsgen-errors-.*: .* — ./],
      [() => Kernel.open({ object: missing }), "ENOENT", /missing\.bpf\.o: .* — ./],
      [() => BpfObject.open(garbage), "ERR_BPF_OBJECT", /^garbage: is not a BPF object.* — ./],
      [() => BpfObject.open(new Uint8Array(0)), "ERR_BPF_OBJECT", / — ./],
      [() => BpfObject.open(new Uint8Array(4096).fill(0xa5)), "ERR_BPF_OBJECT", / — ./],
      [() => BpfObject.open(process.execPath), "ERR_BPF_OBJECT", /of another kind — compile with clang/],
      [() => BpfObject.open(swapped), "ERR_BPF_OBJECT", /endian machines — ./],
      [() => BpfObject.open(fixture("kinds.eb.bpf.o")), "ERR_BPF_OBJECT", /big-endian machines — ./],
      [
        () => KernelHalves.open({ object: fixture("kernel-refused.bpf.o") }),
        "ERR_BPF_LAYOUT",
        /^kernel_halves: the object's maps, globals or records are laid out differently .*: it has a map "table", too — regenerate the skeleton$/,
      ],
      [
        () => Kernel.open({ object: fixture("kernel-halves.bpf.o") }),
        "ERR_BPF_LAYOUT",
        /^kernel: .* — regenerate the skeleton$/,
      ],
    ];
    for (const [open, code, message] of cases) {
      const error = thrown(open);
      expect(error, open.toString()).toMatchObject({ name: "BpfError", code });
      expect(error.message).toMatch(message);
    }
    // An object of the same names with smaller sections or maps is noticed, too.
    using object = BpfObject.open(good);
    expect(thrown(() => object.map("no such"))).toMatchObject({ code: "ERR_BPF_STATE" });
    object.load();
    expect(thrown(() => object.map("no such")).message).toMatch(
      /^object: has no map "no such" — it has: .*samples/,
    );
    expect(thrown(() => object.program("no such")).message).toMatch(
      /^object: has no program "no such" — it has: .*reflect/,
    );
    object.close();
    expect(openFds()).toBe(fds);
  });

  test("an object that was cut short or damaged is an error, or loads, but never ends the process", async () => {
    const { code, signal, out, err } = await run("damaged", [], 30_000);
    expect({ code, signal, err }).toEqual({ code: 0, signal: null, err: "" });
    const { opened, refused } = JSON.parse(out) as { opened: number; refused: number };
    expect(refused).toBeGreaterThan(100);
    expect(opened + refused).toBe(600);
  });

  test("libbpf says nothing on stderr, and is not there before it is needed", () => {
    const script = `
      const { Kernel } = await import("./test/fixtures/kernel.skel${sources.extension}");
      const { KernelRefused } = await import("./test/fixtures/kernel-refused.skel${sources.extension}");
      const mapped = async () => (await import("node:fs")).readFileSync("/proc/self/maps", "utf8").includes("libbpf");
      const before = await mapped();
      try { KernelRefused.load(); } catch {}
      try { Kernel.load((o) => { o.maps.samples.maxEntries = 0; }); } catch (e) { console.log(e.name); }
      console.log(before, await mapped());`;
    const stderr = join(folder, "stderr");
    const out = execFileSync(
      "sh",
      [
        "-c",
        `exec "$0" ${sources.loader.join(" ")} --input-type=module -e "$1" 2>"$2"; `,
        process.execPath,
        script,
        stderr,
      ],
      {
        encoding: "utf8",
      },
    );
    expect(out).toBe("BpfError\nfalse true\n");
    expect(execFileSync("cat", [stderr], { encoding: "utf8" })).toBe("");
  });
});
