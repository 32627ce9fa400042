import { allocate } from "./koffi.js";

/** A piece of native memory that one owner uses at a time. */
export interface Area {
  readonly address: number;
  readonly bytes: Uint8Array;
}

const freeAreas = new Map<number, Area[]>();

/** Lends at least `size` bytes outside the JavaScript heap; give them back with {@link giveBack}. */
export function borrow(size: number): Area {
  const rounded = Math.max(64, 2 ** Math.ceil(Math.log2(size)));
  const area = freeAreas.get(rounded)?.pop() ?? allocate(rounded);
  area.bytes.fill(0);
  return area;
}

/** Takes an area back for the next {@link borrow} of its size. */
export function giveBack(area: Area): void {
  const size = area.bytes.length;
  const areas = freeAreas.get(size);
  if (areas) areas.push(area);
  else freeAreas.set(size, [area]);
}
