import { inspect } from "node:util";

/**
 * Text in `char` arrays. C promises no encoding, so what is not UTF-8 must survive: each such byte becomes a
 * lone low surrogate U+DC80 … U+DCFF (which valid UTF-8 never yields) and turns back into its byte.
 */
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Up to so many characters of ASCII, the usual case, are fastest by hand; anything else goes to the decoder. */
const SHORT = 24;

/**
 * Decodes `length` bytes, which must be there.
 * @param cut whether text ends at the first NUL, or only trailing NULs are dropped.
 */
export function decodeText(bytes: Uint8Array, at: number, length: number, cut: boolean): string {
  let end = at + length;
  if (cut) end = firstNul(bytes, at, end);
  else while (end > at && bytes[end - 1] === 0) end--;
  const ascii = end - at <= SHORT ? decodeAscii(bytes, at, end) : undefined;
  if (ascii !== undefined) return ascii;
  const encoded = bytes.subarray(at, end);
  try {
    return strict.decode(encoded);
  } catch {
    return decodeEscaping(encoded);
  }
}

/** Where the first NUL from `at` on is, or `end`. */
function firstNul(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && bytes[at] !== 0) at++;
  return at;
}

/** Texts decoded lately: a process's name comes again with each of its events, and comparing is faster than making. */
const recent: string[] = new Array<string>(256).fill("");

function decodeAscii(bytes: Uint8Array, at: number, end: number): string | undefined {
  const length = end - at;
  if (length === 0) return "";
  const slot = (bytes[at]! * 5 + bytes[at + (length >> 1)]! * 3 + bytes[end - 1]! + length * 17) & 0xff;
  const known = recent[slot]!;
  if (known.length === length) {
    let i = 0;
    while (i < length && known.charCodeAt(i) === bytes[at + i]) i++;
    if (i === length) return known;
  }
  let text = "";
  for (let i = at; i < end; i++) {
    const byte = bytes[i]!;
    if (byte > 0x7f) return undefined;
    text += String.fromCharCode(byte);
  }
  recent[slot] = text;
  return text;
}

/** Decodes maximal runs of valid UTF-8 and escapes every other byte. */
function decodeEscaping(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; ) {
    const size = sequenceLength(bytes, i);
    text += size === 0 ? String.fromCharCode(0xdc00 + bytes[i]!) : strict.decode(bytes.subarray(i, i + size));
    i += size || 1;
  }
  return text;
}

/** The length of the valid UTF-8 sequence at `at`, or 0. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  const size = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (size < 2) return size;
  const second = bytes[at + 1] ?? 0;
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let i = 2; i < size; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  return size;
}

/** Writes text (or bytes) and zeroes the rest; a RangeError when it is longer than `length` bytes. */
export function encodeText(bytes: Uint8Array, at: number, length: number, value: string | Uint8Array): void {
  const encoded = typeof value === "string" && !isAscii(value) ? toBytes(value) : value;
  if (typeof encoded !== "string" && !(encoded instanceof Uint8Array))
    throw new TypeError(`char[${length}] takes a string or bytes, not ${inspect(value, { depth: 0 })}`);
  if (encoded.length > length)
    throw new RangeError(`text of ${encoded.length} bytes does not fit char[${length}]`);
  if (typeof encoded !== "string") bytes.set(encoded, at);
  else for (let i = 0; i < encoded.length; i++) bytes[at + i] = encoded.charCodeAt(i);
  bytes.fill(0, at + encoded.length, at + length);
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** UTF-8, lone surrogates U+DC80 … U+DCFF turned back into the bytes they stand for. */
function toBytes(text: string): Uint8Array {
  if (!/[\udc80-\udcff]/.test(text)) return encoder.encode(text);
  const parts: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code >= 0xdc80 && code <= 0xdcff) parts.push(code - 0xdc00);
    else parts.push(...encoder.encode(character));
  }
  return Uint8Array.from(parts);
}
