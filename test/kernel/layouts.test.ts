import { expect, test } from "vitest";
import { type Codec, copy, encode, type Input, toJson, type View } from "../../runtime/index.js";
import * as skel from "../fixtures/kernel-layouts.skel.js";
import { describeKernel, since } from "./kernel.js";

const { KernelLayouts, Four, Eight } = skel;

/** A value, and its members as the program reads and writes them: in the order of its table in C, as 64-bit numbers. */
interface Law {
  readonly struct: keyof skel.KernelLayouts["programs"];
  readonly codec: Codec<unknown>;
  readonly value: unknown;
  readonly members: readonly bigint[];
  /** What the value decodes to, where that is more than it was written from: of unions, every member. */
  readonly shows: unknown;
}

function law<T>(
  struct: Law["struct"],
  codec: Codec<T>,
  value: Input<NoInfer<T>>,
  members: readonly (bigint | number)[],
  shows: unknown = value,
): Law {
  return { struct, codec: codec as unknown as Codec<unknown>, value, members: members.map(BigInt), shows };
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const [MIN_64, MAX_64] = [-(1n << 63n), (1n << 64n) - 1n];

const laws: readonly Law[] = [
  law(
    "integers",
    skel.Integers,
    {
      ...{ u8: 255, s8: -128, u16: 65535, s16: -32768, u32: 0xffff_fffe, s32: -0x8000_0000 },
      ...{ u64: MAX_64, s64: MIN_64, pointer: 0xffff_8880_1234_5678n, function: 1n },
    },
    [255, -128, 65535, -32768, 0xffff_fffe, -0x8000_0000, MAX_64, MIN_64, 0xffff_8880_1234_5678n, 1],
  ),
  law("wide", skel.Wide, { before: 1, u128: (5n << 64n) | MAX_64, s128: -(1n << 127n) + 7n, behind: 2 }, [
    1,
    MAX_64,
    5,
    7,
    MIN_64,
    2,
  ]),
  law(
    "choices",
    skel.Choices,
    {
      ...{ yes: true, no: false, one: 200, two: 0xffff, four: Four.FOUR_A, eight: 0x1_0000_0000n },
      many: [true, false, true],
    },
    [1, 0, 200, 0xffff, 5, 0x1_0000_0000n, 1, 0, 1],
  ),
  law(
    "choices",
    skel.Choices,
    // What the compiler gave no name is a value like others.
    {
      ...{ yes: false, no: true, one: 3, two: 7, four: Four.FOUR_B, eight: Eight.EIGHT_A },
      many: [false, true, false],
    },
    [0, 1, 3, 7, 0x7fff_ffff, 0, 0, 1, 0],
  ),
  law(
    "bits",
    skel.Bits,
    { one: 1, five: -16, flag: true, choice: Four.FOUR_A, rest: 0x7_fffe, small: 5, next: 10, plain: 0xabcd },
    [1, -16, 1, 5, 0x7_fffe, 5, 10, 0xabcd],
  ),
  law(
    "wide_bits",
    skel.WideBits,
    {
      ...{ low: 0xabcden, across: 0xff_0123_4567n, rest: -8n },
      ...{ whole: MIN_64 + 1n, most: -(1n << 62n), top: 1n },
    },
    [0xabcde, 0xff_0123_4567n, -8, MIN_64 + 1n, -(1n << 62n), 1],
  ),
  law(
    "packed_bits",
    skel.PackedBits,
    { start: 0x5a, a: 0x55, b: -131_072, c: 0x2a_aaaa_aaaan, end: 0xa5a5 },
    [0x5a, 0x55, -131_072, 0x2a_aaaa_aaaan, 0xa5a5],
  ),
  law(
    "packed",
    skel.Packed,
    {
      first: 1,
      many: [
        { kind: 2, value: MAX_64 - 2n },
        { kind: 3, value: 0x0123_4567_89ab_cdefn },
      ],
      last: -7,
    },
    [1, 2, MAX_64 - 2n, 3, 0x0123_4567_89ab_cdefn, -7],
  ),
  law(
    "over_aligned",
    skel.OverAligned,
    { first: 1, second: 0xdead_beef, third: 3, fourth: 0xfeed_face_cafe_f00dn },
    [1, 0xdead_beef, 3, 0xfeed_face_cafe_f00dn],
  ),
  law(
    "unions",
    skel.Unions,
    { tag: 9, named: { halves: [0x8000_0001, 0xff00_0002] }, shorts: [-2, 3], end: 8 },
    [9, 0xff00_0002_8000_0001n, -2, 3, 8],
    {
      ...{ tag: 9, end: 8, word: 0x0003_fffe, shorts: Int16Array.of(-2, 3) },
      named: {
        whole: 0xff00_0002_8000_0001n,
        halves: [0x8000_0001, 0xff00_0002],
        bytes: [1, 0, 0, -128, 2, 0, 0, -1],
      },
    },
  ),
  law(
    "anonymous",
    skel.Anonymous,
    { a: 1, b: -2, c: 3, d: 0xffff_fffb_0000_0004n, g: 6 },
    [1, -2, 3, 4, -5, 6],
    { a: 1, b: -2, c: 3, d: 0xffff_fffb_0000_0004n, e: 4, f: -5, g: 6 },
  ),
  law(
    "texts",
    skel.Texts,
    // A byte that is not UTF-8 is a lone surrogate; what follows the first NUL is not seen.
    { plain: "full", odd: "\udcff\udc80é", rows: ["ab", ""] },
    [...Buffer.from("full"), -1, -128, ...new Int8Array(Buffer.from("é")), 0, 97, 98, 0, 0, 0, 0],
  ),
  law(
    "arrays",
    skel.Arrays,
    {
      grid: [
        [1, -2, 3],
        [-4, 32767, -32768],
      ],
      points: [
        [
          { x: -1, y: 1 },
          { x: -2, y: 2 },
        ],
        [
          { x: -3, y: 3 },
          { x: -4, y: 255 },
        ],
      ],
      ...{ totals: [1n, MAX_64], pointers: [MAX_64 - 7n], odd: bytes(1, 2, 255) },
    },
    [1, -2, 3, -4, 32767, -32768, -1, 1, -2, 2, -3, 3, -4, 255, 1, MAX_64, MAX_64 - 7n, 1, 2, 255],
  ),
];

function json(value: unknown): unknown {
  return JSON.parse(JSON.stringify(toJson(value)));
}

describeKernel("the law of codecs, against the kernel", () => {
  // The programs are of SEC("syscall").
  test.skipIf(!since(5, 14)).each(laws)(
    "struct $struct (kernel 5.14)",
    ({ struct, codec, value, members, shows }) => {
      using kernel = KernelLayouts.load();
      const { bss } = kernel;
      const variables = bss as unknown as Record<string, View<object>>;
      variables[`in_${struct}`] = value as View<object>;
      bss.give = [
        ...members.map((member) => BigInt.asUintN(64, member)),
        ...Array(32 - members.length).fill(0n),
      ];

      const { retval } = kernel.programs[struct].testRun();

      // What was encoded here is what the program reads.
      const read = [...bss.seen].slice(0, members.length);
      expect(read.map((member) => BigInt.asIntN(64, member))).toEqual(
        members.map((member) => BigInt.asIntN(64, member)),
      );
      // What the program writes is what is decoded here.
      const written = copy(variables[`out_${struct}`]!);
      expect(json(written)).toEqual(json(shows));
      // Both are the same, byte for byte, padding included; and so is what had been decoded once it is encoded.
      expect(retval).toBe(0);
      expect(encode(codec, written as Input<unknown>)).toEqual(encode(codec, value as Input<unknown>));
    },
  );

  test("every struct of the object has a law", () => {
    const known = new Set(laws.map(({ struct }) => struct));
    using opened = KernelLayouts.open();
    expect(Object.keys(opened.programs).filter((name) => !known.has(name as Law["struct"]))).toEqual([]);
  });
});
