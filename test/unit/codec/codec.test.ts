import { describe, expect, test } from "vitest";
import * as codecs from "../../../runtime/codec/codec.js";
import { decode, encode, type KeyForm } from "../../../runtime/codec/codec.js";
import { hostLittleEndian, Memory } from "../../../runtime/codec/memory.js";
import type { Codec } from "../../../runtime/codec/types.js";
import { structCodec } from "./layout.js";

const codecNamed: typeof codecs = { ...codecs };
const foreign = !hostLittleEndian;
/** A value of a type that `tsc` would refuse here. */
const wrong = (value: unknown): never => value as never;

describe("decode() and encode()", () => {
  test.each<[Codec<unknown>, unknown, number]>([
    [wrong(codecs.u8), 200, 1],
    [wrong(codecs.s8), -100, 1],
    [wrong(codecs.u16), 60_000, 2],
    [wrong(codecs.s16), -30_000, 2],
    [wrong(codecs.u32), 4_000_000_000, 4],
    [wrong(codecs.s32), -2_000_000_000, 4],
    [wrong(codecs.u64), 2n ** 64n - 1n, 8],
    [wrong(codecs.s64), -(2n ** 63n), 8],
    [wrong(codecs.u128), 2n ** 128n - 1n, 16],
    [wrong(codecs.s128), -(2n ** 127n), 16],
    [wrong(codecs.f32), 1.5, 4],
    [wrong(codecs.f64), Math.PI, 8],
    [wrong(codecs.bool), true, 1],
    [wrong(codecs.ptr), 0xffff_8881_0000_0000n, 8],
    [wrong(codecs.text(5)), "bash", 5],
    [wrong(codecs.bytes(3)), Uint8Array.of(1, 2, 3), 3],
    [wrong(codecs.array(codecs.bool, 2)), [true, false], 2],
    [
      wrong(codecs.array(codecs.array(codecs.u128, 2), 2)),
      [
        [1n, 2n],
        [3n, 4n],
      ],
      64,
    ],
    [wrong(codecs.tuple(codecs.text(2), 2)), ["a", "bc"], 4],
  ])("%# are each other's inverse", (codec, value, size) => {
    expect(codec.size).toBe(size);
    const bytes = encode(codec, value as never);
    expect(bytes.length).toBe(size);
    expect(decode(codec, bytes)).toEqual(value);
    expect(decode(codec, Buffer.concat([Buffer.from([7]), bytes]).subarray(1))).toEqual(value);
  });

  test("too few bytes are a RangeError, more are not", () => {
    expect(() => decode(codecs.u32, new Uint8Array(3))).toThrow(
      new RangeError("3 bytes are too few for a value of 4"),
    );
    expect(decode(codecs.u8, Uint8Array.of(1, 2))).toBe(1);
  });

  test("what does not fit is refused", () => {
    expect(() => encode(codecs.u8, 256)).toThrow(new RangeError("256 does not fit __u8"));
    expect(() => encode(codecs.u8, wrong("1"))).toThrow(new TypeError("__u8 takes a number, not string '1'"));
    expect(() => encode(codecs.u64, wrong(1))).toThrow(new TypeError("__u64 takes a bigint, not number 1"));
    expect(() => encode(codecs.s32, wrong(undefined))).toThrow(
      new TypeError("__s32 takes a number, not undefined"),
    );
    expect(() => encode(codecs.s128, 2n ** 127n)).toThrow(/ does not fit __int128$/);
    expect(() => encode(codecs.bool, wrong(1))).toThrow(new TypeError("_Bool takes a boolean, not number 1"));
  });
});

describe("typed arrays", () => {
  const kinds = [
    ["u8Array", Uint8Array, 1],
    ["s8Array", Int8Array, 1],
    ["u16Array", Uint16Array, 2],
    ["s16Array", Int16Array, 2],
    ["u32Array", Uint32Array, 4],
    ["s32Array", Int32Array, 4],
    ["u64Array", BigUint64Array, 8],
    ["s64Array", BigInt64Array, 8],
    ["f32Array", Float32Array, 4],
    ["f64Array", Float64Array, 8],
  ] as const;
  const cases = kinds.flatMap(([name, Constructor, size]) =>
    [3, 40].flatMap((length) =>
      [hostLittleEndian, foreign].map((littleEndian) => ({ name, Constructor, size, length, littleEndian })),
    ),
  );

  test.each(cases)("$name($length), littleEndian $littleEndian", (of) => {
    const { name, Constructor, size, length, littleEndian } = of;
    const codec = codecNamed[name](length) as unknown as Codec<ArrayLike<number | bigint>>;
    expect(codec.size).toBe(size * length);
    const wide = name.includes("64") && !name.startsWith("f");
    const items = Array.from({ length }, (_, i) => (wide ? BigInt(i + 1) : i + 1));
    const m = Memory.alloc(codec.size + 3, littleEndian);
    codec.encode(m, 3, items);
    const value = codec.decode(m, 3);
    expect(value).toBeInstanceOf(Constructor);
    expect(Array.from(value)).toEqual(items);
    const lowest = 3 + (littleEndian ? 0 : size - 1);
    if (!name.startsWith("f")) expect(m.u8(lowest)).toBe(1);

    // From a typed array, from what is only like an array, from a view.
    for (const input of [value, { ...items, length }, codec.view(m, 3), Array.from(value)]) {
      const to = Memory.alloc(codec.size + 3, littleEndian);
      codec.encode(to, 3, input as never);
      expect(to.bytes(0, to.size)).toEqual(m.bytes(0, m.size));
    }

    // A copy, both ways.
    const changed = value as unknown as Record<number, unknown>;
    changed[0] = wide ? 9n : 9;
    expect(codec.decode(m, 3)[0]).toEqual(items[0]);
  });

  test("refuse other lengths, and name the element that does not fit", () => {
    const codec = codecs.u16Array(3);
    for (const value of [[1, 2], [1, 2, 3, 4], new Uint16Array(4), []])
      expect(() => encode(codec, value)).toThrow(
        new RangeError(`${value.length} elements do not fit an array of 3`),
      );
    for (const value of ["123", 3, null, undefined, {}, () => 0])
      expect(() => encode(codec, wrong(value))).toThrow(/^an array of 3 elements takes an array, not /);
    expect(() => encode(codec, [1, 70_000, 3])).toThrow(new RangeError("[1]: 70000 does not fit __u16"));
    expect(() => encode(codec, [1, 2, wrong(3n)])).toThrow(
      new TypeError("[2]: __u16 takes a number, not bigint 3"),
    );
    expect(() => encode(codec, new Uint32Array([1, 2, 70_000]))).toThrow(/^\[2\]: 70000/);
    expect(() => encode(codec, new Int16Array([1, -2, 3]))).toThrow(/^\[1\]: -2/);
    expect(() => encode(codecs.f32Array(2), [1, 1e300])).toThrow(/^\[1\]: 1e\+300 does not fit float/);
  });
});

describe("arrays", () => {
  test("nest, and name the element that does not fit", () => {
    const codec = codecs.array(codecs.array(codecs.bool, 2), 2);
    expect(() =>
      encode(codec, [
        [true, false],
        [true, wrong(1)],
      ]),
    ).toThrow(new TypeError("[1][1]: _Bool takes a boolean, not number 1"));
    expect(() => encode(codec, [[true, false], [true]])).toThrow(
      new RangeError("[1]: 1 elements do not fit an array of 2"),
    );
    expect(encode(codec, { 0: { 0: true, 1: true, length: 2 }, 1: [false, true], length: 2 })).toEqual(
      Uint8Array.of(1, 1, 0, 1),
    );
  });

  test("the stack of an error has the path too", () => {
    try {
      encode(codecs.array(codecs.bool, 1), [wrong(1)]);
      expect.unreachable();
    } catch (error) {
      expect((error as Error).stack).toContain("[0]: _Bool takes a boolean");
    }
  });
});

describe("flexible arrays", () => {
  const numbers = codecs.u16Array(0);
  const flags = codecs.array(codecs.bool, 0);
  const pairs = codecs.array(structCodec(4, { a: [0, codecs.u16], b: [2, codecs.u16] }), 0);
  const m = new Memory(Uint8Array.of(1, 0, 2, 0, 3, 0, 4, 0), true);

  test.each([
    [undefined, 0],
    [0, 0],
    [-4, 0],
    [1, 0],
    [2, 1],
    [3, 1],
    [8, 4],
  ])("a rest of %s bytes has %i elements of 2 bytes", (size, count) => {
    expect(numbers.decode(m, 0, size)).toEqual(Uint16Array.from([1, 2, 3, 4].slice(0, count)));
    expect(flags.decode(m, 0, size)).toHaveLength(Math.max(0, size ?? 0));
    expect(pairs.decode(m, 0, size)).toHaveLength(Math.max(0, Math.floor((size ?? 0) / 4)));
  });

  test("take no room, and are not written", () => {
    expect([numbers.size, flags.size, pairs.size]).toEqual([0, 0, 0]);
    const before = m.bytes(0, 8);
    for (const value of [[], [1, 2], new Uint16Array(9), undefined]) numbers.encode(m, 0, wrong(value));
    flags.encode(m, 0, [true]);
    expect(m.bytes(0, 8)).toEqual(before);
    expect(decode(numbers, Uint8Array.of(1, 0, 2, 0))).toHaveLength(2);
    expect(encode(numbers, [1])).toEqual(new Uint8Array(0));
  });

  test("more than there is memory is a RangeError", () => {
    expect(() => numbers.decode(m, 0, 1000)).toThrow(RangeError);
    expect(() => numbers.decode(m, 0, 10)).toThrow(RangeError);
    expect(() => pairs.decode(m, 0, 12)).toThrow(RangeError);
  });
});

describe("key form", () => {
  const keyForm = <T>(codec: Codec<T>): Codec<T> | undefined => (codec as KeyForm<T>).keyForm;

  test("only of what has text in it", () => {
    expect(keyForm(codecs.u32)).toBeUndefined();
    expect(keyForm(codecs.u8Array(4))).toBeUndefined();
    expect(keyForm(codecs.array(codecs.u128, 4))).toBeUndefined();
    expect(keyForm(structCodec(4, { a: [0, codecs.u32] }))).toBeUndefined();
  });

  test("keeps what follows the first NUL, however deep, and the same bytes come back", () => {
    const bytes = Uint8Array.of(1, 0x61, 0, 0x62, 0, 0x63, 0, 0, 0x64);
    const codec = structCodec(9, {
      id: [0, codecs.u8],
      inner: [1, structCodec(4, { ["__proto__"]: [0, codecs.text(4)] })],
      texts: [5, codecs.array(codecs.text(2), 2)],
    });
    const key = keyForm(codec)!;
    expect(key.size).toBe(9);
    expect(decode(key, bytes)).toEqual({
      id: 1,
      inner: Object.fromEntries([["__proto__", "a\0b"]]),
      texts: ["c", "\0d"],
    });
    expect(encode(key, decode(key, bytes) as never)).toEqual(bytes);
    expect(encode(codec, decode(key, bytes) as never)).toEqual(bytes);
    expect(encode(codec, decode(codec, bytes) as never)).not.toEqual(bytes);
  });
});

describe("bit-fields", () => {
  test("lie at their bit, from the codec's place on", () => {
    const m = new Memory(Uint8Array.of(0, 0, 0b1010_0110), true);
    expect(codecs.bits(8, 3, false).decode(m, 1)).toBe(6);
    expect(codecs.bits(8, 3, true).decode(m, 1)).toBe(-2);
    expect(codecs.bits64(16, 4, true).view(m, 0)).toBe(6n);
    expect(codecs.bitBool(23).decode(m, 0)).toBe(true);
    codecs.bitBool(23).encode(m, 0, false);
    codecs.bits64(19, 2, false).encode(m, 0, 3n);
    expect(m.u8(2)).toBe(0b0011_1110);
    expect(() => codecs.bitBool(23).encode(m, 0, wrong(1))).toThrow(TypeError);
    expect(() => codecs.bits(0, 3, true).encode(m, 0, 4)).toThrow(
      /4 does not fit signed bit-field of 3 bits/,
    );
  });
});
