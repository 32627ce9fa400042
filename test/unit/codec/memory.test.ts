import { describe, expect, test } from "vitest";
import { Memory } from "../../../runtime/codec/memory.js";
import { BpfError } from "../../../runtime/errors.js";

type Getter = "u8" | "s8" | "u16" | "s16" | "u32" | "s32" | "u64" | "s64" | "u128" | "s128" | "f32" | "f64";

const bytesOf = (m: Memory): number[] => [...m.bytes(0, m.size)];
const numbers = Array.from({ length: 24 }, (_, i) => 0xf0 - 7 * i);

/** `size` bytes at 3 as the value that they are, worked out from the digits alone. */
function expected(size: number, littleEndian: boolean, signed: boolean): bigint {
  const bytes = numbers.slice(3, 3 + size);
  const digits = (littleEndian ? bytes.reverse() : bytes).map((byte) => byte.toString(16).padStart(2, "0"));
  const value = BigInt(`0x${digits.join("")}`);
  return signed ? BigInt.asIntN(8 * size, value) : value;
}

const set = (m: Memory, method: string, ...args: unknown[]): void =>
  (m as unknown as Record<string, (...args: unknown[]) => void>)[method]!(...args);

describe.each([true, false])("littleEndian: %s", (littleEndian) => {
  const integers = [8, 16, 32, 64, 128].flatMap((bits) => [
    { bits, signed: false, get: `u${bits}` as Getter, put: `setU${bits}`, name: `__u${bits}` },
    { bits, signed: true, get: `s${bits}` as Getter, put: `setS${bits}`, name: `__s${bits}` },
  ]);

  describe.each(integers)("$get", ({ bits, signed, get, put }) => {
    const wide = bits > 32;
    const native = (value: bigint): number | bigint => (wide ? value : Number(value));
    const min = signed ? -(2n ** BigInt(bits - 1)) : 0n;
    const max = min + 2n ** BigInt(bits) - 1n;

    test("reads unaligned bytes", () => {
      const m = new Memory(Uint8Array.from(numbers), littleEndian);
      expect(m[get](3)).toBe(native(expected(bits / 8, littleEndian, signed)));
    });

    test.each([min, min + 1n, 0n, 1n, max - 1n, max])("keeps %s and writes nothing else", (value) => {
      const m = new Memory(new Uint8Array(20).fill(0xaa), littleEndian);
      set(m, put, 3, native(value));
      expect(m[get](3)).toBe(native(value));
      const around = bytesOf(m).toSpliced(3, bits / 8);
      expect(new Set(around)).toEqual(new Set([0xaa]));
    });

    test.each([min - 1n, max + 1n, -(2n ** 130n), 2n ** 130n])("refuses %s by RangeError", (value) => {
      const m = new Memory(new Uint8Array(20).fill(0xaa), littleEndian);
      expect(() => set(m, put, 3, native(value))).toThrow(RangeError);
      expect(new Set(bytesOf(m))).toEqual(new Set([0xaa]));
    });

    const wrongKind = [undefined, null, "1", true, {}, [], Symbol("s"), Object.create(null), wide ? 1 : 1n];
    test.each(wrongKind.map((value) => [value]))("refuses %o by TypeError", (value) => {
      const m = new Memory(new Uint8Array(20).fill(0xaa), littleEndian);
      expect(() => set(m, put, 3, value)).toThrow(TypeError);
      expect(() => set(m, put, 3, value)).toThrow(/ takes a (number|bigint), not /);
      expect(new Set(bytesOf(m))).toEqual(new Set([0xaa]));
    });

    if (!wide) {
      test.each([Number.NaN, Infinity, -Infinity, 0.5, -0.1, 1e300, 2 ** 53])("refuses %s", (value) => {
        const m = new Memory(new Uint8Array(20).fill(0xaa), littleEndian);
        expect(() => set(m, put, 3, value)).toThrow(RangeError);
        expect(new Set(bytesOf(m))).toEqual(new Set([0xaa]));
      });

      test("takes -0 for 0", () => {
        const m = Memory.alloc(4, littleEndian);
        set(m, put, 0, -0);
        expect(m[get](0)).toBe(0);
      });
    }

    test("refuses a place that is not inside, writing nothing", () => {
      const size = bits / 8;
      const m = new Memory(new Uint8Array(20).fill(0xaa), littleEndian);
      for (const at of [-1, -size, 20, 21 - size]) {
        expect(() => m[get](at)).toThrow(RangeError);
        expect(() => set(m, put, at, native(1n))).toThrow(RangeError);
      }
      expect(new Set(bytesOf(m))).toEqual(new Set([0xaa]));
      set(m, put, 20 - size, native(1n));
      expect(m[get](20 - size)).toBe(native(1n));
    });
  });

  test("float and double", () => {
    const m = Memory.alloc(16, littleEndian);
    m.setF32(1, 0.1);
    expect(m.f32(1)).toBe(Math.fround(0.1));
    m.setF64(5, 0.1);
    expect(m.f64(5)).toBe(0.1);
    const tenth = [0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a];
    expect([...m.bytes(5, 8)]).toEqual(littleEndian ? tenth.reverse() : tenth);
    for (const value of [0, -0, Infinity, -Infinity, Number.NaN]) {
      m.setF32(0, value);
      expect(m.f32(0)).toBe(value);
      m.setF64(0, value);
      expect(m.f64(0)).toBe(value);
    }
    m.setF32(0, 2 ** -160);
    expect(m.f32(0)).toBe(0);
    m.setF32(0, 1);
    for (const value of [1e39, -1e39, Number.MAX_VALUE])
      expect(() => m.setF32(0, value)).toThrow(new RangeError(`${value} does not fit float`));
    for (const value of [1n, "1", undefined, null, {}]) {
      expect(() => set(m, "setF32", 0, value)).toThrow(TypeError);
      expect(() => set(m, "setF64", 0, value)).toThrow(TypeError);
    }
    expect(m.f32(0)).toBe(1);
  });

  test("_Bool", () => {
    const m = new Memory(Uint8Array.of(0, 1, 2, 255), littleEndian);
    expect([0, 1, 2, 3].map((at) => m.bool(at))).toEqual([false, true, true, true]);
    m.setBool(0, true);
    m.setBool(3, false);
    expect(bytesOf(m)).toEqual([1, 1, 2, 0]);
    for (const value of [0, 1, "true", undefined, null])
      expect(() => set(m, "setBool", 1, value)).toThrow(TypeError);
    expect(bytesOf(m)).toEqual([1, 1, 2, 0]);
  });

  describe("bit-fields", () => {
    /** The memory as one row of bits, in the order in which the compiler counts them. */
    const row = (m: Memory): number[] =>
      bytesOf(m).flatMap((byte) => {
        const bits = [...byte.toString(2).padStart(8, "0")].map(Number);
        return littleEndian ? bits.reverse() : bits;
      });
    /** What the bits of a field are as a number: the first is the lowest, or on big-endian the highest. */
    const asNumber = (bits: readonly number[]): bigint =>
      BigInt(`0b${(littleEndian ? bits.toReversed() : bits).join("")}`);

    test.each(Array.from({ length: 64 }, (_, i) => i + 1))("%i bits at every place", (width) => {
      for (const at of [0, 2]) {
        for (const bit of [0, 1, 3, 7, 8, 13, 31, 32, 40, 63]) {
          const fill = Uint8Array.from(numbers);
          const m = new Memory(fill, littleEndian);
          const before = row(m);
          const from = 8 * at + bit;
          const inside = asNumber(before.slice(from, from + width));
          expect(m.ubits64(at, bit, width)).toBe(inside);
          expect(m.sbits64(at, bit, width)).toBe(BigInt.asIntN(width, inside));
          if (width <= 32) {
            expect(m.ubits(at, bit, width)).toBe(Number(inside));
            expect(m.sbits(at, bit, width)).toBe(Number(BigInt.asIntN(width, inside)));
          }
          const max = 2n ** BigInt(width) - 1n;
          const half = 2n ** BigInt(width - 1);
          const cases: [
            put: string,
            get: "ubits" | "sbits" | "ubits64" | "sbits64",
            low: bigint,
            high: bigint,
          ][] = [
            ["setUbits64", "ubits64", 0n, max],
            ["setSbits64", "sbits64", -half, half - 1n],
          ];
          if (width <= 32)
            cases.push(["setUbits", "ubits", 0n, max], ["setSbits", "sbits", -half, half - 1n]);
          for (const [put, get, low, high] of cases) {
            const native = (value: bigint): number | bigint => (get.endsWith("64") ? value : Number(value));
            for (const value of [low, high, 0n, asNumber(before.slice(70, 70 + width)) & (half - 1n)]) {
              set(m, put, at, bit, width, native(value));
              expect(m[get](at, bit, width)).toBe(native(value));
              const now = row(m);
              expect(asNumber(now.slice(from, from + width))).toBe(BigInt.asUintN(width, value));
              expect(now.toSpliced(from, width)).toEqual(before.toSpliced(from, width));
            }
            const kept = bytesOf(m);
            for (const value of [low - 1n, high + 1n])
              expect(() => set(m, put, at, bit, width, native(value))).toThrow(
                new RangeError(
                  `${value} does not fit ${get.startsWith("s") ? "signed" : "unsigned"} bit-field of ${width} bits`,
                ),
              );
            expect(bytesOf(m)).toEqual(kept);
          }
        }
      }
    });

    test("take only their kind of value", () => {
      const m = Memory.alloc(8, littleEndian);
      for (const put of ["setUbits", "setSbits"]) {
        for (const value of [1n, "1", true, undefined, null, {}])
          expect(() => set(m, put, 0, 3, 7, value)).toThrow(
            /^(un)?signed bit-field of 7 bits takes a number, not /,
          );
        for (const value of [Number.NaN, 0.5, Infinity])
          expect(() => set(m, put, 0, 3, 7, value)).toThrow(RangeError);
        set(m, put, 0, 3, 7, -0);
      }
      for (const put of ["setUbits64", "setSbits64"])
        for (const value of [1, "1", true, undefined, null, {}])
          expect(() => set(m, put, 0, 3, 7, value)).toThrow(
            /^(un)?signed bit-field of 7 bits takes a bigint, not /,
          );
      expect(() => set(m, "setUbits", 0, 0, 7, 1n)).toThrow(TypeError);
      expect(() => set(m, "setUbits64", 0, 0, 40, 1)).toThrow(TypeError);
      expect(new Set(bytesOf(m))).toEqual(new Set([0]));
    });

    test("write nothing when they do not lie inside", () => {
      const m = new Memory(new Uint8Array(4).fill(0xaa), littleEndian);
      expect(() => m.ubits(0, 20, 20)).toThrow(RangeError);
      expect(() => m.setUbits(0, 20, 20, 1)).toThrow(RangeError);
      expect(() => m.setSbits(-1, 0, 20, 1)).toThrow(RangeError);
      expect(() => m.setUbits64(0, 5, 60, 1n)).toThrow(RangeError);
      expect(() => m.setSbits64(2, 5, 20, 1n)).toThrow(RangeError);
      expect(new Set(bytesOf(m))).toEqual(new Set([0xaa]));
    });
  });
});

describe("bytes", () => {
  test("are copied, and stay inside", () => {
    const under = Uint8Array.from(numbers);
    const m = new Memory(under);
    const copied = m.bytes(2, 3);
    copied[0] = 0;
    expect(under[2]).toBe(numbers[2]);
    expect(m.bytes(24, 0)).toEqual(new Uint8Array(0));
    expect(Memory.alloc(0).bytes(0, 0)).toEqual(new Uint8Array(0));
    for (const [at, length] of [
      [-1, 2],
      [0, -1],
      [0, 25],
      [24, 1],
      [25, 0],
      [Number.NaN, 1],
    ] as const) {
      expect(() => m.bytes(at, length)).toThrow(RangeError);
      expect(() => m.zero(at, length)).toThrow(RangeError);
      expect(() => m.text(at, length)).toThrow(RangeError);
      expect(() => m.keyText(at, length)).toThrow(RangeError);
      expect(() => m.setText(at, length, "")).toThrow(RangeError);
    }
    expect(() => m.setBytes(23, Uint8Array.of(1, 2))).toThrow(RangeError);
    expect(() => m.setBytes(-1, Uint8Array.of(1, 2))).toThrow(RangeError);
    expect([...under]).toEqual(numbers);
  });

  test("are copied out of a Buffer too", () => {
    const under = Buffer.from("0102030405060708", "hex");
    const copied = new Memory(under).bytes(1, 2);
    expect(copied.constructor).toBe(Uint8Array);
    copied[0] = 9;
    expect(under[1]).toBe(2);
    new Memory(under).setU8(0, 7);
    expect(under[0]).toBe(7);
  });

  test("zero() and setBytes() write what they say", () => {
    const m = new Memory(new Uint8Array(6).fill(0xaa));
    m.zero(1, 2);
    m.setBytes(4, Uint8Array.of(1, 2));
    expect(bytesOf(m)).toEqual([0xaa, 0, 0, 0xaa, 1, 2]);
  });

  test("a subarray is worked on at its place", () => {
    const under = new Uint8Array(16);
    const m = new Memory(under.subarray(4, 12), true);
    m.setU32(0, 0x04030201);
    expect(m.size).toBe(8);
    expect([...under.subarray(3, 9)]).toEqual([0, 1, 2, 3, 4, 0]);
  });
});

describe("states", () => {
  const reads: [string, ...unknown[]][] = [
    ...["u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64", "u128", "s128", "f32", "f64", "bool"].map(
      (name): [string, number] => [name, 0],
    ),
    ["text", 0, 4],
    ["text", 0, 0],
    ["keyText", 0, 4],
    ["bytes", 0, 4],
    ["bytes", 0, 0],
    ["ubits", 0, 0, 3],
    ["sbits", 0, 0, 3],
    ["ubits64", 0, 0, 33],
    ["sbits64", 0, 0, 33],
  ];
  const writes: [string, ...unknown[]][] = [
    ...["8", "16", "32"].flatMap((n): [string, number, number][] => [
      [`setU${n}`, 0, 1],
      [`setS${n}`, 0, 1],
    ]),
    ...["64", "128"].flatMap((n): [string, number, bigint][] => [
      [`setU${n}`, 0, 1n],
      [`setS${n}`, 0, 1n],
    ]),
    ["setF32", 0, 1],
    ["setF64", 0, 1],
    ["setBool", 0, true],
    ["setText", 0, 4, "x"],
    ["setText", 0, 4, ""],
    ["setText", 0, 0, ""],
    ["setBytes", 0, Uint8Array.of(1)],
    ["setBytes", 0, new Uint8Array(0)],
    ["zero", 0, 1],
    ["setUbits", 0, 0, 3, 1],
    ["setSbits", 0, 0, 3, 1],
    ["setUbits64", 0, 0, 33, 1n],
    ["setSbits64", 0, 0, 33, 1n],
  ];
  const caught = (act: () => unknown): unknown => {
    try {
      act();
    } catch (error) {
      return error;
    }
    return undefined;
  };

  test("every method of Memory is in these tables", () => {
    const named = new Set([...reads, ...writes].map(([name]) => name));
    const all = Object.getOwnPropertyNames(Memory.prototype);
    expect(all.filter((name) => !named.has(name))).toEqual(["constructor", "size", "seal", "release"]);
  });

  test.each(reads)("sealed memory reads: %s", (name, ...args) => {
    const m = new Memory(new Uint8Array(32).fill(1));
    const before = caught(() => set(m, name, ...args));
    m.seal("x: rodata");
    expect(caught(() => set(m, name, ...args))).toBe(before);
    expect(m.size).toBe(32);
  });

  test.each(writes)("sealed memory refuses: %s", (name, ...args) => {
    const bytes = new Uint8Array(32).fill(0xaa);
    const m = new Memory(bytes);
    m.seal("x: rodata", "is what it is");
    const error = caught(() => set(m, name, ...args)) as BpfError;
    expect(error).toBeInstanceOf(BpfError);
    expect([error.code, error.message]).toEqual(["ERR_BPF_STATE", "x: rodata: is what it is"]);
    expect(new Set(bytes)).toEqual(new Set([0xaa]));
  });

  test.each([...reads, ...writes])("released memory refuses: %s", (name, ...args) => {
    for (const sealed of [false, true]) {
      const bytes = new Uint8Array(32).fill(0xaa);
      const m = new Memory(bytes);
      if (sealed) m.seal("x");
      m.release("map x");
      const error = caught(() => set(m, name, ...args)) as BpfError;
      expect(error).toBeInstanceOf(BpfError);
      expect([error.code, error.message]).toEqual([
        "ERR_BPF_CLOSED",
        "map x: is closed — use it before close()",
      ]);
      expect(new Set(bytes)).toEqual(new Set([0xaa]));
    }
  });

  test("there is no way back", () => {
    const m = Memory.alloc(8);
    m.release("map x");
    expect(() => m.seal("map x")).toThrow(/is closed/);
    expect(() => m.size).toThrow(/is closed/);
    expect(() => m.setU8(0, 1)).toThrow(/is closed/);
  });
});
