import type { Member, Model, TypeModel, TypesModel } from "../generator/model/model.js";
import { mapType, programType } from "./classes.js";
import { codec, tsType } from "./value.js";

/**
 * What application code sees of an object: names, types and layouts, as plain data that can be compared and printed.
 * It is made from a model here, and read back from a skeleton's text in read-back.ts.
 */
export interface Surface {
  /** The skeleton's exported name; empty where there are only types. */
  readonly name: string;
  readonly programs: readonly ProgramSurface[];
  readonly maps: readonly MapSurface[];
  /** Data sections with their global variables. */
  readonly globals: readonly SectionSurface[];
  readonly types: readonly TypeSurface[];
}

/** A program. */
export interface ProgramSurface {
  /** The C name. */
  readonly name: string;
  /** What `SEC()` says. */
  readonly section: string;
  /** Its class in the runtime: `Xdp`, `Tracepoint<"arguments">`. */
  readonly class: string;
  /** Whether the skeleton's `attach()` attaches it. */
  readonly auto: boolean;
}

/** A map. */
export interface MapSurface {
  /** The C name. */
  readonly name: string;
  /** `BPF_MAP_TYPE_HASH`. */
  readonly type: string;
  /** Its class in the runtime, with the types of key and value, or record: `HashMap<number, Event>`. */
  readonly class: string;
  /** The key in C, if it has one. */
  readonly key?: string;
  /** The value, or record, in C, if it has one. */
  readonly value?: string;
  /** How key and value, or record, lie in memory: `["u32", "Event"]`. */
  readonly storage: readonly string[];
  /** 0 when the object does not say it. */
  readonly maxEntries: number;
  /** Of a struct_ops map: what can be set of it. */
  readonly members?: readonly MemberSurface[];
}

/** A data section. */
export interface SectionSurface {
  /** The member of the skeleton: `rodata`, `data_foo`. */
  readonly name: string;
  /** The ELF section. */
  readonly section: string;
  /** In bytes. */
  readonly size: number;
  /** In the order in which they lie. */
  readonly variables: readonly MemberSurface[];
}

/** A struct, a union or an enum. */
export type TypeSurface =
  | {
      readonly kind: "struct" | "union";
      /** In TypeScript. */
      readonly name: string;
      /** In C. */
      readonly c: string;
      readonly size: number;
      readonly members: readonly MemberSurface[];
    }
  | {
      readonly kind: "enum";
      readonly name: string;
      readonly c: string;
      readonly size: number;
      readonly values: readonly EnumeratorSurface[];
    };

/** A value of an enum. */
export interface EnumeratorSurface {
  /** The C name. */
  readonly name: string;
  /** In decimal, so that 64 bits get through JSON. */
  readonly value: string;
}

/** A field, or a global variable. */
export interface MemberSurface {
  /** The C name. */
  readonly name: string;
  /** Its type in C. */
  readonly c: string;
  /** Its type in TypeScript. */
  readonly type: string;
  /** How it lies in memory, as the runtime's codecs are called: `u32`, `text(16)`, `Event`. */
  readonly storage: string;
  /** Bytes from the start of the struct or section; of a bit-field, those of its first bit. */
  readonly at: number;
  /** In bytes; 0 for a flexible array. */
  readonly size: number;
  /** Of a bit-field: its first bit from the start of the struct, and how many it has. */
  readonly bits?: { readonly at: number; readonly width: number };
}

/** What application code sees of a model. */
export function surfaceOf(model: Model | TypesModel): Surface {
  const sizes = sizesOf(model.types.map((type) => [type.name, sizeOfType(type)]));
  const members = (list: readonly Member[], start = 0): MemberSurface[] =>
    list.map(({ name, c, at, type }) => ({
      name,
      c,
      type: tsType(type),
      ...placed(storageOf(codec(type)), start + at, sizes),
    }));
  const types = model.types.map((type): TypeSurface => {
    const { kind, name, c } = type;
    const size = sizeOfType(type);
    if (kind === "enum") return { kind, name, c, size, values: enumerators(type.values) };
    const promoted = kind === "struct" ? type.unions.flatMap((part) => members(part.members, part.at)) : [];
    return { kind, name, c, size, members: inOrder([...members(type.members), ...promoted]) };
  });
  if (!("typeName" in model)) return { name: "", programs: [], maps: [], globals: [], types };
  return {
    name: model.typeName,
    programs: model.programs.map((program) => ({
      name: program.name,
      section: program.section,
      class: storageOf(programType(program)),
      auto: program.auto,
    })),
    maps: model.maps.map((map) => ({
      name: map.name,
      type: map.type,
      class: storageOf(mapType(map)),
      ...map.c,
      storage: map.types.map((type) => storageOf(codec(type))),
      maxEntries: map.maxEntries,
      ...(map.shadow && {
        members: inOrder([...members(map.shadow.members), ...map.shadow.functions.map(functionMember)]),
      }),
    })),
    globals: model.sections.map(({ name, section, size, variables }) => ({
      name,
      section,
      size,
      variables: inOrder(members(variables)),
    })),
    types,
  };
}

/** A member of a struct_ops map that takes a program. */
export function functionMember({
  name,
  c,
  at,
}: {
  readonly name: string;
  readonly c: string;
  readonly at: number;
}): MemberSurface {
  return { name, c, type: "StructOpsFunction", storage: "function", at, size: 8 };
}

/** A codec's text without the runtime's namespace, on one line. */
export function storageOf(codecText: string): string {
  return codecText.replace(/\bbpf\./g, "").replace(/\s+/g, " ");
}

/** Members by their places; those of unions after each other, as they are declared. */
export function inOrder(members: readonly MemberSurface[]): MemberSurface[] {
  return [...members].sort((a, b) => (a.bits?.at ?? 8 * a.at) - (b.bits?.at ?? 8 * b.at));
}

/** Where a member lies, from what its codec says. */
export function placed(
  storage: string,
  at: number,
  sizes: ReadonlyMap<string, number>,
): Pick<MemberSurface, "storage" | "at" | "size" | "bits"> {
  const [, bit, width] = /^bit(?:s|s64|Bool)\((\d+)(?:, (\d+))?/.exec(storage) ?? [];
  if (bit === undefined) return { storage, at, size: sizeOfStorage(storage, sizes) };
  const bits = { at: 8 * at + Number(bit), width: Number(width ?? 1) };
  const first = Math.floor(bits.at / 8);
  return { storage, at: first, size: Math.ceil((bits.at + bits.width) / 8) - first, bits };
}

/** The sizes of named types; an enum's is of no use here, for its codec is a number's. */
export function sizesOf(types: Iterable<readonly [string, number]>): ReadonlyMap<string, number> {
  return new Map(types);
}

/** `u32` → 4, `text(16)` → 16, `array(Event, 2)` → twice what `Event` takes. */
function sizeOfStorage(storage: string, sizes: ReadonlyMap<string, number>): number {
  const [, element, length] = /^(?:array|tuple)\((.*), (\d+)\)$/.exec(storage) ?? [];
  if (element !== undefined) return Number(length) * sizeOfStorage(element, sizes);
  const [, bits, many] = /^[usf](\d+)(?:Array\((\d+)\))?$/.exec(storage) ?? [];
  if (bits !== undefined) return (Number(bits) / 8) * Number(many ?? 1);
  const [, text] = /^text\((\d+)\)$/.exec(storage) ?? [];
  if (text !== undefined) return Number(text);
  if (storage === "bool") return 1;
  if (storage === "ptr") return 8;
  return sizes.get(storage) ?? 0;
}

function sizeOfType(type: TypeModel): number {
  return type.kind === "enum" ? Number(type.codec.slice(1)) / 8 : type.size;
}

/** Each name once, as the skeleton has them. */
function enumerators(
  values: readonly { readonly name: string; readonly value: bigint }[],
): EnumeratorSurface[] {
  const seen = new Set<string>();
  return values
    .filter(({ name }) => !seen.has(name) && seen.add(name))
    .map(({ name, value }) => ({ name, value: String(value) }));
}
