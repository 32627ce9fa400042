import { check, libbpf, unsigned } from "../ffi/native.js";

/** Where a map that exists already is found. */
export type MapPlace =
  /** Its number in the kernel, as `info()` and `bpftool map` tell it. */
  | { readonly id: number; readonly pin?: undefined }
  /** Its path on bpffs. */
  | { readonly pin: string; readonly id?: undefined };

/** A new descriptor of the map in that place (`bpf_map_get_fd_by_id`, `bpf_obj_get`). */
export function openFd(place: MapPlace): number {
  const { id, pin } = place ?? {};
  if ((id === undefined) === (pin === undefined))
    throw new TypeError("open(): a map is found by { id: number } or by { pin: path }, one of them");
  if (id !== undefined) {
    unsigned("open(): id", id);
    return check(`map of id ${id}`, "bpf_map_get_fd_by_id", libbpf.bpf_map_get_fd_by_id(id));
  }
  if (typeof pin !== "string" || pin.includes("\0"))
    throw new TypeError(`open(): pin is a path without NUL, not ${typeof pin}`);
  return check(pin, "bpf_obj_get", libbpf.bpf_obj_get(pin));
}
