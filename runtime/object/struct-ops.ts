import type { MapHandle } from "../maps/info.js";
import { BpfMap } from "../maps/map.js";
import type { Link } from "../programs/link.js";

/**
 * `BPF_MAP_TYPE_STRUCT_OPS`: programs of the object put into a struct of the kernel's functions, such as
 * `struct tcp_congestion_ops`. `S` is what `opened.maps.m.shadow` shows of the struct.
 */
export class StructOps<S extends object = object> extends BpfMap {
  /** Says it to the compiler; there is no such property. */
  protected declare readonly shadow: S;
  readonly #attach: () => Link;

  constructor(handle: MapHandle & { readonly attach?: () => Link }) {
    super(handle);
    if (!handle.attach) throw new TypeError(`${this.where}: is no struct_ops map of an object`);
    this.#attach = handle.attach;
  }

  /**
   * Registers the struct with the kernel (`bpf_map__attach_struct_ops`); the link unregisters it. A map of
   * `SEC(".struct_ops.link")` (libbpf 1.2, kernel 6.4) has a link of the kernel's, whose `update()` puts another such
   * map in its place; one of `SEC(".struct_ops")` registers once, outlives SIGKILL, and `link.info().fallback` says so.
   */
  attach(): Link {
    void this.fd;
    return this.#attach();
  }

  /**
   * What attaches such a map, while it is open: its owner knows it by that.
   * @internal
   */
  static attachOf(where: string, map: unknown): () => Link {
    if (typeof map !== "object" || map === null || !(#attach in map))
      throw new TypeError(`${where}: update() takes another struct_ops map`);
    void map.fd;
    return map.#attach;
  }
}
