import { decodeTypes } from "./decode.js";
import { ByteReader, FormatError, StringTable } from "./reader.js";
import { type Resolution, resolve } from "./resolve.js";
import type { BtfNamedKind, BtfOfKind, BtfType } from "./types.js";

/** The types of an object or kernel. `parseBtf` makes it, and has checked it: every id exists, nothing contains itself. */
export class Btf {
  readonly littleEndian: boolean;
  /** By id; 0 is void. */
  readonly types: readonly BtfType[];
  readonly #strings: StringTable;
  readonly #resolution: Resolution;
  #index: Map<string, Map<string, BtfType>> | undefined;

  constructor(
    littleEndian: boolean,
    types: readonly BtfType[],
    strings: StringTable,
    resolution: Resolution,
  ) {
    this.littleEndian = littleEndian;
    this.types = types;
    this.#strings = strings;
    this.#resolution = resolution;
  }

  /** The type with that id. */
  type(id: number): BtfType {
    const type = this.types[id];
    if (!type) throw new FormatError(".BTF", `no type ${id} of ${this.types.length}`);
    return type;
  }

  /** The first type of that kind and name. */
  named<K extends BtfNamedKind>(kind: K, name: string): BtfOfKind<K> | undefined {
    this.#index ??= indexByName(this.types);
    return this.#index.get(kind)?.get(name) as BtfOfKind<K> | undefined;
  }

  /** The type behind typedefs, qualifiers and type tags. */
  strip(id: number): BtfType {
    return this.type(this.#resolution.stripped[this.type(id).id]!);
  }

  /** Whether the compiler left out what this is: clang before 13 knows no floats and gives them, and arrays of them, type 0. */
  isMissing(id: number): boolean {
    let type = this.strip(id);
    while (type.kind === "array") type = this.strip(type.element);
    return type.kind === "void";
  }

  /** How many bytes a value of the type takes; what has no size, such as a function, is a FormatError. */
  size(id: number): number {
    const size = this.#resolution.sizes[this.type(id).id]!;
    if (Number.isNaN(size)) throw new FormatError(`.BTF type ${id}`, `${this.strip(id).kind} has no size`);
    if (size === Number.POSITIVE_INFINITY) throw new FormatError(`.BTF type ${id}`, "is absurdly large");
    return size;
  }

  /** The text at an offset of the string section, for `.BTF.ext`, which has none of its own. */
  string(offset: number, where: string): string {
    return this.#strings.at(offset, where);
  }
}

/** The kernel takes no more bytes of BTF than these. */
const MAX_SIZE = 2 ** 24;

/** Reads the bytes of a `.BTF` section, or of a file of raw BTF such as /sys/kernel/btf/vmlinux. */
export function parseBtf(bytes: Uint8Array): Btf {
  const { reader, strings } = openTypes(bytes);
  const decoded = decodeTypes(reader, strings);
  return new Btf(reader.littleEndian, decoded.types, strings, resolve(decoded));
}

/** The type section and the names of BTF. */
export function openTypes(bytes: Uint8Array): { readonly reader: ByteReader; readonly strings: StringTable } {
  const header = openBtf(bytes, ".BTF");
  if (bytes.length > MAX_SIZE)
    throw new FormatError(header.where, `${bytes.length} bytes; the kernel takes up to ${MAX_SIZE}`);
  const headerSize = header.u32(4);
  if (headerSize < 24) throw new FormatError(header.where, `a header of ${headerSize} bytes`);
  const part = (at: number): Uint8Array => header.bytes(headerSize + header.u32(at), header.u32(at + 4));
  const types = part(8);
  const strings = part(16);
  if (strings[0] !== 0 || strings.at(-1) !== 0)
    throw new FormatError(header.where, "the string section does not start and end with NUL");
  return {
    reader: new ByteReader(types, header.littleEndian, header.where),
    strings: new StringTable(strings),
  };
}

/** Checks the start that `.BTF` and `.BTF.ext` share: magic, which tells the byte order, and version. */
export function openBtf(bytes: Uint8Array, where: string): ByteReader {
  const big = new ByteReader(bytes, false, where);
  const little = new ByteReader(bytes, true, where);
  const reader = big.u16(0) === 0xeb9f ? big : little;
  if (reader.u16(0) !== 0xeb9f) throw new FormatError(where, "not BTF");
  if (reader.u8(2) !== 1) throw new FormatError(where, `version ${reader.u8(2)} of BTF is unknown`);
  return reader;
}

function indexByName(types: readonly BtfType[]): Map<string, Map<string, BtfType>> {
  const kinds = new Map<string, Map<string, BtfType>>();
  for (const type of types) {
    if (!("name" in type)) continue;
    const names = kinds.get(type.kind) ?? new Map<string, BtfType>();
    kinds.set(type.kind, names);
    if (!names.has(type.name)) names.set(type.name, type);
  }
  return kinds;
}
