import type { Memory } from "../codec/memory.js";
import type { Codec } from "../codec/types.js";
import type { FieldCodec } from "../codec/view.js";
import type { MapHandle } from "../maps/info.js";
import type { BpfMap, MapSpec, ShadowSpec } from "../maps/map.js";
import { readObject } from "../object/open.js";
import { StructOps } from "../object/struct-ops.js";
import type { BaseProgram, ProgramOwner } from "../programs/base.js";
import { giveContext, type WithContext } from "../programs/test-run.js";
import type { ObjectSource, ProgramSpec } from "./spec.js";

/** The object, embedded as base64. */
export function inline(base64: string): ObjectSource {
  return { embedded: true, read: () => Buffer.from(base64, "base64") };
}

/** The object in a file beside the skeleton, read at each `open()`. */
export function file(url: URL): ObjectSource {
  return {
    embedded: false,
    read: () => readObject(url, "copy it beside the skeleton when you build, as --embed url has it"),
  };
}

/** No object: `open({ object })` gets it. */
export function none(): ObjectSource {
  return { embedded: false, read: () => undefined };
}

/** A program whose context `testRun()` takes as bytes. */
export function program<P extends BaseProgram>(
  ProgramClass: new (pointer: number, owner: ProgramOwner) => P,
  auto: boolean,
): ProgramSpec<P>;
/** A program whose context is a struct of the object's. */
export function program<P extends BaseProgram, C>(
  ProgramClass: new (pointer: number, owner: ProgramOwner) => P,
  auto: boolean,
  context: Codec<C>,
): ProgramSpec<WithContext<C> & P>;
/**
 * A program of the given class.
 * @param auto whether `attach()` of the skeleton attaches it: its section names the target.
 * @param context the struct that `testRun()` takes as the program's context.
 */
export function program<P extends BaseProgram>(
  ProgramClass: new (pointer: number, owner: ProgramOwner) => P,
  auto: boolean,
  context?: Codec<unknown>,
): ProgramSpec<P> {
  return {
    auto,
    create: (pointer, owner) => {
      const made = new ProgramClass(pointer, owner);
      if (context) giveContext(made, context);
      return made;
    },
  };
}

/** A struct_ops map: the bytes of its struct, where its data lies, and where its functions do. */
export function structOps<S extends object>(shadow: {
  readonly size: number;
  readonly fields: {
    readonly [K in keyof S as null extends S[K] ? never : K]: readonly [
      at: number,
      codec: FieldCodec & { view(m: Memory, at: number): S[K] },
    ];
  };
  readonly functions: { readonly [K in keyof S as null extends S[K] ? K : never]: number };
}): MapSpec<StructOps<S>> {
  return { auto: true, shadow: shadow as ShadowSpec, create: (handle) => new StructOps<S>(handle) };
}

/**
 * A map of the given class.
 * @param parts the codecs that the class is made from and, of a map of maps, the map that is in it.
 */
export function map<M extends BpfMap, P extends readonly unknown[]>(
  MapClass: new (handle: MapHandle, ...parts: P) => M,
  ...parts: P
): MapSpec<M> {
  return { auto: "attach" in MapClass.prototype, create: (handle) => new MapClass(handle, ...parts) };
}
