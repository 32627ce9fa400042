import type { DecodedTypes } from "./decode.js";
import { FormatError, quote } from "./reader.js";
import type { BtfComposite, BtfMember, BtfType } from "./types.js";

/** What each type comes down to, by id. */
export interface Resolution {
  /** The id behind typedefs, qualifiers and type tags. */
  readonly stripped: Uint32Array;
  /** Bytes; NaN for what has no size, Infinity for what has an absurd one. */
  readonly sizes: Float64Array;
}

/** Types nested deeper than this are refused, so that readers of checked BTF may recurse. No compiler comes near. */
export const DEEPEST = 256;

/** A larger type is absurd: the kernel counts the bytes of a value in 32 bits. */
const LARGEST = 2 ** 32;

/**
 * Checks what types refer to, and works out the two answers everyone needs about them. Afterwards every id exists,
 * the types contained in a type (by value) form a tree no deeper than 256, so do the types referred to in other ways
 * as far as the next struct or union, and each bit-field states its own size.
 */
export function resolve({ types, legacy }: DecodedTypes): Resolution {
  visit(types, referred, () => {});

  const stripped = new Uint32Array(types.length);
  const sizes = new Float64Array(types.length);
  visit(types, contained, (type) => {
    const { id } = type;
    stripped[id] = isModifier(type) ? stripped[type.to]! : id;
    sizes[id] = sizeOf(type, sizes);
  });

  for (const members of legacy)
    for (const [i, member] of members.entries()) members[i] = modernBitField(member);
  for (const type of types) checkShape(type);
  return { stripped, sizes };

  function modernBitField(member: BtfMember): BtfMember {
    const int = types[stripped[member.type]!]!;
    if (int.kind !== "int") return member;
    const isWhole = int.bits === int.size * 8 && int.bitOffset === 0;
    if (isWhole && member.bitOffset % 8 === 0) return member;
    return { ...member, bitOffset: member.bitOffset + int.bitOffset, bitSize: int.bits };
  }

  function checkShape(type: BtfType): void {
    const where = label(type);
    if (type.kind === "struct" || type.kind === "union") checkMembers(where, type);
    else if (type.kind === "func" && types[type.to]!.kind !== "func_proto")
      throw new FormatError(where, `function ${quote(type.name)} without a prototype`);
    else if (type.kind === "datasec")
      for (const { type: id } of type.vars) {
        const { kind } = types[id]!;
        if (kind !== "var" && kind !== "func")
          throw new FormatError(where, `section ${quote(type.name)} holds ${kind} ${id}, not a variable`);
      }
  }

  function checkMembers(where: string, struct: BtfComposite): void {
    for (const { name, type, bitOffset, bitSize } of struct.members) {
      const room = sizes[type]! * 8;
      if (bitSize === 0 && bitOffset % 8 !== 0)
        throw new FormatError(where, `member ${quote(name)} starts inside a byte`);
      const target = types[stripped[type]!]!.kind;
      if (bitSize > 0 && (bitSize > room || (target !== "int" && target !== "enum" && target !== "enum64")))
        throw new FormatError(
          where,
          `bit-field ${quote(name)} of ${bitSize} bits does not fit its ${target}`,
        );
      if (bitOffset + (bitSize || room || 0) > struct.size * 8)
        throw new FormatError(
          where,
          `member ${quote(name)} lies outside ${struct.kind} ${quote(struct.name)}`,
        );
    }
  }
}

function label(type: BtfType): string {
  return `.BTF type ${type.id}`;
}

type Modifier = Extract<
  BtfType,
  { readonly kind: "typedef" | "volatile" | "const" | "restrict" | "type_tag" }
>;

/** Whether a type stands for another one. */
export function isModifier(type: BtfType): type is Modifier {
  switch (type.kind) {
    case "typedef":
    case "volatile":
    case "const":
    case "restrict":
    case "type_tag":
      return true;
    default:
      return false;
  }
}

/** The `i`th type that is part of a type by value. */
function contained(type: BtfType, i: number): number | undefined {
  if (type.kind === "struct" || type.kind === "union") return type.members[i]?.type;
  if (i > 0) return undefined;
  if (type.kind === "array") return type.element;
  return isModifier(type) || type.kind === "var" ? type.to : undefined;
}

/** The `i`th type that a type names in any way, not looking into structs and unions, which alone may refer back to themselves. */
function referred(type: BtfType, i: number): number | undefined {
  switch (type.kind) {
    case "array":
      return [type.element, type.index][i];
    case "func_proto":
      return i === 0 ? type.returns : type.params[i - 1]?.type;
    case "datasec":
      return type.vars[i]?.type;
    default:
      return "to" in type && i === 0 ? type.to : undefined;
  }
}

function sizeOf(type: BtfType, sizes: Float64Array): number {
  switch (type.kind) {
    case "ptr":
      return 8;
    case "array": {
      const size = sizes[type.element]! * type.length;
      return size > LARGEST ? Number.POSITIVE_INFINITY : size;
    }
    default:
      if ("size" in type) return type.size;
      return isModifier(type) || type.kind === "var" ? sizes[type.to]! : Number.NaN;
  }
}

/**
 * Visits every type once, after its parts, without recursion, so in time linear to the input whatever its shape.
 * A part that does not exist, a type that is part of itself and nesting beyond DEEPEST are malformed.
 */
function visit(
  types: readonly BtfType[],
  part: (type: BtfType, i: number) => number | undefined,
  leave: (type: BtfType) => void,
): void {
  const OPEN = 0xffff;
  const depth = new Uint16Array(types.length); // 0: not reached yet
  const path: { type: BtfType; next: number; depth: number }[] = [];

  const enter = (id: number): void => {
    path.push({ type: types[id]!, next: 0, depth: 1 });
    depth[id] = OPEN;
  };
  for (let root = 0; root < types.length; root++) {
    if (depth[root] === 0) enter(root);
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const id = part(top.type, top.next);
      if (id === undefined) {
        if (top.depth > DEEPEST)
          throw new FormatError(label(top.type), `nested more than ${DEEPEST} types deep`);
        depth[top.type.id] = top.depth;
        leave(top.type);
        path.pop();
        continue;
      }
      if (id >= types.length)
        throw new FormatError(label(top.type), `refers to type ${id} of ${types.length}`);
      const known = depth[id]!;
      if (known === OPEN) throw new FormatError(label(top.type), `type ${id} is part of itself`);
      if (known === 0) {
        if (path.length > DEEPEST)
          throw new FormatError(label(top.type), `nested more than ${DEEPEST} types deep`);
        enter(id);
      } else {
        top.depth = Math.max(top.depth, known + 1);
        top.next++;
      }
    }
  }
}
