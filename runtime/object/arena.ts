import { stateError } from "../errors.js";
import { expectLibbpf, libbpf, viewNative } from "../ffi/native.js";
import type { MappedArena } from "../maps/arena.js";
import { pageSize } from "../maps/mapping.js";
import { BPF_F_SEGV_ON_FAULT } from "../maps/types.js";
import { initialValue } from "./initial-value.js";

/** The section of global variables in an arena. */
export const ARENA_SECTION = ".addr_space.1";

/** An arena that is loaded: its memory, and of that the global variables. */
export interface LoadedArena {
  readonly mapped: MappedArena;
  readonly globals: Uint8Array;
}

/**
 * Prepares an arena for being loaded; what comes back finds out, right after that, where libbpf has put it.
 * Nothing of a map that is reused: libbpf does not map that.
 */
export function prepareArena(where: string, map: number): () => LoadedArena | undefined {
  expectLibbpf(where, "1.4");
  const { address: before, size } = initialValue(map);
  const globals = size > 0 ? viewNative(before, size) : new Uint8Array(0);
  if (size > 0 && libbpf.bpf_map__map_flags(map) & BPF_F_SEGV_ON_FAULT)
    throw stateError(where, "its globals would end the process — declare it without BPF_F_SEGV_ON_FAULT");
  // So that they can be told from pages that nobody has written yet.
  const isMarked = globals.every((byte) => byte === 0);
  if (isMarked && size > 0) globals[0] = 1;
  const initial = globals.slice();
  return () => {
    const { address } = initialValue(map);
    if (address === 0 || address === before) return undefined;
    // SAFETY: libbpf maps the whole arena until the object is closed, and everyone has let go of it by then.
    const bytes = viewNative(address, libbpf.bpf_map__max_entries(map) * pageSize());
    const at = placeOf(initial, bytes);
    if (isMarked && size > 0) bytes[at] = 0;
    return { mapped: { bytes, start: BigInt(address) }, globals: bytes.subarray(at, at + size) };
  };
}

/** Globals are at the arena's start, or from libbpf 1.7 on at its end, where the kernel can have them there. */
function placeOf(globals: Uint8Array, arena: Uint8Array): number {
  const end = arena.length - Math.ceil(globals.length / pageSize()) * pageSize();
  if (globals.length === 0 || Buffer.compare(arena.subarray(0, globals.length), globals) === 0) return 0;
  return end;
}
