import { inspect, isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import * as codecs from "../../../runtime/codec/codec.js";
import { decode, encode } from "../../../runtime/codec/codec.js";
import { Memory } from "../../../runtime/codec/memory.js";
import { struct, union } from "../../../runtime/codec/struct.js";
import type { Codec, Input, Union, Unions } from "../../../runtime/codec/types.js";
import { copy, toJson } from "../../../runtime/codec/view.js";
import { structCodec } from "./layout.js";

const wrong = (value: unknown): never => value as never;

interface Port {
  port: number;
  name: string;
}
const Port: Codec<Port> = struct<Port>({
  name: "struct port",
  size: 8,
  fields: { port: [0, codecs.u16], name: [3, codecs.text(4)] },
  decode: (m, at) => ({ port: m.u16(at), name: m.text(at + 3, 4) }),
  encode(m, at, value) {
    m.setU16(at, value.port);
    m.setText(at + 3, 4, value.name);
  },
});

type Addr = Union<{
  v4: number;
  v6: Uint8Array;
  words: Uint16Array;
  port: Port;
  ports: [Port, Port];
  odd: bigint;
}>;
const Addr: Codec<Addr> = union<Addr>({
  name: "union addr",
  size: 16,
  fields: {
    v4: [0, codecs.u32],
    v6: [0, codecs.u8Array(16)],
    words: [0, codecs.u16Array(8)],
    port: [4, Port],
    ports: [0, codecs.tuple(Port, 2)],
    odd: [3, codecs.u64],
  },
});

/** Two anonymous unions, plain members around them, and hostile names. */
interface Packet
  extends Unions<[{ v4: number; v6: Uint8Array }, { sport: number; both: [number, number]; tag: string }]> {
  len: number;
  hash: bigint;
  __proto__: number;
  constructor: never;
}
const packetFields = {
  len: [0, codecs.u8],
  hash: [24, codecs.u64],
  ["__proto__"]: [40, codecs.u8],
  constructor: [41, codecs.u8],
} as const;
const packetParts = [
  { at: 4, size: 16, fields: { v4: [0, codecs.u32], v6: [0, codecs.u8Array(16)] } },
  {
    at: 36,
    size: 4,
    fields: { sport: [0, codecs.u16], both: [0, codecs.array(codecs.u8, 2)], tag: [0, codecs.text(4)] },
  },
] as const;
const all = Object.entries(packetFields);
const Packet: Codec<Packet> = struct<Packet>({
  name: "struct packet",
  size: 48,
  fields: packetFields as never,
  unions: packetParts as never,
  decode: (m, at) =>
    Object.fromEntries(all.map(([name, [offset, codec]]) => [name, codec.decode(m, at + offset)])) as never,
  encode(m, at, value) {
    for (const [name, [offset, codec]] of all)
      codec.encode(m, at + offset, (value as unknown as Record<string, never>)[name]!);
  },
});

const count = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => i + 1);

describe("structs", () => {
  test("padding is zeroed, and only there", () => {
    const m = new Memory(new Uint8Array(12).fill(0xff), true);
    Port.encode(m, 2, { port: 1, name: "a" });
    expect([...m.bytes(0, 12)]).toEqual([255, 255, 1, 0, 0, 0x61, 0, 0, 0, 0, 255, 255]);
  });

  test("an error names the member by its path", () => {
    const Config = structCodec(40, {
      on: [0, codecs.bool],
      ports: [2, codecs.u16Array(4)],
      named: [12, codecs.array(Port, 2)],
      low: [0, codecs.bits(240, 3, false)],
    });
    const Outer = structCodec(40, { cfg: [0, Config] });
    const good = {
      on: true,
      ports: [1, 2, 3, 4],
      named: [
        { port: 1, name: "a" },
        { port: 2, name: "b" },
      ],
      low: 7,
    };
    const error = (value: unknown): string => {
      try {
        encode(Outer, wrong(value));
      } catch (caught) {
        expect((caught as Error).stack).toContain((caught as Error).message);
        return `${(caught as Error).name}: ${(caught as Error).message}`;
      }
      return "none";
    };
    expect(error({ cfg: good })).toBe("none");
    expect(error({ cfg: { ...good, ports: [1, 2, 3, 70_000] } })).toBe(
      "RangeError: cfg.ports[3]: 70000 does not fit __u16",
    );
    expect(error({ cfg: { ...good, on: undefined } })).toBe("TypeError: cfg.on: is missing");
    expect(error({ cfg: { ...good, named: [good.named[0], { port: 2 }] } })).toBe(
      "TypeError: cfg.named[1].name: is missing",
    );
    expect(error({ cfg: { ...good, named: [good.named[0], { port: 2, name: "abcde" }] } })).toBe(
      "RangeError: cfg.named[1].name: text of 5 bytes does not fit char[4]",
    );
    expect(error({ cfg: { ...good, low: 8 } })).toBe(
      "RangeError: cfg.low: 8 does not fit unsigned bit-field of 3 bits",
    );
    expect(error({ cfg: 5 })).toBe("TypeError: cfg: a struct s takes an object, not number");
    expect(error({})).toBe("TypeError: cfg: is missing");
    expect(error(null)).toBe("TypeError: a struct s takes an object, not null");
  });

  test("a bit-field far into a struct is not blamed for another member's fault", () => {
    const codec = structCodec(200, { far: [0, codecs.bits(1500, 4, false)], near: [0, codecs.u8] });
    expect(() => encode(codec, wrong({ far: 1, near: 256 }))).toThrow(/^near: 256 does not fit __u8$/);
  });

  test("hostile names are ordinary names", () => {
    const names = ["__proto__", "constructor", "then", "toString", "hasOwnProperty", "toJSON"];
    const codec = structCodec(6, Object.fromEntries(names.map((name, i) => [name, [i, codecs.u8] as const])));
    const value = decode(codec, count(6));
    expect(Object.entries(value)).toEqual(names.map((name, i) => [name, i + 1]));
    expect(encode(codec, value)).toEqual(count(6));
    const view = codec.view(new Memory(count(6)), 0) as unknown as Record<string, number>;
    for (const [i, name] of names.entries()) {
      expect(view[name]).toBe(i + 1);
      view[name] = 50 + i;
      expect(view[name]).toBe(50 + i);
    }
    expect(Object.keys(copy(view))).toEqual(names);
    expect(Object.keys(toJson(value) as object)).toEqual(names);
  });
});

describe("unions", () => {
  const bytes = count(16);
  const decoded = (): Addr => decode(Addr, bytes);

  test("show every member", () => {
    const addr = decoded();
    expect(addr.v4).toBe(0x04030201);
    expect(addr.v6).toEqual(bytes);
    expect(addr.words).toEqual(Uint16Array.from({ length: 8 }, (_, i) => 2 * i + 1 + ((2 * i + 2) << 8)));
    expect(addr.port).toEqual({ port: 0x0605, name: "\b\t\n\v" });
    expect(addr.ports).toEqual([
      { port: 0x0201, name: "\x04\x05\x06\x07" },
      { port: 0x0a09, name: "\f\r\x0e\x0f" },
    ]);
    expect(addr.odd).toBe(0x0b0a090807060504n);
  });

  test("setting a member changes the others, not the bytes they came from", () => {
    const under = count(16);
    const addr = Addr.decode(new Memory(under, true), 0);
    addr.v4 = 0xffff_ffff;
    expect([...addr.v6.slice(0, 5)]).toEqual([255, 255, 255, 255, 5]);
    addr.v6 = new Uint8Array(16);
    expect([addr.v4, addr.odd, addr.port.port]).toEqual([0, 0n, 0]);
    addr.port = { port: 258, name: "ab" };
    expect([...addr.v6]).toEqual([0, 0, 0, 0, 2, 1, 0, 0x61, 0x62, 0, 0, 0, 0, 0, 0, 0]);
    expect(under).toEqual(count(16));
    expect(encode(Addr, addr)).toEqual(addr.v6);
  });

  test("changing the struct or array that a member reads as changes the union", () => {
    const addr = decoded();
    addr.port.port = 0xaaaa;
    addr.port.name = "x";
    expect([...addr.v6.subarray(4, 12)]).toEqual([0xaa, 0xaa, 7, 0x78, 0, 0, 0, 12]);
    addr.v6[15] = 99;
    addr.words[0] = 0x0101;
    expect(addr.v4 & 0xffff).toBe(0x0101);
    addr.ports[1].name = "end";
    expect([...addr.v6.subarray(11)]).toEqual([...Buffer.from("end\0"), 99]);
    addr.ports[0] = { port: 7, name: "zz" };
    expect(addr.v4).toBe(0x7a000007);
    expect(encode(Addr, addr)).toEqual(addr.v6);
  });

  test("what members read as is as like a decoded value as can be", () => {
    const addr = decoded();
    expect(addr.v6).toBeInstanceOf(Uint8Array);
    expect(addr.words).toBeInstanceOf(Uint16Array);
    expect({ ...addr.port, port: 1 }).toEqual({ port: 1, name: "\b\t\n\v" });
    addr.port = { ...addr.port, port: 1 };
    expect(addr.port.port).toBe(1);
    expect(Object.keys(addr.port)).toEqual(["port", "name"]);
    expect(Array.isArray(addr.ports)).toBe(true);
    expect(addr.ports.map(({ port }) => port)).toEqual([0x0201, 0x0a09]);
    const [first, second] = addr.ports;
    addr.ports = [second, first];
    expect(addr.ports.map(({ port }) => port)).toEqual([0x0a09, 0x0201]);
    addr.port = { port: 1, name: "x" };
    expect(inspect(addr.port)).toBe("{ port: 1, name: 'x' }");
    expect(inspect(addr.ports)).toMatch(/^\[ { port: \d+, name: '.*' }, { port: \d+, name: '.*' } \]$/);
  });

  test("a refused value changes nothing, and names its member", () => {
    const addr = decoded();
    expect(() => (addr.v4 = -1)).toThrow(new RangeError("v4: -1 does not fit __u32"));
    expect(() => (addr.port = { port: 1, name: "too long" })).toThrow(/^port\.name: text of 8 bytes/);
    expect(() => (addr.ports = wrong([{ port: 1, name: "" }, { port: 1 }]))).toThrow(
      /^ports\[1\]\.name: is missing/,
    );
    expect(() => (addr.v6 = wrong([1]))).toThrow(/^v6: 1 elements do not fit an array of 16/);
    expect(addr.v6).toEqual(bytes);
  });

  test("spread keeps the bytes as they were, and deep-equal sees them", () => {
    const addr = decoded();
    const kept = { ...addr };
    addr.v4 = 0;
    expect(encode(Addr, kept)).toEqual(bytes);
    expect(isDeepStrictEqual(decoded(), decoded())).toBe(true);
    expect(isDeepStrictEqual(decoded(), addr)).toBe(false);
    expect(decoded()).toEqual(decoded());
    expect(decoded()).not.toEqual(addr);
    expect(encode(Addr, { ...decoded(), v4: 0 })).toEqual(addr.v6);
    expect(encode(Addr, { ...decoded(), v4: decoded().v4, port: { port: 1, name: "" } })[4]).toBe(1);
    expect(() => encode(Addr, { ...decoded(), v4: 0, port: { port: 1, name: "" } })).toThrow(
      new TypeError(
        "union addr: a union takes exactly one of its members (v4, v6, words, port, ports, odd), v4 and port are given",
      ),
    );
  });

  test("a plain object names exactly one member, the other bytes are zero", () => {
    expect(encode(Addr, { v4: 1 })).toEqual(Uint8Array.of(1, ...new Array(15).fill(0)));
    expect(encode(Addr, { odd: 1n, v4: undefined } as never)[3]).toBe(1);
    const two = { v4: 1, v6: bytes };
    // @ts-expect-error two members at once
    expect(() => encode(Addr, two)).toThrow(/exactly one of its members .*, v4 and v6 are given$/);
    for (const value of [{}, { v4: undefined }, { other: 1 }])
      expect(() => encode(Addr, wrong(value))).toThrow(/exactly one of its members .*, none is given$/);
    expect(() => encode(Addr, wrong(5))).toThrow(new TypeError("a union addr takes an object, not number"));
    expect(() => encode(Addr, { v4: -1 })).toThrow(/^v4: -1 does not fit __u32/);
    expect(() => encode(Addr, { port: { port: -1, name: "" } })).toThrow(/^port\.port: -1/);
  });

  test("whatever was there is overwritten", () => {
    const m = new Memory(new Uint8Array(18).fill(0xee));
    Addr.encode(m, 1, { v4: 0 });
    expect([...m.bytes(0, 18)]).toEqual([0xee, ...new Array(16).fill(0), 0xee]);
  });

  test("a view of the same type is written byte by byte, one of another is not", () => {
    const view = Addr.view(new Memory(bytes), 0);
    expect(encode(Addr, wrong(view))).toEqual(bytes);
    const Other = union<Addr>({ name: "union other", size: 16, fields: { v4: [12, codecs.u32] } as never });
    expect(() => encode(Addr, wrong(Other.view(new Memory(bytes), 0)))).toThrow(/none is given/);
    const Short = union<Addr>({ name: "union short", size: 4, fields: { v4: [0, codecs.u32] } as never });
    expect(() => encode(Addr, wrong(decode(Short, bytes)))).toThrow(/none is given/);
    expect(encode(Addr, wrong({ ...decode(Short, bytes), v4: 7 }))[0]).toBe(7);
  });

  test("in arrays in structs", () => {
    const List = structCodec(40, { n: [0, codecs.u8], addrs: [8, codecs.array(Addr, 2)] });
    const under = count(40).fill(0, 1, 8);
    const list = decode(List, under) as { n: number; addrs: Addr[] };
    expect(encode(List, list)).toEqual(under);
    list.addrs[1]!.port.port = 0;
    expect([...encode(List, list).subarray(28, 30)]).toEqual([0, 0]);
    expect(() => encode(List, wrong({ n: 1, addrs: [list.addrs[0], { v4: 1, odd: 1n }] }))).toThrow(
      /^addrs\[1\]: union addr: a union takes exactly one .* v4 and odd are given$/,
    );
    const view = List.view(new Memory(under), 0) as unknown as { addrs: Addr[] };
    view.addrs[0] = wrong({ v4: 0 });
    expect([...under.subarray(7, 25)]).toEqual([...new Array(17).fill(0), 25]);
    view.addrs[0] = view.addrs[1]!;
    expect(under.subarray(8, 24)).toEqual(under.subarray(24, 40));
    expect(under[8]).toBe(25);
  });

  test("unions in unions, and structs with unions in unions", () => {
    interface Deep {
      addr: Addr;
      packet: Packet;
      raw: Uint8Array;
    }
    const Deep = union<Union<Deep>>({
      name: "union deep",
      size: 48,
      fields: { addr: [8, Addr], packet: [0, Packet], raw: [0, codecs.u8Array(48)] },
    });
    const deep = decode(Deep, count(48));
    deep.addr.port.port = 0xbbbb;
    expect([...deep.raw.subarray(12, 14)]).toEqual([0xbb, 0xbb]);
    deep.packet.sport = 0xcccc;
    deep.packet.len = 200;
    expect([deep.raw[0], deep.raw[36], deep.raw[37]]).toEqual([200, 0xcc, 0xcc]);
    deep.packet.v6[0] = 77;
    expect(deep.raw[4]).toBe(77);
    const kept = { ...deep.packet, len: 3 };
    deep.raw.fill(0);
    expect(encode(Deep, { packet: kept })[36]).toBe(0xcc);
    expect(encode(Deep, { packet: kept })[0]).toBe(3);
    expect(encode(Deep, { packet: deep.packet })).toEqual(new Uint8Array(48));
    expect(toJson(deep.packet)).toEqual(toJson(decode(Packet, new Uint8Array(48))));
  });

  test("toJSON() and util.inspect show every member", () => {
    const addr = decode(Addr, new Uint8Array(16).fill(0x41));
    const port = { port: 0x4141, name: "AAAA" };
    const json = {
      v4: 0x41414141,
      v6: "41".repeat(16),
      words: new Array(8).fill(0x4141),
      port,
      ports: [port, port],
      odd: `${0x4141414141414141n}`,
    };
    expect(JSON.parse(JSON.stringify(addr))).toEqual(json);
    expect(toJson(addr)).toEqual(json);
    expect(addr.toJSON()).toEqual(json);
    expect(JSON.parse(JSON.stringify(Addr.view(new Memory(new Uint8Array(16).fill(0x41)), 0)))).toEqual(json);
    const shown = inspect(addr, { depth: 5 });
    for (const part of ["v4: 1094795585", "port: { port: 16705, name: 'AAAA' }", "odd: 4702111234474983745n"])
      expect(shown).toContain(part);
    expect(shown).not.toContain("Symbol");
  });
});

describe("anonymous unions", () => {
  const bytes = (): Uint8Array => {
    const made = count(48);
    for (const [from, to] of [
      [1, 4],
      [20, 24],
      [32, 36],
      [42, 48],
    ] as const)
      made.fill(0, from, to);
    return made;
  };

  test("promote their members, next to plain ones", () => {
    const packet = decode(Packet, bytes());
    expect(Object.keys(packet)).toEqual(["len", "hash", "__proto__", "constructor"]);
    expect([packet.len, packet.hash, Reflect.get(packet, "__proto__"), packet.constructor]).toEqual([
      1,
      0x201f1e1d1c1b1a19n,
      41,
      42,
    ]);
    expect([packet.v4, packet.sport, packet.tag]).toEqual([0x08070605, 0x2625, "%&'("]);
    expect(packet.both).toEqual([0x25, 0x26]);
    expect(encode(Packet, packet)).toEqual(bytes());
    packet.v4 = 0;
    packet.sport = 0;
    packet.hash = 1n;
    expect(packet.both).toEqual([0, 0]);
    const expected = bytes().fill(0, 4, 8).fill(0, 24, 32).fill(0, 36, 38);
    expected[24] = 1;
    expect(encode(Packet, packet)).toEqual(expected);
    expect(encode(Packet, { ...packet })).toEqual(expected);
  });

  test("each takes exactly one member", () => {
    const plain = { len: 1, hash: 2n, ["__proto__"]: 3, constructor: wrong(4) };
    const encoded = encode(Packet, { ...plain, v4: 5, tag: "ab" });
    expect([encoded[0], encoded[4], encoded[24], encoded[36], encoded[40], encoded[41]]).toEqual([
      1, 5, 2, 0x61, 3, 4,
    ]);
    for (const [some, what] of [
      [{}, "(v4, v6), none is given"],
      [{ v4: 1 }, "(sport, both, tag), none is given"],
      [{ v4: 1, v6: new Uint8Array(16), tag: "" }, "(v4, v6), v4 and v6 are given"],
      [{ v4: 1, tag: "", sport: 1, both: [1, 1] }, "(sport, both, tag), sport and both and tag are given"],
    ] as const)
      expect(() => encode(Packet, wrong({ ...plain, ...some }))).toThrow(
        new TypeError(`struct packet: a union takes exactly one of its members ${what}`),
      );
  });

  test("spread and change one of each", () => {
    const packet = decode(Packet, bytes());
    const changed: Input<Packet> = { ...packet, len: 9, v4: 0, tag: "" };
    const expected = bytes().fill(0, 4, 8).fill(0, 36, 40);
    expected[0] = 9;
    expect(encode(Packet, changed)).toEqual(expected);
    expect(isDeepStrictEqual(decode(Packet, expected), decode(Packet, bytes()))).toBe(false);
    expect(isDeepStrictEqual(decode(Packet, expected), decode(Packet, expected))).toBe(true);
  });

  test("padding and plain members between two unions do not tell equal values apart", () => {
    const other = bytes();
    other[21] = 5;
    other[47] = 5;
    expect(isDeepStrictEqual(decode(Packet, other), decode(Packet, bytes()))).toBe(true);
    expect(encode(Packet, decode(Packet, other))).toEqual(bytes());
  });

  test("toJson() and inspect show promoted members too", () => {
    const packet = decode(Packet, bytes());
    const names = ["len", "hash", "__proto__", "constructor", "v4", "v6", "sport", "both", "tag"];
    expect(Object.keys(packet.toJSON()).toSorted()).toEqual(names.toSorted());
    expect(Object.keys(toJson(packet) as object).toSorted()).toEqual(names.toSorted());
    for (const name of names) expect(inspect(packet)).toContain(name);
  });

  test("a view reads and writes them in place", () => {
    const under = bytes();
    const view = Packet.view(new Memory(under, true), 0);
    view.v4 = 0x01010101;
    view.both[1] = 7;
    expect([under[4], under[37], view.v6[0], view.len]).toEqual([1, 7, 1, 1]);
    expect(encode(Packet, wrong(view))).toEqual(under);
    expect(copy(view)).toEqual(decode(Packet, under));
  });
});

test("a union without members is written as zeros", () => {
  const Nothing = union<Union<object>>({ name: "union nothing", size: 4, fields: {} });
  expect(encode(Nothing, {})).toEqual(new Uint8Array(4));
  const kept = decode(Nothing, Uint8Array.of(1, 2, 3, 4));
  expect(encode(Nothing, kept)).toEqual(Uint8Array.of(1, 2, 3, 4));
  expect(encode(Nothing, { ...kept })).toEqual(Uint8Array.of(1, 2, 3, 4));
});

test("what a union's member reads as is made once, and stays live", () => {
  const addr = decode(Addr, new Uint8Array(16));
  const { port, words } = addr;
  expect([addr.port === port, addr.words === words]).toEqual([true, true]);
  addr.port = { port: 0x0201, name: "x" };
  expect([port.port, words[2]]).toEqual([0x0201, 0x0201]);
  words[2] = 7;
  expect(addr.port.port).toBe(7);
  expect({ ...addr }.port).toBeUndefined();
  expect(decode(Addr, new Uint8Array(16)).port).not.toBe(port);
});
