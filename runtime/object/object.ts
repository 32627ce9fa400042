import { RawMap } from "../maps/hash.js";
import type { MapHandle } from "../maps/info.js";
import type { BpfMap } from "../maps/map.js";
import { Program } from "../programs/program.js";
import { type RawMapConfig, rawMapConfig } from "./map-config.js";
import type { NativeObject } from "./native-object.js";
import { type OpenOptions, openObject } from "./open.js";
import { type ProgramConfig, programConfig } from "./program-config.js";
import type { Apply } from "./settings.js";

/**
 * A BPF object without a skeleton: programs and maps by name, map contents as bytes or by codecs. Whoever opened it
 * closes it; that detaches its programs, newest first.
 *
 * ```ts
 * using object = BpfObject.open("bootstrap.bpf.o").load();
 * for (const program of object.programs()) program.attach();
 * console.log(object.map("exec_start").lookup(u32, u64, 1));
 * ```
 */
export class BpfObject {
  readonly #native: NativeObject;
  /** By descriptor: asking for a map again and again makes one object. */
  readonly #maps = new Map<number, RawMap>();

  private constructor(native: NativeObject) {
    this.#native = native;
  }

  /**
   * Parses an object, without loading anything into the kernel (`bpf_object__open_mem`).
   * @param source the object's bytes, or the path of its file.
   * @throws BpfError when it cannot be read, is of another byte order, or libbpf does not accept it.
   */
  static open(source: string | Uint8Array, options: OpenOptions = {}): BpfObject {
    return new BpfObject(openObject(source, options));
  }

  /** The object's name, for errors and in the kernel. */
  get name(): string {
    return this.#native.name;
  }

  /** `"open"` until loaded, `"closed"` in the end. */
  get state(): "open" | "loaded" | "closed" {
    return this.#native.state;
  }

  /**
   * Creates the maps, and has the kernel verify and load the programs (`bpf_object__load`). When that fails the
   * object is closed.
   * @throws BpfError with the program, the verifier's log and the C line, when a program was refused.
   */
  load(): this {
    this.#native.load();
    return this;
  }

  /** What can be set of a program before `load()`, by its C name: whether it is loaded, as what, for what. */
  programConfig(name: string): ProgramConfig {
    const pointer = this.#native.programPointer(name);
    return programConfig(name, { pointer, ...this.#configuring(pointer) });
  }

  /**
   * What can be set of a map before `load()`, by its C name, or of a data section by its own:
   *
   * ```ts
   * object.mapConfig("events").maxEntries = 2 ** 20;
   * object.mapConfig(".rodata").initialValue = encode(Settings, { pid: 42 });
   * ```
   */
  mapConfig(name: string): RawMapConfig {
    const pointer = this.#native.mapPointer(name);
    return rawMapConfig(this.#native, name, { pointer, ...this.#configuring(pointer) });
  }

  #configuring(pointer: number): { readonly guard: () => void; readonly apply: Apply } {
    const guard = (): void => void this.#native.bytes;
    const apply: Apply = (action) => {
      guard();
      action(pointer, pointer);
    };
    return { guard, apply };
  }

  /** Every program, in the order of the object. */
  programs(): Program[] {
    return Array.from(this.#native.programPointers(), (pointer) => new Program(pointer, this.#native));
  }

  /** The program of a C name. */
  program(name: string): Program {
    return new Program(this.#native.programPointer(name), this.#native);
  }

  /** Every map that exists in the kernel, data sections included, in the order of the object. */
  maps(): BpfMap[] {
    return this.#native.mapHandles().map((handle) => this.#map(handle));
  }

  /** The map of a C name, or of a data section such as `.bss`. */
  map(name: string): RawMap {
    return this.#map(this.#native.mapHandle(name));
  }

  #map(handle: MapHandle): RawMap {
    const known = this.#maps.get(handle.fd);
    if (known) return known;
    const map = this.#native.own(new RawMap(handle));
    this.#maps.set(handle.fd, map);
    return map;
  }

  /**
   * Pins every map in a folder of bpffs, under its name (`bpf_object__pin_maps`): they outlive the process. The folder
   * is made when it is missing. When one cannot be pinned, none is.
   */
  pinMaps(folder: string): void {
    this.#native.pins("bpf_object__pin_maps", folder);
  }

  /** Removes what {@link pinMaps} made (`bpf_object__unpin_maps`). */
  unpinMaps(folder: string): void {
    this.#native.pins("bpf_object__unpin_maps", folder);
  }

  /**
   * Pins every program in a folder of bpffs, under its name (`bpf_object__pin_programs`). What is attached stays
   * attached only as long as its link: pin that, too.
   */
  pinPrograms(folder: string): void {
    this.#native.pins("bpf_object__pin_programs", folder);
  }

  /** Removes what {@link pinPrograms} made (`bpf_object__unpin_programs`). */
  unpinPrograms(folder: string): void {
    this.#native.pins("bpf_object__unpin_programs", folder);
  }

  /** Detaches the programs, newest first, and keeps the maps. */
  detach(): void {
    this.#native.detach();
  }

  /** Detaches and frees everything. Safe to call again. */
  close(): void {
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
