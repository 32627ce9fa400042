import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import * as codecs from "../../../runtime/codec/codec.js";
import { encode } from "../../../runtime/codec/codec.js";
import { Memory } from "../../../runtime/codec/memory.js";
import { struct } from "../../../runtime/codec/struct.js";
import type { Codec, View } from "../../../runtime/codec/types.js";
import { copy, isView, moveView, toJson } from "../../../runtime/codec/view.js";

interface Inner {
  port: number;
  name: string;
}
const Inner: Codec<Inner> = struct<Inner>({
  name: "struct inner",
  size: 8,
  fields: { port: [0, codecs.u16], name: [2, codecs.text(5)] },
  decode: (m, at) => ({ port: m.u16(at), name: m.text(at + 2, 5) }),
  encode(m, at, value) {
    m.setU16(at, value.port);
    m.setText(at + 2, 5, value.name);
  },
});

interface Outer {
  on: boolean;
  low: number;
  inner: Inner;
  pair: [Inner, Inner];
  hist: Uint32Array;
}
const pairCodec = codecs.tuple(Inner, 2);
const histCodec = codecs.u32Array(4);
const Outer: Codec<Outer> = struct<Outer>({
  name: "struct outer",
  size: 48,
  fields: {
    on: [0, codecs.bool],
    low: [0, codecs.bits(12, 5, true)],
    inner: [4, Inner],
    pair: [12, pairCodec],
    hist: [28, histCodec],
  },
  decode: (m, at) => ({
    on: m.bool(at),
    low: m.sbits(at, 12, 5),
    inner: Inner.decode(m, at + 4),
    pair: pairCodec.decode(m, at + 12),
    hist: histCodec.decode(m, at + 28),
  }),
  encode(m, at, value) {
    m.setBool(at, value.on);
    m.setSbits(at, 12, 5, value.low);
    Inner.encode(m, at + 4, value.inner);
    pairCodec.encode(m, at + 12, value.pair);
    histCodec.encode(m, at + 28, value.hist);
  },
});

const value = (): Outer => ({
  on: true,
  low: -3,
  inner: { port: 80, name: "http" },
  pair: [
    { port: 1, name: "one" },
    { port: 2, name: "two" },
  ],
  hist: Uint32Array.of(1, 2, 3, 4),
});
const viewed = (): { m: Memory; view: View<Outer> } => {
  const m = Memory.alloc(60);
  Outer.encode(m, 6, value());
  return { m, view: Outer.view(m, 6) };
};

describe("struct views", () => {
  test("read and write the memory itself", () => {
    const { m, view } = viewed();
    expect([view.on, view.low, view.inner.port, view.inner.name, view.pair[1]!.name, view.hist[3]]).toEqual([
      true,
      -3,
      80,
      "http",
      "two",
      4,
    ]);
    view.on = false;
    view.low = 15;
    view.inner.name = "dns";
    view.pair[0]!.port = 53;
    view.hist[2] = 99;
    expect(Outer.decode(m, 6)).toEqual({
      on: false,
      low: 15,
      inner: { port: 80, name: "dns" },
      pair: [{ port: 53, name: "one" }, value().pair[1]],
      hist: Uint32Array.of(1, 2, 99, 4),
    });
    m.setU16(10, 443);
    expect(view.inner.port).toBe(443);
    expect([...m.bytes(0, 6)]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test("are assigned whole, or not at all", () => {
    const { m, view } = viewed();
    const before = m.bytes(0, m.size);
    const refused: [() => unknown, RegExp][] = [
      [
        () => (view.inner = { port: 1, name: "too long" }),
        /^inner\.name: text of 8 bytes does not fit char\[5\]/,
      ],
      [() => (view.inner = { port: 1 } as never), /^inner\.name: is missing$/],
      [() => (view.pair = [value().inner, { port: -1, name: "" }]), /^pair\[1\]\.port: -1 does not fit/],
      [() => (view.pair[1] = { port: -1, name: "" }), /^\[1\]\.port: -1 does not fit __u16$/],
      [() => (view.hist = [1, 2, 3]), /^hist: 3 elements do not fit an array of 4$/],
      [() => (view.hist = [9, 9, 9, 2 ** 32]), /^hist\[3\]: 4294967296 does not fit __u32$/],
      [() => (view.hist[0] = -1), /^\[0\]: -1 does not fit __u32$/],
      [() => (view.low = 16), /^low: 16 does not fit signed bit-field of 5 bits$/],
      [() => (view.on = 1 as never), /^on: _Bool takes a boolean, not number 1$/],
    ];
    for (const [act, what] of refused) {
      expect(act).toThrow(what);
      expect(m.bytes(0, m.size)).toEqual(before);
    }
    view.inner = { port: 7, name: "x" };
    view.pair = [value().inner, { port: 9, name: "nine" }];
    view.hist = [9, 8, 7, 6];
    expect(copy(view)).toEqual({
      ...value(),
      inner: { port: 7, name: "x" },
      pair: [value().inner, { port: 9, name: "nine" }],
      hist: Uint32Array.of(9, 8, 7, 6),
    });
  });

  test("take views, of the same bytes too", () => {
    const { view } = viewed();
    // biome-ignore lint/correctness/noSelfAssign: it is what is tested
    view.inner = view.inner;
    // biome-ignore lint/correctness/noSelfAssign: it is what is tested
    view.pair = view.pair;
    expect(copy(view)).toEqual(value());
    view.pair = [view.pair[1]!, view.pair[0]!];
    expect(copy(view.pair)).toEqual(value().pair.toReversed());
    view.pair[0] = view.inner;
    expect(copy(view.pair[0]!)).toEqual(value().inner);
    view.inner = view.pair[1]!;
    expect(view.inner.name).toBe("one");
    expect(encode(Outer, view)).toEqual(encode(Outer, copy(view)));
  });

  test("take views of overlapping bytes", () => {
    const Numbers = codecs.u8Array(4);
    const Shifted = struct<{ a: Uint8Array; b: Uint8Array }>({
      name: "struct shifted",
      size: 6,
      fields: { a: [0, Numbers], b: [2, Numbers] },
      decode: (m, at) => ({ a: Numbers.decode(m, at), b: Numbers.decode(m, at + 2) }),
      encode() {},
    });
    const under = Uint8Array.of(1, 2, 3, 4, 5, 6);
    const view = Shifted.view(new Memory(under), 0);
    view.b = view.a;
    expect([...under]).toEqual([1, 2, 1, 2, 3, 4]);
    view.a = view.b;
    expect([...under]).toEqual([1, 2, 3, 4, 3, 4]);
  });

  test("are moved along", () => {
    const m = new Memory(Uint8Array.of(1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 0, 0), true);
    const one = Inner.view(m, 0);
    const many = codecs.u16Array(2).view(m, 0);
    moveView(one, 4);
    moveView(many, 4);
    expect([one.port, many[0], many[1]]).toEqual([3, 3, 4]);
  });

  test("spread says what to do instead", () => {
    const { view } = viewed();
    expect(() => {
      view.inner = { ...view.inner, port: 1 };
    }).toThrow("inner.name: is missing — to spread a view, copy() it: { ...copy(view) }");
    view.inner = { ...copy(view.inner), port: 1 };
    expect(copy(view.inner)).toEqual({ port: 1, name: "http" });
  });

  test("show what they show", () => {
    const { view } = viewed();
    expect(inspect(view)).toBe(inspect(value()));
    expect(inspect(view.pair)).toBe(inspect(value().pair));
    expect(JSON.parse(JSON.stringify(view))).toEqual({ ...value(), hist: [1, 2, 3, 4] });
    expect(Object.keys(toJson(view) as object)).toEqual(["on", "low", "inner", "pair", "hist"]);
    const names: string[] = [];
    for (const name in view) names.push(name);
    expect(names).toEqual(["on", "low", "inner", "pair", "hist"]);
  });

  test("of sealed memory read, and throw when written; of released memory throw", () => {
    const { m, view } = viewed();
    const { inner, hist } = view;
    m.seal("x: rodata");
    expect([view.on, inner.port, hist[0]]).toEqual([true, 80, 1]);
    for (const write of [
      () => (view.on = false),
      () => (view.inner = value().inner),
      () => (inner.port = 1),
      () => (hist[0] = 1),
      () => (view.low = 1),
      () => (view.hist = [1, 2, 3, 4]),
    ])
      expect(write).toThrow(/^x: rodata: is read-only once loaded/);
    expect(Outer.decode(m, 6)).toEqual(value());
    m.release("x: rodata");
    for (const use of [() => view.on, () => inner.port, () => hist[0], () => copy(view), () => [...hist]])
      expect(use).toThrow("x: rodata: is closed — use it before close()");
  });
});

describe("views of records with a flexible array", () => {
  interface Line {
    length: number;
    words: Uint16Array;
  }
  const words = codecs.u16Array(0);
  const Line = struct<Line>({
    name: "struct line",
    size: 2,
    fields: { length: [0, codecs.u16], words: [2, words] },
    flexible: "words",
    decode: (m, at, size) => ({
      length: m.u16(at),
      words: words.decode(m, at + 2, size === undefined ? undefined : size - 2),
    }),
    encode(m, at, value) {
      m.setU16(at, value.length);
      words.encode(m, at + 2, value.words);
    },
  });
  interface Message {
    from: number;
    line: Line;
  }
  const Message = struct<Message>({
    name: "struct message",
    size: 4,
    fields: { from: [0, codecs.u16], line: [2, Line] },
    flexible: "line",
    decode: (m, at, size) => ({
      from: m.u16(at),
      line: Line.decode(m, at + 2, size === undefined ? undefined : size - 2),
    }),
    encode(m, at, value) {
      m.setU16(at, value.from);
      Line.encode(m, at + 2, value.line);
    },
  });
  const memory = (): Memory => new Memory(new Uint8Array(Uint16Array.of(1, 2, 3, 4, 5, 6).buffer));

  test.each([
    [undefined, []],
    [0, []],
    [4, []],
    [5, []],
    [6, [3]],
    [11, [3, 4, 5]],
    [12, [3, 4, 5, 6]],
  ])("a record of %s bytes holds %j", (size, expected) => {
    const view = Message.view(memory(), 0, size);
    expect([view.from, view.line.length, view.line.words.length]).toEqual([1, 2, expected.length]);
    expect([...view.line.words]).toEqual(expected);
    const plain = { from: 1, line: { length: 2, words: Uint16Array.from(expected) } };
    expect(copy(view)).toEqual(plain);
    expect(copy(view.line)).toEqual(plain.line);
    expect(copy(view.line.words)).toEqual(plain.line.words);
    expect(copy(words.view(memory(), 4, size === undefined ? size : size - 4))).toEqual(plain.line.words);
  });

  test("is as long as the record that it is moved to", () => {
    const view = Message.view(memory(), 0, 8);
    expect([...view.line.words]).toEqual([3, 4]);
    moveView(view, 4, 6);
    expect([view.from, [...view.line.words]]).toEqual([3, [5]]);
    const numbers = words.view(memory(), 0, 4);
    expect([...numbers]).toEqual([1, 2]);
    moveView(numbers, 4, 6);
    expect([...numbers]).toEqual([3, 4, 5]);
  });

  test("is written within the record, and not beyond", () => {
    const m = memory();
    const { line } = Message.view(m, 0, 10);
    line.words[2] = 50;
    expect(() => (line.words[3] = 60)).toThrow(/^index 3 is outside an array of 3 elements/);
    expect(() => (line.words = [1, 2])).toThrow(/^words: 2 elements do not fit an array of 3/);
    line.words = [30, 40, 51];
    expect([...new Uint16Array(m.bytes(0, 12).buffer)]).toEqual([1, 2, 30, 40, 51, 6]);
  });

  test("a size that the memory does not have is a RangeError", () => {
    const view = Message.view(memory(), 0, 1000);
    expect(() => view.line.words[100]).toThrow(RangeError);
    expect(() => copy(view)).toThrow(RangeError);
  });
});

describe("array views", () => {
  const made = (): { under: Uint8Array; view: View<Uint8Array> } => {
    const under = Uint8Array.of(9, 1, 2, 3, 9);
    return { under, view: codecs.u8Array(3).view(new Memory(under), 1) };
  };

  test("are like arrays", () => {
    const { view } = made();
    expect(view.length).toBe(3);
    expect([...view]).toEqual([1, 2, 3]);
    expect(Array.from(view)).toEqual([1, 2, 3]);
    expect([view[0], view[2], view[3], view[-1 as number]]).toEqual([1, 3, undefined, undefined]);
    expect([0 in view, 2 in view, 3 in view, "length" in view, (-1) in view]).toEqual([
      true,
      true,
      false,
      true,
      false,
    ]);
    expect(Array.isArray(view)).toBe(true);
    expect(view).toEqual([1, 2, 3]);
    expect(Object.keys(view)).toEqual(["0", "1", "2"]);
    expect(Object.entries(view)).toEqual([
      ["0", 1],
      ["1", 2],
      ["2", 3],
    ]);
    const array = view as unknown as number[];
    expect(array.map((n) => 2 * n)).toEqual([2, 4, 6]);
    expect([array.includes(3), array.indexOf(2), array.at(-1), array.join()]).toEqual([true, 1, 3, "1,2,3"]);
    expect(array.slice(1)).toEqual([2, 3]);
  });

  test.each(["", " ", "01", "1.0", "1e0", "0x1", "-0", "+1", "1.5", "NaN", "Infinity", "foo", "then", "set"])(
    "%j is no index",
    (key) => {
      const { view, under } = made();
      const bag = view as unknown as Record<string, unknown>;
      expect(bag[key]).toBeUndefined();
      expect(key in view).toBe(false);
      expect(() => (bag[key] = 7)).toThrow(TypeError);
      expect([...under]).toEqual([9, 1, 2, 3, 9]);
    },
  );

  test("refuse indexes outside, and a change of length", () => {
    const { view, under } = made();
    const array = view as unknown as number[];
    expect(() => (view[3] = 1)).toThrow(new RangeError("index 3 is outside an array of 3 elements"));
    expect(() => array.push(1)).toThrow(RangeError);
    expect(() => (view[-1 as number] = 1)).toThrow(TypeError);
    for (const act of [
      () => array.pop(),
      () => (array.length = 0),
      () => delete array[0],
      () => Object.defineProperty(array, 0, { value: 1 }),
      () => Object.freeze(array),
      () => Object.setPrototypeOf(array, {}),
      () => ((array as unknown as Record<symbol, unknown>)[Symbol.iterator] = 1),
    ])
      expect(act).toThrow(TypeError);
    expect([...under]).toEqual([9, 1, 2, 3, 9]);
    expect([...codecs.u8Array(1).view(new Memory(under), 0)]).toEqual([9]);
  });

  test("are written in place by what arrays have for that", () => {
    const { view, under } = made();
    const array = view as unknown as number[];
    array.reverse();
    expect([...under]).toEqual([9, 3, 2, 1, 9]);
    array.sort();
    array.copyWithin(0, 1);
    expect([...under]).toEqual([9, 2, 3, 3, 9]);
    array.fill(7);
    expect([...under]).toEqual([9, 7, 7, 7, 9]);
  });

  test("of arrays, and of text", () => {
    const under = new Uint8Array(8);
    const view = codecs.array(codecs.array(codecs.text(2), 2), 2).view(new Memory(under), 0);
    view[1]![0] = "ab";
    expect(Buffer.from(under).toString()).toBe("\0\0\0\0ab\0\0");
    view[0] = view[1]!;
    expect(Buffer.from(under).toString()).toBe("ab\0\0ab\0\0");
    view[0] = ["x", "yz"];
    expect(copy(view)).toEqual([
      ["x", "yz"],
      ["ab", ""],
    ]);
    expect(() => (view[0]![1] = "abc")).toThrow(/^\[1\]: text of 3 bytes/);
  });

  test("of nothing", () => {
    const view = codecs.u32Array(0).view(Memory.alloc(0), 0);
    expect([view.length, [...view], copy(view)]).toEqual([0, [], new Uint32Array(0)]);
  });
});

describe("copy() and toJson()", () => {
  test("copy() takes views only", () => {
    for (const other of [undefined, null, 5, "x", {}, [], new Uint8Array(1), value()])
      expect(() => copy(other as never)).toThrow(/^copy\(\) takes a view of a struct, union or array, not /);
    const { m, view } = viewed();
    const copied = copy(view);
    m.zero(0, m.size);
    expect(copied).toEqual(value());
    expect([isView(view), isView(view.hist), isView(copied), isView(null)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test.each<[unknown, unknown]>([
    [5n, "5"],
    [-(2n ** 127n), "-170141183460469231731687303715884105728"],
    [5, 5],
    ["x", "x"],
    [true, true],
    [null, null],
    [undefined, undefined],
    [Uint8Array.of(1, 255), "01ff"],
    [Buffer.from("abcd").subarray(1, 3), "6263"],
    [new Uint8Array(0), ""],
    [Int8Array.of(-1), [-1]],
    [BigUint64Array.of(1n, 2n ** 64n - 1n), ["1", "18446744073709551615"]],
    [Float32Array.of(0.5), [0.5]],
    [
      [1n, [2n]],
      ["1", ["2"]],
    ],
    [
      { a: 1n, b: { c: Uint8Array.of(0) } },
      { a: "1", b: { c: "00" } },
    ],
    [new Map([[1n, { a: 2n }]]), [["1", { a: "2" }]]],
  ])("toJson(%o)", (from, to) => {
    expect(toJson(from)).toEqual(to);
  });

  test("toJson() of a member named __proto__", () => {
    const json = toJson(Object.fromEntries([["__proto__", 1n]]));
    expect(JSON.stringify(json)).toBe('{"__proto__":"1"}');
  });
});
