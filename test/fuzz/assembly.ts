import {
  info,
  Kind,
  pack,
  type RawSection,
  type RawType,
  rawBtf,
  rawElf,
  Strings,
} from "../unit/btf/assemble.js";

/** A name: text, or bytes that need not be UTF-8. */
export type Name = string | Uint8Array;

/** A symbol to be; fields left out are those of a global variable at 0. */
export interface RawSymbol {
  readonly name: Name;
  readonly section: string;
  readonly value?: number;
  readonly size?: number;
  readonly type?: number;
  readonly binding?: number;
  readonly visibility?: number;
}

/** An object of either endianness, made type by type, section by section; nothing is checked. */
export class Assembly {
  readonly littleEndian: boolean;
  readonly symbols: RawSymbol[] = [];
  readonly sections: (RawSection & { readonly name: string })[] = [];
  readonly #names = new Strings();
  readonly #known = new Map<string, number>();
  readonly #types: RawType[] = [];

  constructor(littleEndian = true) {
    this.littleEndian = littleEndian;
  }

  /** The offset of a name; the same text is stored once. */
  name(name: Name): number {
    if (typeof name !== "string") return this.#names.name(name);
    const offset = this.#known.get(name) ?? this.#names.name(name);
    this.#known.set(name, offset);
    return offset;
  }

  /** The id that the next type gets. */
  get next(): number {
    return this.#types.length + 1;
  }

  type(...words: RawType): number {
    return this.#types.push(words);
  }

  int(name: Name = "int", size = 4, encoding = 1): number {
    return this.type(this.name(name), info(Kind.int), size, (encoding << 24) | (size * 8));
  }

  pointer(to: number): number {
    return this.type(0, info(Kind.ptr), to);
  }

  array(element: number, length: number): number {
    return this.type(0, info(Kind.array), 0, element, 1, length);
  }

  struct(
    name: Name | number,
    size: number,
    members: readonly (readonly [name: Name | number, type: number, bit: number])[],
    kind: number = Kind.struct,
    flag = 0,
  ): number {
    const words = [this.#offset(name), info(kind, members.length, flag), size];
    for (const [member, type, bit] of members) words.push(this.#offset(member), type, bit);
    return this.#types.push(words);
  }

  typedef(name: Name, to: number): number {
    return this.type(this.name(name), info(Kind.typedef), to);
  }

  variable(name: Name, to: number, linkage = 1): number {
    return this.type(this.name(name), info(Kind.var), to, linkage);
  }

  dataSection(
    name: Name,
    size: number,
    variables: readonly (readonly [id: number, at: number, size: number])[],
  ): number {
    const words = [this.name(name), info(Kind.datasec, variables.length), size];
    for (const variable of variables) words.push(...variable);
    return this.#types.push(words);
  }

  /** `__uint(name, value)`. */
  uint(value: number): number {
    return this.pointer(this.array(1, value));
  }

  /** A program, so that the object is one. */
  program(name: Name = "program", section = "xdp"): void {
    if (!this.sections.some((known) => known.name === section))
      this.sections.push({ name: section, type: 1, flags: 6, data: new Uint8Array(16), addralign: 8 });
    this.symbols.push({ name, section, type: 2, size: 16 });
  }

  /** A global variable in `.data`, alone in its section. */
  global(name: Name, type: number, size: number): void {
    const at = Math.min(size, 64);
    this.dataSection(".data", size, [[this.variable(name, type), 0, size]]);
    this.sections.push({ name: ".data", type: 1, flags: 3, data: new Uint8Array(at), addralign: 8 });
    this.symbols.push({ name, section: ".data", size: at });
  }

  btf(): Uint8Array {
    return rawBtf(this.#types, this.#names, { littleEndian: this.littleEndian });
  }

  /** @param more sections behind those that every object has. */
  bytes(more: readonly RawSection[] = []): Uint8Array {
    const strings = new Strings();
    const ordered = [...this.symbols].sort((a, b) => (a.binding ?? 1) - (b.binding ?? 1));
    const index = new Map(this.sections.map(({ name }, i) => [name, i + 1]));
    const words: (number | Uint8Array)[] = [new Uint8Array(24)];
    for (const symbol of ordered) {
      const { type = 1, binding = 1, visibility = 0, value = 0, size = 0 } = symbol;
      const section = index.get(symbol.section) ?? 0;
      const half = this.littleEndian ? [section & 0xff, section >> 8] : [section >> 8, section & 0xff];
      const rest = Uint8Array.of((binding << 4) | type, visibility, ...half);
      words.push(strings.name(symbol.name), rest, ...this.#long(value), ...this.#long(size));
    }
    const locals = ordered.filter(({ binding }) => binding === 0).length;
    const data = pack(words, this.littleEndian);
    const link = this.sections.length + 2;
    return rawElf(
      [
        ...this.sections,
        { name: ".BTF", type: 1, data: this.btf() },
        { name: ".strtab", type: 3, data: strings.bytes() },
        { name: ".symtab", type: 2, data, link, info: locals + 1, entsize: 24, addralign: 8 },
        ...more,
      ],
      this.littleEndian,
    );
  }

  #offset(name: Name | number): number {
    return typeof name === "number" ? name : this.name(name);
  }

  #long(value: number): number[] {
    return this.littleEndian ? [value, 0] : [0, value];
  }
}

/** An object with so many structs of twelve fields, all of them in use. */
export function manyStructs(count: number): Uint8Array {
  const object = new Assembly();
  const int = object.int("unsigned int", 4, 0);
  const long = object.int("long long", 8);
  const text = object.array(object.int("char", 1), 16);
  const small = object.type(
    object.name("state"),
    info(Kind.enum, 2),
    4,
    object.name("OFF"),
    0,
    object.name("ON"),
    1,
  );
  const words = object.array(int, 4);
  const kinds = [
    ...([
      [int, 4],
      [int, 4],
      [long, 8],
      [long, 8],
      [text, 16],
      [small, 4],
      [int, 4],
    ] as const),
    ...([
      [long, 8],
      [words, 16],
      [int, 4],
      [int, 4],
      [long, 8],
    ] as const),
  ];
  const members: (readonly [string, number, number])[] = [];
  let size = 0;
  for (const [i, [type, bytes]] of kinds.entries()) {
    members.push([`field_${i}`, type, size * 8]);
    size += bytes;
  }
  const structs = Array.from({ length: count }, (_, i) => object.struct(`record_${i}`, size, members));
  const variables = structs.map((type, i) => object.variable(`global_${i}`, type));
  object.dataSection(
    ".bss",
    size * count,
    variables.map((id, i) => [id, i * size, size]),
  );
  object.sections.push({ name: ".bss", type: 8, flags: 3, size: size * count, addralign: 8 });
  for (const i of structs.keys())
    object.symbols.push({ name: `global_${i}`, section: ".bss", value: i * size, size });
  object.program();
  return object.bytes();
}
