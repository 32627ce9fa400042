import {
  info,
  int,
  Kind,
  pack,
  type RawSection,
  type RawType,
  rawBtf,
  rawElf,
  Strings,
} from "../btf/assemble.js";

/** A member of a struct, with its offset in bits. */
type Member = readonly [name: string, type: number, bit?: number];

interface Symbol {
  readonly name: string;
  readonly section: string;
  readonly value?: number;
  readonly size?: number;
  /** `STT_FUNC` is 2, `STT_OBJECT` 1. */
  readonly type?: number;
  /** `STB_LOCAL` is 0, `STB_GLOBAL` 1. */
  readonly binding?: number;
  /** `STV_HIDDEN` is 2. */
  readonly visibility?: number;
}

/** Puts a BPF object together by hand: its BTF type by type, and what stands in its sections. */
export class ObjectBuilder {
  readonly #names = new Strings();
  readonly #types: RawType[] = [];
  readonly #symbols: Symbol[] = [];
  readonly #sections = new Map<string, RawSection>();

  /** An object with one program, so that it is one. */
  constructor() {
    this.section("xdp", { type: 1, flags: 6, data: new Uint8Array(16) });
    this.symbol({ name: "program", section: "xdp", type: 2, size: 16 });
  }

  type(...words: RawType): number {
    return this.#types.push(words);
  }

  name(text: string): number {
    return this.#names.name(text);
  }

  int(name: string, size = 4, encoding = 0): number {
    return this.type(...int(this.name(name), size, encoding));
  }

  pointer(to: number): number {
    return this.type(0, info(Kind.ptr), to);
  }

  array(element: number, length: number): number {
    return this.type(0, info(Kind.array), 0, element, element, length);
  }

  struct(name: string, size: number, members: readonly Member[], kind: number = Kind.struct): number {
    const words = members.flatMap(([member, type, bit = 0]) => [this.name(member), type, bit]);
    return this.type(this.name(name), info(kind, members.length), size, ...words);
  }

  typedef(name: string, to: number): number {
    return this.type(this.name(name), info(Kind.typedef), to);
  }

  declTag(text: string, to: number): number {
    return this.type(this.name(text), info(Kind.declTag), to, 0xffff_ffff);
  }

  /** A variable in a section, where its symbol says; `linkage` 0 is static, 1 global, 2 extern. */
  variable(name: string, type: number, linkage = 1): number {
    return this.type(this.name(name), info(Kind.var), type, linkage);
  }

  /** A data section of BTF, as clang leaves it: no size, no offsets; `bpftool gen object` fills them in. */
  dataSection(
    name: string,
    variables: readonly (readonly [id: number, at?: number, size?: number])[],
    size = 0,
  ): void {
    const words = variables.flatMap(([id, at = 0, bytes = 4]) => [id, at, bytes]);
    this.type(this.name(name), info(Kind.datasec, variables.length), size, ...words);
  }

  /** `__uint(name, value)`. */
  uint(value: number): number {
    return this.pointer(this.array(this.int("int"), value));
  }

  /** Maps, each from the members of its definition to types. */
  maps(definitions: Readonly<Record<string, readonly Member[]>>): number[] {
    const variables = Object.entries(definitions).map(([name, members], i) => {
      this.symbol({ name, section: ".maps", value: 32 * i, size: 32, type: 1 });
      return this.variable(name, this.struct("", 8 * members.length, members));
    });
    this.section(".maps", { type: 1, flags: 3, data: new Uint8Array(32 * variables.length) });
    this.dataSection(
      ".maps",
      variables.map((id) => [id]),
    );
    return variables;
  }

  section(name: string, section: RawSection): void {
    this.#sections.set(name, { ...section, name });
  }

  symbol(symbol: Symbol): void {
    this.#symbols.push(symbol);
  }

  bytes(): Uint8Array {
    const names = [...this.#sections.keys()];
    const strings = new Strings();
    const ordered = [...this.#symbols].sort((a, b) => (a.binding ?? 1) - (b.binding ?? 1));
    const records = ordered.map((symbol) => {
      const { type = 1, binding = 1, visibility = 0, value = 0, size = 0 } = symbol;
      const section = names.indexOf(symbol.section) + 1;
      const rest = Uint8Array.of((binding << 4) | type, visibility, section & 0xff, section >> 8);
      return [strings.name(symbol.name), rest, value, 0, size, 0];
    });
    const locals = ordered.filter(({ binding }) => binding === 0).length;
    const symbolTable = pack([new Uint8Array(24), ...records.flat()]);
    return rawElf([
      ...this.#sections.values(),
      { name: ".BTF", type: 1, data: rawBtf(this.#types, this.#names) },
      { name: ".strtab", type: 3, data: strings.bytes() },
      { name: ".symtab", type: 2, data: symbolTable, link: names.length + 2, info: locals + 1, entsize: 24 },
    ]);
  }
}
