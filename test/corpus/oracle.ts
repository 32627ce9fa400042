// What the compiler laid out, told by `bpftool btf dump -j` alone, and what a reader of CONTRACT §3 expects of it.
// Nothing here shares code with the generator or the runtime: slow and plain is right.
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";

/** A type as bpftool prints it. Names that are missing are `"(anon)"`. */
interface Raw {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly size?: number;
  readonly type_id?: number;
  readonly encoding?: string;
  readonly nr_elems?: number;
  readonly linkage?: string;
  readonly members?: readonly {
    readonly name: string;
    readonly type_id: number;
    readonly bits_offset: number;
    readonly bitfield_size?: number;
  }[];
  readonly values?: readonly { readonly name: string; readonly val: bigint }[];
  readonly vars?: readonly { readonly type_id: number; readonly offset: number; readonly size: number }[];
}

/** A member of a struct or union, anonymous ones dissolved. */
export interface Field {
  readonly name: string;
  readonly type: number;
  /** From the start of the struct that it is promoted to. */
  readonly bit: number;
  /** 0 when it is no bit-field. */
  readonly width: number;
  /** The place of the anonymous union that it comes from, counted from 0. */
  readonly union?: number;
  /** How many bytes, up to what comes next, when the compiler left the type out. */
  readonly room?: number;
  /** A flexible array: what stands last in its struct and has no length. */
  readonly flexible: boolean;
}

/** Where an anonymous union lies in its struct. */
export interface Part {
  readonly at: number;
  readonly size: number;
}

/** What JavaScript calls an enumerator. bpftool sign-extends the 32 bits of a value even where it calls the enum unsigned. */
function exact({ kind, encoding }: Raw) {
  return ({ name, val }: { name: string; val: bigint }): { name: string; val: bigint } => ({
    name,
    val: kind === "ENUM" && encoding === "UNSIGNED" ? BigInt.asUintN(32, BigInt(val)) : BigInt(val),
  });
}

/** gcc 12 says of a signed char that it is signed and a char, for which bpftool has no word. */
function isSigned({ encoding }: { readonly encoding?: string | undefined }): boolean {
  return encoding === "SIGNED" || encoding === "UNKN";
}

/** `EI_DATA` of the ELF header. */
function isLittleEndian(object: string): boolean {
  const file = openSync(object, "r");
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, 5);
  closeSync(file);
  return byte[0] === 1;
}

/** A map's definition. */
export interface OracleMap {
  readonly name: string;
  /** The number of `BPF_MAP_TYPE_*`. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly key?: number;
  readonly value?: number;
  /** Of a map of maps, when its definition says what is in it. */
  readonly inner?: OracleMap;
}

export class Oracle {
  /** None when the object has no BTF. */
  readonly types: readonly Raw[];
  readonly littleEndian: boolean;

  readonly object: string;

  constructor(object: string) {
    this.object = object;
    this.littleEndian = isLittleEndian(object);
    const { stdout, stderr } = spawnSync("bpftool", ["btf", "dump", "file", object, "-j"], {
      encoding: "utf8",
      maxBuffer: 1 << 28,
    });
    if (/No such file or directory/.test(stderr + stdout)) {
      this.types = [];
      return;
    }
    // As text: values of 64 bits would not survive.
    const json = stdout.replace(/"val":(-?\d+)/g, '"val":"$1"');
    const { types } = JSON.parse(json) as { types: Raw[] };
    this.types = types.map((type) =>
      type.values ? { ...type, values: type.values.map(exact(type)) } : type,
    );
  }

  /** Type 0 is void and not in the list. */
  type(id: number): Raw {
    return id === 0 ? { id, kind: "VOID", name: "void" } : this.types[id - 1]!;
  }

  strip(id: number): Raw {
    const type = this.type(id);
    const through = ["TYPEDEF", "CONST", "VOLATILE", "RESTRICT", "TYPE_TAG"].includes(type.kind);
    return through ? this.strip(type.type_id!) : type;
  }

  size(id: number): number {
    const type = this.strip(id);
    if (type.kind === "PTR") return 8;
    if (type.kind === "ARRAY") return type.nr_elems! * this.size(type.type_id!);
    return type.size ?? Number.NaN;
  }

  /** Whether the compiler gave floats, or arrays of them, no type. */
  missing(id: number): boolean {
    const type = this.strip(id);
    return type.kind === "VOID" || (type.kind === "ARRAY" && this.missing(type.type_id!));
  }

  /** Structs and unions with a name, and enums with a name and values. */
  named(): Raw[] {
    return this.types.filter(
      ({ kind, name, values }) =>
        name !== "(anon)" &&
        (kind === "STRUCT" || kind === "UNION" || (kind.startsWith("ENUM") && values!.length > 0)),
    );
  }

  /** The members of a struct or union, those of anonymous members promoted, and the struct's anonymous unions. */
  fields(id: number): { fields: Field[]; parts: Part[] } {
    const fields: Field[] = [];
    const parts: Part[] = [];
    const walk = (composite: Raw, start: number, union: number | undefined, atEnd: boolean): void => {
      const members = composite.members!;
      for (const [i, { name, type_id, bits_offset, bitfield_size = 0 }] of members.entries()) {
        const bit = start + bits_offset;
        const inner = this.strip(type_id);
        const last = atEnd && i === members.length - 1;
        if (name !== "(anon)") {
          // A struct that is last may end in one, too.
          const canGrow = inner.kind === "STRUCT" || (inner.kind === "ARRAY" && inner.nr_elems === 0);
          const flexible = last && union === undefined && canGrow;
          fields.push({
            name,
            type: type_id,
            bit,
            width: bitfield_size,
            flexible,
            ...(union !== undefined && { union }),
          });
        } else if (bitfield_size === 0 && inner.kind === "STRUCT") walk(inner, bit, union, last);
        else if (bitfield_size === 0 && inner.kind === "UNION" && union !== undefined)
          walk(inner, bit, union, last);
        else if (bitfield_size === 0 && inner.kind === "UNION" && inner.size! > 0) {
          parts.push({ at: bit / 8, size: inner.size! });
          walk(inner, bit, parts.length - 1, false);
        }
      }
    };
    const composite = this.strip(id);
    if (composite.kind === "UNION") parts.push({ at: 0, size: composite.size! });
    walk(composite, 0, composite.kind === "UNION" ? 0 : undefined, true);
    const starts = [...fields.map(({ bit }) => bit / 8), ...parts.map(({ at }) => at)];
    const withRoom = fields.map((field) => {
      const at = field.bit / 8;
      const part = field.union === undefined ? undefined : parts[field.union]!;
      const next = starts.filter((start) => start > at);
      const end = part ? part.at + part.size : Math.min(...next, composite.size!);
      // Arrays of floats have any type, which reaches into what comes next.
      const isTooLarge = field.width === 0 && at + this.size(field.type) > end;
      return this.missing(field.type) || isTooLarge ? { ...field, room: end - at } : field;
    });
    return { fields: withRoom, parts };
  }

  section(name: string): Raw | undefined {
    return this.types.find((type) => type.kind === "DATASEC" && type.name === name);
  }

  /** The maps that libbpf makes of the variables of struct_ops sections. */
  structOps(): string[] {
    const sections = [this.section(".struct_ops"), this.section(".struct_ops.link")];
    return sections.flatMap((section) => (section?.vars ?? []).map(({ type_id }) => this.type(type_id).name));
  }

  /** The maps of `.maps`. */
  maps(): OracleMap[] {
    return (this.section(".maps")?.vars ?? []).map(({ type_id }) => {
      const variable = this.type(type_id);
      return this.#map(variable.name, variable.type_id!);
    });
  }

  /** `__type(key, T)` is a pointer to T, `__uint(key_size, N)` one to an array of N. */
  #map(name: string, definition: number): OracleMap {
    const attribute = (wanted: string): Raw | undefined => {
      const member = this.strip(definition).members!.find((each) => each.name === wanted);
      return member && this.strip(member.type_id);
    };
    const number = (wanted: string): number | undefined => {
      const pointer = attribute(wanted);
      return pointer && this.type(pointer.type_id!).nr_elems!;
    };
    const size = (type: number | undefined): number => (type === undefined ? 0 : this.size(type));
    const key = attribute("key")?.type_id;
    const value = attribute("value")?.type_id;
    const values = attribute("values");
    const inner = values && this.strip(this.strip(values.type_id!).type_id!);
    return {
      name,
      type: number("type") ?? 0,
      keySize: number("key_size") ?? size(key),
      valueSize: number("value_size") ?? size(value),
      ...(key !== undefined && { key }),
      ...(value !== undefined && { value }),
      ...(inner?.kind === "STRUCT" && { inner: this.#map(`${name}[]`, inner.id) }),
    };
  }

  #isText(type: Raw): boolean {
    if (type.kind !== "ARRAY" || type.nr_elems === 0) return false;
    const element = this.strip(type.type_id!);
    return element.kind === "INT" && element.name === "char";
  }

  /** What the bytes at `at` are in TypeScript. `rest`: the bytes of the record from `at` on. */
  expected(id: number, bytes: Buffer, at: number, rest?: number): unknown {
    const type = this.strip(id);
    const size = this.size(id);
    switch (type.kind) {
      case "INT":
        if (type.encoding === "BOOL") return bytes[at] !== 0;
        return this.#integer(bytes, at, size, isSigned(type));
      case "FLOAT":
        if (this.littleEndian) return size === 4 ? bytes.readFloatLE(at) : bytes.readDoubleLE(at);
        return size === 4 ? bytes.readFloatBE(at) : bytes.readDoubleBE(at);
      case "PTR":
        return this.#integer(bytes, at, 8, false);
      case "ENUM":
      case "ENUM64":
        return this.#integer(bytes, at, size, isSigned(type));
      case "ARRAY": {
        if (this.#isText(type)) return text(bytes.subarray(at, at + size));
        // Flexible text is bytes.
        if (rest !== undefined && this.strip(type.type_id!).name === "char")
          return [...bytes.subarray(at, at + rest)];
        const element = this.size(type.type_id!);
        const count = rest === undefined || element === 0 ? type.nr_elems! : Math.floor(rest / element);
        return Array.from({ length: count }, (_, i) => this.expected(type.type_id!, bytes, at + i * element));
      }
      default: {
        const value: Record<string, unknown> = Object.create(null);
        for (const { name, type: inner, bit, width, room, flexible } of this.fields(id).fields) {
          if (room !== undefined) {
            value[name] = [...bytes.subarray(at + bit / 8, at + bit / 8 + room)];
            continue;
          }
          const left = flexible && rest !== undefined ? rest - bit / 8 : undefined;
          value[name] =
            width > 0
              ? this.#bits(inner, bytes, 8 * at + bit, width)
              : this.expected(inner, bytes, at + bit / 8, left);
        }
        return value;
      }
    }
  }

  /** The byte and the mask of a bit, which is counted from the start of memory: from the highest bit of a byte in big-endian. */
  #bit(bit: number): [number, number] {
    return [bit >> 3, this.littleEndian ? 1 << (bit & 7) : 0x80 >> (bit & 7)];
  }

  #bits(id: number, bytes: Buffer, bit: number, width: number): number | bigint | boolean {
    let value = 0n;
    for (let i = 0; i < width; i++) {
      const [byte, mask] = this.#bit(bit + i);
      if (bytes[byte]! & mask) value |= 1n << BigInt(this.littleEndian ? i : width - 1 - i);
    }
    const type = this.strip(id);
    if (type.encoding === "BOOL") return value !== 0n;
    if (isSigned(type)) value = BigInt.asIntN(width, value);
    return this.size(id) > 4 ? value : Number(value);
  }

  #integer(bytes: Buffer, at: number, size: number, signed: boolean): number | bigint {
    let value = 0n;
    for (let i = 0; i < size; i++)
      value = (value << 8n) | BigInt(bytes[at + (this.littleEndian ? size - 1 - i : i)]!);
    if (signed) value = BigInt.asIntN(8 * size, value);
    return size > 4 ? value : Number(value);
  }

  /** What `bytes` are after they were decoded and encoded: the law of CONTRACT §3. `key`: text is kept whole. */
  canonical(id: number, bytes: Buffer, at: number, to: Buffer, key: boolean): void {
    const type = this.strip(id);
    const size = this.size(id);
    switch (type.kind) {
      case "INT":
        if (type.encoding === "BOOL") to[at] = bytes[at] === 0 ? 0 : 1;
        else bytes.copy(to, at, at, at + size);
        break;
      case "ARRAY":
        if (this.#isText(type)) {
          const nul = key ? -1 : bytes.subarray(at, at + size).indexOf(0);
          bytes.copy(to, at, at, at + (nul === -1 ? size : nul));
        } else {
          const element = this.size(type.type_id!);
          for (let i = 0; i < type.nr_elems!; i++)
            this.canonical(type.type_id!, bytes, at + i * element, to, key);
        }
        break;
      case "UNION":
        bytes.copy(to, at, at, at + size);
        break;
      case "STRUCT": {
        const { fields, parts } = this.fields(id);
        for (const part of parts) bytes.copy(to, at + part.at, at + part.at, at + part.at + part.size);
        for (const { type: inner, bit, width, union, room } of fields) {
          if (union !== undefined) continue;
          const from = at + bit / 8;
          if (room !== undefined) bytes.copy(to, from, from, from + room);
          else if (width === 0) this.canonical(inner, bytes, from, to, key);
          for (let i = 8 * at + bit; i < 8 * at + bit + width; i++) {
            const [byte, mask] = this.#bit(i);
            to[byte]! |= bytes[byte]! & mask;
          }
        }
        break;
      }
      default:
        bytes.copy(to, at, at, at + size);
    }
  }

  /** Whether there are floats in it, outside unions, whose NaNs may change. */
  floats(id: number): boolean {
    const type = this.strip(id);
    if (type.kind === "ARRAY") return this.floats(type.type_id!);
    if (type.kind === "STRUCT") return this.fields(id).fields.some((field) => this.floats(field.type));
    return type.kind === "FLOAT";
  }

  /** Whether there is a value of the type that names one member of every union: not when a union has none. */
  hasPlainValue(id: number): boolean {
    const type = this.strip(id);
    if (type.kind === "ARRAY") return this.hasPlainValue(type.type_id!);
    if (type.kind === "UNION" && type.members!.length === 0) return false;
    if (type.kind !== "STRUCT" && type.kind !== "UNION") return true;
    return type.members!.every((member) => this.hasPlainValue(member.type_id));
  }

  /** A value of the type: edges and random ones. Of every union one member is named. */
  random(id: number, pick: Random): unknown {
    const type = this.strip(id);
    const size = this.size(id);
    switch (type.kind) {
      case "INT":
        if (type.encoding === "BOOL") return pick.below(2) === 1;
        return pick.integer(8 * size, isSigned(type), size > 4);
      case "FLOAT":
        return size === 4 ? Math.fround(pick.float()) : pick.float();
      case "PTR":
        return pick.integer(64, false, true);
      case "ENUM":
      case "ENUM64":
        return pick.integer(8 * size, isSigned(type), size > 4);
      case "ARRAY":
        if (this.#isText(type)) return pick.text(size);
        return Array.from({ length: type.nr_elems! }, () => this.random(type.type_id!, pick));
      default: {
        const { fields, parts } = this.fields(id);
        const named = parts.map((_, part) => {
          const members = fields.filter(({ union }) => union === part);
          return members[pick.below(members.length)]?.name;
        });
        const value: Record<string, unknown> = {};
        for (const { name, type: inner, width, union, room } of fields) {
          if (union !== undefined && named[union] !== name) continue;
          const random =
            room !== undefined
              ? [...pick.bytes(room)]
              : width > 0
                ? this.#randomBits(inner, width, pick)
                : this.random(inner, pick);
          Object.defineProperty(value, name, {
            value: random,
            enumerable: true,
            writable: true,
            configurable: true,
          });
        }
        return value;
      }
    }
  }

  #randomBits(id: number, width: number, pick: Random): unknown {
    const { encoding } = this.strip(id);
    if (encoding === "BOOL") return pick.below(2) === 1;
    return pick.integer(width, isSigned({ encoding }), this.size(id) > 4);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text up to the first NUL; each byte that begins no character is U+DC00 + byte. */
function text(bytes: Buffer): string {
  const nul = bytes.indexOf(0);
  const end = nul === -1 ? bytes.length : nul;
  let decoded = "";
  for (let i = 0; i < end; ) {
    let size = 1;
    let character = bytes[i]! < 0x80 ? String.fromCharCode(bytes[i]!) : "";
    while (character === "" && size < 4 && i + size < end) {
      size++;
      try {
        character = utf8.decode(bytes.subarray(i, i + size));
      } catch {}
    }
    decoded += character || String.fromCharCode(0xdc00 + bytes[i]!);
    i += character ? size : 1;
  }
  return decoded;
}

/** Random numbers that are the same in every run (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: string) {
    this.#state = [...seed].reduce((sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) | 0, 7);
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  below(limit: number): number {
    return this.#next() % limit;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    // All zeros, all ones and letters now and then: text that ends, counts that are edges.
    const kind = this.below(8);
    for (let i = 0; i < length; i++)
      bytes[i] = kind === 0 ? 0 : kind === 1 ? 0xff : kind === 2 ? 0x61 + this.below(26) : this.below(256);
    return bytes;
  }

  integer(bits: number, signed: boolean, big: boolean): number | bigint {
    const ones = (1n << BigInt(bits)) - 1n;
    const edges = [0n, 1n, ones, ones >> 1n, (ones >> 1n) + 1n];
    let value = edges[this.below(10)] ?? 0n;
    if (value === 0n) for (let i = 0; i < bits; i += 32) value = (value << 32n) | BigInt(this.#next());
    value = signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
    return big ? value : Number(value);
  }

  float(): number {
    const edges = [0, -0, 1.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e-40];
    return edges[this.below(14)] ?? (this.#next() - 2 ** 31) / 1024;
  }

  /** Text of at most `size` bytes without NUL. */
  text(size: number): string {
    const letters = ["a", "Z", " ", "é", "€", "𝄞", "\udcff", "\udc80", "\ufeff"];
    const limit = this.below(Math.min(size, 64) + 1);
    let made = "";
    let used = 0;
    for (;;) {
      const letter = letters[this.below(letters.length)]!;
      const width = /[\udc80-\udcff]/.test(letter) && letter.length === 1 ? 1 : Buffer.byteLength(letter);
      if (used + width > limit) return made;
      used += width;
      made += letter;
    }
  }
}
