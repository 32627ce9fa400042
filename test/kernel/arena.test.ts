import { describe, expect, test } from "vitest";
import { readElf, sectionNamed } from "../../runtime/btf/index.js";
import { BpfObject, codecs, copy, libbpfVersion, MapType, probe } from "../../runtime/index.js";
import { fixture } from "../fixtures/fixtures.js";
import { KernelArena, Node } from "../fixtures/kernel-arena.skel.js";
import { bpfMappings, expectNothingLeft, openFds, reasons, thrown, uniqueName } from "./kernel.js";

const { major, minor, text } = reasons.length === 0 ? libbpfVersion() : { major: 0, minor: 0, text: "none" };
const knowsArenas = major > 1 || minor >= 4;
const hasArenas = reasons.length === 0 && probe.mapType(MapType.ARENA);

/** Adds a node of a page of its own to the list. */
function grow(kernel: ReturnType<typeof KernelArena.load>, value: number): void {
  const ctx = new Uint8Array(new Uint32Array([value]).buffer);
  expect(kernel.programs.grow.testRun({ ctx }).retval).toBe(0);
}

describe.skipIf(!knowsArenas || !hasArenas)(
  `arenas, which need libbpf 1.4 (this is ${text}) and kernel 6.9`,
  () => {
    test("global variables are set before load, and live after it", async () => {
      const name = uniqueName();
      const before = [openFds(), bpfMappings()];
      {
        using kernel = KernelArena.load(
          ({ arena }) => {
            expect([arena.limit, arena.first.value, [...arena.sums]]).toEqual([7, 1, [1n, 2n, 3n]]);
            arena.limit = 10;
            arena.first.value = 2;
            arena.sums = [100n, 200n, 300n];
          },
          { name },
        );
        const { arena } = kernel;
        kernel.programs.add.testRun();
        expect([arena.limit, copy(arena.first), [...arena.sums]]).toEqual([
          10,
          { next: 0n, value: 2 },
          [110n, 200n, 300n],
        ]);
        arena.limit = 5;
        kernel.programs.add.testRun();
        expect(arena.sums[0]).toBe(115n);
      }
      expect([openFds(), bpfMappings()]).toEqual(before);
      await expectNothingLeft(name);
    });

    test("variables that are all zero are found, too", () => {
      using kernel = KernelArena.load(({ arena }) => {
        arena.limit = 0;
        arena.first = { next: 0n, value: 0 };
        arena.sums = [0n, 0n, 0n];
      });
      expect([kernel.arena.limit, [...kernel.arena.sums]]).toEqual([0, [0n, 0n, 0n]]);
      kernel.arena.limit = 3;
      kernel.programs.add.testRun();
      expect(kernel.arena.sums[0]).toBe(3n);
    });

    test("pointers that programs make are followed, whole or without their upper half", () => {
      using kernel = KernelArena.load();
      for (const value of [1, 2, 3]) grow(kernel, value);
      const found: number[] = [];
      for (let at = kernel.bss.head; at !== 0n; ) {
        const node = kernel.maps.arena.view(Node, at);
        expect(kernel.maps.arena.read(Node, BigInt.asUintN(32, at))).toEqual(copy(node));
        found.push(node.value);
        node.value *= 10;
        at = node.next;
      }
      expect(found).toEqual([3, 2, 1]);
      expect(kernel.maps.arena.read(Node, kernel.bss.head).value).toBe(30);
    });

    test("places are offsets as well, up to the arena's end", () => {
      using kernel = KernelArena.load();
      const { arena } = kernel.maps;
      expect([arena.length, arena.maxEntries, arena.info().type]).toEqual([409_600, 100, 33]);
      arena.write(codecs.u64, arena.length - 8, 7n);
      expect(arena.read(codecs.u64, arena.length - 8)).toBe(7n);
      arena.write(Node, 4096, { next: 1n, value: 2 });
      expect(() => arena.write(Node, 4096, { next: 5n, value: -1 })).toThrow(RangeError);
      expect(arena.read(Node, 4096)).toEqual({ next: 1n, value: 2 });
      for (const at of [
        -1,
        0.5,
        arena.length,
        2 ** 32,
        Number.NaN,
        -1n,
        1n << 63n,
        (kernel.bss.head + 5n) << 40n,
      ])
        expect(() => arena.read(codecs.u8, at), String(at)).toThrow(RangeError);
      expect(() => arena.read(codecs.u64, arena.length - 7)).toThrow(RangeError);
      expect(() => arena.view(Node, arena.length - 8).value).toThrow(RangeError);
      expect(() => arena.read(codecs.u8, "0" as never)).toThrow(TypeError);
    });

    test("an arena may be as large as the kernel allows, 4 GB", () => {
      using kernel = KernelArena.load(({ maps }) => {
        maps.arena.maxEntries = 2 ** 20;
      });
      const { arena } = kernel.maps;
      expect(arena.length).toBe(2 ** 32);
      arena.write(codecs.u64, arena.length - 8, 7n);
      expect(arena.read(codecs.u64, BigInt(arena.length) - 8n + (kernel.bss.head & 0n))).toBe(7n);
      grow(kernel, 4);
      expect(arena.view(Node, kernel.bss.head).value).toBe(4);
    });

    test("after close, every use of it throws", () => {
      const kernel = KernelArena.load();
      const { maps, arena } = kernel;
      const view = maps.arena.view(Node, 0);
      const { first, sums } = arena;
      kernel.close();
      for (const use of [
        () => view.value,
        () => first.value,
        () => sums[0],
        () => arena.limit,
        () => maps.arena.read(Node, 0),
        () => maps.arena.view(Node, 0),
        () => maps.arena.write(codecs.u8, 0, 1),
      ])
        expect(thrown(use)).toMatchObject({ code: "ERR_BPF_CLOSED" });
    });

    test("an arena that faults end the process for is refused before they can", () => {
      const object = fixture("kernel-arena.bpf.o");
      const btf = sectionNamed(readElf(object), ".BTF")!;
      const words = new Uint32Array(object.buffer, btf.offset, btf.size >> 2);
      // map_flags = BPF_F_MMAPABLE is the length of an array there.
      words[words.indexOf(0x400)]! |= 1 << 17;
      const error = thrown(() => KernelArena.load(undefined, { object }));
      expect(error.message).toMatch(/arena "arena": its globals would end the process — /);
    });

    test("an arena is not put where something else may be", () => {
      using opened = KernelArena.open();
      expect(() => (opened.maps.arena.extra = 0x7fff_0000_0000n)).toThrow(/for its definition in C to say$/);
      opened.load().close();
    });

    test("an arena that another one stands in for is not mapped", () => {
      using first = KernelArena.load();
      using opened = KernelArena.open();
      opened.maps.arena.reuse(first.maps.arena.fd);
      // The kernel takes only programs whose arena is mapped.
      using second = opened.load();
      expect(thrown(() => second.maps.arena.read(Node, 0))).toMatchObject({ code: "ERR_BPF_STATE" });
      expect(thrown(() => second.arena)).toMatchObject({ code: "ERR_BPF_STATE" });
    });
  },
);

describe.skipIf(knowsArenas || reasons.length > 0)("arenas, with a libbpf that does not know them", () => {
  test("are refused by the version that they need", () => {
    const needs = /\.addr_space\.1: libbpf \S+ does not know it — install libbpf 1\.4 or newer/;
    expect(() => KernelArena.open()).toThrow(needs);
    expect(() => BpfObject.open(fixture("kernel-arena.bpf.o"))).toThrow(needs);
  });
});
