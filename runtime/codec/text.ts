/**
 * Text in `char` arrays. C promises no encoding, so what is not UTF-8 must survive: each such byte becomes a
 * lone low surrogate U+DC80 … U+DCFF (which valid UTF-8 never yields) and turns back into its byte.
 */
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Decodes up to the first NUL, or (`cut` false) up to the trailing NULs. */
export function decodeText(bytes: Uint8Array, at: number, length: number, cut: boolean): string {
  let end = at + length;
  if (end > bytes.length) throw new RangeError(`text of ${length} bytes at ${at} ends behind the memory`);
  if (cut) {
    // Short ASCII, the usual case, is fastest by hand; longer or other text goes to the decoder below.
    let text = "";
    const short = Math.min(end, at + 24);
    let i = at;
    for (; i < short; i++) {
      const byte = bytes[i]!;
      if (byte === 0) return text;
      if (byte > 0x7f) break;
      text += String.fromCharCode(byte);
    }
    if (i === end) return text;
    const nul = bytes.indexOf(0, i);
    if (nul !== -1 && nul < end) end = nul;
  } else {
    while (end > at && bytes[end - 1] === 0) end--;
  }
  const slice = bytes.subarray(at, end);
  try {
    return strict.decode(slice);
  } catch {
    return decodeEscaping(slice);
  }
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
  const encoded = typeof value === "string" ? toBytes(value) : value;
  if (!(encoded instanceof Uint8Array))
    throw new TypeError(`char[${length}] takes a string or bytes, not ${typeof value}`);
  if (encoded.length > length)
    throw new RangeError(`text of ${encoded.length} bytes does not fit char[${length}]`);
  bytes.set(encoded, at);
  bytes.fill(0, at + encoded.length, at + length);
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
