import type { MapSpec } from "../maps/map.js";
import type { SectionSpec } from "../object/section.js";
import type { ProgramOwner } from "../programs/base.js";

/** What generated code may say: a skeleton of another version does not compile, and is refused by {@link skeleton}. */
export const ABI = 1;

/** The three parts of every skeleton, each an object type from C names to classes. */
export interface Shape {
  /** The class of each program. */
  readonly programs: object;
  /** The class of each map. */
  readonly maps: object;
  /** The variables of each data section. */
  readonly globals: object;
}

/** How generated code says what a program is. */
export interface ProgramSpec<P> {
  /** Whether {@link Loaded.attach} attaches it. */
  readonly auto: boolean;
  create(pointer: number, owner: ProgramOwner): P;
}

/** Where the object comes from. */
export interface ObjectSource {
  /** Whether it is part of the skeleton, and so surely the one that it was generated from. */
  readonly embedded: boolean;
  /** The object's bytes; undefined when `open` is to be given them. */
  read(): Uint8Array | undefined;
}

/** What generated code says of a skeleton. */
export interface SkeletonSpec<S extends Shape> {
  readonly abi: typeof ABI;
  /** The object's C name. */
  readonly name: string;
  readonly object: ObjectSource;
  /** What the layouts of an object must amount to; empty when the skeleton knows none. */
  readonly layout: { readonly fingerprint: string; readonly types: readonly string[] };
  readonly programs: { readonly [P in keyof S["programs"]]: ProgramSpec<S["programs"][P]> };
  readonly maps: { readonly [M in keyof S["maps"]]: MapSpec<S["maps"][M]> };
  readonly globals: { readonly [G in keyof S["globals"]]: SectionSpec<S["globals"][G]> };
}

/** A skeleton's spec where its shape does not matter. */
export type AnySpec = SkeletonSpec<Shape>;
