/** Raised for every malformed input: `where` names the part of the file, the message adds what is wrong with it. */
export class FormatError extends Error {
  override readonly name: string = "FormatError";
  readonly where: string;

  constructor(where: string, what: string) {
    super(`${where}: ${what}`);
    this.where = where;
  }
}

/** Quotes a name that comes from the file for a message: escaped, and cut to a readable length. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}

/** Bounds-checked reads of either byte order. Whoever reads on may move `where`, the label of its errors, along. */
export class ByteReader {
  readonly littleEndian: boolean;
  readonly length: number;
  where: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, littleEndian: boolean, where: string) {
    this.littleEndian = littleEndian;
    this.length = bytes.length;
    this.where = where;
    // Not `bytes` itself: it may be a Buffer, whose slice() copies nothing.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  u8(at: number): number {
    this.#check(at, 1);
    return this.#view.getUint8(at);
  }

  u16(at: number): number {
    this.#check(at, 2);
    return this.#view.getUint16(at, this.littleEndian);
  }

  u32(at: number): number {
    this.#check(at, 4);
    return this.#view.getUint32(at, this.littleEndian);
  }

  s32(at: number): number {
    this.#check(at, 4);
    return this.#view.getInt32(at, this.littleEndian);
  }

  u64(at: number): bigint {
    this.#check(at, 8);
    return this.#view.getBigUint64(at, this.littleEndian);
  }

  /** A u64 that counts bytes, as a number; one beyond 2^53 is malformed. */
  offset(at: number): number {
    const low = this.u32(this.littleEndian ? at : at + 4);
    const high = this.u32(this.littleEndian ? at + 4 : at);
    if (high >= 0x20_0000) throw new FormatError(this.where, `absurd 64-bit number at byte ${at}`);
    return high * 0x1_0000_0000 + low;
  }

  /** A view, not a copy, of `n` bytes. */
  bytes(at: number, n: number): Uint8Array {
    this.#check(at, n);
    return this.#bytes.subarray(at, at + n);
  }

  /** The text from `at` up to its NUL, which must be inside. */
  cstring(at: number): string {
    this.#check(at, 1);
    const end = this.#bytes.indexOf(0, at);
    if (end < 0) throw new FormatError(this.where, `text at byte ${at} has no end`);
    return decode(this.#bytes, at, end);
  }

  #check(at: number, n: number): void {
    if (!(at >= 0 && n >= 0 && at + n <= this.length))
      throw new FormatError(this.where, `truncated: ${n} bytes expected at ${at} of ${this.length}`);
  }
}

/**
 * The names of an ELF or BTF string table, each decoded once. Names may share their tails, but all of them together
 * may not exceed the table many times over: that only happens in a file made to exhaust its reader.
 */
export class StringTable {
  readonly #bytes: Uint8Array;
  readonly #known = new Map<number, string>();
  #budget: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#budget = Math.min(0x1000_0000, 0x1_0000 + bytes.length * 16);
  }

  /** The name at an offset; `where` labels the error when there is none. */
  at(offset: number, where: string): string {
    let name = this.#known.get(offset);
    if (name === undefined) {
      const end = offset < this.#bytes.length ? this.#bytes.indexOf(0, offset) : -1;
      if (end < 0)
        throw new FormatError(where, `no name at ${offset} of the ${this.#bytes.length}-byte string table`);
      this.#budget -= end - offset;
      if (this.#budget < 0)
        throw new FormatError(where, "the names are absurdly long for their string table");
      name = decode(this.#bytes, offset, end);
      this.#known.set(offset, name);
    }
    return name;
  }
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** UTF-8 to text, never failing. Short ASCII, that is nearly every name, is quicker by hand than through TextDecoder. */
function decode(bytes: Uint8Array, from: number, to: number): string {
  if (to - from > 48) return utf8.decode(bytes.subarray(from, to));
  const codes: number[] = [];
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!;
    if (byte >= 0x80) return utf8.decode(bytes.subarray(from, to));
    codes.push(byte);
  }
  return String.fromCharCode(...codes);
}
