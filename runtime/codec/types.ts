import type { Memory } from "./memory.js";

/** Any of JavaScript's typed arrays, as decoded from C arrays of numbers. */
export type TypedArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

type Scalar = string | number | bigint | boolean | undefined;

declare const groups: unique symbol;
declare const source: unique symbol;

/**
 * A C union, or what a struct gets from its anonymous unions: `G` is a tuple with one object type per union.
 * All members can be read; setting one changes the others, as in C, and so does changing the struct or array that
 * one reads as.
 */
export type Unions<G extends readonly object[]> = Flatten<G> & {
  /** Marks the union's members for the compiler; there is no such property. */
  readonly [groups]: G;
  /** All members, each as {@link toJson} gives it. */
  toJSON(): { [member: string]: unknown };
};

/** A C union with the members of `M`. */
export type Union<M extends object> = Unions<[M]>;

type Flatten<G extends readonly object[]> = G extends readonly [infer First, ...infer Rest extends object[]]
  ? First & Flatten<Rest>
  : unknown;

/**
 * What a value of type `T` may be written from: every decoded `T` and every view of one, and besides bytes for
 * text, any array-like for an array, and `{ oneMember: value }` for a union.
 */
export type Input<T> = T extends string
  ? T | Uint8Array
  : T extends Scalar
    ? T
    : T extends TypedArray
      ? ArrayLike<T[number]>
      : T extends { readonly [groups]: infer G extends readonly object[] }
        ? T | Written<T, G> | (PlainMembers<T, G> & UnionViewOf<T>)
        : T extends readonly unknown[]
          ? number extends T["length"]
            ? ArrayLike<Input<T[number]>>
            : { readonly [I in keyof T]: Input<T[I]> } | NoArray<Input<T[number]>>
          : { readonly [K in keyof T]: Input<T[K]> };

/** Array-likes that are no arrays, a view among them: for tuples, whose length `tsc` checks where it knows it. */
interface NoArray<E> {
  readonly length: number;
  readonly [index: number]: E;
  readonly map?: never;
}

/**
 * A plain object for a type with unions: all plain members, and of each union exactly one. The compiler writes such
 * a type out as every combination, so with more than three unions it lets any members pass, and encoding checks them.
 */
type Written<T, G extends readonly object[]> = PlainMembers<T, G> &
  (G["length"] extends 0 | 1 | 2 | 3
    ? OneOfEach<G>
    : { readonly [K in keyof Flatten<G>]?: Input<Flatten<G>[K]> });

type PlainMembers<T, G extends readonly object[]> = {
  readonly [K in Exclude<keyof T, keyof Flatten<G> | typeof groups | "toJSON">]: Input<T[K]>;
};

/** The members of a struct that do not come from its anonymous unions. */
export type PlainKeys<T> = T extends { readonly [groups]: infer G extends readonly object[] }
  ? Exclude<keyof T, keyof Flatten<G> | typeof groups | "toJSON">
  : keyof T;

/** The members of a union, or of a struct's anonymous unions: one object type per union. */
export type UnionMembers<T> = T extends { readonly [groups]: infer G extends readonly object[] }
  ? G
  : readonly [];

type OneOfEach<G extends readonly object[]> = G extends readonly [infer First, ...infer Rest extends object[]]
  ? ExactlyOne<First> & OneOfEach<Rest>
  : unknown;

type ExactlyOne<M> = [keyof M] extends [never]
  ? unknown
  : {
      [K in keyof M]: { readonly [P in K]: Input<M[P]> } & { readonly [P in Exclude<keyof M, K>]?: never };
    }[keyof M];

/**
 * An array in memory: its elements are read and written in place. An index outside reads as undefined, as in
 * any array, and is a RangeError when written. Looking at all of a large one is fastest by iteration, or in a
 * {@link copy}.
 */
export interface ArrayView<E> {
  /** How many elements; of a flexible array as many as the record holds. */
  readonly length: number;
  /** The element at an index, in place. */
  [index: number]: E;
  [Symbol.iterator](): IterableIterator<E>;
}

/**
 * A `T` that stays in memory: its members read and write the memory itself, one at a time, without decoding
 * the rest, and it may be assigned whole, member by member or element by element. Take a copy with {@link copy};
 * that is also what to spread.
 */
export type View<T> = T extends Scalar
  ? T
  : (T extends TypedArray
      ? ArrayView<T[number]>
      : T extends readonly unknown[]
        ? ArrayView<View<T[number]>>
        : T extends { readonly [groups]: unknown }
          ? { [K in Exclude<keyof T, typeof groups | "toJSON">]: View<T[K]> } & UnionViewOf<T>
          : { [K in keyof T]: View<T[K]> }) &
      ViewOf<T>;

/** Says what {@link copy} makes of a view; there is no such property. */
export interface ViewOf<T> {
  readonly [source]?: T;
}

/** Tells the view of a union from an object that names several of its members; there is no such property. */
interface UnionViewOf<T> {
  readonly [source]: T;
}

/** How a C type lies in memory: what reads, writes and views it. */
export interface Codec<T> {
  /** The bytes that a value takes, `sizeof` in C. */
  readonly size: number;
  /**
   * Reads the value at `at`.
   * @param size the bytes that the record holds from `at` on, for a flexible array member at its end.
   */
  decode(m: Memory, at: number, size?: number): T;
  /** Writes the value at `at`, padding as zeros; throws a RangeError or TypeError that names the field. */
  encode(m: Memory, at: number, value: Input<T>): void;
  /**
   * The value in place: scalars and text as they are now, anything else as a {@link View}.
   * @param size as for {@link decode}.
   */
  view(m: Memory, at: number, size?: number): View<T>;
}
