import { type Btf, openBtf } from "./btf.js";
import { FormatError } from "./reader.js";

/** A function of a section: where it starts, and the id of its BTF `func`. */
export interface FuncInfo {
  readonly section: string;
  /** Bytes into the section. */
  readonly offset: number;
  readonly type: number;
}

/** The line of C that the instructions from `offset` on come from. */
export interface LineInfo {
  readonly section: string;
  /** Bytes into the section. */
  readonly offset: number;
  readonly file: string;
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** A CO-RE relocation: what the instruction at `offset` takes from the kernel's own types. */
export interface CoreRelocation {
  readonly section: string;
  /** Bytes into the section. */
  readonly offset: number;
  readonly type: number;
  /** Member indexes separated by colons, `"0:1:2"`. */
  readonly access: string;
  /** `enum bpf_core_relo_kind` of the kernel. */
  readonly kind: number;
}

/** The contents of `.BTF.ext`, in file order. */
export interface BtfExt {
  readonly funcs: FuncInfo[];
  readonly lines: LineInfo[];
  readonly relocations: CoreRelocation[];
}

/** Reads the bytes of a `.BTF.ext` section with the types and strings of the `.BTF` beside it. */
export function parseBtfExt(bytes: Uint8Array, btf: Btf): BtfExt {
  const reader = openBtf(bytes, ".BTF.ext");
  const { where } = reader;
  if (reader.littleEndian !== btf.littleEndian) throw new FormatError(where, "not in the byte order of .BTF");
  const headerSize = reader.u32(4);
  if (headerSize < 24 || headerSize > bytes.length)
    throw new FormatError(where, `a header of ${headerSize} bytes`);

  const typeAt = (at: number): number => btf.type(reader.u32(at)).id;
  const textAt = (at: number): string => btf.string(reader.u32(at), reader.where);

  /** Reads the table that the header describes at `at`: a record size, then per section its name, a count and the records. */
  const table = <T>(
    at: number,
    least: number,
    what: string,
    read: (section: string, at: number) => T,
  ): T[] => {
    const found: T[] = [];
    if (at + 8 > headerSize || reader.u32(at + 4) === 0) return found;
    reader.where = `${where} ${what}`;
    let next = headerSize + reader.u32(at);
    const end = next + reader.u32(at + 4);
    const stride = reader.u32(next);
    next += 4;
    if (end > bytes.length)
      throw new FormatError(reader.where, `truncated: ends at ${end} of ${bytes.length}`);
    if (stride < least) throw new FormatError(reader.where, `records of ${stride} bytes, not ${least}`);
    while (next < end) {
      const section = textAt(next);
      const count = reader.u32(next + 4);
      next += 8;
      if (next + count * stride > end) throw new FormatError(reader.where, `${count} records exceed it`);
      for (let i = 0; i < count; i++, next += stride) found.push(read(section, next));
    }
    return found;
  };

  return {
    funcs: table(8, 8, "function info", (section, at) => ({
      section,
      offset: reader.u32(at),
      type: typeAt(at + 4),
    })),
    lines: table(16, 16, "line info", (section, at) => {
      const position = reader.u32(at + 12);
      return {
        section,
        offset: reader.u32(at),
        file: textAt(at + 4),
        text: textAt(at + 8),
        line: position >>> 10,
        column: position & 0x3ff,
      };
    }),
    relocations: table(24, 16, "CO-RE relocations", (section, at) => ({
      section,
      offset: reader.u32(at),
      type: typeAt(at + 4),
      access: textAt(at + 8),
      kind: reader.u32(at + 12),
    })),
  };
}
