import { inspect } from "node:util";
import { hostLittleEndian, Memory, refused } from "./memory.js";
import { inside } from "./path.js";
import type { Codec, Input, TypedArray, View } from "./types.js";
import { arrayView, elementsIn, type FieldCodec, type Live } from "./view.js";

/** What codecs of text, and of what has text in it, have besides: how to decode map keys. */
export interface KeyForm<T> {
  /** The same codec, with text not cut at its first NUL; absent when there is no text in it. */
  readonly keyForm?: Codec<T>;
}

/** A codec of plain values: a view of one is the value itself. */
function scalar<T extends string | number | bigint | boolean>(
  size: number,
  decode: (m: Memory, at: number) => T,
  encode: (m: Memory, at: number, value: T) => void,
  keyForm?: Codec<T>,
): Codec<T> & KeyForm<T> {
  return {
    size,
    decode,
    encode: encode as (m: Memory, at: number, value: Input<T>) => void,
    view: decode as (m: Memory, at: number) => View<T>,
    ...(keyForm && { keyForm }),
  };
}

/** `__u8`, `unsigned char`: a number. */
export const u8: Codec<number> = scalar(
  1,
  (m, at) => m.u8(at),
  (m, at, value) => m.setU8(at, value),
);
/** `__s8`, `signed char`: a number. */
export const s8: Codec<number> = scalar(
  1,
  (m, at) => m.s8(at),
  (m, at, value) => m.setS8(at, value),
);
/** `__u16`: a number. */
export const u16: Codec<number> = scalar(
  2,
  (m, at) => m.u16(at),
  (m, at, value) => m.setU16(at, value),
);
/** `__s16`, `short`: a number. */
export const s16: Codec<number> = scalar(
  2,
  (m, at) => m.s16(at),
  (m, at, value) => m.setS16(at, value),
);
/** `__u32`, `unsigned int`: a number. */
export const u32: Codec<number> = scalar(
  4,
  (m, at) => m.u32(at),
  (m, at, value) => m.setU32(at, value),
);
/** `__s32`, `int`: a number. */
export const s32: Codec<number> = scalar(
  4,
  (m, at) => m.s32(at),
  (m, at, value) => m.setS32(at, value),
);
/** `__u64`, `unsigned long`: a bigint. */
export const u64: Codec<bigint> = scalar(
  8,
  (m, at) => m.u64(at),
  (m, at, value) => m.setU64(at, value),
);
/** `__s64`, `long`: a bigint. */
export const s64: Codec<bigint> = scalar(
  8,
  (m, at) => m.s64(at),
  (m, at, value) => m.setS64(at, value),
);
/** `unsigned __int128`: a bigint. */
export const u128: Codec<bigint> = scalar(
  16,
  (m, at) => m.u128(at),
  (m, at, value) => m.setU128(at, value),
);
/** `__int128`: a bigint. */
export const s128: Codec<bigint> = scalar(
  16,
  (m, at) => m.s128(at),
  (m, at, value) => m.setS128(at, value),
);
/** `float`: a number, rounded to single precision when written. */
export const f32: Codec<number> = scalar(
  4,
  (m, at) => m.f32(at),
  (m, at, value) => m.setF32(at, value),
);
/** `double`: a number. */
export const f64: Codec<number> = scalar(
  8,
  (m, at) => m.f64(at),
  (m, at, value) => m.setF64(at, value),
);
/** `_Bool`: a boolean; every byte but 0 reads as true. */
export const bool: Codec<boolean> = scalar(
  1,
  (m, at) => m.bool(at),
  (m, at, value) => m.setBool(at, value),
);
/** A pointer, 8 bytes: its address as a bigint. BPF pointers are never followed. */
export const ptr: Codec<bigint> = u64;

/** `char[length]` as text: up to the first NUL when read, zero-filled when written. */
export function text(length: number): Codec<string> {
  const encode = (m: Memory, at: number, value: string): void => m.setText(at, length, value);
  const whole = scalar(length, (m, at) => m.keyText(at, length), encode);
  return scalar(length, (m, at) => m.text(at, length), encode, whole);
}

/** A bit-field whose declared type has up to 32 bits, `bit` bits behind the codec's place. */
export function bits(bit: number, width: number, signed: boolean): Codec<number> {
  return signed
    ? scalar(
        0,
        (m, at) => m.sbits(at, bit, width),
        (m, at, value) => m.setSbits(at, bit, width, value),
      )
    : scalar(
        0,
        (m, at) => m.ubits(at, bit, width),
        (m, at, value) => m.setUbits(at, bit, width, value),
      );
}

/** A bit-field whose declared type has 64 bits. */
export function bits64(bit: number, width: number, signed: boolean): Codec<bigint> {
  return signed
    ? scalar(
        0,
        (m, at) => m.sbits64(at, bit, width),
        (m, at, value) => m.setSbits64(at, bit, width, value),
      )
    : scalar(
        0,
        (m, at) => m.ubits64(at, bit, width),
        (m, at, value) => m.setUbits64(at, bit, width, value),
      );
}

/** A bit-field `_Bool x : 1`: a boolean. */
export function bitBool(bit: number): Codec<boolean> {
  return scalar(
    0,
    (m, at) => m.ubits(at, bit, 1) !== 0,
    (m, at, value) => {
      if (typeof value !== "boolean") throw refused("_Bool", "boolean", value);
      m.setUbits(at, bit, 1, value ? 1 : 0);
    },
  );
}

interface TypedArrayConstructor<A> {
  new (length: number): A;
  new (buffer: ArrayBufferLike, at?: number, length?: number): A;
}

/** Up to so many bytes are faster copied one element at a time. */
const FEW_BYTES = 64;

function typedArray<A extends TypedArray>(
  element: Codec<A[number]>,
  Constructor: TypedArrayConstructor<A>,
): (length: number) => Codec<A> {
  const { size, decode } = element;
  const sameOrder = (m: Memory): boolean => size === 1 || m.littleEndian === hostLittleEndian;
  const make = (length: number): Codec<A> => {
    const codec: Codec<A> & Live & Pick<FieldCodec, "within"> = {
      size: size * length,
      decode(m, at, available) {
        const count = elementsIn(length, size, available);
        if (count * size > FEW_BYTES && sameOrder(m))
          return new Constructor(m.bytes(at, count * size).buffer);
        const copied = new Constructor(count);
        for (let i = 0; i < count; i++) copied[i] = decode(m, at + i * size);
        return copied;
      },
      encode(m, at, value) {
        if (value instanceof Constructor && value.length === length && sameOrder(m))
          m.setBytes(at, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
        else encodeElements(element, m, at, value, length);
      },
      view: (m, at, available) => arrayView(m, at, codec, element, length, available) as View<A>,
      within: (available) => make(elementsIn(length, size, available)),
      live(m, at) {
        const start = m.owned.byteOffset + at;
        return start % size === 0 && sameOrder(m)
          ? new Constructor(m.owned.buffer, start, length)
          : arrayView(m, at, codec, element, length);
      },
    };
    return codec;
  };
  return make;
}

/** `__u8[length]` as a `Uint8Array`, a copy. */
export const u8Array: (length: number) => Codec<Uint8Array> = typedArray(u8, Uint8Array);
/** `__s8[length]` as an `Int8Array`, a copy. */
export const s8Array: (length: number) => Codec<Int8Array> = typedArray(s8, Int8Array);
/** `__u16[length]` as a `Uint16Array`, a copy. */
export const u16Array: (length: number) => Codec<Uint16Array> = typedArray(u16, Uint16Array);
/** `__s16[length]` as an `Int16Array`, a copy. */
export const s16Array: (length: number) => Codec<Int16Array> = typedArray(s16, Int16Array);
/** `__u32[length]` as a `Uint32Array`, a copy. */
export const u32Array: (length: number) => Codec<Uint32Array> = typedArray(u32, Uint32Array);
/** `__s32[length]` as an `Int32Array`, a copy. */
export const s32Array: (length: number) => Codec<Int32Array> = typedArray(s32, Int32Array);
/** `__u64[length]` as a `BigUint64Array`, a copy. */
export const u64Array: (length: number) => Codec<BigUint64Array> = typedArray(u64, BigUint64Array);
/** `__s64[length]` as a `BigInt64Array`, a copy. */
export const s64Array: (length: number) => Codec<BigInt64Array> = typedArray(s64, BigInt64Array);
/** `float[length]` as a `Float32Array`, a copy. */
export const f32Array: (length: number) => Codec<Float32Array> = typedArray(f32, Float32Array);
/** `double[length]` as a `Float64Array`, a copy. */
export const f64Array: (length: number) => Codec<Float64Array> = typedArray(f64, Float64Array);
/** `length` bytes as a `Uint8Array`, a copy. */
export const bytes: (length: number) => Codec<Uint8Array> = u8Array;

/** An array of anything, decoded to a JavaScript array of exactly `length` elements. */
export function array<T>(element: Codec<T> & KeyForm<T>, length: number): Codec<T[]> & KeyForm<T[]> {
  const { size, decode, live = decode }: Codec<T> & Live = element;
  const codec: Codec<T[]> & Live & Pick<FieldCodec, "within"> = {
    size: size * length,
    decode(m, at, available) {
      const count = elementsIn(length, size, available);
      const items = new Array<T>(count);
      for (let i = 0; i < count; i++) items[i] = decode(m, at + i * size);
      return items;
    },
    encode: (m, at, value) => encodeElements(element, m, at, value, length),
    view: (m, at, available) => arrayView(m, at, codec, element, length, available) as View<T[]>,
    within: (available) => array(element, elementsIn(length, size, available)),
    live: (m, at) =>
      arrayView(m, at, codec, element, length, undefined, live as (m: Memory, at: number) => unknown),
  };
  return element.keyForm ? Object.assign(codec, { keyForm: array(element.keyForm, length) }) : codec;
}

/** `N` times `T`. */
export type Tuple<T, N extends number, Built extends T[] = []> = Built["length"] extends N
  ? Built
  : Tuple<T, N, [...Built, T]>;

/** An array of few elements (the generator says up to 16), typed as a tuple. */
export function tuple<T, N extends number>(element: Codec<T> & KeyForm<T>, length: N): Codec<Tuple<T, N>> {
  return array(element, length) as unknown as Codec<Tuple<T, N>>;
}

/** Writes each element; a flexible array (`length` 0) takes anything and writes nothing. */
function encodeElements<T>(
  { size, encode }: Codec<T>,
  m: Memory,
  at: number,
  value: unknown,
  length: number,
): void {
  if (length === 0) return;
  const items = value as ArrayLike<Input<T>> | null | undefined;
  if (typeof items !== "object" || items === null || typeof items.length !== "number")
    throw new TypeError(`an array of ${length} elements takes an array, not ${inspect(value, { depth: 0 })}`);
  if (items.length !== length)
    throw new RangeError(`${items.length} elements do not fit an array of ${length}`);
  let i = 0;
  try {
    for (; i < length; i++) encode(m, at + i * size, items[i]!);
  } catch (error) {
    throw inside(`[${i}]`, error);
  }
}

/** Throws a TypeError for what is no codec. */
export function expectCodec(where: string, codec: unknown): void {
  const { size, decode, encode } = (codec ?? {}) as Partial<Codec<unknown>>;
  if (typeof size !== "number" || typeof decode !== "function" || typeof encode !== "function")
    throw new TypeError(`${where}: a codec such as u32 is needed, not ${typeof codec}`);
}

/** Decodes one value from bytes in this machine's byte order. A RangeError when there are too few. */
export function decode<T>(codec: Codec<T>, from: Uint8Array): T {
  if (from.length < codec.size)
    throw new RangeError(`${from.length} bytes are too few for a value of ${codec.size}`);
  return codec.decode(new Memory(from), 0, from.length);
}

/** Encodes one value to bytes in this machine's byte order. */
export function encode<T>(codec: Codec<T>, value: Input<NoInfer<T>>): Uint8Array {
  const to = new Uint8Array(codec.size);
  codec.encode(new Memory(to), 0, value as Input<T>);
  return to;
}
