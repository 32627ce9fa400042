import { describe, expect, it } from "vitest";
import { readObject } from "../../../generator/elf.js";
import { stripDebug } from "../../../generator/strip.js";
import { fingerprint, parseBtf, readElf, sectionNamed } from "../../../runtime/btf/index.js";
import { fixture } from "../../fixtures/fixtures.js";

function of(bytes: Uint8Array, types: readonly string[] = []): string {
  const elf = readElf(bytes);
  return fingerprint(elf, parseBtf(sectionNamed(elf, ".BTF")!.data), types);
}

/** The object with one of its names, in the strings of BTF and of the symbols, changed to another of its length. */
function renamed(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const text = Buffer.from(bytes).toString("latin1").replaceAll(`\0${from}\0`, `\0${to}\0`);
  return new Uint8Array(Buffer.from(text, "latin1"));
}

describe("the fingerprint of an object's layouts", () => {
  const types = fixture("types.bpf.o");

  it("is the same for the same layouts, whatever the code, the debugging information or the byte order", () => {
    expect(of(types)).toMatch(/^[0-9a-f]{16}$/);
    expect(of(stripDebug(readObject(types)))).toBe(of(types));
    expect(of(fixture("kinds.eb.bpf.o"))).toBe(of(fixture("kinds.bpf.o")));
  });

  it("changes with a member, a variable, a map, a type of records", () => {
    const kernel = fixture("kernel-maps.bpf.o");
    const original = of(kernel, ["struct started"]);
    const changes = [
      of(kernel),
      of(kernel, ["struct ended"]),
      of(kernel, ["struct started", "struct ended"]),
      of(kernel, ["struct nobody"]),
      of(renamed(kernel, "popped", "poppet"), ["struct started"]),
      of(renamed(kernel, "routes6", "routes7"), ["struct started"]),
      of(renamed(kernel, "address", "adresse"), ["struct started"]),
      of(renamed(kernel, "comm", "conn"), ["struct started"]),
    ];
    expect(new Set([original, ...changes]).size).toBe(changes.length + 1);
    expect(of(renamed(kernel, "on_getppid", "on_getpgid"), ["struct started"])).toBe(original);
  });
});
