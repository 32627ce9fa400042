import { readFileSync } from "node:fs";
import { u8Array } from "../codec/codec.js";
import type { Codec } from "../codec/types.js";
import { ArrayMap } from "../maps/array.js";
import { HashMap, RawMap } from "../maps/hash.js";
import { RingBuf } from "../maps/ringbuf.js";
import type { BaseProgram, ProgramOwner } from "../programs/program.js";
import type { MapSpec, ObjectSource, ProgramSpec } from "./spec.js";

/** The object, embedded as base64. */
export function inline(base64: string): ObjectSource {
  return () => Buffer.from(base64, "base64");
}

/** The object in a file beside the skeleton, read at each `open()`. */
export function file(url: URL): ObjectSource {
  return () => readFileSync(url);
}

/** No object: `open({ object })` gets it. */
export function none(): ObjectSource {
  return () => undefined;
}

/**
 * A program of the given class.
 * @param auto whether `attach()` of the skeleton attaches it: its section names the target.
 */
export function program<P extends BaseProgram>(
  ProgramClass: new (pointer: number, owner: ProgramOwner) => P,
  auto: boolean,
): ProgramSpec<P> {
  return { auto, create: (pointer, owner) => new ProgramClass(pointer, owner) };
}

/** A hash map of keys and values. */
export function hashMap<K, V>(key: Codec<K>, value: Codec<V>): MapSpec<HashMap<K, V>> {
  return { create: (handle) => new HashMap(handle, key, value) };
}

/** An array of values. */
export function arrayMap<V>(value: Codec<V>): MapSpec<ArrayMap<V>> {
  return { create: (handle) => new ArrayMap(handle, value) };
}

/** A ring buffer of bytes, each record whole: their type is not known. */
export function ringBuf(): MapSpec<RingBuf<Uint8Array>>;
/** A ring buffer of records. */
export function ringBuf<T>(record: Codec<T>): MapSpec<RingBuf<T>>;
/** A ring buffer. */
export function ringBuf<T>(record?: Codec<T>): MapSpec<RingBuf<T>> | MapSpec<RingBuf<Uint8Array>> {
  return record
    ? { create: (handle) => new RingBuf(handle, record) }
    : { create: (handle) => new RingBuf(handle, u8Array(0)) };
}

/** A map of any kind as bytes. */
export function rawMap(): MapSpec<RawMap> {
  return { create: (handle) => new RawMap(handle) };
}
