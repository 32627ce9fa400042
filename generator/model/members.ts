import { type Btf, type BtfMember, type BtfOfKind, FormatError, quote } from "../../runtime/btf/index.js";

/** More members than this in one struct, anonymous ones counted out, are no C program's either. */
const MAX_MEMBERS = 65_536;

/** A struct or union. */
export type BtfComposite = BtfOfKind<"struct"> | BtfOfKind<"union">;

/** Accounts for so many characters of the skeleton; throws when they become too many. */
export type Take = (characters: number) => void;

/** Members of a struct with its anonymous structs dissolved; those of anonymous unions apart. */
export interface FlatPart {
  /** Absent for the struct's own members. */
  readonly union?: { readonly at: number; readonly size: number };
  /** With bit offsets from the start of the outermost struct. */
  readonly members: BtfMember[];
}

/** The members of a struct as C code names them, or those of a union. */
export function flatten(btf: Btf, type: BtfComposite, take: Take): FlatPart[] {
  if (type.kind === "union") return [{ members: allMembers(btf, type, take) }];
  const own: BtfMember[] = [];
  const parts: FlatPart[] = [{ members: own }];
  const pending: { type: BtfComposite; start: number }[] = [{ type, start: 0 }];
  let count = 0;
  // Order matters only within one level: members keep theirs, anonymous structs' members follow.
  for (let at = 0; at < pending.length; at++) {
    const { type: composite, start } = pending[at]!;
    take(16 * composite.members.length);
    for (const member of composite.members) {
      if (++count > MAX_MEMBERS)
        throw new FormatError(".BTF", `${type.kind} ${quote(type.name)}: too many members`);
      const bitOffset = start + member.bitOffset;
      const inner = member.name === "" && member.bitSize === 0 ? btf.strip(member.type) : undefined;
      if (inner?.kind === "struct") pending.push({ type: inner, start: bitOffset });
      else if (inner?.kind === "union" && inner.size > 0)
        parts.push({
          union: { at: bitOffset / 8, size: inner.size },
          members: allMembers(btf, inner, take, bitOffset),
        });
      else if (inner?.kind !== "union") own.push({ ...member, bitOffset });
    }
  }
  own.sort((a, b) => a.bitOffset - b.bitOffset);
  return parts;
}

/** Every member of a union, those of anonymous structs and unions inside it included. */
export function allMembers(btf: Btf, type: BtfComposite, take: Take, start = 0): BtfMember[] {
  const members: BtfMember[] = [];
  const pending: { type: BtfComposite; start: number }[] = [{ type, start }];
  for (let at = 0; at < pending.length; at++) {
    const { type: composite, start: from } = pending[at]!;
    take(16 * composite.members.length);
    for (const member of composite.members) {
      const inner = member.name === "" && member.bitSize === 0 ? btf.strip(member.type) : undefined;
      const bitOffset = from + member.bitOffset;
      if (inner?.kind === "struct" || inner?.kind === "union")
        pending.push({ type: inner, start: bitOffset });
      else members.push({ ...member, bitOffset });
      if (members.length + pending.length > MAX_MEMBERS)
        throw new FormatError(".BTF", `${type.kind} ${quote(type.name)}: too many members`);
    }
  }
  return members;
}

/**
 * Members of a struct that share bits are no compiler's work: there would be no telling which of them what is
 * written comes from. Only unions may do that; a type that reaches into the next member is cut off there.
 */
export function checkOverlaps(btf: Btf, struct: string, parts: readonly FlatPart[]): void {
  const places = parts.flatMap(({ union, members }) =>
    union
      ? [{ name: "", from: 8 * union.at, to: 8 * (union.at + union.size) }]
      : members.map(({ name, type, bitOffset, bitSize }) => ({
          name,
          from: bitOffset,
          to: bitOffset + (bitSize || (btf.isMissing(type) || btf.size(type) > 0 ? 1 : 0)),
        })),
  );
  places.sort((a, b) => a.from - b.from || a.to - b.to);
  let before = { name: "", from: 0, to: 0 };
  for (const place of places) {
    if (place.to === place.from) continue;
    if (place.from < before.to)
      throw new FormatError(
        ".BTF",
        `${struct}: its members ${quote(before.name)} and ${quote(place.name)} overlap`,
      );
    before = place;
  }
}

/** The flexible array that a struct ends in, or the member that does; other arrays without elements only mark a place. */
export function flexibleMember(btf: Btf, struct: BtfOfKind<"struct">): BtfMember | undefined {
  let start = 0;
  for (let last = struct.members.at(-1); last; ) {
    const type = btf.strip(last.type);
    const bitOffset = start + last.bitOffset;
    if (type.kind === "array" && type.length === 0) return { ...last, bitOffset };
    if (type.kind !== "struct") return undefined;
    if (last.name !== "") return flexibleMember(btf, type) && { ...last, bitOffset };
    start = bitOffset;
    last = type.members.at(-1);
  }
  return undefined;
}
