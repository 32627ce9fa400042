import { mutated } from "../mutate.js";
import { info, Kind, type RawSection } from "../unit/btf/assemble.js";
import { Assembly, type Name } from "./assembly.js";

/** A number below a limit, the same ones for the same seed. */
export type Below = (limit: number) => number;

/** What is tried on every name: what would break out of a string, a comment or an identifier, if it could. */
export const hostile: readonly Name[] = [
  "*/ evil(); /*",
  `\`\${evil()}\``,
  `\${evil}`,
  '"',
  "'",
  "\\",
  '\\"); evil(("',
  "\n evil();\n",
  "\r\n",
  "\u2028evil()\u2029",
  "\u202egnp.exe",
  "\ufeff",
  "// @ts-nocheck",
  "@ts-ignore",
  "a-b",
  "1st",
  "a b",
  " padded ",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "toJSON",
  "hasOwnProperty",
  "then",
  "default",
  "class",
  "await",
  "eval",
  "arguments",
  "undefined",
  "NaN",
  "Array",
  "Uint8Array",
  "URL",
  "bpf",
  "m",
  "M",
  "at",
  "At",
  "size",
  "Size",
  "value",
  "Value",
  "number",
  "Number",
  "string",
  "O",
  "o",
  "éè",
  "ßtraße",
  "\u00b7",
  "名前",
  "😀",
  "𝒳",
  "\u{1c89}",
  "ﬁ",
  "a\u0301",
  "__",
  "_",
  "$",
  "$&",
  "a_b",
  "A_b",
  "aB",
  "AB",
  "\u0001\u001b[31m",
  "-->",
  "<!--",
  "event:struct a_b",
  "event:m",
  Uint8Array.of(0xff, 0xfe),
  Uint8Array.of(0xc3),
  Uint8Array.of(0xed, 0xa0, 0x80),
  Uint8Array.of(0x61, 0xf0, 0x9f, 0x98),
];

const ordinary =
  "pid tgid comm ts_ns key val next prev flags len data addr event state cfg hist count id x y".split(" ");

const sections = (
  "xdp tc tcx/ingress socket kprobe/do_sys_open kprobe kretprobe/x uprobe//bin/sh:main usdt/a:b:c tp/sched/exec " +
  "raw_tp/x iter/task fentry/f lsm/x ?xdp perf_event cgroup/skb sk_msg struct_ops/x sk_lookup netfilter syscall " +
  ".text tp/ kprobe/ uprobe/x"
).split(" ");

const mapMembers = "type key value max_entries key_size value_size values map_flags pinning map_extra".split(
  " ",
);

function pick<T>(below: Below, from: readonly T[]): T {
  return from[below(from.length)]!;
}

/** A name: half of them ordinary, so that many are the same. */
function someName(below: Below): Name {
  switch (below(10)) {
    case 0:
      return "";
    case 1:
    case 2:
    case 3:
      return pick(below, hostile);
    case 4:
      return below(2000) === 0 ? "x".repeat(0x1_0000) : `${pick(below, ordinary)}${pick(below, hostile)}`;
    case 5:
      return Uint8Array.from({ length: 1 + below(6) }, () => 1 + below(255));
    default:
      return pick(below, ordinary);
  }
}

/** Numbers that are on an edge. */
const edges = [
  0, 1, 2, 15, 16, 17, 255, 256, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff,
];

/** Makes one type graph after the other; what it says of sizes is honest unless it means not to be. */
class Graph {
  readonly object: Assembly;
  readonly #below: Below;
  /** By id: bytes, -1 for what has none. */
  readonly #sizes: number[] = [-1];
  /** What a bit-field may be of. */
  readonly #integers = new Set<number>([1, 2, 3]);
  /** How often, in a thousand, something is wrong. */
  readonly #wrong: number;

  constructor(object: Assembly, below: Below) {
    this.object = object;
    this.#below = below;
    this.#wrong = pick(below, [0, 0, 0, 2, 10, 50]);
    this.#add(object.int("int"), 4);
    this.#add(object.int("char", 1), 1);
    this.#add(object.int("unsigned long long", 8, 0), 8);
  }

  /** Adds a type of any kind. */
  grow(): void {
    const { object } = this;
    const below = this.#below;
    const name = (): number => object.name(someName(below));
    switch (1 + below(24)) {
      case Kind.int: {
        const size = pick(below, [1, 1, 2, 4, 4, 8, 8, 16, this.#isWrong() ? 3 : 4]);
        const encoding = pick(below, [0, 1, 2, 4, 4]);
        // A legacy bit-field now and then.
        const bits = below(6) === 0 ? 1 + below(size * 8) : size * 8;
        const offset = below(8) === 0 ? below(size * 8 - bits + 1) : 0;
        this.#add(object.type(name(), info(Kind.int), size, (encoding << 24) | (offset << 16) | bits), size);
        this.#integers.add(object.next - 1);
        break;
      }
      case Kind.ptr:
        this.#add(object.pointer(this.#any()), 8);
        break;
      case Kind.array:
      case 20: {
        const element = this.#sized();
        const length = this.#isWrong()
          ? pick(below, edges)
          : pick(below, [0, 1, 2, 3, 4, 8, 16, 17, 32, 300]);
        this.#add(object.array(element, length), this.#sizes[element]! * length);
        break;
      }
      case Kind.struct:
      case Kind.union:
      case 21:
      case 22:
      case 23:
      case 24:
        this.#composite();
        break;
      case Kind.enum: {
        const values = Array.from({ length: below(5) }, () => [name(), pick(below, edges)]).flat();
        const size = this.#isWrong() ? below(20) : pick(below, [1, 2, 4, 4, 4, 8]);
        this.#add(object.type(name(), info(Kind.enum, values.length / 2, below(2)), size, ...values), size);
        this.#integers.add(object.next - 1);
        break;
      }
      case Kind.enum64: {
        const values = Array.from({ length: below(5) }, () => [
          name(),
          pick(below, edges),
          pick(below, edges),
        ]);
        const size = this.#isWrong() ? below(20) : pick(below, [1, 2, 4, 8, 8, 8]);
        this.#add(
          object.type(name(), info(Kind.enum64, values.length, below(2)), size, ...values.flat()),
          size,
        );
        break;
      }
      case Kind.fwd:
        this.#add(object.type(name(), info(Kind.fwd, 0, below(2)), 0), -1);
        break;
      case Kind.typedef:
      case Kind.typeTag:
        this.#modifier(pick(below, [Kind.typedef, Kind.typeTag]), name());
        break;
      case Kind.volatile:
      case Kind.const:
      case Kind.restrict:
        this.#modifier(pick(below, [Kind.volatile, Kind.const, Kind.restrict]), 0);
        break;
      case Kind.func: {
        const proto = object.type(0, info(Kind.funcProto), this.#any());
        this.#add(proto, -1);
        this.#add(object.type(name(), info(Kind.func, below(3)), proto), -1);
        break;
      }
      case Kind.funcProto: {
        const params = Array.from({ length: below(4) }, () => [name(), this.#any()]).flat();
        this.#add(object.type(0, info(Kind.funcProto, params.length / 2), this.#any(), ...params), -1);
        break;
      }
      case Kind.var:
        this.#add(object.variable(someName(below), this.#sized(), below(3)), -1);
        break;
      case Kind.float: {
        const size = this.#isWrong() ? pick(below, edges) : pick(below, [2, 4, 8, 12, 16]);
        this.#add(object.type(name(), info(Kind.float), size), size);
        break;
      }
      case Kind.datasec: {
        const variable = object.variable(someName(below), this.#sized());
        this.#add(variable, -1);
        const section = pick(below, [".data.x", ".data.x", ".rodata.str", ".ksyms"]);
        this.#add(object.dataSection(section, below(64), [[variable, below(8), below(8)]]), -1);
        break;
      }
      default:
        this.#add(object.type(name(), info(Kind.declTag), this.#any(), pick(below, [0xffff_ffff, 0, 1])), -1);
    }
  }

  /** A type that a value can be of. */
  value(): number {
    // Composites are what most code is for.
    return this.#sized();
  }

  size(id: number): number {
    return Math.max(0, this.#sizes[id] ?? 0);
  }

  #isWrong(): boolean {
    return this.#below(1000) < this.#wrong;
  }

  #add(id: number, size: number): void {
    this.#sizes[id] = size;
  }

  #modifier(kind: number, name: number): void {
    const to = this.#below(8) === 0 ? this.#any() : this.#sized();
    this.#add(this.object.type(name, info(kind), to), this.#sizes[to] ?? -1);
    if (this.#integers.has(to)) this.#integers.add(this.object.next - 1);
  }

  #composite(): void {
    const below = this.#below;
    const kind = below(3) === 0 ? Kind.union : Kind.struct;
    const flag = below(3) === 0 ? 1 : 0;
    const members: (readonly [Name, number, number])[] = [];
    let bit = 0;
    let end = 0;
    for (let count = below(7); count > 0; count--) {
      const type = this.#sized();
      const bits = this.size(type) * 8;
      if (kind === Kind.union) bit = 0;
      else if (bits > 0 && below(4) > 0 && bits <= 64) bit = Math.ceil(bit / bits) * bits;
      else bit = Math.ceil(bit / 8) * 8;
      const width =
        flag === 1 && (this.#integers.has(type) || this.#isWrong()) && below(2) === 0
          ? 1 + below(Math.min(bits || 1, 128))
          : 0;
      if (width > 0 && kind === Kind.struct) bit += below(5);
      const place = this.#isWrong() ? pick(below, edges) : bit;
      if (place > 0xff_ffff && flag === 1) break;
      members.push([someName(below), type, flag === 1 ? ((width << 24) | place) >>> 0 : place]);
      bit += width || bits;
      end = Math.max(end, bit);
    }
    const size = this.#isWrong() ? pick(below, edges) : Math.ceil(end / 8) + pick(below, [0, 0, 0, 4]);
    if (size >= 0xffff_ffff) return;
    this.#add(this.object.struct(someName(below), size, members, kind, flag), size);
  }

  /** Any type, now and then one that does not exist, or not yet. */
  #any(): number {
    if (this.#isWrong()) return pick(this.#below, [...edges, this.object.next, this.object.next + 1]);
    return this.#below(this.object.next);
  }

  /** A type with a size, mostly of those made last. */
  #sized(): number {
    if (this.#isWrong()) return this.#any();
    for (let tries = 0; tries < 12; tries++) {
      const back =
        this.#below(2) === 0 ? this.#below(Math.min(6, this.object.next)) : this.#below(this.object.next);
      const id = this.object.next - 1 - back;
      const size = this.#sizes[id];
      if (id > 0 && size !== undefined && size >= 0 && size < 1 << 20) return id;
    }
    return 1;
  }
}

/** A map's definition, mostly as libbpf wants it. */
function mapVariable(graph: Graph, below: Below, depth = 0): number {
  const { object } = graph;
  const members: (readonly [Name, number, number])[] = [];
  const add = (name: Name, type: number): void => void members.push([name, type, 64 * members.length]);
  const records = [4, 27, 31];
  add(
    "type",
    object.uint(below(20) === 0 ? pick(below, edges) : below(3) === 0 ? pick(below, records) : below(36)),
  );
  if (below(4) > 0) add("key", object.pointer(graph.value()));
  else add("key_size", object.uint(pick(below, [0, 4, 8, 300])));
  if (below(4) > 0) add("value", object.pointer(graph.value()));
  else if (below(2) === 0) add("value_size", object.uint(pick(below, [0, 4, 8, 300])));
  if (below(8) > 0) add("max_entries", object.uint(pick(below, edges)));
  if (below(4) === 0 && depth === 0)
    add("values", object.array(object.pointer(mapVariable(graph, below, 1)), 0));
  if (below(20) === 0) add(pick(below, mapMembers), graph.value());
  return object.struct("", 8 * members.length, members);
}

/** A section with variables, each behind the last. */
function globals(graph: Graph, below: Below, section: string): void {
  const { object } = graph;
  const linked = below(3) === 0;
  const variables: [number, number, number][] = [];
  let at = 0;
  for (let count = 1 + below(4); count > 0; count--) {
    const type = graph.value();
    const size = graph.size(type);
    const name = someName(below);
    const id = object.variable(name, type, pick(below, [0, 1, 1, 1, 1]));
    variables.push([id, linked ? at : 0, size]);
    object.symbols.push({
      name,
      section,
      value: at,
      size,
      binding: below(9) === 0 ? 0 : 1,
      visibility: below(9) === 0 ? 2 : 0,
    });
    at += size;
  }
  if (section === ".kconfig") at = 0;
  else
    object.sections.push(
      section === ".bss"
        ? { name: section, type: 8, flags: 3, size: at, addralign: 8 }
        : { name: section, type: 1, flags: 3, data: new Uint8Array(Math.min(at, 4096)), addralign: 8 },
    );
  object.dataSection(section, linked || at > 4096 ? at : 0, variables);
}

/** What a linker or a compiler may have left besides. */
function moreSections(object: Assembly, below: Below): RawSection[] {
  const found: RawSection[] = [];
  if (below(3) === 0) found.push({ name: ".debug_info", type: 1, data: new Uint8Array(below(32)) });
  if (below(3) === 0) {
    const link = object.sections.length + 3;
    const size = pick(below, [0, 16, 16, 32]);
    found.push({ name: ".relxdp", type: 9, link, info: below(3), data: new Uint8Array(size), entsize: 16 });
  }
  if (below(6) === 0) found.push({ name: "license", type: 1, flags: 3, data: Uint8Array.of(71, 80, 76, 0) });
  if (below(12) === 0)
    found.push({ name: "x", type: below(20), flags: below(1024), link: below(9), info: below(9) });
  return found;
}

/** An object made by the grammar of BPF objects: valid, or nearly so. */
export function grown(below: Below): Uint8Array {
  const object = new Assembly(below(4) > 0);
  const graph = new Graph(object, below);
  for (let count = 2 + below(pick(below, [6, 20, 60])); count > 0; count--) graph.grow();
  for (let count = below(4); count >= 0; count--) {
    const name = someName(below);
    object.program(
      typeof name === "string" && name !== "" ? name : "program",
      below(8) === 0
        ? String(
            pick(
              below,
              hostile.filter((text) => typeof text === "string"),
            ),
          )
        : pick(below, sections),
    );
  }
  const maps = Array.from({ length: below(4) }, (): [number, number, number] => {
    const name = below(100) === 0 ? "" : someName(below) || "map";
    const id = object.variable(name, mapVariable(graph, below));
    object.symbols.push({ name, section: ".maps", value: 32 * below(4), size: 32 });
    if (below(12) === 0)
      object.type(
        object.name(`event:${pick(below, ["x", "struct event", "int", "m"])}`),
        info(Kind.declTag),
        id,
        0xffff_ffff,
      );
    return [id, 0, 32];
  });
  if (maps.length > 0) {
    object.sections.push({
      name: ".maps",
      type: 1,
      flags: 3,
      data: new Uint8Array(32 * maps.length),
      addralign: 8,
    });
    object.dataSection(".maps", 0, maps);
  }
  for (const section of [
    ".data",
    ".rodata",
    ".bss",
    ".kconfig",
    ".data.x",
    ".struct_ops",
    ".struct_ops.link",
  ])
    if (below(4) === 0) globals(graph, below, section);
  return object.bytes(moreSections(object, below));
}

/** An input of the fuzzer: grown, one in three of them damaged besides. */
export function input(below: Below): Uint8Array {
  const bytes = grown(below);
  if (below(3) > 0) return bytes;
  const whole = { offset: 0, size: bytes.length };
  const tail = { offset: Math.max(0, bytes.length - 700), size: Math.min(700, bytes.length) };
  return mutated(bytes, [whole, whole, tail, { offset: 0, size: 64 }], below);
}

/** Raw BTF, for `generateTypes`. */
export function grownTypes(below: Below): Uint8Array {
  const object = new Assembly(below(4) > 0);
  const graph = new Graph(object, below);
  for (let count = 2 + below(pick(below, [6, 20, 60])); count > 0; count--) graph.grow();
  const bytes = object.btf();
  if (below(3) > 0) return bytes;
  const whole = { offset: 0, size: bytes.length };
  return mutated(bytes, [whole, { offset: 0, size: 24 }], below);
}
