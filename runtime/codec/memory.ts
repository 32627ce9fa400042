import { endianness } from "node:os";
import { closedError, stateError } from "../errors.js";
import { decodeText, encodeText } from "./text.js";

/** The byte order of this machine. */
export const hostLittleEndian: boolean = endianness() === "LE";

const U64_MAX = 0xffff_ffff_ffff_ffffn;
const S64_MIN = -0x8000_0000_0000_0000n;
const S64_MAX = 0x7fff_ffff_ffff_ffffn;

/**
 * Bytes with a byte order, read and written as C's types: what every codec works on. Offsets are in bytes.
 *
 * Memory has three states, writable → sealed → released, and only goes forward. A write to sealed memory and
 * any use of released memory throws a {@link BpfError}; no state costs a check on the way.
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
    this.#bytes = this.#writeBytes = bytes;
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
    this.#write = refusing(() => stateError(where, why));
    this.#writeBytes = this.#write as unknown as Uint8Array;
  }

  /** From now on every use throws; `where` names the memory in that error. */
  release(where: string): void {
    this.#read = this.#write = refusing(() => closedError(where));
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
    const [low, high] = this.littleEndian ? [at, at + 8] : [at + 8, at];
    return (this.u64(high) << 64n) | this.u64(low);
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
    return decodeText(this.#bytes, at, length, true);
  }
  /** A `char[length]` of which only the trailing NULs are dropped: the form that map keys need. */
  keyText(at: number, length: number): string {
    return decodeText(this.#bytes, at, length, false);
  }
  /** A copy of `length` bytes. */
  bytes(at: number, length: number): Uint8Array {
    this.#read.getUint8(length === 0 ? 0 : at + length - 1);
    return this.#bytes.slice(at, at + length);
  }
  /** `width` ≤ 32 bits that start `bit` bits behind `at`, as an unsigned number. */
  ubits(at: number, bit: number, width: number): number {
    return Number(this.#bits(at, bit, width));
  }
  /** As {@link ubits}, sign-extended. */
  sbits(at: number, bit: number, width: number): number {
    return Number(BigInt.asIntN(width, this.#bits(at, bit, width)));
  }
  /** `width` ≤ 64 bits that start `bit` bits behind `at`, as an unsigned bigint. */
  ubits64(at: number, bit: number, width: number): bigint {
    return this.#bits(at, bit, width);
  }
  /** As {@link ubits64}, sign-extended. */
  sbits64(at: number, bit: number, width: number): bigint {
    return BigInt.asIntN(width, this.#bits(at, bit, width));
  }

  setU8(at: number, value: number): void {
    if (value >>> 0 !== value || value > 0xff) throw outOfRange("__u8", value);
    this.#write.setUint8(at, value);
  }
  setS8(at: number, value: number): void {
    if ((value << 24) >> 24 !== value) throw outOfRange("__s8", value);
    this.#write.setInt8(at, value);
  }
  setU16(at: number, value: number): void {
    if (value >>> 0 !== value || value > 0xffff) throw outOfRange("__u16", value);
    this.#write.setUint16(at, value, this.littleEndian);
  }
  setS16(at: number, value: number): void {
    if ((value << 16) >> 16 !== value) throw outOfRange("__s16", value);
    this.#write.setInt16(at, value, this.littleEndian);
  }
  setU32(at: number, value: number): void {
    if (value >>> 0 !== value) throw outOfRange("__u32", value);
    this.#write.setUint32(at, value, this.littleEndian);
  }
  setS32(at: number, value: number): void {
    if ((value | 0) !== value) throw outOfRange("__s32", value);
    this.#write.setInt32(at, value, this.littleEndian);
  }
  setU64(at: number, value: bigint): void {
    if (typeof value !== "bigint" || value < 0n || value > U64_MAX) throw outOfRange("__u64", value);
    this.#write.setBigUint64(at, value, this.littleEndian);
  }
  setS64(at: number, value: bigint): void {
    if (typeof value !== "bigint" || value < S64_MIN || value > S64_MAX) throw outOfRange("__s64", value);
    this.#write.setBigInt64(at, value, this.littleEndian);
  }
  setU128(at: number, value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asUintN(128, value) !== value) throw outOfRange("__u128", value);
    this.#set128(at, value);
  }
  setS128(at: number, value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asIntN(128, value) !== value) throw outOfRange("__s128", value);
    this.#set128(at, BigInt.asUintN(128, value));
  }
  setF32(at: number, value: number): void {
    if (typeof value !== "number") throw outOfRange("float", value);
    this.#write.setFloat32(at, value, this.littleEndian);
  }
  setF64(at: number, value: number): void {
    if (typeof value !== "number") throw outOfRange("double", value);
    this.#write.setFloat64(at, value, this.littleEndian);
  }
  setBool(at: number, value: boolean): void {
    if (typeof value !== "boolean") throw outOfRange("_Bool", value);
    this.#write.setUint8(at, value ? 1 : 0);
  }
  /** Writes text or bytes into a `char[length]`, the rest zero; longer than `length` is a RangeError. */
  setText(at: number, length: number, value: string | Uint8Array): void {
    this.#write.getUint8(length === 0 ? 0 : at + length - 1);
    encodeText(this.#writeBytes, at, length, value);
  }
  /** Writes `bytes` as they are. */
  setBytes(at: number, bytes: Uint8Array): void {
    this.#writeBytes.set(bytes, at);
  }
  /** Zeroes `length` bytes. */
  zero(at: number, length: number): void {
    this.#writeBytes.fill(0, at, at + length);
  }
  setUbits(at: number, bit: number, width: number, value: number): void {
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value >= 2 ** width)
      throw outOfRange(`unsigned bit-field of ${width} bits`, value);
    this.#setBits(at, bit, width, BigInt(value));
  }
  setSbits(at: number, bit: number, width: number, value: number): void {
    const half = 2 ** (width - 1);
    if (typeof value !== "number" || !Number.isInteger(value) || value < -half || value >= half)
      throw outOfRange(`signed bit-field of ${width} bits`, value);
    this.#setBits(at, bit, width, BigInt.asUintN(width, BigInt(value)));
  }
  setUbits64(at: number, bit: number, width: number, value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asUintN(width, value) !== value)
      throw outOfRange(`unsigned bit-field of ${width} bits`, value);
    this.#setBits(at, bit, width, value);
  }
  setSbits64(at: number, bit: number, width: number, value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asIntN(width, value) !== value)
      throw outOfRange(`signed bit-field of ${width} bits`, value);
    this.#setBits(at, bit, width, BigInt.asUintN(width, value));
  }

  #set128(at: number, value: bigint): void {
    const [low, high] = this.littleEndian ? [at, at + 8] : [at + 8, at];
    this.#write.setBigUint64(low, value & U64_MAX, this.littleEndian);
    this.#write.setBigUint64(high, value >> 64n, this.littleEndian);
  }

  /** Bit 0 is the lowest bit of the first byte, or on big-endian its highest, as compilers lay fields out. */
  #bits(at: number, bit: number, width: number): bigint {
    const [first, end, shift] = this.#span(at, bit, width);
    let value = 0n;
    for (let i = first; i < end; i++) {
      const byte = BigInt(this.#read.getUint8(i));
      value = this.littleEndian ? value | (byte << BigInt(8 * (i - first))) : (value << 8n) | byte;
    }
    return BigInt.asUintN(width, value >> shift);
  }

  #setBits(at: number, bit: number, width: number, field: bigint): void {
    const [first, end, shift] = this.#span(at, bit, width);
    const mask = ((1n << BigInt(width)) - 1n) << shift;
    const value = field << shift;
    for (let i = first; i < end; i++) {
      const byteShift = BigInt(8 * (this.littleEndian ? i - first : end - 1 - i));
      const keep = this.#read.getUint8(i) & ~Number((mask >> byteShift) & 0xffn);
      this.#write.setUint8(i, keep | Number((value >> byteShift) & 0xffn));
    }
  }

  /** The bytes [first, end) that hold the bits, and how far right to shift them. */
  #span(at: number, bit: number, width: number): [first: number, end: number, shift: bigint] {
    const first = at + (bit >> 3);
    const end = at + ((bit + width + 7) >> 3);
    const skip = bit & 7;
    return [first, end, BigInt(this.littleEndian ? skip : 8 * (end - first) - skip - width)];
  }
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
function outOfRange(type: string, value: unknown): Error {
  const wanted = /64|128/.test(type) ? "bigint" : type === "_Bool" ? "boolean" : "number";
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  if (
    typeof value !== wanted &&
    !(wanted === "number" && type.includes("bit-field") && typeof value === "bigint")
  )
    return new TypeError(`a ${type} takes a ${wanted}, not ${typeof value} ${shown}`);
  return new RangeError(`${shown} does not fit ${type}`);
}
