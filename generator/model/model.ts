/**
 * The blueprint of a skeleton: plain data between the readers of ELF and BTF and the templates, which see
 * nothing else. Every text in it that comes from the object is still as the object has it; the templates
 * escape it.
 */

/** Codecs of the runtime that read one number, named as the runtime names them. */
export type NumberCodec = "u8" | "s8" | "u16" | "s16" | "u32" | "s32" | "u64" | "s64" | "f32" | "f64";

/** How a value lies in memory and what it is in TypeScript. */
export type ValueType =
  /** One integer, float or pointer. */
  | { readonly kind: "number"; readonly codec: NumberCodec | "u128" | "s128" | "ptr" }
  | { readonly kind: "bool" }
  /** `char[length]` as text. */
  | { readonly kind: "text"; readonly length: number }
  /** Numbers in a row: a typed array. */
  | { readonly kind: "numbers"; readonly codec: NumberCodec; readonly length: number }
  /** Anything else in a row; a tuple where it is short. */
  | {
      readonly kind: "array";
      readonly element: ValueType;
      readonly length: number;
      readonly tuple: boolean;
    }
  /** A bit-field, `bit` bits behind the start of its struct; `as` an enum's name when it has one. */
  | {
      readonly kind: "bits";
      readonly bit: number;
      readonly width: number;
      readonly signed: boolean;
      readonly as: "number" | "bigint" | "boolean";
      readonly enumeration?: string;
    }
  /** An enum of {@link Model.types}, by its TypeScript name: read as the number that it is. */
  | { readonly kind: "enum"; readonly name: string; readonly codec: NumberCodec }
  /** Records of several types, told apart by their sizes, or by a field. */
  | { readonly kind: "events"; readonly cases: readonly EventCase[] }
  /** A struct or union of {@link Model.types}, by its TypeScript name. */
  | { readonly kind: "named"; readonly name: string };

/** One type of record among several of a map. */
export interface EventCase {
  /** Its C name. */
  readonly name: string;
  readonly type: ValueType;
  /** Whether it ends in a flexible array. */
  readonly flexible: boolean;
  /** The field that tells it from others of its size, and what it must be. */
  readonly when?: { readonly at: number; readonly type: ValueType; readonly value: bigint };
}

/** A member of a struct or union, or a variable of a section. */
export interface Member {
  readonly name: string;
  /** The C type, for the doc comment. */
  readonly c: string;
  /** Bytes from the start of what it is a member of. */
  readonly at: number;
  readonly type: ValueType;
  /** Whether it is the flexible array that its struct ends in, as many elements as the record holds, or a struct with one. */
  readonly flexible?: boolean;
}

/** The members that an anonymous union promotes into its struct. */
export interface UnionPart {
  readonly at: number;
  readonly size: number;
  readonly members: readonly Member[];
}

/** A struct, union or enum to be declared. */
export type TypeModel =
  | {
      readonly kind: "struct";
      readonly name: string;
      readonly c: string;
      readonly size: number;
      readonly members: readonly Member[];
      readonly unions: readonly UnionPart[];
    }
  | {
      readonly kind: "union";
      readonly name: string;
      readonly c: string;
      readonly size: number;
      readonly members: readonly Member[];
    }
  | {
      readonly kind: "enum";
      readonly name: string;
      readonly c: string;
      readonly codec: NumberCodec;
      readonly values: readonly { readonly name: string; readonly value: bigint }[];
    };

/** The classes that programs have in the runtime. */
export type ProgramClass =
  | "Cgroup"
  | "FlowDissector"
  | "Freplace"
  | "Iter"
  | "Kprobe"
  | "KprobeMulti"
  | "Ksyscall"
  | "LircMode2"
  | "Lsm"
  | "Netfilter"
  | "Netkit"
  | "Passive"
  | "PerfEvent"
  | "Program"
  | "RawTracepoint"
  | "SkLookup"
  | "SkMsg"
  | "SkReuseport"
  | "SkSkb"
  | "SocketFilter"
  | "StructOpsProgram"
  | "Tc"
  | "Tracepoint"
  | "Tracing"
  | "TracingMulti"
  | "Uprobe"
  | "UprobeMulti"
  | "Usdt"
  | "Xdp";

/** A program, in the order of the object. */
export interface ProgramModel {
  readonly name: string;
  readonly section: string;
  readonly class: ProgramClass;
  /** Whether the class takes a parameter that says where the target comes from, and which. */
  readonly target?: "section" | "arguments";
  /** Whether the skeleton's `attach()` attaches it. */
  readonly auto: boolean;
  /** The struct that a run of it, for tests, takes as its context. */
  readonly context?: ValueType;
}

/** The classes that maps have in the runtime; codegen has a function of each name, its first letter lowered. */
export type MapClass =
  | "ArenaMap"
  | "ArrayMap"
  | "ArrayOfMaps"
  | "BloomFilter"
  | "FdArray"
  | "HashMap"
  | "HashOfMaps"
  | "LpmTrie"
  | "PerCpuArrayMap"
  | "PerCpuHashMap"
  | "PerfEventArray"
  | "ProgArray"
  | "Queue"
  | "RawMap"
  | "RedirectMap"
  | "RingBuf"
  | "SockMap"
  | "Stack"
  | "StackTraceMap"
  | "StorageMap"
  | "StructOps"
  | "UserRingBuf";

/** What can be set of a struct_ops map's struct before it is loaded. */
export interface Shadow {
  readonly size: number;
  /** Members that are data: libbpf copies them into the kernel's struct. */
  readonly members: readonly Member[];
  /** Members that are functions: each takes a program. */
  readonly functions: readonly { readonly name: string; readonly c: string; readonly at: number }[];
}

/** A map, in the order of the object. */
export interface MapModel {
  readonly name: string;
  /** `BPF_MAP_TYPE_HASH`. */
  readonly type: string;
  readonly class: MapClass;
  /** What the class is made from: key, value or record, as it takes them. */
  readonly types: readonly ValueType[];
  /** Of a map of maps: what is in it. */
  readonly inner?: MapModel;
  /** Of a struct_ops map. */
  readonly shadow?: Shadow;
  /** What its keys and values, or records, are in C; absent where it has none. */
  readonly c: { readonly key?: string; readonly value?: string };
  readonly maxEntries: number;
}

/** A data section with global variables. */
export interface SectionModel {
  /** The member of the skeleton: `rodata`, `data_foo`. */
  readonly name: string;
  /** The ELF section. */
  readonly section: string;
  readonly size: number;
  readonly variables: readonly Member[];
}

/** How the skeleton finds its object. */
export type EmbeddedObject =
  | { readonly embed: "inline"; readonly bytes: Uint8Array }
  | { readonly embed: "url"; readonly file: string }
  | { readonly embed: "none" };

/** A file of types and codecs. */
export interface TypesModel {
  /** The version of the generator. */
  readonly version: string;
  /** Options that were given, for the header. */
  readonly options: readonly string[];
  /** The file name of the object, without its folders. */
  readonly file: string;
  /** Where generated code imports the runtime from. */
  readonly runtime: string;
  readonly types: readonly TypeModel[];
  readonly warnings: readonly string[];
}

/** A whole skeleton. */
export interface Model extends TypesModel {
  /** The object's name in C. */
  readonly name: string;
  /** The exported const and interface. */
  readonly typeName: string;
  readonly object: EmbeddedObject;
  readonly programs: readonly ProgramModel[];
  readonly maps: readonly MapModel[];
  readonly sections: readonly SectionModel[];
  /** Tells an object with other layouts; of the records' types too, which it names. */
  readonly fingerprint: { readonly of: string; readonly types: readonly string[] };
}
