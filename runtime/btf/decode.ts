import { type ByteReader, FormatError, quote, type StringTable } from "./reader.js";
import type { BtfEnumValue, BtfLinkage, BtfMember, BtfParam, BtfSectionVar, BtfType } from "./types.js";

/** The types as written: references unchecked, and bit-fields of structs without kind_flag still hidden in their integers. */
export interface DecodedTypes {
  readonly types: BtfType[];
  /** The members of each struct and union without kind_flag, for `resolve` to rewrite. */
  readonly legacy: BtfMember[][];
}

const LINKAGES: readonly BtfLinkage[] = ["static", "global", "extern"];

/** Type 0. */
export const VOID: BtfType = { kind: "void", id: 0 };

/** Decodes the type section of BTF, which `reader` spans. */
export function decodeTypes(reader: ByteReader, strings: StringTable): DecodedTypes {
  const types = [VOID];
  const legacy: BtfMember[][] = [];
  const decode = typeDecoder(reader, strings, legacy);
  for (let at = 0; at < reader.length; ) {
    const { type, end } = decode(types.length, at);
    types.push(type);
    at = end;
  }
  return { types, legacy };
}

/** Bytes behind the first three words of a type, by its kind: always, and for each of so many as it has. */
const EXTRA: readonly (readonly [always: number, each: number] | undefined)[] = [
  undefined,
  [4, 0], // int
  [0, 0], // ptr
  [12, 0], // array
  [0, 12], // struct
  [0, 12], // union
  [0, 8], // enum
  [0, 0], // fwd
  [0, 0], // typedef
  [0, 0], // volatile
  [0, 0], // const
  [0, 0], // restrict
  [0, 0], // func
  [0, 8], // func_proto
  [4, 0], // var
  [0, 12], // datasec
  [0, 0], // float
  [4, 0], // decl_tag
  [0, 0], // type_tag
  [0, 12], // enum64
];
/** The kind of functions. */
export const FUNC = 12;

/** Where each type begins in the type section, by id, and which kind it is; of 0, nothing. */
export function indexTypes(reader: ByteReader): { readonly starts: number[]; readonly kinds: number[] } {
  const [starts, kinds] = [[0], [0]];
  for (let at = 0; at < reader.length; ) {
    const info = reader.u32(at + 4);
    const kind = kindOf(info);
    const [always, each] = EXTRA[kind] ?? unknownKind(`.BTF type ${starts.length}`, kind);
    starts.push(at);
    kinds.push(kind);
    at += 12 + always + each * lengthOf(info);
  }
  return { starts, kinds };
}

// The bits between length and kind, and above kind, are zero so far: a file that uses them has an absurd length or kind.
const lengthOf = (info: number): number => info & 0xff_ffff;
const kindOf = (info: number): number => (info >>> 24) & 0x7f;

function unknownKind(where: string, kind: number): never {
  throw new FormatError(where, `unknown kind ${kind}`);
}

/**
 * Decodes one type, wherever in the type section it begins.
 * @param legacy gets the members of each struct and union without kind_flag.
 */
export function typeDecoder(
  reader: ByteReader,
  strings: StringTable,
  legacy: BtfMember[][],
): (id: number, start: number) => { readonly type: BtfType; readonly end: number } {
  let at = 0;

  const word = (): number => {
    at += 4;
    return reader.u32(at - 4);
  };
  const signedWord = (): number => word() | 0;
  const name = (): string => strings.at(word(), reader.where);
  const list = <T>(count: number, stride: number, read: () => T): T[] => {
    reader.bytes(at, count * stride);
    const found: T[] = [];
    while (found.length < count) found.push(read());
    return found;
  };
  const linkage = (value: number): BtfLinkage => {
    const found = LINKAGES[value];
    if (!found) throw new FormatError(reader.where, `unknown linkage ${value}`);
    return found;
  };
  const enumValue = (signed: boolean) => (): BtfEnumValue => ({
    name: name(),
    value: BigInt(signed ? signedWord() : word()),
  });
  const enum64Value = (signed: boolean) => (): BtfEnumValue => {
    const label = name();
    const low = BigInt(word());
    const high = BigInt(signed ? signedWord() : word());
    return { name: label, value: (high << 32n) | low };
  };
  // One that is only declared has neither values nor, from some compilers, a size.
  const enumSize = (size: number, values: readonly unknown[]): number => {
    if (size === 0 && values.length === 0) return size;
    if (size === 1 || size === 2 || size === 4 || size === 8) return size;
    throw new FormatError(reader.where, `an enum of ${size} bytes`);
  };
  const member = (): BtfMember => ({ name: name(), type: word(), bitOffset: word(), bitSize: 0 });
  const memberWithSize = (): BtfMember => {
    const label = name();
    const type = word();
    const packed = word();
    return { name: label, type, bitOffset: packed & 0xff_ffff, bitSize: packed >>> 24 };
  };
  const param = (): BtfParam => ({ name: name(), type: word() });
  const sectionVar = (): BtfSectionVar => ({ type: word(), offset: word(), size: word() });

  const decode = (id: number): BtfType => {
    const label = name();
    const info = word();
    const last = word();
    const length = lengthOf(info);
    const code = kindOf(info);
    const flag = info >>> 31 === 1;
    switch (code) {
      case 1: {
        const encoding = word();
        const bits = encoding & 0xff;
        const bitOffset = (encoding >>> 16) & 0xff;
        if (last > 16 || bits + bitOffset > last * 8)
          throw new FormatError(reader.where, `integer ${quote(label)} of ${bits} bits in ${last} bytes`);
        const [signed, char, bool] = [24, 25, 26].map((bit) => ((encoding >>> bit) & 1) === 1);
        return {
          kind: "int",
          id,
          name: label,
          size: last,
          signed: signed!,
          char: char!,
          bool: bool!,
          bits,
          bitOffset,
        };
      }
      case 2:
        return { kind: "ptr", id, to: last };
      case 3:
        return { kind: "array", id, element: word(), index: word(), length: word() };
      case 4:
      case 5: {
        const kind = code === 4 ? "struct" : "union";
        const members = list(length, 12, flag ? memberWithSize : member);
        if (!flag) legacy.push(members);
        return { kind, id, name: label, size: last, members };
      }
      case 6: {
        const values = list(length, 8, enumValue(flag));
        return { kind: "enum", id, name: label, size: enumSize(last, values), signed: flag, values };
      }
      case 7:
        return { kind: "fwd", id, name: label, union: flag };
      case 8:
        return { kind: "typedef", id, name: label, to: last };
      case 9:
        return { kind: "volatile", id, to: last };
      case 10:
        return { kind: "const", id, to: last };
      case 11:
        return { kind: "restrict", id, to: last };
      case 12:
        return { kind: "func", id, name: label, to: last, linkage: linkage(length) };
      case 13:
        return { kind: "func_proto", id, returns: last, params: list(length, 8, param) };
      case 14:
        return { kind: "var", id, name: label, to: last, linkage: linkage(word()) };
      case 15:
        return { kind: "datasec", id, name: label, size: last, vars: list(length, 12, sectionVar) };
      case 16:
        return { kind: "float", id, name: label, size: last };
      case 17:
        return { kind: "decl_tag", id, name: label, to: last, component: signedWord() };
      case 18:
        return { kind: "type_tag", id, name: label, to: last };
      case 19: {
        const values = list(length, 12, enum64Value(flag));
        return { kind: "enum64", id, name: label, size: enumSize(last, values), signed: flag, values };
      }
      default:
        return unknownKind(reader.where, code);
    }
  };

  return (id, start) => {
    reader.where = `.BTF type ${id}`;
    at = start;
    return { type: decode(id), end: at };
  };
}
