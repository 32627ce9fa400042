/** Bytes of hand-made ELF and BTF, well-formed and otherwise. */

type Word = number | Uint8Array;

const encoder = new TextEncoder();

/** Words of four bytes, and bytes as they are, one after the other. */
export function pack(words: readonly Word[], littleEndian = true): Uint8Array {
  const sizes = words.map((word) => (typeof word === "number" ? 4 : word.length));
  const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [i, word] of words.entries()) {
    if (typeof word === "number") view.setUint32(at, word >>> 0, littleEndian);
    else bytes.set(word, at);
    at += sizes[i]!;
  }
  return bytes;
}

/** Collects names for a string table that starts with the empty one. */
export class Strings {
  readonly #parts: Uint8Array[] = [Uint8Array.of(0)];
  #size = 1;

  /** The offset of a name, "" being 0. */
  name(text: string | Uint8Array): number {
    if (text.length === 0) return 0;
    const bytes = typeof text === "string" ? encoder.encode(text) : text;
    const offset = this.#size;
    this.#parts.push(bytes, Uint8Array.of(0));
    this.#size += bytes.length + 1;
    return offset;
  }

  bytes(): Uint8Array {
    return pack(this.#parts);
  }
}

export const Kind = {
  int: 1,
  ptr: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  fwd: 7,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  func: 12,
  funcProto: 13,
  var: 14,
  datasec: 15,
  float: 16,
  declTag: 17,
  typeTag: 18,
  enum64: 19,
} as const;

/** `info` of a type: kind, number of entries, kind_flag. */
export function info(kind: number, entries = 0, flag = 0): number {
  return ((flag << 31) | (kind << 24) | entries) >>> 0;
}

/** The words of a type after each other: name, info, size or type, entries. */
export type RawType = readonly number[];

/** An integer, a signed 32-bit one unless told otherwise. */
export function int(name = 0, size = 4, encoding = 1, bits: number = size * 8, bitOffset = 0): RawType {
  return [name, info(Kind.int), size, (encoding << 24) | (bitOffset << 16) | bits];
}

/** A `.BTF` section of those types. */
export function rawBtf(
  types: readonly RawType[],
  strings: Strings = new Strings(),
  { littleEndian = true, headerSize = 24 }: { littleEndian?: boolean; headerSize?: number } = {},
): Uint8Array {
  const body = pack(types.flat(), littleEndian);
  const names = strings.bytes();
  const magic = littleEndian ? Uint8Array.of(0x9f, 0xeb, 1, 0) : Uint8Array.of(0xeb, 0x9f, 1, 0);
  const header = [magic, headerSize, 0, body.length, body.length, names.length];
  return pack([...header, new Uint8Array(headerSize - 24), body, names], littleEndian);
}

/** A section to be: header fields left out are 0. */
export interface RawSection {
  readonly name?: string;
  readonly type: number;
  readonly flags?: number;
  readonly data?: Uint8Array;
  readonly size?: number;
  readonly link?: number;
  readonly info?: number;
  readonly addralign?: number;
  readonly entsize?: number;
}

/** An ELF file for BPF: the empty section, those given from index 1 on, and `.shstrtab` at the end. */
export function rawElf(sections: readonly RawSection[], littleEndian = true): Uint8Array {
  const names = new Strings();
  const all: RawSection[] = [{ type: 0 }, ...sections, { name: ".shstrtab", type: 3 }];
  const nameOffsets = all.map((section) => names.name(section.name ?? ""));
  const contents = all.map((section, i) =>
    i === all.length - 1 ? names.bytes() : (section.data ?? new Uint8Array()),
  );
  const tableAt = contents.reduce((at, data) => at + data.length, 64);
  const long = (value: number): Word[] => (littleEndian ? [value, 0] : [0, value]);
  const half = (value: number): Uint8Array =>
    littleEndian ? Uint8Array.of(value & 0xff, value >> 8) : Uint8Array.of(value >> 8, value & 0xff);

  let at = 64;
  const headers = all.flatMap((section, i) => {
    const { type, flags = 0, link = 0, info = 0, addralign = 1, entsize = 0 } = section;
    const size = section.size ?? contents[i]!.length;
    const header = [nameOffsets[i]!, type, long(flags), long(0), long(at), long(size), link, info];
    at += contents[i]!.length;
    return [...header, long(addralign), long(entsize)].flat();
  });
  const identification = Uint8Array.of(
    0x7f,
    0x45,
    0x4c,
    0x46,
    2,
    littleEndian ? 1 : 2,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
  );
  const kind = [half(1), half(247), 1, ...long(0), ...long(0), ...long(tableAt), 0];
  const counts = [half(64), half(0), half(0), half(64), half(all.length), half(all.length - 1)];
  return pack([identification, ...kind, ...counts, ...contents, ...headers], littleEndian);
}
