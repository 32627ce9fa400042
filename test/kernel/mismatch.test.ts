import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Kernel } from "../fixtures/kernel.skel.js";
import { describeKernel, openFds, thrown } from "./kernel.js";

const source = readFileSync(new URL("../fixtures/kernel.bpf.c", import.meta.url), "utf8");
const clang = spawnSync("clang", ["--version"]).status === 0;

/** Changes of the source, and how `open()` tells of them. */
const changes: readonly (readonly [string, from: string, to: string, told: RegExp | undefined])[] = [
  ["nothing", "// What test", "// What a test", undefined],
  ["code and sizes alone", "max_entries, 16384", "max_entries, 512", undefined],
  ["a value's member is renamed", "__s64 s64;", "__s64 other;", /map "samples": its value\.s64 is not there/],
  [
    "a value's member is wider",
    "__u16 u16;",
    "__u32 u16;",
    /map "samples": its value\.u16 is at 4, not at 2/,
  ],
  [
    "deep in a value, of the same size",
    "\t__s8 delta;",
    "\t__u8 delta;",
    /value\.pairs\[\]\.delta is (unsigned char|__u8), not (signed char|__s8)/,
  ],
  ["a member more", "void *pointer;", "void *pointer, *second;", /map "samples": its value\.second is new/],
  ["an enumerator", "GREEN = 5", "GREEN = 6", /map "samples": its value\.colour has other enumerators/],
  ["a bit-field", "unsigned int low : 3", "unsigned int low : 4", /its value\.low has 4 bits, not 3/],
  [
    "a key's length",
    "char text[10];",
    "char text[9];",
    /map "names": its key\.text is 9, not 10|map "names": its key\.port is at/,
  ],
  ["a map's type", "BPF_MAP_TYPE_LRU_HASH", "BPF_MAP_TYPE_HASH", /map "recent": its type is 1, not 9/],
  [
    "a variable's type",
    "__u64 custom SEC",
    "__s64 custom SEC",
    /\.data\.custom: custom is (long long|__s64), not (unsigned long long|__u64)/,
  ],
  [
    "a variable in front",
    "const volatile __u32 limit = 10;",
    "const volatile __u32 first = 1; const volatile __u32 limit = 10;",
    /\.rodata: \w+ is at \d+, not at \d+/,
  ],
  [
    "a new section",
    "__u64 custom SEC",
    '__u64 fresh SEC(".data.fresh"); __u64 custom SEC',
    /it has a section \.data\.fresh, too/,
  ],
];

describeKernel("an object that is not the skeleton's", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-mismatch-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.skipIf(!clang).each(changes)("%s", (what, from, to, told) => {
    expect(source).toContain(from);
    const base = join(folder, what.replace(/\W/g, "_"));
    writeFileSync(`${base}.bpf.c`, source.replace(from, to));
    const headers = ["-idirafter", "/usr/include/x86_64-linux-gnu"];
    const options = ["-g", "-O2", "-target", "bpf", "-mcpu=v3", "-D__TARGET_ARCH_x86", ...headers];
    execFileSync("clang", [...options, "-c", `${base}.bpf.c`, "-o", `${base}.bpf.o`]);
    const object = readFileSync(`${base}.bpf.o`);
    if (!told) {
      Kernel.open({ object }).close();
      return;
    }
    const fds = openFds();
    const error = thrown(() => Kernel.open({ object }));
    expect(error).toMatchObject({ name: "BpfError", code: "ERR_BPF_LAYOUT" });
    expect(error.message).toMatch(/^kernel: .* than in its skeleton: .* — regenerate the skeleton$/);
    expect(error.message).toMatch(told);
    expect(openFds()).toBe(fds);
  });
});
