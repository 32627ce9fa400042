import {
  type Btf,
  type BtfInt,
  type BtfMember,
  type BtfOfKind,
  type BtfType,
  FormatError,
  quote,
} from "../../runtime/btf/index.js";
import { cType } from "./c-type.js";
import { allMembers, type BtfComposite, checkOverlaps, flatten, flexibleMember } from "./members.js";
import type { Member, NumberCodec, Shadow, TypeModel, UnionPart, ValueType } from "./model.js";
import { type NameRequest, nameTypes, numbering } from "./names.js";

/** Arrays of arrays deeper than this are no C program's. */
const MAX_NESTING = 32;
/** Arrays of up to so many elements are tuples… */
const MAX_TUPLE = 16;
/** …as long as tuples of tuples come to no more elements than this. */
const MAX_TUPLE_LEAVES = 256;
/**
 * Characters that the types of any object may take in the skeleton, and how many more for each entry of its BTF.
 * No compiler comes near. A crafted object does: a member of twelve bytes may have a name of 64 kB, or stand for the
 * thousands of members of an anonymous struct that a thousand others hold, too.
 */
const ROOM = 2 ** 22;
const ROOM_OF_ENTRY = 256;
/** And no more than this, however many entries there are: six times what the kernel's own types take. */
const MAX_ROOM = 2 ** 26;
/** What a type takes besides its names and members; it stands for the time that it takes, too. */
const ROOM_OF_TYPE = 1024;

type BtfEnum = BtfOfKind<"enum"> | BtfOfKind<"enum64">;

/** A type that gets a declaration of its own. */
interface Declared extends NameRequest {
  readonly type: BtfComposite | BtfEnum;
  /** What C calls it: `struct event`, or just `event` for an anonymous one behind a typedef. */
  readonly label: string;
}

/**
 * Collects the types that a skeleton needs. First everything is asked for with {@link reach}, then
 * {@link declare} names all of it at once; only then can {@link value} and {@link declarations} tell.
 */
export class Types {
  readonly warnings: string[] = [];
  readonly #btf: Btf;
  readonly #textArrays: boolean;
  readonly #declared = new Map<number, Declared>();
  /** Ids in the order in which they must be declared: a type after those that it contains. */
  readonly #order: number[] = [];
  #names: ReadonlyMap<Declared, string> = new Map();
  #room: number;

  constructor(btf: Btf, charArrays: "text" | "bytes") {
    this.#btf = btf;
    this.#textArrays = charArrays === "text";
    const asked = btf.types.reduce((sum, type) => sum + ROOM_OF_ENTRY * entries(type), ROOM);
    this.#room = Math.min(asked + ROOM_OF_TYPE * btf.types.length, MAX_ROOM);
  }

  /** Accounts for so many characters of the skeleton. */
  readonly #take = (characters: number): void => {
    this.#room -= characters;
    if (this.#room < 0) throw new FormatError(".BTF", "what its types say is absurdly long for their number");
  };

  /** A type as C writes it. */
  c(id: number): string {
    const c = cType(this.#btf, id);
    this.#take(c.length);
    return c;
  }

  /**
   * Asks for a type and all that it contains.
   * @param place what to call it if it has no name: where it stands, in C words (`conn_addr`).
   */
  reach(id: number, place: string): void {
    // An explicit stack: a crafted object can nest types deeper than a call stack is.
    const pending: { id: number; place: string; done: boolean }[] = [{ id, place, done: false }];
    while (pending.length > 0) {
      const at = pending.pop()!;
      if (at.done) {
        this.#order.push(at.id);
        continue;
      }
      const { type, name } = this.#declarable(at.id);
      if (!type || this.#declared.has(type.id) || (!("members" in type) && type.size === 0)) continue;
      const c = name || at.place;
      const keyword = type.kind === "enum64" ? "enum" : type.kind;
      const label = type.name === "" && name !== "" ? name : `${keyword} ${c}`;
      this.#take(12 * c.length + ROOM_OF_TYPE);
      this.#declared.set(type.id, { type, c, label, layout: this.#layout(type) });
      if (type.kind === "enum" && type.size > 4)
        this.warnings.push(
          `${label}: the compiler cut its values to 32 bits — compile with clang 15, gcc 14 or newer`,
        );
      pending.push({ id: type.id, place: c, done: true });
      if (type.kind === "enum" || type.kind === "enum64") continue;
      const inside = flatten(this.#btf, type, this.#take).flatMap((part) => part.members);
      for (const member of inside.reverse())
        pending.push({ id: member.type, place: `${c}_${member.name}`, done: false });
    }
  }

  /** Gives everything that was asked for its name. */
  declare(skeleton: string): void {
    const { names, warnings } = nameTypes([...this.#declared.values()], skeleton);
    this.#names = names;
    // Not all as arguments of one call, which takes no hundred thousand.
    for (const warning of warnings) this.warnings.push(warning);
  }

  /** How a value of the type lies in memory. */
  value(id: number): ValueType {
    const value = this.#value(id, 0);
    // The type, the codec, and both once more where the codec gets a const of its own.
    this.#take(4 * extent(value));
    return value;
  }

  #value(id: number, nesting: number): ValueType {
    const type = this.#btf.strip(id);
    switch (type.kind) {
      case "int":
        return intValue(type);
      case "float":
        if (type.size === 4 || type.size === 8)
          return { kind: "number", codec: type.size === 4 ? "f32" : "f64" };
        return bytesValue(type.size);
      case "ptr":
        return { kind: "number", codec: "ptr" };
      case "array":
        return this.#arrayValue(type.element, type.length, nesting);
      case "struct":
      case "union":
        return { kind: "named", name: this.#name(type.id) };
      case "enum":
      case "enum64":
        if (type.size === 0) return bytesValue(0);
        return { kind: "enum", name: this.#name(type.id), codec: enumCodec(type) };
      default:
        return bytesValue(this.#btf.size(id));
    }
  }

  /** How a variable lies in memory, which takes so many bytes. */
  variable(id: number, size: number, where: string): ValueType {
    return this.#btf.isMissing(id) ? this.#unknown(where, size) : this.value(id);
  }

  /** Clang before 13 gives floats no type, and arrays of them any, which may reach into what comes next. */
  #memberValue({ name, type, bitOffset }: BtfMember, owner: Owner): ValueType {
    const room = (owner.ends(bitOffset) - bitOffset) / 8;
    if (!this.#btf.isMissing(type) && this.#btf.size(type) <= room) return this.value(type);
    return this.#unknown(`${owner.c}: member ${quote(name)}`, Math.floor(room));
  }

  #unknown(where: string, size: number): ValueType {
    this.warnings.push(`${where}: the compiler does not say its type, so it is bytes — floats need clang 13`);
    return bytesValue(size);
  }

  /** Whether a struct ends in a flexible array. */
  isFlexible(id: number): boolean {
    const type = this.#btf.strip(id);
    return type.kind === "struct" && flexibleMember(this.#btf, type) !== undefined;
  }

  /** A member of a struct that is one number, by its name. */
  member(id: number, name: string): { at: number; type: ValueType } | undefined {
    const struct = this.#btf.strip(id);
    if (struct.kind !== "struct" && struct.kind !== "union") return undefined;
    const found = allMembers(this.#btf, struct, this.#take).find((member) => member.name === name);
    if (!found) return undefined;
    const [member] = this.#members([found], 0, numbering(), anywhere(name));
    const isNumber = member && ["number", "bool", "enum", "bits"].includes(member.type.kind);
    return isNumber ? { at: member.at, type: member.type } : undefined;
  }

  /** The members of a struct_ops struct that hold data. Of pointers, libbpf fills in functions only. */
  dataMembers(id: number): BtfMember[] {
    const struct = this.#btf.strip(id);
    if (struct.kind !== "struct") return [];
    return allMembers(this.#btf, struct, this.#take).filter(
      ({ name, type, bitSize }) =>
        name !== "" &&
        bitSize === 0 &&
        !this.#btf.isMissing(type) &&
        this.#btf.strip(type).kind !== "ptr" &&
        this.#btf.size(type) > 0,
    );
  }

  /** What can be set of a struct_ops map; libbpf knows neither bit-fields nor pointers to data there. */
  shadow(id: number): Shadow | undefined {
    const struct = this.#btf.strip(id);
    if (struct.kind !== "struct") return undefined;
    const unique = numbering();
    const functions = struct.members.flatMap(({ name, type: member, bitOffset }) => {
      const type = this.#btf.strip(member);
      if (name === "" || type.kind !== "ptr" || this.#btf.strip(type.to).kind !== "func_proto") return [];
      this.#take(5 * name.length + 64);
      return [{ name: unique(name), c: this.c(member), at: bitOffset / 8 }];
    });
    return {
      size: struct.size,
      members: this.#members(this.dataMembers(id), 0, unique, anywhere(struct.name)),
      functions,
    };
  }

  /** What to declare, each type after those that it contains. */
  declarations(): TypeModel[] {
    return this.#order.map((id) => {
      const declared = this.#declared.get(id)!;
      const { type, label: c } = declared;
      const name = this.#names.get(declared)!;
      if (type.kind === "enum" || type.kind === "enum64")
        return { kind: "enum", name, c, codec: enumCodec(type), values: type.values };
      const unique = numbering();
      if (type.kind === "union")
        return {
          kind: "union",
          name,
          c,
          size: type.size,
          members: this.#members(allMembers(this.#btf, type, this.#take), 0, unique, {
            c,
            ends: () => 8 * type.size,
          }),
        };
      const parts = flatten(this.#btf, type, this.#take);
      checkOverlaps(this.#btf, c, parts);
      const unions = parts.flatMap(({ union, members }): UnionPart[] => {
        if (union === undefined) return [];
        const ends = (): number => 8 * (union.at + union.size);
        return [{ ...union, members: this.#members(members, union.at, unique, { c, ends }) }];
      });
      const plain = parts.flatMap((part) => (part.union === undefined ? part.members : []));
      const starts = [...plain.map(({ bitOffset }) => bitOffset), ...unions.map(({ at }) => 8 * at)];
      const owner = { c, ends: nextOf(starts, 8 * type.size) };
      const members = this.#members(plain, 0, unique, owner, flexibleMember(this.#btf, type));
      return { kind: "struct", name, c, size: type.size, members, unions };
    });
  }

  #name(id: number): string {
    return this.#names.get(this.#declared.get(id)!)!;
  }

  #members(
    members: readonly BtfMember[],
    start: number,
    unique: (name: string) => string,
    owner: Owner,
    flexible?: BtfMember,
  ): Member[] {
    return members.flatMap((member): Member[] => {
      // Unnamed bit-fields are padding; compilers leave them out, hand-made BTF may not.
      if (member.name === "") return [];
      const name = unique(member.name);
      this.#take(5 * name.length + 64);
      const c = this.c(member.type);
      const bit = member.bitOffset - 8 * start;
      const isFlexible = flexible?.name === member.name && flexible.bitOffset === member.bitOffset;
      if (member.bitSize === 0) {
        const type = isFlexible ? this.value(member.type) : this.#memberValue(member, owner);
        return [{ name, c, at: bit / 8, type, ...(isFlexible && { flexible: true }) }];
      }
      return [{ name, c: `${c} : ${member.bitSize}`, at: 0, type: this.#bits(member, bit) }];
    });
  }

  #bits(member: BtfMember, bit: number): ValueType {
    const type = this.#btf.strip(member.type);
    const width = member.bitSize;
    if (type.kind === "enum" || type.kind === "enum64") {
      const enumeration = this.#name(type.id);
      const as = type.size === 8 ? "bigint" : "number";
      return { kind: "bits", bit, width, signed: type.signed, as, enumeration };
    }
    if (type.kind !== "int")
      throw new FormatError(".BTF", `bit-field ${quote(member.name)}: is not of an integer type`);
    if (type.bool && width === 1) return { kind: "bits", bit, width, signed: false, as: "boolean" };
    return { kind: "bits", bit, width, signed: type.signed, as: type.size > 4 ? "bigint" : "number" };
  }

  #arrayValue(element: number, length: number, nesting: number): ValueType {
    if (nesting > MAX_NESTING)
      throw new FormatError(".BTF", `an array of more than ${MAX_NESTING} dimensions`);
    const type = this.#btf.strip(element);
    // clang calls `char` signed on x86-64, so the name says it better than the encoding.
    if (type.kind === "int" && type.name === "char" && type.size === 1)
      return this.#textArrays && length > 0 ? { kind: "text", length } : bytesValue(length);
    if (type.kind === "void") return bytesValue(0);
    const value = this.#value(element, nesting + 1);
    const tuple = length > 0 && length <= MAX_TUPLE && length * leaves(value) <= MAX_TUPLE_LEAVES;
    if (value.kind !== "number") return { kind: "array", element: value, length, tuple };
    const codec = value.codec === "ptr" ? "u64" : value.codec;
    if (codec === "u128" || codec === "s128") return { kind: "array", element: value, length, tuple };
    return { kind: "numbers", codec, length };
  }

  /** A type's layout spelled out, one level deep: what tells it from another of the same name. */
  #layout(type: BtfComposite | BtfEnum): string {
    if (type.kind === "enum" || type.kind === "enum64") {
      for (const { name } of type.values) this.#take(name.length + 24);
      return `${type.kind} ${type.size} ${type.values.map(({ name, value }) => `${name}=${value}`).join()}`;
    }
    const members = type.members.map((member) => {
      this.#take(member.name.length);
      return `${member.name}:${this.c(member.type)}@${member.bitOffset}:${member.bitSize}`;
    });
    return `${type.kind} ${type.size} ${members.join()}`;
  }

  /** The struct, union or enum behind typedefs and arrays, and the name that it goes by. */
  #declarable(id: number): { type?: BtfComposite | BtfEnum; name: string } {
    let typedef = "";
    for (let type: BtfType = this.#btf.type(id); ; ) {
      if (type.kind === "struct" || type.kind === "union" || type.kind === "enum" || type.kind === "enum64")
        return { type, name: type.name || typedef };
      if (type.kind === "typedef") typedef ||= type.name;
      if (type.kind === "array") {
        typedef = "";
        type = this.#btf.type(type.element);
      } else if ("to" in type && type.kind !== "ptr") type = this.#btf.type(type.to);
      else return { name: "" };
    }
  }
}

/** How many types, members, values and variables BTF lists for a type. */
function entries(type: BtfType): number {
  if ("members" in type) return 1 + type.members.length;
  if ("values" in type) return 1 + type.values.length;
  return "vars" in type ? 1 + type.vars.length : 1;
}

/** How often the type of the innermost elements is written down. */
function leaves(type: ValueType): number {
  return type.kind === "array" ? (type.tuple ? type.length : 1) * leaves(type.element) : 1;
}

/** About how many characters a type takes where it is used. */
function extent(type: ValueType): number {
  if (type.kind === "array") return 16 + (type.tuple ? type.length : 1) * extent(type.element);
  return "name" in type ? type.name.length : 16;
}

/** What members belong to. */
interface Owner {
  /** What C calls it. */
  readonly c: string;
  /** The bit up to which a member is that begins at a bit, when its type does not say it. */
  readonly ends: (bit: number) => number;
}

/** Where members of known types are. */
function anywhere(c: string): Owner {
  return { c, ends: () => Number.POSITIVE_INFINITY };
}

/** For each start the next greater one, or the end. */
function nextOf(starts: readonly number[], end: number): (start: number) => number {
  let next: Map<number, number> | undefined;
  return (start) => {
    const sorted = next ? [] : [...new Set(starts)].sort((a, b) => a - b);
    next ??= new Map(sorted.map((each, i) => [each, sorted[i + 1] ?? end]));
    return next.get(start) ?? end;
  };
}

function intValue(type: BtfInt): ValueType {
  if (type.bool && type.size === 1) return { kind: "bool" };
  const sign = type.signed && !type.bool ? "s" : "u";
  const bits = 8 * type.size;
  if (![8, 16, 32, 64, 128].includes(bits)) return bytesValue(type.size);
  return { kind: "number", codec: `${sign}${bits}` as NumberCodec };
}

function enumCodec(type: BtfEnum): NumberCodec {
  return `${type.signed ? "s" : "u"}${8 * type.size}` as NumberCodec;
}

function bytesValue(length: number): ValueType {
  return { kind: "numbers", codec: "u8", length };
}
