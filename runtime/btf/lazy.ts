import { openTypes } from "./btf.js";
import { FUNC, indexTypes, typeDecoder, VOID } from "./decode.js";
import { FormatError } from "./reader.js";
import { DEEPEST, isModifier } from "./resolve.js";
import type { BtfFunc, BtfType } from "./types.js";

/**
 * The types of BTF of which few matter, as of the kernel's 150,000: each is decoded when it is asked for, which takes a
 * quarter of the time that `parseBtf` takes for all. Nothing is checked but what is read.
 */
export class LazyBtf {
  readonly #decode: (id: number) => BtfType;
  readonly #name: (id: number) => string;
  readonly #kinds: readonly number[];

  constructor(bytes: Uint8Array) {
    const { reader, strings } = openTypes(bytes);
    const { starts, kinds } = indexTypes(reader);
    const decode = typeDecoder(reader, strings, []);
    this.#decode = (id) => decode(id, starts[id]!).type;
    this.#name = (id) => strings.at(reader.u32(starts[id]!), reader.where);
    this.#kinds = kinds;
  }

  /** The functions with a name that is wanted, in the order of their ids. */
  functions(wanted: (name: string) => boolean): BtfFunc[] {
    const found: BtfFunc[] = [];
    for (let id = 1; id < this.#kinds.length; id++)
      if (this.#kinds[id] === FUNC && wanted(this.#name(id))) found.push(this.#decode(id) as BtfFunc);
    return found;
  }

  /** The type with that id. */
  type(id: number): BtfType {
    if (id >= this.#kinds.length) throw new FormatError(".BTF", `no type ${id} of ${this.#kinds.length}`);
    return id === 0 ? VOID : this.#decode(id);
  }

  /** The type behind typedefs, qualifiers and type tags. */
  strip(id: number): BtfType {
    let type = this.type(id);
    for (let depth = 0; isModifier(type); depth++) {
      if (depth === DEEPEST)
        throw new FormatError(`.BTF type ${id}`, `nested more than ${DEEPEST} types deep`);
      type = this.type(type.to);
    }
    return type;
  }
}
