import { endianness } from "node:os";
import { inspect } from "node:util";
import { closedError, stateError } from "../errors.js";
import { decodeText, encodeText } from "./text.js";

/** The byte order of this machine. */
export const hostLittleEndian: boolean = endianness() === "LE";

const LOW_32 = 0xffff_ffffn;

/**
 * Bytes with a byte order, read and written as C's types: what every codec works on. Offsets are in bytes.
 *
 * Memory has three states, writable → sealed → released, and only goes forward. A write to sealed memory and
 * any use of released memory throws a {@link BpfError}; no state costs a check on the way. A setter either
 * writes the whole value or throws and writes nothing: a RangeError when the value does not fit its type or the
 * place is not inside the memory, a TypeError when it is no such kind of value.
 */
export class Memory {
  /** Whether multi-byte values start with their lowest byte. */
  readonly littleEndian: boolean;
  #read: DataView;
  #write: DataView;
  #bytes: Uint8Array;
  #writeBytes: Uint8Array;

  /**
   * @param bytes what to work on, aliased, not copied.
   * @param littleEndian the byte order of the values; this machine's when left out.
   */
  constructor(bytes: Uint8Array, littleEndian: boolean = hostLittleEndian) {
    this.littleEndian = littleEndian;
    // A Buffer's slice() would not copy.
    this.#bytes = this.#writeBytes =
      bytes.constructor === Uint8Array
        ? bytes
        : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#read = this.#write = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** New zeroed memory of its own. */
  static alloc(size: number, littleEndian?: boolean): Memory {
    return new Memory(new Uint8Array(size), littleEndian);
  }

  /** How many bytes there are. */
  get size(): number {
    return this.#bytes.byteLength;
  }

  /** From now on every write throws; `where` names the memory in that error, `why` says what to do instead. */
  seal(where: string, why = "is read-only once loaded — write it between open() and load()"): void {
    void this.size;
    this.#write = refusing(() => stateError(where, why));
    this.#writeBytes = this.#write as unknown as Uint8Array;
  }

  /** From now on every use throws; `where` names the memory in that error, `why` says what ended it, if not close(). */
  release(where: string, why?: string): void {
    this.#read = this.#write = refusing(() =>
      why === undefined ? closedError(where) : stateError(where, why),
    );
    this.#bytes = this.#writeBytes = this.#read as unknown as Uint8Array;
  }

  u8(at: number): number {
    return this.#read.getUint8(at);
  }
  s8(at: number): number {
    return this.#read.getInt8(at);
  }
  u16(at: number): number {
    return this.#read.getUint16(at, this.littleEndian);
  }
  s16(at: number): number {
    return this.#read.getInt16(at, this.littleEndian);
  }
  u32(at: number): number {
    return this.#read.getUint32(at, this.littleEndian);
  }
  s32(at: number): number {
    return this.#read.getInt32(at, this.littleEndian);
  }
  u64(at: number): bigint {
    return this.#read.getBigUint64(at, this.littleEndian);
  }
  s64(at: number): bigint {
    return this.#read.getBigInt64(at, this.littleEndian);
  }
  u128(at: number): bigint {
    const first = this.u64(at);
    const second = this.u64(at + 8);
    return this.littleEndian ? (second << 64n) | first : (first << 64n) | second;
  }
  s128(at: number): bigint {
    return BigInt.asIntN(128, this.u128(at));
  }
  f32(at: number): number {
    return this.#read.getFloat32(at, this.littleEndian);
  }
  f64(at: number): number {
    return this.#read.getFloat64(at, this.littleEndian);
  }
  bool(at: number): boolean {
    return this.#read.getUint8(at) !== 0;
  }
  /** A `char[length]` up to its first NUL; bytes that are not UTF-8 become lone surrogates U+DC80 … U+DCFF. */
  text(at: number, length: number): string {
    return decodeText(inside(this.#bytes, at, length), at, length, true);
  }
  /** A `char[length]` of which only the trailing NULs are dropped: the form that map keys need. */
  keyText(at: number, length: number): string {
    return decodeText(inside(this.#bytes, at, length), at, length, false);
  }
  /** A copy of `length` bytes. */
  bytes(at: number, length: number): Uint8Array {
    return inside(this.#bytes, at, length).slice(at, at + length);
  }
  /**
   * `width` ≤ 32 bits that start `bit` bits behind `at`, as an unsigned number. Bit 0 is the lowest bit of the
   * first byte, or on big-endian its highest, as compilers lay fields out.
   */
  ubits(at: number, bit: number, width: number): number {
    let value = 0;
    for (let done = 0; done < width; ) {
      const from = (bit + done) & 7;
      const count = Math.min(8 - from, width - done);
      const byte = this.#read.getUint8(at + ((bit + done) >> 3));
      if (this.littleEndian) value |= ((byte >> from) & ((1 << count) - 1)) << done;
      else value = (value << count) | ((byte >> (8 - from - count)) & ((1 << count) - 1));
      done += count;
    }
    return value >>> 0;
  }
  /** As {@link ubits}, sign-extended. */
  sbits(at: number, bit: number, width: number): number {
    return signExtended(this.ubits(at, bit, width), width);
  }
  /** As {@link ubits}, `width` ≤ 64 and as a bigint. */
  ubits64(at: number, bit: number, width: number): bigint {
    if (width <= 32) return BigInt(this.ubits(at, bit, width));
    const rest = width - 32;
    const [low, high] = this.littleEndian
      ? [this.ubits(at, bit, 32), this.ubits(at, bit + 32, rest)]
      : [this.ubits(at, bit + rest, 32), this.ubits(at, bit, rest)];
    return (BigInt(high) << 32n) | BigInt(low);
  }
  /** As {@link ubits64}, sign-extended. */
  sbits64(at: number, bit: number, width: number): bigint {
    return BigInt.asIntN(width, this.ubits64(at, bit, width));
  }

  setU8(at: number, value: number): void {
    if (typeof value !== "number" || value >>> 0 !== value || value > 0xff)
      throw refused("__u8", "number", value);
    this.#write.setUint8(at, value);
  }
  setS8(at: number, value: number): void {
    if (typeof value !== "number" || (value << 24) >> 24 !== value) throw refused("__s8", "number", value);
    this.#write.setInt8(at, value);
  }
  setU16(at: number, value: number): void {
    if (typeof value !== "number" || value >>> 0 !== value || value > 0xffff)
      throw refused("__u16", "number", value);
    this.#write.setUint16(at, value, this.littleEndian);
  }
  setS16(at: number, value: number): void {
    if (typeof value !== "number" || (value << 16) >> 16 !== value) throw refused("__s16", "number", value);
    this.#write.setInt16(at, value, this.littleEndian);
  }
  setU32(at: number, value: number): void {
    if (typeof value !== "number" || value >>> 0 !== value) throw refused("__u32", "number", value);
    this.#write.setUint32(at, value, this.littleEndian);
  }
  setS32(at: number, value: number): void {
    if (typeof value !== "number" || (value | 0) !== value) throw refused("__s32", "number", value);
    this.#write.setInt32(at, value, this.littleEndian);
  }
  setU64(at: number, value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asUintN(64, value) !== value)
      throw refused("__u64", "bigint", value);
    this.#write.setBigUint64(at, value, this.littleEndian);
  }
  setS64(at: number, value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asIntN(64, value) !== value)
      throw refused("__s64", "bigint", value);
    this.#write.setBigInt64(at, value, this.littleEndian);
  }
  setU128(at: number, value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asUintN(128, value) !== value)
      throw refused("unsigned __int128", "bigint", value);
    this.#set128(at, value);
  }
  setS128(at: number, value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asIntN(128, value) !== value)
      throw refused("__int128", "bigint", value);
    this.#set128(at, value);
  }
  /** Rounds to single precision; a finite number that only infinity is near to does not fit. */
  setF32(at: number, value: number): void {
    if (typeof value !== "number" || Number.isFinite(Math.fround(value)) !== Number.isFinite(value))
      throw refused("float", "number", value);
    this.#write.setFloat32(at, value, this.littleEndian);
  }
  setF64(at: number, value: number): void {
    if (typeof value !== "number") throw refused("double", "number", value);
    this.#write.setFloat64(at, value, this.littleEndian);
  }
  setBool(at: number, value: boolean): void {
    if (typeof value !== "boolean") throw refused("_Bool", "boolean", value);
    this.#write.setUint8(at, value ? 1 : 0);
  }
  /** Writes text or bytes into a `char[length]`, the rest zero; longer than `length` is a RangeError. */
  setText(at: number, length: number, value: string | Uint8Array): void {
    encodeText(inside(this.#writeBytes, at, length), at, length, value);
  }
  /** Writes `bytes` as they are. */
  setBytes(at: number, bytes: Uint8Array): void {
    inside(this.#writeBytes, at, bytes.length).set(bytes, at);
  }
  /** Zeroes `length` bytes. */
  zero(at: number, length: number): void {
    inside(this.#writeBytes, at, length).fill(0, at, at + length);
  }
  /** Writes what {@link ubits} reads; the bits around stay. */
  setUbits(at: number, bit: number, width: number, value: number): void {
    if (typeof value !== "number" || value >>> 0 !== value || value >= 2 ** width)
      throw refused(`unsigned bit-field of ${width} bits`, "number", value);
    inside(this.#writeBytes, at, (bit + width + 7) >> 3);
    this.#setBits(at, bit, width, value);
  }
  /** Writes what {@link sbits} reads. */
  setSbits(at: number, bit: number, width: number, value: number): void {
    if (typeof value !== "number" || signExtended(value, width) !== value)
      throw refused(`signed bit-field of ${width} bits`, "number", value);
    inside(this.#writeBytes, at, (bit + width + 7) >> 3);
    this.#setBits(at, bit, width, value);
  }
  /** Writes what {@link ubits64} reads. */
  setUbits64(at: number, bit: number, width: number, value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asUintN(width, value) !== value)
      throw refused(`unsigned bit-field of ${width} bits`, "bigint", value);
    this.#setBits64(at, bit, width, value);
  }
  /** Writes what {@link sbits64} reads. */
  setSbits64(at: number, bit: number, width: number, value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asIntN(width, value) !== value)
      throw refused(`signed bit-field of ${width} bits`, "bigint", value);
    this.#setBits64(at, bit, width, value);
  }

  #set128(at: number, value: bigint): void {
    inside(this.#writeBytes, at, 16);
    this.#write.setBigUint64(this.littleEndian ? at : at + 8, BigInt.asUintN(64, value), this.littleEndian);
    this.#write.setBigInt64(this.littleEndian ? at + 8 : at, value >> 64n, this.littleEndian);
  }

  /** Writes the lowest `width` ≤ 32 bits of `value`. */
  #setBits(at: number, bit: number, width: number, value: number): void {
    for (let done = 0; done < width; ) {
      const from = (bit + done) & 7;
      const count = Math.min(8 - from, width - done);
      const place = at + ((bit + done) >> 3);
      const shift = this.littleEndian ? from : 8 - from - count;
      const mask = (1 << count) - 1;
      const part = (value >>> (this.littleEndian ? done : width - done - count)) & mask;
      this.#write.setUint8(place, (this.#read.getUint8(place) & ~(mask << shift)) | (part << shift));
      done += count;
    }
  }

  /** Writes the lowest `width` ≤ 64 bits of `value`. */
  #setBits64(at: number, bit: number, width: number, value: bigint): void {
    inside(this.#writeBytes, at, (bit + width + 7) >> 3);
    const rest = Math.max(0, width - 32);
    const high = Number((value >> 32n) & LOW_32);
    if (rest > 0) this.#setBits(at, this.littleEndian ? bit + 32 : bit, rest, high);
    const low = Number(value & LOW_32);
    this.#setBits(at, this.littleEndian ? bit : bit + rest, width - rest, low);
  }
}

/**
 * Memory that a decoded value owns: nobody seals or releases it, so that typed arrays over its bytes may be
 * handed out.
 */
export class OwnMemory extends Memory {
  readonly owned: Uint8Array;

  constructor(bytes: Uint8Array, littleEndian: boolean) {
    super(bytes, littleEndian);
    this.owned = bytes;
  }
}

/** `bytes`, once it is clear that `length` bytes at `at` are among them. */
function inside(bytes: Uint8Array, at: number, length: number): Uint8Array {
  if (at >= 0 && length >= 0 && at + length <= bytes.length) return bytes;
  throw new RangeError(`${length} bytes at ${at} are not inside ${bytes.length} bytes of memory`);
}

/** The lowest `width` ≤ 32 bits of a number, the highest of them being the sign. */
function signExtended(value: number, width: number): number {
  return (value << (32 - width)) >> (32 - width);
}

/** Stands in for a view whose every use must throw. */
function refusing(error: () => Error): DataView {
  return new Proxy(new DataView(new ArrayBuffer(0)), {
    get(): never {
      throw error();
    },
  });
}

/** What a setter throws: RangeError when the kind of value is right, TypeError when it is not. */
export function refused(type: string, wanted: "number" | "bigint" | "boolean", value: unknown): Error {
  const shown = typeof value === "bigint" ? `${value}` : inspect(value, { depth: 0 });
  if (typeof value === wanted) return new RangeError(`${shown} does not fit ${type}`);
  const kind = value === undefined || value === null ? "" : `${typeof value} `;
  return new TypeError(`${type} takes a ${wanted}, not ${kind}${shown}`);
}
