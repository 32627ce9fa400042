import type { Input } from "../../runtime/index.js";
import type { Sample } from "../fixtures/kernel.skel.js";

/** A value that differs from zero and from its neighbours in every member, at the limits of their types. */
export function sample(n: number): Input<Sample> {
  return {
    u8: 255 - (n & 7),
    s8: -128 + (n & 7),
    u16: 65535 - (n & 7),
    s16: -32768 + (n & 7),
    u32: 0xffff_ffff - n,
    s32: -0x8000_0000 + n,
    u64: 0xffff_ffff_ffff_ffffn - BigInt(n),
    s64: -0x8000_0000_0000_0000n + BigInt(n),
    flag: n % 2 === 1,
    colour: n % 2 === 1 ? 5 : 0x7fff_ffff,
    text: `né ${n}`,
    words: [n, n + 1, 0xffff_ffff, 0],
    pairs: [
      { port: 443, delta: -1, tag: "abcde" },
      { port: n & 0xffff, delta: 127, tag: "" },
    ],
    value: { halves: [n, 0xdead_beef] },
    low: n & 7,
    middle: -64 + (n & 63),
    wide: 0xff_ffff_ffffn - BigInt(n),
    huge: -(1n << 127n) + BigInt(n),
    pointer: 0xffff_8880_0000_0000n + BigInt(n),
  };
}

/** What a {@link sample} decodes to, as JSON: unions have a class of their own, which would compare too. */
export function sampleJson(n: number): unknown {
  const value = sample(n);
  const union = Buffer.alloc(8);
  union.writeUInt32LE(n, 0);
  union.writeUInt32LE(0xdead_beef, 4);
  return {
    ...value,
    u64: String(value.u64),
    s64: String(value.s64),
    wide: String(value.wide),
    huge: String(value.huge),
    pointer: String(value.pointer),
    value: {
      whole: union.readBigUInt64LE().toString(),
      halves: [n, 0xdead_beef],
      bytes: union.toString("hex"),
    },
  };
}
