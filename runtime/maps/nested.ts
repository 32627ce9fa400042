import { u32 } from "../codec/codec.js";
import type { Codec, Input } from "../codec/types.js";
import { stateError } from "../errors.js";
import { check, ENOENT, libbpf, opts } from "../ffi/native.js";
import { EntryMap } from "./hash.js";
import { BpfMap, closeFd, type MapHandle, type MapSpec, mapHandleOf } from "./map.js";

/** A map of a map: yours, to be closed. */
export type Owned<M> = M & { close(): void; [Symbol.dispose](): void };

/** What maps of maps share. The kernel takes inner maps by descriptor and gives them back by id. */
abstract class MapOfMaps<K, M extends BpfMap> extends EntryMap<K, number> {
  readonly #inner: MapSpec<M>;
  readonly #template: MapHandle | undefined;

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
    return this.#own(mapHandleOf(`${this.name} inner`, fd));
  }

  /** Puts a map in (`bpf_map_update_elem`); it stays there when its handle is closed. */
  set(key: Input<K>, map: BpfMap): void {
    this.store(key, map.fd);
  }

  /** Takes a map out (`bpf_map_delete_elem`) and says whether it was there. */
  delete(key: Input<K>): boolean {
    return this.erase(key);
  }

  /** Makes a map that fits in (`bpf_map_create`), as a handle that is to be closed. */
  create(options: { readonly maxEntries?: number | undefined } = {}): Owned<M> {
    const template = this.#template;
    if (!template)
      throw stateError(this.where, "does not say what is in it — define it with __array(values, ...)");
    const { type, keySize, valueSize, flags } = template;
    const maxEntries = options.maxEntries ?? template.maxEntries;
    if (!Number.isInteger(maxEntries) || maxEntries < 1 || maxEntries > 0xffff_ffff)
      throw new RangeError(`${this.where}: maxEntries ${maxEntries} does not fit __u32`);
    const options_ = opts("bpf_map_create_opts", { map_flags: flags });
    const fd = libbpf.bpf_map_create(type, "inner", keySize, valueSize, maxEntries, options_);
    check(this.where, "bpf_map_create", fd);
    return this.#own({ ...template, fd, maxEntries });
  }

  #own(handle: MapHandle): Owned<M> {
    let map: M;
    try {
      map = this.#inner.create(handle);
    } catch (error) {
      closeFd(handle.fd);
      throw error;
    }
    let open = true;
    const close = (): void => {
      if (!open) return;
      open = false;
      BpfMap.release(map);
      closeFd(handle.fd);
    };
    return Object.assign(map, { close, [Symbol.dispose]: close });
  }
}

/** `BPF_MAP_TYPE_ARRAY_OF_MAPS`: numbered slots for maps. */
export class ArrayOfMaps<M extends BpfMap> extends MapOfMaps<number, M> {
  constructor(handle: MapHandle, inner: MapSpec<M>) {
    super(handle, u32, inner);
  }
}

/** `BPF_MAP_TYPE_HASH_OF_MAPS`: maps by key. */
export class HashOfMaps<K, M extends BpfMap> extends MapOfMaps<K, M> {}
