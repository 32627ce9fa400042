import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { printCode } from "../../../runtime/ffi/print.js";

const clang = spawnSync("clang", ["--version"]).status === 0;
const targets = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" } as const;

test.skipIf(!clang).each(Object.entries(targets))(
  "the print function of %s is what its assembly says",
  (arch, target) => {
    const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-print-"));
    try {
      const source = fileURLToPath(new URL(`print-${arch}.s`, import.meta.url));
      const object = join(folder, "print.o");
      execFileSync("clang", ["-target", target, "-c", source, "-o", object]);
      expect(textOf(readFileSync(object)).toString("base64")).toBe(printCode[arch]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

/** The bytes of section .text of an ELF64 object. */
function textOf(elf: Buffer): Buffer {
  const at = Number(elf.readBigUInt64LE(40));
  const count = elf.readUInt16LE(60);
  const header = (index: number): Buffer => elf.subarray(at + 64 * index, at + 64 * (index + 1));
  const names = header(elf.readUInt16LE(62));
  for (let i = 0; i < count; i++) {
    const name = Number(names.readBigUInt64LE(24)) + header(i).readUInt32LE(0);
    if (elf.toString("latin1", name, elf.indexOf(0, name)) !== ".text") continue;
    const start = Number(header(i).readBigUInt64LE(24));
    return elf.subarray(start, start + Number(header(i).readBigUInt64LE(32)));
  }
  throw new Error("no .text");
}
