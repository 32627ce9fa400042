import { expect, it } from "vitest";
import { ByteReader, FormatError, quote, StringTable } from "../../../runtime/btf/index.js";

const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 0x87, 0x88);

it("reads either byte order", () => {
  const little = new ByteReader(bytes, true, "x");
  const big = new ByteReader(bytes, false, "x");
  expect([little.u8(1), little.u16(1), little.u32(0), little.s32(4)]).toEqual([
    2, 0x0302, 0x04030201, -0x7778f9fb,
  ]);
  expect([big.u8(1), big.u16(1), big.u32(0), big.s32(4)]).toEqual([2, 0x0203, 0x01020304, 0x05068788]);
  expect([little.u64(0), big.u64(0)]).toEqual([0x8887060504030201n, 0x0102030405068788n]);
  expect(big.bytes(2, 3)).toEqual(Uint8Array.of(3, 4, 5));
});

it("takes offsets up to 2^53", () => {
  const offset = (...words: number[]): number =>
    new ByteReader(Uint8Array.of(...words), false, "x").offset(0);
  expect(offset(0, 0x1f, 255, 255, 255, 255, 255, 255)).toBe(Number.MAX_SAFE_INTEGER);
  expect(() => offset(0, 0x20, 0, 0, 0, 0, 0, 0)).toThrow(
    new FormatError("x", "absurd 64-bit number at byte 0"),
  );
});

it("copies nothing, and does not let a Buffer through", () => {
  const buffer = Buffer.from([0, 1, 2, 3]);
  const part = new ByteReader(buffer, true, "x").bytes(1, 2);
  expect(Buffer.isBuffer(part)).toBe(false);
  expect(part.buffer).toBe(buffer.buffer);
});

it.each<[string, (reader: ByteReader) => unknown]>([
  ["past the end", (reader) => reader.u32(5)],
  ["at the end", (reader) => reader.u8(8)],
  ["before the start", (reader) => reader.u16(-1)],
  ["nowhere", (reader) => reader.u64(Number.NaN)],
  ["far away", (reader) => reader.offset(2 ** 52)],
  ["too many bytes", (reader) => reader.bytes(0, 9)],
  ["a negative number of bytes", (reader) => reader.bytes(4, -1)],
  ["text at the end", (reader) => reader.cstring(8)],
  ["text without an end", (reader) => reader.cstring(0)],
])("refuses to read %s", (_, read) => {
  expect(() => read(new ByteReader(bytes, true, "here"))).toThrow(FormatError);
  expect(() => read(new ByteReader(bytes, true, "here"))).toThrow(/^here: /);
});

it("reads text up to its NUL", () => {
  const reader = new ByteReader(Uint8Array.of(0x61, 0x62, 0, 0x63), true, "x");
  expect([reader.cstring(0), reader.cstring(1), reader.cstring(2)]).toEqual(["ab", "b", ""]);
});

it("looks names up by offset", () => {
  const table = new StringTable(Uint8Array.of(0, 0x61, 0x62, 0, 0x63));
  expect([table.at(0, "x"), table.at(1, "x"), table.at(2, "x"), table.at(1, "x")]).toEqual([
    "",
    "ab",
    "b",
    "ab",
  ]);
  for (const offset of [4, 5, 2 ** 32])
    expect(() => table.at(offset, "x")).toThrow(
      new FormatError("x", `no name at ${offset} of the 5-byte string table`),
    );
});

it("quotes names for messages", () => {
  expect(quote('a"\n')).toBe('"a\\"\\n"');
  expect(quote("x".repeat(1000))).toBe(`"${"x".repeat(64)}…"`);
});

it("names what is wrong where", () => {
  const error = new FormatError('section 4 ".maps"', "too small");
  expect(error).toMatchObject({
    name: "FormatError",
    where: 'section 4 ".maps"',
    message: 'section 4 ".maps": too small',
  });
});
