import { rmSync } from "node:fs";
import { expect, test } from "vitest";
import { generate } from "../../generator/index.js";
import { BpfObject } from "../../runtime/index.js";
import { KernelGrammar } from "../fixtures/kernel-grammar.skel.js";
import { Kind } from "../unit/btf/assemble.js";
import { ObjectBuilder } from "../unit/generator/object.js";
import { describeKernel, trigger, uniqueName } from "./kernel.js";

type Define = (b: ObjectBuilder) => readonly (readonly [string, number])[];

/** The numbers of `BPF_MAP_TYPE_*` that are used here. */
const [HASH, ARRAY, PROG_ARRAY, ARRAY_OF_MAPS, HASH_OF_MAPS, BLOOM, RINGBUF] = [1, 2, 3, 12, 13, 30, 27];

function u32(b: ObjectBuilder): number {
  return b.pointer(b.int("unsigned int"));
}

function oneValue(b: ObjectBuilder, value: number): number {
  return b.type(0, (Kind.enum << 24) | 1, 4, b.name("__unique_value0"), value);
}

/** An array map's definition, of `__u32` to `__u32` and with more. */
function array(b: ObjectBuilder, more: readonly (readonly [string, number])[] = []) {
  return [
    ["type", b.uint(ARRAY)],
    ["max_entries", b.uint(1)],
    ["key", u32(b)],
    ["value", u32(b)],
    ...more,
  ] as const;
}

function values(b: ObjectBuilder, to: number, length = 0): number {
  return b.array(b.pointer(to), length);
}

function prototype(b: ObjectBuilder): number {
  return b.type(0, Kind.funcProto << 24, b.int("int"));
}

function inner(b: ObjectBuilder, more: readonly (readonly [string, number])[] = []): number {
  const members = array(b, more);
  return b.struct("", 8 * members.length, members);
}

const slots = (b: ObjectBuilder, of: number): readonly (readonly [string, number])[] => [
  ["type", b.uint(ARRAY_OF_MAPS)],
  ["max_entries", b.uint(1)],
  ["key", u32(b)],
  ["values", of],
];

/** What libbpf takes, and so do we. */
const accepted: Readonly<Record<string, Define>> = {
  "key and value": (b) => array(b),
  "key_size and value_size": (b) => [
    ["type", b.uint(HASH)],
    ["key_size", b.uint(6)],
    ["value_size", b.uint(12)],
    ["max_entries", b.uint(1)],
  ],
  "a size that is its type's": (b) => array(b, [["value_size", b.uint(4)]]),
  "a type alone": (b) => [["type", b.uint(RINGBUF)]],
  "all the numbers": (b) =>
    array(b, [
      ["map_flags", b.uint(4)],
      ["numa_node", b.uint(0)],
      ["pinning", b.uint(1)],
      ["map_extra", b.uint(0)],
    ]),
  "pinning 0": (b) => array(b, [["pinning", b.uint(0)]]),
  "a map of maps": (b) => slots(b, values(b, inner(b))),
  "a map of maps behind a typedef": (b) => slots(b, values(b, b.typedef("inner_map", inner(b)))),
  "a hash of maps that does not say what is in it": (b) => [
    ["type", b.uint(HASH_OF_MAPS)],
    ["key", u32(b)],
    ["value", u32(b)],
  ],
  "programs by number": (b) => [
    ["type", b.uint(PROG_ARRAY)],
    ["key_size", b.uint(4)],
    ["values", values(b, prototype(b))],
  ],
};

/** What libbpf refuses, and what we say of it. */
const refused: Readonly<Record<string, readonly [Define, RegExp]>> = {
  "no type": [(b) => [["max_entries", b.uint(1)]], /has no type — /],
  "type 0": [(b) => [["type", b.uint(0)]], /has no type — /],
  "a type by an enum": [(b) => [["type", oneValue(b, 1)]], /"type": is not a number — /],
  "a number that is none": [
    (b) => array(b, [["map_flags", b.int("int")]]),
    /"map_flags": is not a number — /,
  ],
  "a number that is an array": [
    (b) => array(b, [["map_flags", b.array(b.int("int"), 3)]]),
    /"map_flags": is not a number — /,
  ],
  "a key that is no type": [
    (b) => [
      ["type", b.uint(HASH)],
      ["key", b.int("int")],
    ],
    /key: is not a type — /,
  ],
  "a key without a size": [
    (b) => [
      ["type", b.uint(HASH)],
      ["key", b.pointer(0)],
    ],
    /key: .* — /,
  ],
  "a value that is only declared": [
    (b) => [
      ["type", b.uint(HASH)],
      ["value", b.pointer(b.type(b.name("absent"), Kind.fwd << 24, 0))],
    ],
    /value: the compiler left struct absent out of BTF — put `struct absent unused/,
  ],
  "a size that is not its type's": [
    (b) => array(b, [["value_size", b.uint(8)]]),
    /value_size: is 8, but its type has 4 bytes — /,
  ],
  "a size before a type of another": [
    (b) => [
      ["type", b.uint(HASH)],
      ["key_size", b.uint(8)],
      ["key", u32(b)],
    ],
    /key_size: is 8, but its type has 4 bytes — /,
  ],
  "pinning 2": [(b) => array(b, [["pinning", b.uint(2)]]), /pinning: is 2 — /],
  "values of an array": [(b) => array(b, [["values", values(b, inner(b))]]), /values: a ARRAY has none — /],
  "values that are not last": [
    (b) => [...slots(b, values(b, inner(b))), ["map_flags", b.uint(0)]],
    /values: are not last — /,
  ],
  "values of a known number": [(b) => slots(b, values(b, inner(b), 3)), /values: are no maps — /],
  "values that are no maps": [(b) => slots(b, values(b, b.int("int"))), /values: are no maps — /],
  "values that are functions": [(b) => slots(b, values(b, prototype(b))), /values: are no maps — /],
  "programs that are no functions": [
    (b) => [
      ["type", b.uint(PROG_ARRAY)],
      ["key_size", b.uint(4)],
      ["values", values(b, inner(b))],
    ],
    /values: are no functions — /,
  ],
  "maps of maps of maps": [
    (b) => slots(b, values(b, b.struct("", 32, slots(b, values(b, inner(b)))))),
    /values: values: are maps of maps themselves — /,
  ],
  "a pinned inner map": [(b) => slots(b, values(b, inner(b, [["pinning", b.uint(1)]]))), /values: pinning: /],
  "an inner value that is only declared": [
    (b) => {
      const value = b.pointer(b.type(b.name("absent"), Kind.fwd << 24, 0));
      return slots(
        b,
        values(
          b,
          b.struct("", 16, [
            ["type", b.uint(HASH)],
            ["value", value],
          ]),
        ),
      );
    },
    /values: value: the compiler left struct absent out of BTF — /,
  ],
};

function object(define: Define): Uint8Array {
  const b = new ObjectBuilder();
  // Room for arrays where pointers should be.
  const members = define(b).map(([name, type], i) => [name, type, 64 * i] as const);
  b.symbol({ name: "m", section: ".maps", size: 256 });
  b.section(".maps", { type: 1, flags: 3, data: new Uint8Array(256) });
  b.dataSection(".maps", [[b.variable("m", b.struct("", 256, members)), 0, 256]]);
  return b.bytes();
}

const generated = (bytes: Uint8Array) => generate(bytes, { file: "o.bpf.o", embed: "none" });

describeKernel("what a map's definition may say", () => {
  test.each(Object.entries(accepted))("%s", (_, define) => {
    const bytes = object(define);
    expect(generated(bytes).text).toMatch(/ m: bpf\./);
    BpfObject.open(bytes).close();
  });

  test.each(Object.entries(refused))("not: %s", (_, [define, message]) => {
    const bytes = object(define);
    expect(() => generated(bytes)).toThrow(message);
    expect(() => BpfObject.open(bytes)).toThrow(/map 'm/);
  });

  test("what libbpf does not know is a warning, for it can be told to pass over it", () => {
    const bytes = object((b) => array(b, [["colour", b.uint(3)]]));
    expect(generated(bytes).warnings).toEqual([
      'map "m": libbpf knows no "colour" — it opens the object with relaxedMaps only',
    ]);
    expect(() => BpfObject.open(bytes)).toThrow(/map 'm(\.inner)?'(?!: invalid def size)/);
    BpfObject.open(bytes, { relaxedMaps: true }).close();
  });

  test("map_extra may be of __ulong, which libbpf has learned after 1.1", () => {
    const bytes = object((b) => [
      ["type", b.uint(BLOOM)],
      ["max_entries", b.uint(1)],
      ["value", u32(b)],
      ["map_extra", oneValue(b, 3)],
    ]);
    expect(generated(bytes).text).toContain("bpf.BloomFilter<number>");
    try {
      BpfObject.open(bytes).close();
    } catch (error) {
      expect((error as Error).message).toContain("attr 'map_extra': expected PTR, got enum");
    }
  });

  test("a static map is refused", () => {
    const b = new ObjectBuilder();
    b.symbol({ name: "m", section: ".maps", size: 32, binding: 0 });
    b.section(".maps", { type: 1, flags: 3, data: new Uint8Array(32) });
    const members = array(b).map(([name, type], i) => [name, type, 64 * i] as const);
    b.dataSection(".maps", [[b.variable("m", b.struct("", 32, members), 0), 0, 32]]);
    expect(() => generated(b.bytes())).toThrow(/map "m": is static, so libbpf refuses it — /);
    expect(() => BpfObject.open(b.bytes())).toThrow(/map 'm(\.inner)?'(?!: invalid def size)/);
  });

  test("what is in maps from the start is there, and the rest of a definition reaches the kernel", () => {
    const pinRoot = `/sys/fs/bpf/${uniqueName()}`;
    using kernel = KernelGrammar.attach(
      ({ rodata }) => {
        rodata.target = process.pid;
      },
      { pinRoot },
    );
    try {
      const { slots, by_key, third, first, jumps, bloom, pinned } = kernel.maps;
      third.set(0, { x: 33, y: -3n });
      first.set(0, { x: 11, y: -1n });
      expect(
        [0, 1, 2, 3].map((slot) => {
          using map = slots.get(slot);
          return map?.get(0);
        }),
      ).toEqual([{ x: 11, y: -1n }, undefined, { x: 33, y: -3n }, undefined]);
      using inside = by_key.get(1);
      expect(inside?.get(0)).toEqual({ x: 33, y: -3n });
      expect(by_key.get(0)).toBeUndefined();
      trigger(3);
      expect(kernel.bss).toMatchObject({ found: 33, jumped: 3 });
      expect(jumps.delete(1)).toBe(true);
      trigger(2);
      expect(kernel.bss.jumped).toBe(3);
      expect(bloom.info()).toMatchObject({ maxEntries: 16 });
      expect(pinned.info()).toMatchObject({ maxEntries: 4 });
      // Pinned by its name: another skeleton has the same map.
      pinned.set(1, { x: 5, y: 6n });
      using again = KernelGrammar.load(undefined, { pinRoot });
      expect(again.maps.pinned.get(1)).toEqual({ x: 5, y: 6n });
    } finally {
      rmSync(pinRoot, { recursive: true, force: true });
    }
  });
});
