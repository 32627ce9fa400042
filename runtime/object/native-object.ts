import { existsSync, statfsSync } from "node:fs";
import { dirname, isAbsolute } from "node:path";
import { BpfError, closedError, stateError } from "../errors.js";
import { check, libbpf, listening, systemError } from "../ffi/native.js";
import { kindOf } from "../kernel/objects.js";
import { MapType } from "../kernel/types.js";
import { endAll, hasEnded, mustEnd } from "../lifetimes.js";
import type { MapTemplate } from "../maps/create.js";
import { type MapHandle, mapHandleOf } from "../maps/info.js";
import { BpfMap } from "../maps/map.js";
import { ProgramOwner } from "../programs/base.js";
import { atExit } from "../programs/fallback.js";
import { destroyAll, Link, type LinkBackend, libbpfLink } from "../programs/link.js";
import { ARENA_SECTION, type LoadedArena, prepareArena } from "./arena.js";
import { withoutKernelBtf } from "./kernel-btf.js";
import { lackingHint } from "./lacking.js";
import { loadError, withoutPrefix } from "./load-error.js";
import { StructOps } from "./struct-ops.js";

const EBUSY = 16;

/** The `struct bpf_map` of each struct_ops map, by what only it can have got from here. */
const structOps = new WeakMap<() => Link, number>();

/**
 * A `struct bpf_object` and all that ends with it. The only holder of its address: applications get
 * `BpfObject`s and skeletons, which keep theirs private.
 */
export class NativeObject extends ProgramOwner {
  /** The object's name, for errors and in the kernel. */
  readonly name: string;
  #state: ProgramOwner["state"] = "open";
  #pointer: number;
  #bytes: Uint8Array | undefined;
  readonly #open: (bytes: Uint8Array) => number;
  readonly #innerMaps = new Map<number, MapTemplate>();
  /** Pages of each CPU's ring, of perf event arrays where it has been said. */
  readonly pages: Map<string, number> = new Map();
  readonly #arenas = new Map<number, LoadedArena>();
  /** What ends with it, oldest first. */
  readonly #maps: BpfMap[] = [];

  /** @param open makes a `struct bpf_object` of bytes; what is to be done at every opening is part of it. */
  constructor(name: string, bytes: Uint8Array, open: (bytes: Uint8Array) => number) {
    super();
    this.name = name;
    this.#pointer = open(bytes);
    this.#bytes = bytes;
    this.#open = open;
    mustEnd(this, name);
  }

  /** `"open"` until loaded, `"closed"` in the end. */
  get state(): ProgramOwner["state"] {
    return this.#state;
  }

  /** The `struct bpf_object`, in the given state or else an error. */
  #use(state?: ProgramOwner["state"]): number {
    if (this.#state === "closed") throw closedError(this.name);
    if (state === "open" && this.#state !== "open") throw stateError(this.name, "is loaded already");
    if (state === "loaded" && this.#state !== "loaded")
      throw stateError(this.name, "is not loaded — call load() first");
    return this.#pointer;
  }

  /** What it was opened from; gone once it is loaded. */
  get bytes(): Uint8Array {
    this.#use("open");
    return this.#bytes!;
  }

  /**
   * Opens it anew from other bytes.
   * @param reapply sets again what had been set, of programs and maps at new addresses; the old ones still are.
   */
  reopen(bytes: Uint8Array, reapply: () => void): void {
    const before = this.#use("open");
    const pointer = this.#open(bytes);
    // A logger may have closed it.
    if (this.#state === "closed") {
      libbpf.bpf_object__close(pointer);
      throw closedError(this.name);
    }
    this.#pointer = pointer;
    try {
      reapply();
    } finally {
      libbpf.bpf_object__close(before);
    }
  }

  /** Creates the maps and loads the programs (`bpf_object__load`); closes the object when that fails. */
  load(): void {
    const pointer = this.#use("open");
    const refused = withoutKernelBtf(this.name, this.mapPointers(), this.programPointers());
    if (refused) {
      this.close();
      throw refused;
    }
    const arenas = new Map<number, ReturnType<typeof prepareArena>>();
    for (const map of this.mapPointers()) {
      clearRecordSizes(map);
      if (libbpf.bpf_map__type(map) === MapType.ARENA && libbpf.bpf_map__autocreate(map))
        arenas.set(map, prepareArena(`${this.name}: arena "${libbpf.bpf_map__name(map)}"`, map));
      // libbpf forgets it once the map is created.
      const inner = libbpf.bpf_map__inner_map(map);
      if (inner !== 0) this.#innerMaps.set(map, templateOf(inner));
    }
    const bytes = this.#bytes!;
    const call = listening(() => libbpf.bpf_object__load(pointer));
    if (call.result < 0) {
      // Asked while there is an object to ask of; a logger may have closed it.
      const lacking = this.#state === "open" ? lackingHint(pointer, call.said) : undefined;
      this.close();
      const failure = { where: this.name, syscall: "bpf_object__load", errno: -call.result };
      throw loadError({ ...failure, said: call.said, bytes, lacking });
    }
    // A logger may have closed it.
    this.#use("open");
    this.#state = "loaded";
    for (const [map, find] of arenas) {
      const arena = find();
      if (arena) this.#arenas.set(map, arena);
    }
    this.#bytes = undefined;
  }

  /** Detaches the programs, newest first. */
  detach(): void {
    destroyAll(this.links);
  }

  /** Detaches and frees everything. Safe to call again. */
  close(): void {
    if (this.#state === "closed") return;
    hasEnded(this);
    this.#state = "closed";
    this.#bytes = undefined;
    endAll([
      () => this.detach(),
      ...this.#maps
        .splice(0)
        .reverse()
        .map((map) => () => BpfMap.release(map)),
      () => libbpf.bpf_object__close(this.#pointer),
    ]);
  }

  /** The `struct bpf_program` of a C name. */
  programPointer(name: string): number {
    const pointer = libbpf.bpf_object__find_program_by_name(this.#use(), name);
    if (pointer === 0) throw this.#noSuch("program", name);
    return pointer;
  }

  /** The `struct bpf_map` of a C name, or of a data section such as `.bss`. */
  mapPointer(name: string): number {
    if (name === ARENA_SECTION)
      for (const map of this.mapPointers()) if (libbpf.bpf_map__type(map) === MapType.ARENA) return map;
    const pointer = libbpf.bpf_object__find_map_by_name(this.#use(), name);
    if (pointer === 0) throw this.#noSuch("map", name);
    return pointer;
  }

  /** The numbers of a map that exists in the kernel. */
  mapHandle(name: string): MapHandle {
    this.#use("loaded");
    const pointer = this.mapPointer(name);
    const template = this.#innerMaps.get(pointer);
    const btfFd = libbpf.bpf_object__btf_fd(this.#pointer);
    const inner = template && btfFd >= 0 ? { ...template, btfFd } : template;
    const handle = { ...handleOf(pointer), inner, pages: this.pages.get(name) };
    if (handle.fd < 0) throw stateError(`map "${name}"`, "was not created — set autocreate before load()");
    if (handle.type === MapType.ARENA)
      return Object.assign(handle, { mapped: this.#arenas.get(pointer)?.mapped });
    if (handle.type !== MapType.STRUCT_OPS) return handle;
    const attach = (): Link => this.#attachStructOps(name, pointer);
    structOps.set(attach, pointer);
    return Object.assign(handle, { attach });
  }

  /** Says what goes into a map of maps, by a map like it (`bpf_map__set_inner_map_fd`). */
  setInnerMap(name: string, pointer: number, fd: number): void {
    const { type, keySize, valueSize, maxEntries, flags, extra } = mapHandleOf(name, fd);
    check(`map "${name}"`, "bpf_map__set_inner_map_fd", libbpf.bpf_map__set_inner_map_fd(pointer, fd));
    this.#innerMaps.set(pointer, { type, keySize, valueSize, maxEntries, flags, extra });
  }

  /** The global variables in the object's arena. */
  arenaGlobals(): Uint8Array {
    this.#use("loaded");
    const { globals } = this.#arenas.get(this.mapPointer(ARENA_SECTION)) ?? {};
    if (globals) return globals;
    throw stateError(
      `${this.name}: ${ARENA_SECTION}`,
      "is not mapped — libbpf maps an arena that it creates, not one that is reused",
    );
  }

  #attachStructOps(name: string, pointer: number): Link {
    this.#use("loaded");
    const where = `struct_ops map "${name}"`;
    const call = listening(() => libbpf.bpf_map__attach_struct_ops(pointer));
    if (call.result === 0)
      throw systemError(where, "bpf_map__attach_struct_ops", call.errno, {
        log: call.said.join("\n"),
        todo:
          call.errno === EBUSY
            ? 'a map of SEC(".struct_ops") registers once: load the object anew'
            : undefined,
      });
    const link = new Link(`link of ${where}`, structOpsLink(where, call.result), this.links);
    // A logger may have closed the object.
    if (this.state !== "loaded") {
      link.destroy();
      throw closedError(where);
    }
    return link;
  }

  /** The numbers of every map that exists in the kernel, in the order of the object. */
  mapHandles(): MapHandle[] {
    this.#use("loaded");
    return Array.from(this.mapPointers(), handleOf).filter(({ fd }) => fd >= 0);
  }

  /** Makes a map end with the object. */
  own<M extends BpfMap>(map: M): M {
    this.#maps.push(map);
    return map;
  }

  /** Every `struct bpf_program`, in the order of the object. */
  programPointers(): Generator<number> {
    return programsOf(this.#use());
  }

  /** Every `struct bpf_map`. */
  *mapPointers(): Generator<number> {
    const object = this.#use();
    for (let at = 0; ; ) {
      at = libbpf.bpf_object__next_map(object, at);
      if (at === 0) return;
      yield at;
    }
  }

  /**
   * Pins every map, or every program, in a folder of bpffs, each under its name, or removes those pins
   * (`bpf_object__pin_maps`, …).
   */
  pins(call: PinCall, folder: string): void {
    const pointer = this.#use("loaded");
    checkPinFolder(this.name, folder);
    const { result, said } = listening(() => libbpf[call](pointer, folder));
    if (result < 0)
      throw systemError(`${this.name}: ${folder}`, call, -result, {
        what: said.map(withoutPrefix).find((line) => line !== ""),
        log: said.join("\n"),
      });
  }

  #noSuch(what: "program" | "map", name: string): BpfError {
    const pointers = what === "program" ? this.programPointers() : this.mapPointers();
    const nameOf = what === "program" ? libbpf.bpf_program__name : libbpf.bpf_map__name;
    const names = Array.from(pointers, nameOf).join(", ") || "none";
    // An old libbpf passes over sections that it does not know.
    const version = libbpf.libbpf_major_version() * 100 + libbpf.libbpf_minor_version();
    const old =
      what === "map" && version < 104
        ? `; with this libbpf, ${libbpf.libbpf_version_string()}: maps of SEC(".struct_ops.link") need 1.2, arenas 1.4`
        : "";
    return new BpfError(`${this.name}: has no ${what} "${name}" — it has: ${names}${old}`, {
      code: "ENOENT",
      errno: 2,
    });
  }
}

const BPF_FS_MAGIC = 0xcafe4a11;

/** Throws unless a folder is, or could be made, on bpffs: libbpf makes it first and looks then. */
function checkPinFolder(where: string, folder: string): void {
  if (typeof folder !== "string" || !isAbsolute(folder) || folder.includes("\0"))
    throw new TypeError(
      `${where}: the folder for pins is an absolute path on bpffs, such as /sys/fs/bpf/mine`,
    );
  try {
    if (statfsSync(existsSync(folder) ? folder : dirname(folder)).type === BPF_FS_MAGIC) return;
  } catch (cause) {
    const { code = "EINVAL", message } = cause as NodeJS.ErrnoException;
    throw new BpfError(`${where}: ${message} — make the folder above it first`, { code, cause });
  }
  throw new BpfError(`${where}: ${folder} is not on bpffs — use a folder of /sys/fs/bpf`, {
    code: "EPERM",
    errno: 1,
  });
}

/** What pins, and unpins, all of an object. */
export type PinCall =
  | "bpf_object__pin_maps"
  | "bpf_object__unpin_maps"
  | "bpf_object__pin_programs"
  | "bpf_object__unpin_programs";

/** Every `struct bpf_program` of a `struct bpf_object`. */
export function* programsOf(object: number): Generator<number> {
  for (let at = 0; ; ) {
    at = libbpf.bpf_object__next_program(object, at);
    if (at === 0) return;
    yield at;
  }
}

/** How a struct_ops map is attached, by its `struct bpf_link`. */
function structOpsLink(where: string, link: number): LinkBackend {
  // One without a link of the kernel's, of SEC(".struct_ops"), is a map's descriptor, and outlives SIGKILL.
  if (kindOf(libbpf.bpf_link__fd(link)) !== "link") {
    const destroy = (): void => void check(where, "bpf_link__destroy", libbpf.bpf_link__destroy(link));
    return { ...atExit(destroy), fallback: "struct_ops" };
  }
  const update = (replacement: object): void => {
    const next = structOps.get(StructOps.attachOf(where, replacement));
    if (next === undefined) throw new TypeError(`${where}: update() takes another struct_ops map`);
    check(where, "bpf_link__update_map", libbpf.bpf_link__update_map(link, next));
  };
  return { ...libbpfLink(where, link), update };
}

/** The numbers of a map of libbpf's. */
function handleOf(pointer: number): MapHandle {
  return {
    ...definitionOf(pointer),
    name: libbpf.bpf_map__name(pointer) ?? "",
    // Since 1.4 libbpf keeps a descriptor of something else for a map that it did not create.
    fd: libbpf.bpf_map__autocreate(pointer) ? libbpf.bpf_map__fd(pointer) : -1,
    pinPath: libbpf.bpf_map__pin_path(pointer) ?? undefined,
  };
}

/** What a map of libbpf's is defined as. Of a map that goes into others libbpf 1.6 knows no descriptor, and crashes. */
function definitionOf(pointer: number): MapTemplate {
  return {
    type: libbpf.bpf_map__type(pointer),
    keySize: libbpf.bpf_map__key_size(pointer),
    valueSize: libbpf.bpf_map__value_size(pointer),
    maxEntries: libbpf.bpf_map__max_entries(pointer),
    flags: libbpf.bpf_map__map_flags(pointer),
  };
}

/** How to make a map like a definition of what goes into a map of maps. */
function templateOf(pointer: number): MapTemplate {
  return {
    ...definitionOf(pointer),
    extra: BigInt(libbpf.bpf_map__map_extra(pointer)),
    numaNode: libbpf.bpf_map__numa_node(pointer),
    keyTypeId: libbpf.bpf_map__btf_key_type_id(pointer),
    valueTypeId: libbpf.bpf_map__btf_value_type_id(pointer),
  };
}

/**
 * `__type(value, struct event)` on a buffer of records tells the generator their type, but libbpf passes the
 * size on and the kernel refuses it: ring buffers have neither keys nor values, perf buffers hold descriptors.
 */
function clearRecordSizes(map: number): void {
  const type = libbpf.bpf_map__type(map);
  const isRing = type === MapType.RINGBUF || type === MapType.USER_RINGBUF;
  if (!isRing && type !== MapType.PERF_EVENT_ARRAY) return;
  const wanted = isRing ? 0 : 4;
  if (libbpf.bpf_map__key_size(map) !== wanted) libbpf.bpf_map__set_key_size(map, wanted);
  if (libbpf.bpf_map__value_size(map) !== wanted) libbpf.bpf_map__set_value_size(map, wanted);
}
