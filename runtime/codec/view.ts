import { inspect } from "node:util";
import { Memory, type OwnMemory } from "./memory.js";
import { inside } from "./path.js";
import type { Codec, View, ViewOf } from "./types.js";

/** Where a view's bytes are. Symbols, because every string may be the name of a C member. */
export const MEMORY: unique symbol = Symbol("memory");
export const AT: unique symbol = Symbol("at");
export const CODEC: unique symbol = Symbol("codec");
/** The bytes from there on that the record holds; undefined where that is not known. */
export const SIZE: unique symbol = Symbol("size");

/** What codecs of structs, unions and arrays have besides, for the members of a decoded union. */
export interface Live {
  /**
   * Decodes without copying: what comes back reads, and when changed writes, the memory itself, and is as like
   * a decoded value as can be. A view, by contrast, is made to be cheap.
   */
  live?(m: OwnMemory, at: number): unknown;
}

/** What a view needs of a field's codec. Every `Codec<T>` is one. */
export interface FieldCodec extends Live {
  readonly size: number;
  decode(m: Memory, at: number, size?: number): unknown;
  view(m: Memory, at: number, size?: number): unknown;
  encode(m: Memory, at: number, value: never): void;
  /** Of a flexible array: the codec of as many elements as so many bytes hold. */
  within?(size: number): FieldCodec;
}

/** The members of a struct, a union or a data section: C name to offset and codec. */
export type FieldTable = Readonly<Record<string, readonly [at: number, codec: FieldCodec]>>;

/** What all views have. */
export interface InPlace<T> {
  readonly [MEMORY]: Memory;
  [AT]: number;
  [SIZE]?: number | undefined;
  readonly [CODEC]: Codec<T>;
}

/** A plain value of what a view shows now: the counterpart of C's `struct s copy = *p`. */
export function copy<T>(view: ViewOf<T>): T {
  const place = view as unknown as InPlace<T>;
  if (!isView(view))
    throw new TypeError(`copy() takes a view of a struct, union or array, not ${inspect(view)}`);
  return place[CODEC].decode(place[MEMORY], place[AT], place[SIZE]);
}

/** Whether `value` is a view, to be copied byte by byte. */
export function isView(value: unknown): value is InPlace<unknown> {
  return typeof value === "object" && value !== null && CODEC in value && MEMORY in value;
}

/**
 * Moves a view to other bytes of its memory, so that one view serves a whole loop.
 * @param size the bytes that the record there holds.
 */
export function moveView(view: object, at: number, size?: number): void {
  (view as InPlace<unknown>)[AT] = at;
  (view as InPlace<unknown>)[SIZE] = size;
}

/**
 * Properties that read and write the fields in the memory that their object is `[AT]`.
 * @param reader says how to read a field; as a view when left out.
 */
export function fieldProperties(
  fields: FieldTable,
  reader: (codec: FieldCodec) => (m: never, at: number) => unknown = (codec) => codec.view,
): PropertyDescriptorMap {
  const properties: PropertyDescriptorMap = Object.create(null);
  for (const [name, [offset, codec]] of Object.entries(fields)) {
    const read = reader(codec) as FieldCodec["view"];
    properties[name] = {
      enumerable: true,
      configurable: true,
      get(this: InPlace<unknown>) {
        return read(this[MEMORY], this[AT] + offset);
      },
      set(this: InPlace<unknown>, value: unknown) {
        assign(name, codec, this[MEMORY], this[AT] + offset, value);
      },
    };
  }
  return properties;
}

/** Defines {@link fieldProperties}, read as views, on an object that has `[MEMORY]` and `[AT]`. */
export function defineFields(target: object, fields: FieldTable): void {
  Object.defineProperties(target, fieldProperties(fields));
}

/**
 * Objects without a prototype are dictionaries to V8, and each use of a member a look into a hash table. One that
 * serves as a prototype is laid out for speed: its members read in a fifth of the time.
 */
export function fastMembers<T extends object>(object: T): T {
  for (const name in Object.create(object)) void name;
  return object;
}

/**
 * Writes one member in place. What takes more than one store is encoded aside first: a value that is refused
 * changes nothing, and a value may be a view of the very bytes that it replaces.
 */
function assign(member: string, codec: FieldCodec, m: Memory, at: number, value: unknown): void {
  const stores = codec.view === codec.decode ? "one" : "many";
  const to = stores === "one" ? m : Memory.alloc(codec.size, m.littleEndian);
  try {
    codec.encode(to, stores === "one" ? at : 0, value as never);
  } catch (error) {
    throw inside(member, error);
  }
  if (to !== m) m.setBytes(at, to.bytes(0, codec.size));
}

/**
 * The property of the member that a struct's flexible array is, or is in: how long that is depends on the record.
 * Without a record, as in a map, it is empty.
 */
function flexibleProperty(name: string, [offset, codec]: FieldTable[string]): PropertyDescriptor {
  const rest = (view: InPlace<unknown>): number => Math.max(0, (view[SIZE] ?? 0) - offset);
  return {
    enumerable: true,
    configurable: true,
    get(this: InPlace<unknown>) {
      return codec.view(this[MEMORY], this[AT] + offset, rest(this));
    },
    set(this: InPlace<unknown>, value: unknown) {
      const sized = codec.within?.(rest(this)) ?? codec;
      assign(name, sized, this[MEMORY], this[AT] + offset, value);
    },
  };
}

/** What makes a struct's views. */
export type ViewClass<T> = new (m: Memory, at: number, size?: number) => View<T>;

/**
 * Makes the class of a struct's views.
 * @param flexible the member that is, or ends in, a flexible array.
 */
export function viewClass<T>(codec: Codec<T>, fields: FieldTable, flexible?: string): ViewClass<T> {
  class StructView {
    readonly [MEMORY]: Memory;
    [AT]: number;
    [SIZE]: number | undefined;
    constructor(m: Memory, at: number, size?: number) {
      this[MEMORY] = m;
      this[AT] = at;
      this[SIZE] = size;
    }
  }
  Object.defineProperties(StructView.prototype, {
    [CODEC]: { value: codec },
    [inspect.custom]: { value: inspectCopy },
    toJSON: { value: toJsonCopy, configurable: true },
  });
  defineFields(StructView.prototype, fields);
  if (flexible !== undefined)
    Object.defineProperty(StructView.prototype, flexible, flexibleProperty(flexible, fields[flexible]!));
  return StructView as unknown as ViewClass<T>;
}

function inspectCopy(this: object): unknown {
  return copy(this as ViewOf<unknown>);
}

function toJsonCopy(this: object): unknown {
  return toJson(copy(this as ViewOf<unknown>));
}

/**
 * Makes the view of an array: indexes read and write the memory, and everything that arrays can do without
 * changing their length works.
 * @param length how many elements; of a flexible array 0, and as many as fit into `size` bytes.
 * @param read how to read an element; as a view when left out.
 */
export function arrayView(
  m: Memory,
  at: number,
  codec: object,
  element: FieldCodec,
  length: number,
  size?: number,
  read: FieldCodec["view"] = element.view,
): object {
  return new Proxy(anArray, new ArrayInPlace(m, at, codec, element, length, size, read));
}

/** What all views of arrays pretend to be; no element is ever in it. `util.inspect` looks here, past the proxy. */
const anArray: unknown[] = Object.defineProperties([], {
  [inspect.custom]: { value: inspectCopy, configurable: true },
  toJSON: { value: toJsonCopy, configurable: true },
});

class ArrayInPlace implements ProxyHandler<unknown[]> {
  readonly [MEMORY]: Memory;
  [AT]: number;
  [SIZE]: number | undefined;
  readonly [CODEC]: object;
  readonly #element: FieldCodec;
  readonly #declared: number;
  readonly #read: FieldCodec["view"];

  constructor(
    m: Memory,
    at: number,
    codec: object,
    element: FieldCodec,
    length: number,
    size: number | undefined,
    read: FieldCodec["view"],
  ) {
    this[MEMORY] = m;
    this[AT] = at;
    this[SIZE] = size;
    this[CODEC] = codec;
    this.#element = element;
    this.#declared = length;
    this.#read = read;
  }

  get #length(): number {
    return elementsIn(this.#declared, this.#element.size, this[SIZE]);
  }

  get(_: unknown[], key: string | symbol, proxy: unknown): unknown {
    if (key === "length") return this.#length;
    const index = toIndex(key);
    if (index !== undefined) return index < this.#length ? this.#at(index) : undefined;
    if (key === Symbol.iterator) return () => this.#iterate();
    return isPlace(key) ? this[key] : Reflect.get(anArray, key, proxy);
  }

  set(_: unknown[], key: string | symbol, value: unknown): boolean {
    const index = toIndex(key);
    if (index !== undefined && index < this.#length) {
      const { size } = this.#element;
      assign(`[${index}]`, this.#element, this[MEMORY], this[AT] + index * size, value);
    } else if (key === AT) this[AT] = value as number;
    else if (key === SIZE) this[SIZE] = value as number | undefined;
    else if (index !== undefined)
      throw new RangeError(`index ${index} is outside an array of ${this.#length} elements`);
    else throw new TypeError(`an array in memory has no writable member ${inspect(key)}`);
    return true;
  }

  has(_: unknown[], key: string | symbol): boolean {
    const index = toIndex(key);
    return index === undefined ? isPlace(key) || key in anArray : index < this.#length;
  }

  ownKeys(): string[] {
    return [...Array.from({ length: this.#length }, (_, i) => `${i}`), "length"];
  }

  getOwnPropertyDescriptor(_: unknown[], key: string | symbol): PropertyDescriptor | undefined {
    if (key === "length") return { value: this.#length, writable: true };
    const index = toIndex(key);
    if (index === undefined || index >= this.#length) return undefined;
    return { value: this.#at(index), writable: true, enumerable: true, configurable: true };
  }

  defineProperty(): boolean {
    return false;
  }
  deleteProperty(): boolean {
    return false;
  }
  preventExtensions(): boolean {
    return false;
  }
  setPrototypeOf(): boolean {
    return false;
  }

  #at(index: number): unknown {
    return this.#read(this[MEMORY], this[AT] + index * this.#element.size);
  }

  #iterate(): IterableIterator<unknown> {
    const elements = new ElementsInPlace(
      this[MEMORY],
      this[AT],
      this.#element.size,
      this.#length,
      this.#read,
    );
    return elements as unknown as IterableIterator<unknown>;
  }
}

/** Walks over an array in memory, at a quarter of what a generator takes. */
class ElementsInPlace {
  readonly #memory: Memory;
  readonly #read: FieldCodec["view"];
  readonly #stride: number;
  #at: number;
  #left: number;

  constructor(m: Memory, at: number, stride: number, length: number, read: FieldCodec["view"]) {
    this.#memory = m;
    this.#at = at;
    this.#stride = stride;
    this.#left = length;
    this.#read = read;
  }

  next(): IteratorResult<unknown> {
    if (this.#left === 0) return { value: undefined, done: true };
    const at = this.#at;
    this.#at += this.#stride;
    this.#left--;
    const read = this.#read;
    return { value: read(this.#memory, at), done: false };
  }

  static {
    // What all iterators have.
    Object.setPrototypeOf(
      ElementsInPlace.prototype,
      Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())),
    );
  }
}

/** The number that a property name is the canonical form of, when that is an index. */
function toIndex(key: string | symbol): number | undefined {
  if (typeof key === "symbol") return undefined;
  const index = Number(key);
  return index >= 0 && Number.isInteger(index) && `${index}` === key ? index : undefined;
}

function isPlace(key: string | symbol): key is typeof MEMORY | typeof AT | typeof CODEC | typeof SIZE {
  return key === MEMORY || key === AT || key === CODEC || key === SIZE;
}

/** How many elements there are: a flexible array (`length` 0) has as many as the record holds. */
export function elementsIn(length: number, size: number, available: number | undefined): number {
  return length === 0 && available !== undefined && size > 0
    ? Math.max(0, Math.floor(available / size))
    : length;
}

/**
 * Turns any decoded value (or view) into what `JSON.stringify` takes: bigint to a decimal string, bytes to hex,
 * other typed arrays to arrays, unions to all their members.
 */
export function toJson(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (isView(value)) return toJson(copy(value as ViewOf<unknown>));
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.length).toString("hex");
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number | bigint>, toJson);
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Map) return Array.from(value, toJson);
  const json: Record<string, unknown> = Object.create(null);
  for (const name in value) json[name] = toJson((value as Record<string, unknown>)[name]);
  return json;
}
