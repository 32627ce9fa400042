import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { optsAt, optsLayouts } from "../../../runtime/ffi/opts.js";
import { libbpfPrototypes } from "../../../runtime/ffi/prototypes.js";

// Another libbpf's headers, the folder above `bpf/`, by LIBBPF_HEADERS.
const headers = process.env.LIBBPF_HEADERS ?? "/usr/include";
const header = join(headers, "bpf/libbpf_version.h");
const canCompile = existsSync(header) && spawnSync("clang", ["--version"]).status === 0;

/** Fields whose names here are not those of C: members of unions, and one that C calls `size`. */
const inC: Readonly<Record<string, string>> = {
  "bpf_attr_link_create.tracing_cookie": "link_create.tracing.cookie",
  "bpf_attr_link_create.kprobe_multi_flags": "link_create.kprobe_multi.flags",
  "bpf_attr_link_create.kprobe_multi_count": "link_create.kprobe_multi.cnt",
  "bpf_attr_link_create.kprobe_multi_symbols": "link_create.kprobe_multi.syms",
  "bpf_attr_link_create.kprobe_multi_addresses": "link_create.kprobe_multi.addrs",
  "bpf_attr_link_create.kprobe_multi_cookies": "link_create.kprobe_multi.cookies",
  "perf_event_attr.struct_size": "size",
};
/** How C calls a field: those of `union bpf_attr` are in the struct of their command. */
function member(struct: string, field: string): string {
  const command = /^bpf_attr_(\w+)$/.exec(struct)?.[1];
  return inC[`${struct}.${field}`] ?? (command === undefined ? field : `${command}.${field}`);
}
/** Members of `union bpf_attr` that the kernel's headers have from 6.4 to 7.2 on. */
const newInKernel =
  /^bpf_attr_(link_create\.(relative_fd|expected_revision|netfilter_\w+|uprobe_multi_\w+|tracing_multi_\w+)|query\.link_ids|raw_tracepoint\.cookie|(token_create|prog_stream_read|prog_assoc_struct_ops)\.\w+)$/;
/** Bit-fields, whose place C does not tell. */
const bitFields = new Set(["perf_event_attr.flags"]);

function number(text: string): number {
  const [major = 0, minor = 0] = text.split(".").map(Number);
  return 1000 * major + minor;
}

/** The version of the installed headers. */
function installed(): number {
  const text = readFileSync(header, "utf8");
  const part = (name: string): string => new RegExp(`LIBBPF_${name}_VERSION (\\d+)`).exec(text)![1]!;
  return number(`${part("MAJOR")}.${part("MINOR")}`);
}

/** The structs that C knows, with their fields. */
const rows = Object.entries(optsLayouts).map(([name, { size, ...rest }]) => ({
  name,
  size,
  type: name.startsWith("bpf_attr_") ? "union bpf_attr" : `struct ${name}`,
  isLibbpf: !("bare" in rest),
  fields: Object.entries(rest)
    .filter(([field]) => field !== "bare")
    .map(([field, value]) => {
      const [at, type, since] = value as unknown as readonly [number, string, string?];
      return { field, at, type, since };
    }),
}));

const sizes: Readonly<Record<string, number>> = { str: 8, u64: 8, u32: 4, s32: 4, bool: 1 };

describe.skipIf(!canCompile)("against the headers of the installed libbpf", () => {
  test("every option struct has the fields, offsets and sizes that a C compiler gives it", () => {
    const wanted: Record<string, number[]> = {};
    const lines: string[] = [];
    for (const { name, type, isLibbpf, fields } of rows) {
      const known = fields.filter(
        ({ field, since = "1.1" }) =>
          number(since) <= installed() &&
          !newInKernel.test(`${name}.${field}`) &&
          !bitFields.has(`${name}.${field}`),
      );
      // A struct that came later than these headers.
      if (isLibbpf && known.length === 0) continue;
      for (const { field, at, type: codec } of known) {
        const inStruct = member(name, field);
        lines.push(
          `printf("${name}.${field} %zu %zu\\n", offsetof(${type}, ${inStruct}), sizeof(((${type} *)0)->${inStruct}));`,
        );
        wanted[`${name}.${field}`] = [at, sizes[codec]!];
      }
    }
    const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-layouts-"));
    try {
      const source = join(folder, "layouts.c");
      writeFileSync(
        source,
        `#include <stddef.h>\n#include <stdio.h>\n#include <linux/bpf.h>\n#include <linux/perf_event.h>\n` +
          `#include <bpf/bpf.h>\n#include <bpf/libbpf.h>\nint main(void) {\n${lines.join("\n")}\nreturn 0; }\n`,
      );
      execFileSync("clang", ["-I", headers, "-o", join(folder, "layouts"), source]);
      const said = execFileSync(join(folder, "layouts"), { encoding: "utf8" });
      const got = Object.fromEntries(
        said
          .trim()
          .split("\n")
          .map((line) => line.split(" "))
          .map(([name, ...numbers]) => [name!, numbers.map(Number)]),
      );
      expect(got).toEqual(wanted);
      expect(Object.keys(got).length).toBeGreaterThan(40);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test("what is not asked for is zero, so that every libbpf accepts it; the size comes first", () => {
  const bytes = new Uint8Array(4096).fill(0xff);
  for (const { name, size, isLibbpf } of rows) {
    optsAt({ address: 0x1000, bytes }, 8, name as keyof typeof optsLayouts, {});
    const view = new DataView(bytes.buffer, 8, size);
    if (isLibbpf) expect(view.getBigUint64(0, true), name).toBe(BigInt(size));
    expect(
      [...bytes.subarray(8 + (isLibbpf ? 8 : 0), 8 + size)].every((byte) => byte === 0),
      name,
    ).toBe(true);
    expect(bytes[8 + size]).toBe(0xff);
    bytes.fill(0xff);
  }
});

test("no two fields of a struct overlap, and none lies outside", () => {
  for (const { name, size, isLibbpf, fields } of rows) {
    // One place, many meanings: each kind of link has its own.
    if (name === "bpf_attr_link_create") continue;
    const sorted = [...fields].sort((a, b) => a.at - b.at);
    let end = isLibbpf ? 8 : 0;
    for (const { field, at, type } of sorted) {
      expect(at, `${name}.${field}`).toBeGreaterThanOrEqual(end);
      expect(at % sizes[type]!, `${name}.${field}`).toBe(0);
      end = at + sizes[type]!;
    }
    expect(end, name).toBeLessThanOrEqual(size);
  }
});

test("every function that libbpf 1.1 lacks says which one has it", () => {
  const newer = new Set(
    Object.entries(libbpfPrototypes)
      .filter(([, [, ...rest]]) => rest.some((part) => typeof part === "object"))
      .map(([name]) => name),
  );
  // `libbpf.map` of libbpf 1.1, as it is installed where these headers are.
  const file = process.env.LIBBPF_PATH ?? "/usr/lib/x86_64-linux-gnu/libbpf.so.1";
  if (!existsSync(file) || !canCompile || installed() !== 1001 || process.env.LIBBPF_PATH) return;
  const symbols = execFileSync("nm", ["-D", "--defined-only", file], { encoding: "utf8" });
  const missing = Object.keys(libbpfPrototypes).filter((name) => !new RegExp(`\\b${name}@`).test(symbols));
  expect(missing.filter((name) => !newer.has(name))).toEqual([]);
});
