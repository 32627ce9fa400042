import { u32 } from "../codec/codec.js";
import type { Codec, Input } from "../codec/types.js";
import { stateError } from "../errors.js";
import { check, ENOENT, libbpf, unsigned } from "../ffi/native.js";
import { MapType } from "../kernel/types.js";
import { createFd, type MapTemplate } from "./create.js";
import { EntryMap } from "./hash.js";
import { type MapHandle, mapHandleOf } from "./info.js";
import { type BpfMap, type MapSpec, type Owned, own } from "./map.js";
import { type SetOptions, setFlags } from "./options.js";

/** What maps of maps share. The kernel takes inner maps by descriptor and gives them back by id. */
abstract class MapOfMaps<K, M extends BpfMap> extends EntryMap<K, number> {
  readonly #inner: MapSpec<M>;
  readonly #template: MapTemplate | undefined;

  constructor(handle: MapHandle, key: Codec<K>, inner: MapSpec<M>) {
    super(handle, key, u32);
    this.#inner = inner;
    this.#template = handle.inner;
  }

  /** The inner map of a key, as a handle of its own that is to be closed; undefined when there is none. */
  get(key: Input<K>): Owned<M> | undefined {
    if (!this.find(key)) return undefined;
    const fd = libbpf.bpf_map_get_fd_by_id(this.entry.value());
    if (fd === ENOENT) return undefined;
    check(this.where, "bpf_map_get_fd_by_id", fd);
    const name = `${this.name} inner`;
    // No stack, which would take longer than all the rest.
    return own(fd, () => this.#inner.create(mapHandleOf(name, fd)), `by get() of ${this.where}`);
  }

  /** Puts a map in (`bpf_map_update_elem`); it stays there when its handle is closed. */
  set(key: Input<K>, map: BpfMap, options?: SetOptions): void {
    this.store(key, map?.fd, setFlags(options, this));
  }

  /** Takes a map out (`bpf_map_delete_elem`) and says whether it was there. */
  delete(key: Input<K>): boolean {
    return this.erase(key);
  }

  /**
   * Makes a map that fits in (`bpf_map_create`), with the types and flags of the definition, as a handle that is to
   * be closed.
   */
  create(options: { readonly maxEntries?: number | undefined } = {}): Owned<M> {
    const template = this.#template;
    if (!template)
      throw stateError(this.where, "does not say what is in it — define it with __array(values, ...)");
    void this.fd;
    const maxEntries = unsigned(`${this.where}: maxEntries`, options?.maxEntries ?? template.maxEntries);
    if (maxEntries === 0) throw new RangeError(`${this.where}: maxEntries is 1 or more`);
    const fd = createFd(this.where, "inner", { ...template, maxEntries });
    return own(fd, () => this.#inner.create(mapHandleOf(`${this.name} inner`, fd)));
  }
}

/** `BPF_MAP_TYPE_ARRAY_OF_MAPS`: numbered slots for maps. */
export class ArrayOfMaps<M extends BpfMap> extends MapOfMaps<number, M> {
  static override readonly kinds: readonly MapType[] = [MapType.ARRAY_OF_MAPS];
  constructor(handle: MapHandle, inner: MapSpec<M>) {
    super(handle, u32, inner);
  }
}

/** `BPF_MAP_TYPE_HASH_OF_MAPS`: maps by key. */
export class HashOfMaps<K, M extends BpfMap> extends MapOfMaps<K, M> {
  static override readonly kinds: readonly MapType[] = [MapType.HASH_OF_MAPS];

  /** The keys of the maps that are in it. */
  keys(): IterableIterator<K> {
    return this.listKeys();
  }
}
