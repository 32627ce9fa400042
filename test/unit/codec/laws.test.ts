import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Memory } from "../../../runtime/codec/memory.js";
import { copy, toJson } from "../../../runtime/codec/view.js";
import { anyComposite, anyLayout, codecOf, type Layout, type Members, sizeOf, valuesOf } from "./layout.js";

type Bag = Record<string | number, unknown>;

const RUNS = { numRuns: 300 };
const START = 5;

/** A layout, a byte order, and random bytes for it, of which no float is NaN. */
const withBytes = fc
  .tuple(anyLayout, fc.boolean())
  .chain(([type, littleEndian]) =>
    fc
      .uint8Array({ minLength: sizeOf(type), maxLength: sizeOf(type) })
      .map((bytes) => ({ type, littleEndian, bytes: withoutNaN(type, bytes, littleEndian) })),
  );

const withValue = fc
  .tuple(anyComposite, fc.boolean())
  .chain(([type, littleEndian]) => valuesOf(type).map((value) => ({ type, littleEndian, value })));

/** Every place of a type outside unions that is a value by itself. */
function leaves(type: Layout, at: number, visit: (type: Layout, at: number) => void): void {
  if (type.kind === "struct") {
    for (const member of type.members) leaves(member.type, at + member.at, visit);
    for (const { at: offset, size } of type.unions) visit({ kind: "union", size, members: [] }, at + offset);
  } else if (type.kind === "array") {
    for (let i = 0; i < type.length; i++) leaves(type.of, at + i * sizeOf(type.of), visit);
  } else if (type.kind === "numbers") {
    const of: Layout = { kind: "number", of: type.of };
    for (let i = 0; i < type.length; i++) visit(of, at + i * sizeOf(of));
  } else visit(type, at);
}

function withoutNaN(type: Layout, bytes: Uint8Array, littleEndian: boolean): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  leaves(type, 0, (place, at) => {
    if (place.kind !== "number") return;
    if (place.of === "f32" && Number.isNaN(view.getFloat32(at, littleEndian))) view.setUint32(at, 0);
    if (place.of === "f64" && Number.isNaN(view.getFloat64(at, littleEndian))) view.setBigUint64(at, 0n);
  });
  return bytes;
}

/** What must be left of random bytes once they went through decode and encode, worked out by hand. */
function remaining(type: Layout, bytes: Uint8Array, littleEndian: boolean): Uint8Array {
  const left = new Uint8Array(bytes.length);
  leaves(type, 0, (place, at) => {
    if (place.kind === "bits") {
      for (let bit = place.bit; bit < place.bit + place.width; bit++) {
        const mask = littleEndian ? 1 << (bit & 7) : 0x80 >> (bit & 7);
        left[at + (bit >> 3)]! |= bytes[at + (bit >> 3)]! & mask;
      }
      return;
    }
    const own = bytes.slice(at, at + sizeOf(place));
    if (place.kind === "bool") own[0] = own[0] === 0 ? 0 : 1;
    if (place.kind === "text" && own.includes(0)) own.fill(0, own.indexOf(0));
    left.set(own, at);
  });
  return left;
}

/** Holds what was read against what was written, of unions the member that was. */
function expectAlike(type: Layout, read: unknown, written: unknown): void {
  const alike = (members: Members): void => {
    for (const { name, type: of } of members)
      if (Object.hasOwn(written as Bag, name)) expectAlike(of, (read as Bag)[name], (written as Bag)[name]);
  };
  if (type.kind === "struct" || type.kind === "union") {
    alike(type.members);
    if (type.kind === "struct") for (const { members } of type.unions) alike(members);
  } else if (type.kind === "array") {
    expect((read as unknown[]).length).toBe(type.length);
    for (let i = 0; i < type.length; i++) expectAlike(type.of, (read as Bag)[i], (written as Bag)[i]);
  } else if (type.kind === "numbers")
    expect(Array.from(read as number[])).toEqual(Array.from(written as number[]));
  else expect(read).toBe(written);
}

/** Writes a value through a view, member by member wherever that is possible. */
function writeThrough(type: Layout, owner: Bag, name: string | number, value: unknown): void {
  if (type.kind === "array" || type.kind === "numbers") {
    const of: Layout = type.kind === "array" ? type.of : { kind: "number", of: type.of };
    for (let i = 0; i < type.length; i++) writeThrough(of, owner[name] as Bag, i, (value as Bag)[i]);
  } else if (type.kind === "struct") {
    for (const member of type.members)
      writeThrough(member.type, owner[name] as Bag, member.name, (value as Bag)[member.name]);
    for (const { members } of type.unions) writeOne(members, owner[name] as Bag, value as Bag);
  } else if (type.kind === "union") writeOne(type.members, owner[name] as Bag, value as Bag);
  else owner[name] = value;
}

function writeOne(members: Members, view: Bag, value: Bag): void {
  const member = members.find(({ name }) => Object.hasOwn(value, name))!;
  writeThrough(member.type, view, member.name, value[member.name]);
}

function place(bytes: Uint8Array, littleEndian: boolean): Memory {
  const all = new Uint8Array(bytes.length + START + 3).fill(0xee);
  all.set(bytes, START);
  return new Memory(all, littleEndian);
}

describe("laws", () => {
  test("encode(decode(bytes)) is bytes, except what C does not tell either", () => {
    fc.assert(
      fc.property(withBytes, ({ type, littleEndian, bytes }) => {
        const codec = codecOf(type);
        const from = place(bytes, littleEndian);
        const to = place(
          bytes.map((byte) => (type.kind === "bits" ? 0 : ~byte)),
          littleEndian,
        );
        codec.encode(to, START, codec.decode(from, START) as never);
        const expected = place(remaining(type, bytes, littleEndian), littleEndian);
        expect(to.bytes(0, to.size)).toEqual(expected.bytes(0, expected.size));
      }),
      { numRuns: 1500 },
    );
  });

  test("a view encodes as what it shows", () => {
    fc.assert(
      fc.property(withBytes, ({ type, littleEndian, bytes }) => {
        const codec = codecOf(type);
        const to = Memory.alloc(codec.size, littleEndian);
        codec.encode(to, 0, codec.view(place(bytes, littleEndian), START) as never);
        expect(to.bytes(0, to.size)).toEqual(remaining(type, bytes, littleEndian));
      }),
      RUNS,
    );
  });

  test("decode(encode(value)) is value", () => {
    fc.assert(
      fc.property(withValue, ({ type, littleEndian, value }) => {
        const codec = codecOf(type);
        const m = place(new Uint8Array(codec.size).fill(0xaa), littleEndian);
        codec.encode(m, START, value as never);
        const decoded = codec.decode(m, START);
        expectAlike(type, decoded, value);
        const again = place(new Uint8Array(codec.size).fill(0x55), littleEndian);
        codec.encode(again, START, decoded as never);
        expect(again.bytes(0, again.size)).toEqual(m.bytes(0, m.size));
        expect(codec.decode(again, START)).toEqual(decoded);
      }),
      RUNS,
    );
  });

  test("a view reads as decode, and copy() of it is decode", () => {
    fc.assert(
      fc.property(withBytes, ({ type, littleEndian, bytes }) => {
        const codec = codecOf(type);
        const m = place(bytes, littleEndian);
        const view = codec.view(m, START);
        const decoded = codec.decode(m, START);
        expect(toJson(view)).toEqual(toJson(decoded));
        if (typeof view !== "object" || view === null) {
          expect(view).toBe(decoded);
          return;
        }
        expect(copy(view as object)).toEqual(decoded);
        for (const [name, value] of Object.entries(decoded as Bag))
          expect(toJson((view as Bag)[name])).toEqual(toJson(value));
      }),
      RUNS,
    );
  });

  test("writes through a view are encode", () => {
    fc.assert(
      fc.property(withValue, fc.boolean(), ({ type, littleEndian, value }, whole) => {
        const codec = codecOf(type);
        const expected = place(new Uint8Array(codec.size), littleEndian);
        codec.encode(expected, START, value as never);
        const m = place(new Uint8Array(codec.size), littleEndian);
        const view = codec.view(m, START) as Bag;
        const promoted = type.kind === "struct" && type.unions.length > 0;
        if (whole && !promoted && type.kind !== "union") Object.assign(view, value);
        else writeThrough(type, { view }, "view", value);
        expect(m.bytes(0, m.size)).toEqual(expected.bytes(0, expected.size));
      }),
      RUNS,
    );
  });

  test("writes into the members of a decoded union are encode, however deep", () => {
    const inUnion = withValue.map(({ type, littleEndian, value }) => {
      const members = [
        { name: "deep", at: 0, type },
        { name: "raw", at: 0, type: byteArray(sizeOf(type)) },
      ];
      return { union: { kind: "union" as const, size: sizeOf(type), members }, type, littleEndian, value };
    });
    fc.assert(
      fc.property(inUnion, ({ union, type, littleEndian, value }) => {
        const codec = codecOf(union);
        const expected = Memory.alloc(codec.size, littleEndian);
        codec.encode(expected, 0, { deep: value } as never);
        const decoded = codec.decode(Memory.alloc(codec.size, littleEndian), 0) as Bag;
        writeThrough(type, decoded, "deep", value);
        const m = Memory.alloc(codec.size, littleEndian);
        codec.encode(m, 0, decoded as never);
        expect(m.bytes(0, m.size)).toEqual(expected.bytes(0, m.size));
        expect(decoded.raw).toEqual(expected.bytes(0, m.size));
        expectAlike(type, decoded.deep, value);
        expect({ ...decoded }).not.toHaveProperty("deep");
        codec.encode(m, 0, { ...decoded } as never);
        expect(m.bytes(0, m.size)).toEqual(expected.bytes(0, m.size));
      }),
      RUNS,
    );
  });
});

const byteArray = (length: number): Layout => ({ kind: "numbers", of: "u8", length });
