import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { hostLittleEndian, Memory } from "../codec/memory.js";
import { BpfError, closedError, stateError } from "../errors.js";
import { borrow, check, giveBack, libbpf, listening, opts, systemError, viewNative } from "../ffi/native.js";
import { RawMap } from "../maps/hash.js";
import { BpfMap, type MapHandle } from "../maps/map.js";
import { MappedMemory } from "../maps/mapping.js";
import { BPF_F_MMAPABLE, MapType } from "../maps/types.js";
import type { Link } from "../programs/link.js";
import { Program, type ProgramOwner } from "../programs/program.js";
import { backfill } from "../programs/sections.js";
import { loadError } from "./load-error.js";
import { isFrozen, type SectionSpec, sectionVariables } from "./section.js";

/** How an object is opened. */
export interface OpenOptions {
  /** The name that the kernel sees as a prefix of the names of data sections; at most 15 bytes are kept. */
  readonly name?: string | undefined;
  /** Kernel configuration as in `/proc/config.gz`, `CONFIG_X=y` lines, over the running kernel's. */
  readonly kconfig?: string | undefined;
  /** A BTF file to relocate against, instead of the running kernel's. */
  readonly btfPath?: string | undefined;
  /** Where on bpffs maps with `LIBBPF_PIN_BY_NAME` are pinned; `/sys/fs/bpf` when left out. */
  readonly pinRoot?: string | undefined;
  /** A BPF token's bpffs, for loading without privileges; needs libbpf 1.5. */
  readonly tokenPath?: string | undefined;
  /** Accepts map definitions with attributes that this libbpf does not know. */
  readonly relaxedMaps?: boolean | undefined;
  /** How much the verifier logs: 1, 2, 4; 0 (the default) logs failures only. */
  readonly logLevel?: number | undefined;
}

/** A live or initial data section: its variables, and what ends them. */
export interface OpenSection {
  readonly variables: object;
  /** @param why what ended it, where that is not close(). */
  close(why?: string): void;
}

/**
 * A BPF object without a skeleton: programs and maps by name, map contents as bytes. Whoever opened it closes
 * it; that detaches its programs, newest first.
 */
export class BpfObject implements ProgramOwner {
  /** The object's name, for errors and in the kernel. */
  readonly name: string;
  /** Links made through the object's programs, oldest first. */
  readonly links: Set<Link> = new Set();
  #state: ProgramOwner["state"] = "open";
  #pointer: number;
  readonly #innerMaps = new Map<number, MapHandle>();
  readonly #closers: (() => void)[] = [];

  private constructor(name: string, pointer: number) {
    this.name = name;
    this.#pointer = pointer;
  }

  /**
   * Parses an object, without loading anything into the kernel (`bpf_object__open_mem`).
   * @param source the object's bytes, or the path of its file.
   * @throws BpfError when it cannot be read, is of another byte order, or libbpf does not accept it.
   */
  static open(source: string | Uint8Array, options: OpenOptions = {}): BpfObject {
    const fromPath = typeof source === "string" ? basename(source).replace(/(\.bpf)?\.o$/, "") : "object";
    const name = checkText("name", options.name) ?? fromPath;
    const bytes = typeof source === "string" ? readObject(source) : source;
    if (!(bytes instanceof Uint8Array))
      throw new TypeError(`${name}: an object is opened from its path or bytes, not from ${typeof source}`);
    checkElf(name, bytes);
    const address = opts("bpf_object_open_opts", {
      object_name: name,
      kconfig: checkText("kconfig", options.kconfig),
      btf_custom_path: checkText("btfPath", options.btfPath),
      pin_root_path: checkText("pinRoot", options.pinRoot),
      bpf_token_path: checkText("tokenPath", options.tokenPath),
      relaxed_maps: options.relaxedMaps,
      kernel_log_level: options.logLevel,
    });
    const call = listening(() => libbpf.bpf_object__open_mem(bytes, bytes.length, address));
    if (call.result === 0) throw loadError(name, "bpf_object__open_mem", call.errno, call.said);
    const object = new BpfObject(name, call.result);
    for (const program of object.#programPointers()) backfill(program);
    return object;
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

  /**
   * Creates the maps, and has the kernel verify and load the programs (`bpf_object__load`). When that fails the
   * object is closed.
   * @throws BpfError with the program, the verifier's log and the C line, when a program was refused.
   */
  load(): this {
    const pointer = this.#use("open");
    for (const map of this.#mapPointers()) {
      clearRecordSizes(map);
      // libbpf forgets it once the map is created.
      const inner = libbpf.bpf_map__inner_map(map);
      if (inner !== 0) this.#innerMaps.set(map, handleOf(inner));
    }
    const call = listening(() => libbpf.bpf_object__load(pointer));
    if (call.result < 0) {
      this.close();
      throw loadError(this.name, "bpf_object__load", -call.result, call.said);
    }
    this.#state = "loaded";
    return this;
  }

  /** Every program, in the order of the object. */
  programs(): Program[] {
    return Array.from(this.#programPointers(), (pointer) => new Program(pointer, this));
  }

  /** The program of a C name. */
  program(name: string): Program {
    return new Program(this.programPointer(name), this);
  }

  /** Every map that exists in the kernel, data sections included, in the order of the object. */
  maps(): BpfMap[] {
    this.#use("loaded");
    return Array.from(this.#mapPointers(), handleOf)
      .filter((handle) => handle.fd >= 0)
      .map((handle) => this.own(new RawMap(handle)));
  }

  /** The map of a C name, or of a data section such as `.bss`. */
  map(name: string): RawMap {
    return this.own(new RawMap(this.mapHandle(name)));
  }

  /** Detaches the programs, newest first, and keeps the maps. */
  detach(): void {
    for (const link of [...this.links].reverse()) link.destroy();
  }

  /** Detaches and frees everything. Safe to call again. */
  close(): void {
    if (this.#state === "closed") return;
    this.detach();
    this.#state = "closed";
    for (const close of this.#closers.splice(0).reverse()) close();
    libbpf.bpf_object__close(this.#pointer);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * The `struct bpf_program` of a name.
   * @internal
   */
  programPointer(name: string): number {
    const pointer = libbpf.bpf_object__find_program_by_name(this.#use(), name);
    if (pointer === 0) throw this.#noSuch("program", name);
    return pointer;
  }

  /**
   * The `struct bpf_map` of a name.
   * @internal
   */
  mapPointer(name: string): number {
    const pointer = libbpf.bpf_object__find_map_by_name(this.#use(), name);
    if (pointer === 0) throw this.#noSuch("map", name);
    return pointer;
  }

  /**
   * The numbers of a map that exists in the kernel.
   * @internal
   */
  mapHandle(name: string): MapHandle {
    this.#use("loaded");
    const pointer = this.mapPointer(name);
    const handle = { ...handleOf(pointer), inner: this.#innerMaps.get(pointer) };
    if (handle.fd < 0) throw stateError(`map "${name}"`, "was not created — set autocreate before load()");
    return handle;
  }

  /**
   * Makes the map end with the object.
   * @internal
   */
  own<M extends BpfMap>(map: M): M {
    this.#closers.push(() => BpfMap.release(map));
    return map;
  }

  /**
   * The variables of a data section as they will be loaded, to be changed; `commit` hands them to libbpf.
   * @internal
   */
  initialSection(spec: SectionSpec<unknown>): OpenSection & { commit(): void } {
    const where = `${this.name}: ${spec.section}`;
    const pointer = this.mapPointer(spec.section);
    const out = borrow(8);
    const address = libbpf.bpf_map__initial_value(pointer, out.address);
    const size = Number(new DataView(out.bytes.buffer).getBigUint64(0, hostLittleEndian));
    giveBack(out);
    if (address === 0) throw stateError(where, "has no initial value — is the map reused?");
    this.#checkSection(spec, size);
    // A copy: libbpf moves and protects the original during load().
    const bytes = viewNative(address, size).slice();
    const memory = new Memory(bytes);
    return {
      variables: sectionVariables(spec, memory),
      commit: () => {
        const result = libbpf.bpf_map__set_initial_value(pointer, bytes, bytes.length);
        check(where, "bpf_map__set_initial_value", result);
      },
      close: (why) => memory.release(where, why),
    };
  }

  /**
   * The variables of a loaded data section: mapped where BPF programs may change them, else a frozen copy.
   * @internal
   */
  loadedSection(spec: SectionSpec<unknown>): OpenSection {
    const where = `${this.name}: ${spec.section}`;
    const handle = this.mapHandle(spec.section);
    this.#checkSection(spec, handle.valueSize);
    if (isFrozen(spec.section)) {
      // Frozen in the kernel, so a copy is the truth, and nothing native is left to be written to by mistake.
      const map = new RawMap(handle);
      const memory = new Memory(map.get(new Uint8Array(4))!);
      BpfMap.release(map);
      memory.seal(where);
      return { variables: sectionVariables(spec, memory), close: () => memory.release(where) };
    }
    if (!(handle.flags & BPF_F_MMAPABLE)) throw systemError(where, "mmap", 95, { code: "EOPNOTSUPP" });
    const mapped = new MappedMemory(where, handle.fd, handle.valueSize);
    return { variables: sectionVariables(spec, mapped.memory), close: () => mapped.close() };
  }

  #checkSection(spec: SectionSpec<unknown>, size: number): void {
    if (size >= spec.size) return;
    throw new BpfError(
      `${this.name}: ${spec.section} has ${size} bytes, not ${spec.size} — regenerate the skeleton from this object`,
      { code: "ERR_BPF_LAYOUT" },
    );
  }

  *#programPointers(): Generator<number> {
    const object = this.#use();
    for (let at = 0; ; ) {
      at = libbpf.bpf_object__next_program(object, at);
      if (at === 0) return;
      yield at;
    }
  }

  *#mapPointers(): Generator<number> {
    const object = this.#use();
    for (let at = 0; ; ) {
      at = libbpf.bpf_object__next_map(object, at);
      if (at === 0) return;
      yield at;
    }
  }

  #noSuch(what: "program" | "map", name: string): BpfError {
    const pointers = what === "program" ? this.#programPointers() : this.#mapPointers();
    const nameOf = what === "program" ? libbpf.bpf_program__name : libbpf.bpf_map__name;
    const names = Array.from(pointers, nameOf).join(", ") || "none";
    return new BpfError(`${this.name}: has no ${what} "${name}" — it has: ${names}`, {
      code: "ENOENT",
      errno: 2,
    });
  }
}

/** The numbers of a map of libbpf's. */
function handleOf(pointer: number): MapHandle {
  return {
    name: libbpf.bpf_map__name(pointer) ?? "",
    fd: libbpf.bpf_map__fd(pointer),
    type: libbpf.bpf_map__type(pointer),
    keySize: libbpf.bpf_map__key_size(pointer),
    valueSize: libbpf.bpf_map__value_size(pointer),
    maxEntries: libbpf.bpf_map__max_entries(pointer),
    flags: libbpf.bpf_map__map_flags(pointer),
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

/** The bytes of an object's file. */
export function readObject(path: string | URL): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const { errno, syscall } = cause as NodeJS.ErrnoException;
    if (errno === undefined) throw cause;
    const name = path instanceof URL ? path.href : path;
    throw systemError(name, syscall ?? "open", -errno, { todo: "is this where the BPF object is?", cause });
  }
}

/** Refuses what libbpf would refuse with less of an explanation. */
function checkElf(name: string, bytes: Uint8Array): void {
  if (bytes.length < 64 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46)
    throw new BpfError(`${name}: is not a BPF object: no ELF header — compile with clang -target bpf`, {
      code: "ERR_BPF_OBJECT",
    });
  if ((bytes[5] === 1) !== hostLittleEndian)
    throw new BpfError(
      `${name}: is for ${bytes[5] === 1 ? "little" : "big"}-endian machines — compile with clang -target bpf`,
      { code: "ERR_BPF_OBJECT" },
    );
}

function checkText(name: string, value: string | undefined): string | undefined {
  if (value !== undefined && (typeof value !== "string" || value.includes("\0")))
    throw new TypeError(`open(): ${name} is a string without NUL, not ${typeof value}`);
  return value;
}
