import { inspect } from "node:util";
import { Memory } from "./memory.js";
import type { Codec, View, ViewOf } from "./types.js";

/** Where a view's bytes are. Symbols, because every string may be the name of a C member. */
export const MEMORY: unique symbol = Symbol("memory");
export const AT: unique symbol = Symbol("at");
export const CODEC: unique symbol = Symbol("codec");

/** What a view needs of a field's codec. Every `Codec<T>` is one. */
export interface FieldCodec {
  readonly size: number;
  decode(m: Memory, at: number): unknown;
  view(m: Memory, at: number): unknown;
  encode(m: Memory, at: number, value: never): void;
}

/** The members of a struct, a union or a data section: C name to offset and codec. */
export type FieldTable = Readonly<Record<string, readonly [at: number, codec: FieldCodec]>>;

/** What all views have. */
export interface InPlace<T> {
  readonly [MEMORY]: Memory;
  [AT]: number;
  readonly [CODEC]: Codec<T>;
}

/** A plain value of what a view shows now: the counterpart of C's `struct s copy = *p`. */
export function copy<T>(view: ViewOf<T>): T {
  const place = view as unknown as InPlace<T>;
  if (!isView(view))
    throw new TypeError(`copy() takes a view of a struct, union or array, not ${inspect(view)}`);
  return place[CODEC].decode(place[MEMORY], place[AT]);
}

/** Whether `value` is a view, to be copied byte by byte. */
export function isView(value: unknown): value is InPlace<unknown> {
  return typeof value === "object" && value !== null && CODEC in value && MEMORY in value;
}

/** Moves a view to other bytes of its memory, so that one view serves a whole loop. */
export function moveView(view: object, at: number): void {
  (view as { [AT]: number })[AT] = at;
}

/** Codecs of structs and unions: what is read from inside a union stays a view, so that writes to it count. */
export const composites: WeakSet<object> = new WeakSet();

/**
 * Defines each field as a property that reads and writes the memory that the object is `[AT]`.
 * @param read how to read a field; as a view when left out.
 */
export function defineFields(
  target: object,
  fields: FieldTable,
  read: (codec: FieldCodec) => FieldCodec["view"] = (codec) => codec.view,
): void {
  for (const [name, [offset, codec]] of Object.entries(fields)) {
    const view = read(codec);
    Object.defineProperty(target, name, {
      enumerable: true,
      configurable: true,
      get(this: InPlace<unknown>) {
        return view(this[MEMORY], this[AT] + offset);
      },
      set(this: InPlace<unknown>, value: never) {
        assign(codec, this[MEMORY], this[AT] + offset, value);
      },
    });
  }
}

/**
 * Writes in place. What takes more than one store is encoded aside first: a value that is refused changes
 * nothing, and a value may be a view of the very bytes that it replaces.
 */
export function assign(codec: FieldCodec, m: Memory, at: number, value: never): void {
  if (codec.view === codec.decode) {
    codec.encode(m, at, value);
    return;
  }
  const aside = Memory.alloc(codec.size, m.littleEndian);
  codec.encode(aside, 0, value);
  m.setBytes(at, aside.bytes(0, codec.size));
}

/** Makes the class of a struct's views. */
export function viewClass<T>(codec: Codec<T>, fields: FieldTable): new (m: Memory, at: number) => View<T> {
  class StructView {
    readonly [MEMORY]: Memory;
    [AT]: number;
    constructor(m: Memory, at: number) {
      this[MEMORY] = m;
      this[AT] = at;
    }
  }
  Object.defineProperties(StructView.prototype, {
    [CODEC]: { value: codec },
    [inspect.custom]: { value: inspectCopy },
    toJSON: { value: toJsonCopy, configurable: true },
  });
  defineFields(StructView.prototype, fields);
  return StructView as unknown as new (
    m: Memory,
    at: number,
  ) => View<T>;
}

function inspectCopy(this: object): unknown {
  return copy(this as ViewOf<unknown>);
}

function toJsonCopy(this: object): unknown {
  return toJson(copy(this as ViewOf<unknown>));
}

/** Makes the view of an array: an object whose indexes read and write the memory. */
export function arrayView(m: Memory, at: number, codec: object, element: FieldCodec, length: number): object {
  return new Proxy(new ArrayTarget(m, at, codec, element, length), arrayHandler);
}

class ArrayTarget {
  readonly [MEMORY]: Memory;
  [AT]: number;
  readonly [CODEC]: object;
  readonly #element: FieldCodec;
  readonly length: number;

  constructor(m: Memory, at: number, codec: object, element: FieldCodec, length: number) {
    this[MEMORY] = m;
    this[AT] = at;
    this[CODEC] = codec;
    this.#element = element;
    this.length = length;
  }

  static get(target: ArrayTarget, index: number): unknown {
    return target.#element.view(target[MEMORY], target[AT] + index * target.#element.size);
  }

  static set(target: ArrayTarget, index: number, value: unknown): void {
    if (!(index >= 0 && index < target.length))
      throw new RangeError(`index ${index} is outside an array of ${target.length} elements`);
    assign(target.#element, target[MEMORY], target[AT] + index * target.#element.size, value as never);
  }
}

const arrayHandler: ProxyHandler<ArrayTarget> = {
  get(target, key) {
    if (typeof key === "string") {
      const index = Number(key);
      if (index >= 0 && index < target.length && Number.isInteger(index))
        return ArrayTarget.get(target, index);
      if (key === "length") return target.length;
      if (key === "set") return (at: number, value: unknown) => ArrayTarget.set(target, at, value);
      if (key === "toJSON") return () => toJsonCopy.call(target);
      return undefined;
    }
    if (key === Symbol.iterator) return () => iterate(target);
    if (key === inspect.custom) return () => inspectCopy.call(target);
    return Reflect.get(target, key);
  },
  set(target, key, value) {
    if (key === AT) target[AT] = value as number;
    else ArrayTarget.set(target, typeof key === "string" ? Number(key) : Number.NaN, value);
    return true;
  },
  has: (target, key) => (typeof key === "string" ? Number(key) < target.length : key in target),
};

function* iterate(target: ArrayTarget): IterableIterator<unknown> {
  for (let i = 0; i < target.length; i++) yield ArrayTarget.get(target, i);
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
