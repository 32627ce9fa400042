import { expect, test } from "vitest";
import {
  functionsIn,
  readElf,
  symbols as readSymbols,
  type Section,
  sectionNamed,
} from "../../../runtime/btf/index.js";
import { rewriteSections } from "../../../runtime/object/rewrite.js";
import { fixture } from "../../fixtures/fixtures.js";

/** The functions of `.struct_ops`, in an object whose section has them changed. */
function rewritten(object: Uint8Array, references: ReadonlyMap<number, string>) {
  const elf = readElf(object);
  const symbols = readSymbols(elf);
  const section = sectionNamed(elf, ".struct_ops") as Section;
  const bytes = section.data.slice();
  bytes[40] = 7;
  const numbers = new Map(
    [...references].map(([at, name]) => [at, symbols.findIndex((symbol) => symbol.name === name)]),
  );
  const again = readElf(rewriteSections(elf, [{ section, bytes, references: numbers }]));
  const changed = sectionNamed(again, ".struct_ops") as Section;
  expect(changed.data).toEqual(bytes);
  return { elf, again, functions: functionsIn(again, readSymbols(again), changed) };
}

test("an object gets other references, under the name that libbpf asks for", () => {
  const wanted = new Map([
    [0, "second_init"],
    [24, "nothing_ssthresh"],
  ]);
  const { elf, again, functions } = rewritten(fixture("kernel-struct-ops.bpf.o"), wanted);
  expect(functions).toEqual(wanted);
  expect(again.sections.at(-1)?.name).toBe(".rel.struct_ops");
  // Everything else is as it was.
  for (const { index, name, data } of elf.sections)
    if (!name.endsWith(".struct_ops")) expect(again.sections[index]).toMatchObject({ name, data });
});

test("the name is added to an object that lacks it", () => {
  const object = fixture("kernel-struct-ops.bpf.o");
  const renamed = Buffer.from(object)
    .toString("latin1")
    .replace("\0.rel.struct_ops\0", "\0.xyz.struct_ops\0");
  const { again, functions } = rewritten(Buffer.from(renamed, "latin1"), new Map([[8, "first_init"]]));
  expect(functions).toEqual(new Map([[8, "first_init"]]));
  expect(again.sections.at(-1)?.name).toBe(".rel.struct_ops");
});

test("an object may be left without any", () => {
  const { functions } = rewritten(fixture("kernel-struct-ops.bpf.o"), new Map());
  expect(functions).toEqual(new Map());
});
