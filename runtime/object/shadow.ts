import {
  type ElfFile,
  type ElfSymbol,
  functionsIn,
  parseBtf,
  readElf,
  symbols as readSymbols,
  STB_LOCAL,
  STT_FUNC,
  type StructOpsVariable,
  sectionNamed,
  structOpsVariables,
} from "../btf/index.js";
import { Memory } from "../codec/memory.js";
import { BpfError } from "../errors.js";
import { libbpf, viewNative } from "../ffi/native.js";
import { initialValue } from "./initial-value.js";
import type { NativeObject } from "./native-object.js";
import { type NewSection, rewriteSections } from "./rewrite.js";

/** `BPF_PROG_TYPE_STRUCT_OPS`. */
export const PROG_TYPE_STRUCT_OPS = 27;

/** The struct of a struct_ops map as it will be loaded: libbpf calls it the map's shadow. */
export interface Shadow {
  readonly memory: Memory;
  /** The programs in it, offset to name. */
  readonly functions: Map<number, string>;
}

interface OpenShadow extends Shadow {
  readonly variable: StructOpsVariable;
  readonly size: number;
  readonly before: { readonly bytes: Uint8Array; readonly functions: ReadonlyMap<number, string> };
}

type Lent = ReturnType<typeof initialValue>;

/** The struct_ops maps of an object that is not loaded yet, to be changed; `commit` hands them to libbpf. */
export class Shadows {
  readonly #object: NativeObject;
  readonly #elf: ElfFile;
  readonly #symbols: readonly ElfSymbol[];
  readonly #variables: readonly StructOpsVariable[];
  readonly #open = new Map<string, OpenShadow>();

  constructor(object: NativeObject) {
    this.#object = object;
    // What libbpf has opened needs no doubts.
    this.#elf = readElf(object.bytes);
    this.#symbols = readSymbols(this.#elf);
    const btf = sectionNamed(this.#elf, ".BTF");
    this.#variables = btf ? structOpsVariables(parseBtf(btf.data), this.#elf, this.#symbols) : [];
  }

  /** The shadow of a map whose struct takes `size` bytes. */
  get(map: string, size: number): Shadow {
    const known = this.#open.get(map);
    if (known) return known;
    const variable = this.#variables.find(({ name }) => name === map);
    const bytes = variable?.section?.data.slice(variable.at, variable.at + size);
    if (!variable || bytes?.length !== size) throw this.#otherLayout(map, size);
    const functions = this.#functions(variable, size);
    const before = { bytes: bytes.slice(), functions: new Map(functions) };
    const shadow = { memory: new Memory(bytes), functions, variable, size, before };
    this.#open.set(map, shadow);
    return shadow;
  }

  #otherLayout(map: string, size: number): BpfError {
    return new BpfError(
      `${this.#object.name}: struct_ops map "${map}" is not one of ${size} bytes — regenerate the skeleton from this object`,
      { code: "ERR_BPF_LAYOUT" },
    );
  }

  #functions({ section, at }: StructOpsVariable, size: number): Map<number, string> {
    const all = section ? functionsIn(this.#elf, this.#symbols, section) : new Map<number, string>();
    return new Map([...all].flatMap(([to, name]) => (to >= at && to < at + size ? [[to - at, name]] : [])));
  }

  /**
   * Hands the changes to libbpf, and leaves out the programs that no map has: the kernel refuses those.
   * @param reapply sets again what had been set of the object, where that has to be opened anew.
   */
  commit(reapply: () => void): void {
    const changed = [...this.#open.values()].filter(isChanged);
    // libbpf lends its own copy from 1.4 on; for an older one, the object itself is changed.
    const lent = changed.map(({ variable }) => initialValue(this.#object.mapPointer(variable.name)));
    if (lent.some(({ address }) => address === 0)) this.#object.reopen(this.#rewritten(changed), reapply);
    else for (const [i, shadow] of changed.entries()) this.#write(shadow, lent[i]!);

    const used = this.#used();
    for (const program of this.#object.programPointers())
      if (
        libbpf.bpf_program__type(program) === PROG_TYPE_STRUCT_OPS &&
        !used.has(libbpf.bpf_program__name(program) ?? "")
      )
        libbpf.bpf_program__set_autoload(program, false);
  }

  #write({ memory, functions, size, before, variable }: OpenShadow, lent: Lent): void {
    if (lent.size !== size) throw this.#otherLayout(variable.name, size);
    // SAFETY: libbpf's until the object is closed, and as large as it says.
    const to = viewNative(lent.address, size);
    const places = new Set([...before.functions.keys(), ...functions.keys()]);
    const bytes = memory.bytes(0, size);
    const pointers = new DataView(bytes.buffer);
    for (const at of places) {
      const program = functions.get(at);
      const pointer = program === undefined ? 0 : this.#object.programPointer(program);
      pointers.setBigUint64(at, BigInt(pointer), memory.littleEndian);
    }
    to.set(bytes);
  }

  /** The object with the shadows' contents. */
  #rewritten(shadows: readonly OpenShadow[]): Uint8Array {
    const sections = new Map<number, NewSection & { references: Map<number, number> }>();
    for (const { variable, memory, functions, size, before } of shadows) {
      const section = variable.section!;
      let change = sections.get(section.index);
      if (!change) {
        const all = functionsIn(this.#elf, this.#symbols, section);
        const references = new Map([...all].map(([at, name]) => [at, this.#symbol(name)]));
        change = { section, bytes: section.data.slice(), references };
        sections.set(section.index, change);
      }
      change.bytes.set(memory.bytes(0, size), variable.at);
      for (const at of before.functions.keys()) change.references.delete(variable.at + at);
      for (const [at, name] of functions) change.references.set(variable.at + at, this.#symbol(name));
    }
    return rewriteSections(this.#elf, [...sections.values()]);
  }

  #symbol(program: string): number {
    return this.#symbols.findIndex(
      ({ name, type, binding }) => name === program && type === STT_FUNC && binding !== STB_LOCAL,
    );
  }

  /** The programs in maps that are going to be created. */
  #used(): ReadonlySet<string> {
    const created = this.#variables.filter(({ name }) =>
      libbpf.bpf_map__autocreate(this.#object.mapPointer(name)),
    );
    return new Set(
      created.flatMap((variable) => {
        const functions = this.#open.get(variable.name)?.functions;
        return [...(functions ?? this.#functions(variable, Number.POSITIVE_INFINITY)).values()];
      }),
    );
  }

  /** Ends all use; `why` says what did, where that is not close(). */
  release(why?: string): void {
    for (const { memory, variable } of this.#open.values())
      memory.release(`struct_ops map "${variable.name}"`, why);
    this.#open.clear();
  }
}

function isChanged({ memory, functions, size, before }: OpenShadow): boolean {
  const bytes = memory.bytes(0, size);
  return (
    bytes.some((byte, i) => byte !== before.bytes[i]) ||
    functions.size !== before.functions.size ||
    [...functions].some(([at, name]) => before.functions.get(at) !== name)
  );
}
