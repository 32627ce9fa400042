import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Memory } from "../../../runtime/codec/memory.js";

const utf8 = new TextEncoder();

/** A `char[length]` with these bytes in front and 0xee behind. */
function memory(bytes: Iterable<number>, length: number): Memory {
  const all = new Uint8Array(length + 8).fill(0xee);
  all.fill(0, 4, 4 + length);
  all.set([...bytes], 4);
  return new Memory(all);
}
const read = (bytes: Iterable<number>, length: number): string => memory(bytes, length).text(4, length);
const readKey = (bytes: Iterable<number>, length: number): string => memory(bytes, length).keyText(4, length);

/** What `value` becomes in a `char[length]` that was full of 0xee. */
function write(value: string | Uint8Array, length: number): number[] {
  const m = new Memory(new Uint8Array(length + 8).fill(0xee));
  m.setText(4, length, value);
  const all = [...m.bytes(0, length + 8)];
  expect(all.splice(4, length).length).toBe(length);
  expect(new Set(all)).toEqual(new Set([0xee]));
  return [...m.bytes(4, length)];
}

describe("decoding", () => {
  test.each([
    ["", 0, ""],
    ["", 16, ""],
    ["bash", 16, "bash"],
    ["0123456789abcdef", 16, "0123456789abcdef"],
    ["kworker/0:1\0left over", 32, "kworker/0:1"],
    ["\0left over", 16, ""],
    ["é€😀", 16, "é€😀"],
    ["\uFEFFbom", 16, "\uFEFFbom"],
    ["x".repeat(23), 127, "x".repeat(23)],
    ["x".repeat(24), 127, "x".repeat(24)],
    ["x".repeat(25), 127, "x".repeat(25)],
    ["x".repeat(24), 24, "x".repeat(24)],
    [`${"x".repeat(30)}\0junk`, 127, "x".repeat(30)],
    [`${"x".repeat(24)}\0junk`, 127, "x".repeat(24)],
    [`${"x".repeat(126)}é`, 128, `${"x".repeat(126)}é`],
    ["é\0junk", 16, "é"],
  ])("%j in char[%i]", (bytes, length, text) => {
    expect(read(utf8.encode(bytes), length)).toBe(text);
  });

  test("a character cut at the end keeps its bytes", () => {
    const cut = utf8.encode("abc😀").subarray(0, 6);
    expect(read(cut, 6)).toBe("abc\udcf0\udc9f\udc98");
    expect(write("abc\udcf0\udc9f\udc98", 6)).toEqual([...cut]);
  });

  test.each([
    [[0xff], "\udcff"],
    [[0x80], "\udc80"],
    [[0xc0, 0x80], "\udcc0\udc80"],
    [[0xc3, 0x28], "\udcc3("],
    [[0xed, 0xa0, 0x80], "\udced\udca0\udc80"],
    [[0xed, 0xb2, 0x80], "\udced\udcb2\udc80"],
    [[0xe0, 0x80, 0x80], "\udce0\udc80\udc80"],
    [[0xf0, 0x80, 0x80, 0x80], "\udcf0\udc80\udc80\udc80"],
    [[0xf4, 0x90, 0x80, 0x80], "\udcf4\udc90\udc80\udc80"],
    [[0xf5, 0x41], "\udcf5A"],
    [[0x41, 0xe2, 0x82, 0x42, 0xe2, 0x82, 0xac], "A\udce2\udc82B€"],
    [[0xf0, 0x90, 0x82, 0x80, 0x80], "\u{10080}\udc80"],
  ])("%j is not UTF-8, and comes back", (bytes, text) => {
    expect(read(bytes, 16)).toBe(text);
    expect(write(text, 16)).toEqual([...bytes, ...new Array(16 - bytes.length).fill(0)]);
  });

  test("keys drop trailing NULs only", () => {
    expect(readKey([0x61, 0, 0x62, 0, 0], 8)).toBe("a\0b");
    expect(readKey([0, 0, 0x62], 8)).toBe("\0\0b");
    expect(readKey([], 8)).toBe("");
    expect(readKey([0x61, 0, 0xff, 0, 0], 8)).toBe("a\0\udcff");
    expect(readKey([...utf8.encode("x".repeat(30)), 0, 0x79], 40)).toBe(`${"x".repeat(30)}\0y`);
  });
});

describe("encoding", () => {
  test("fills with zeros, and needs no NUL", () => {
    expect(write("ab", 4)).toEqual([0x61, 0x62, 0, 0]);
    expect(write("abcd", 4)).toEqual([0x61, 0x62, 0x63, 0x64]);
    expect(write("é", 2)).toEqual([0xc3, 0xa9]);
    expect(write("", 0)).toEqual([]);
  });

  test("takes bytes as they are", () => {
    expect(write(Uint8Array.of(0xff, 0, 1), 4)).toEqual([0xff, 0, 1, 0]);
    expect(write(Buffer.from("abc"), 4)).toEqual([0x61, 0x62, 0x63, 0]);
    expect(write(new Uint8Array(0), 2)).toEqual([0, 0]);
  });

  test.each<[string | Uint8Array, number, number]>([
    ["abcde", 4, 5],
    ["€€", 4, 6],
    ["abcé", 4, 5],
    ["a", 0, 1],
    ["\udcff\udcfe", 1, 2],
    [Uint8Array.of(1, 2, 3), 2, 3],
  ])("%j does not fit char[%i]", (value, length, size) => {
    const m = new Memory(new Uint8Array(length).fill(0xee));
    expect(() => m.setText(0, length, value)).toThrow(
      new RangeError(`text of ${size} bytes does not fit char[${length}]`),
    );
    expect(new Set(m.bytes(0, length))).toEqual(new Set(length === 0 ? [] : [0xee]));
  });

  test.each([[5], [5n], [undefined], [null], [["a"]], [{ length: 1 }], [new Uint16Array(1)]])(
    "%o is neither text nor bytes",
    (value) => {
      const m = new Memory(new Uint8Array(4).fill(0xee));
      expect(() => m.setText(0, 4, value as unknown as string)).toThrow(TypeError);
      expect(() => m.setText(0, 4, value as unknown as string)).toThrow(
        /^char\[4\] takes a string or bytes, not /,
      );
      expect([...m.bytes(0, 4)]).toEqual([0xee, 0xee, 0xee, 0xee]);
    },
  );
});

describe("laws", () => {
  const bytesLikeText = fc.oneof(
    fc.uint8Array({ minLength: 0, maxLength: 80 }),
    fc
      .array(
        fc.oneof(
          fc.string({ unit: "binary", maxLength: 8 }).map((text) => utf8.encode(text)),
          fc.uint8Array({ min: 0x80, maxLength: 3 }),
        ),
        { maxLength: 8 },
      )
      .map((parts) => Uint8Array.from(parts.flatMap((part) => [...part]))),
  );

  test("any bytes without NUL come back", () => {
    fc.assert(
      fc.property(bytesLikeText, fc.nat(4), (some, room) => {
        const bytes = some.map((byte) => byte || 0x2e);
        const length = bytes.length + room;
        expect(write(read(bytes, length), length)).toEqual([...bytes, ...new Array(room).fill(0)]);
      }),
      { numRuns: 2000 },
    );
  });

  test("any bytes at all come back from a key", () => {
    fc.assert(
      fc.property(bytesLikeText, fc.nat(4), (bytes, room) => {
        const length = bytes.length + room;
        expect(write(readKey(bytes, length), length)).toEqual([...bytes, ...new Array(room).fill(0)]);
      }),
      { numRuns: 2000 },
    );
  });

  test("any text without NUL comes back", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (some) => {
        const text = some.replaceAll("\0", ".");
        const { length } = utf8.encode(text);
        expect(write(text, length + 2).slice(0, length)).toEqual([...utf8.encode(text)]);
        expect(read(write(text, length + 2), length + 2)).toBe(text);
        expect(read(write(text, length), length)).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  test("valid UTF-8 reads as TextDecoder reads it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), (some) => {
        const bytes = utf8.encode(some.replaceAll("\0", "."));
        expect(read(bytes, bytes.length)).toBe(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
      }),
    );
  });
});
