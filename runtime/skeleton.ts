import { closedError, stateError } from "./errors.js";
import { check, libbpf } from "./ffi/native.js";
import type { Link } from "./link.js";
import type { BpfMap, MapHandle } from "./maps/map.js";
import { closeFd, openPinned } from "./maps/map.js";
import { BpfObject, type OpenOptions, type OpenSection } from "./object.js";
import type { BaseProgram, ProgramOwner } from "./programs/program.js";
import type { SectionSpec } from "./section.js";

/** What generated code may say: a skeleton of another version does not compile, and is refused by {@link skeleton}. */
export const ABI = 1;

/** The three parts of every skeleton, each an object type from C names to classes. */
export interface Shape {
  readonly programs: object;
  readonly maps: object;
  readonly globals: object;
}

/** How generated code says what a program is. */
export interface ProgramSpec<P> {
  /** Whether {@link Loaded.attach} attaches it. */
  readonly auto: boolean;
  create(pointer: number, owner: ProgramOwner): P;
}

/** How generated code says what a map is. */
export interface MapSpec<M> {
  create(handle: MapHandle): M;
}

/** Where the object comes from: bytes, embedded or read when needed; undefined when `open` is to be given it. */
export type ObjectSource = () => Uint8Array | undefined;

/** What generated code says of a skeleton. */
export interface SkeletonSpec<S extends Shape> {
  readonly abi: typeof ABI;
  /** The object's C name. */
  readonly name: string;
  readonly object: ObjectSource;
  readonly programs: { readonly [P in keyof S["programs"]]: ProgramSpec<S["programs"][P]> };
  readonly maps: { readonly [M in keyof S["maps"]]: MapSpec<S["maps"][M]> };
  readonly globals: { readonly [G in keyof S["globals"]]: SectionSpec<S["globals"][G]> };
}

/** How a skeleton is opened. */
export interface SkeletonOptions extends OpenOptions {
  /** The object, as bytes or the path of a file, instead of the one that the skeleton brings. */
  readonly object?: Uint8Array | string | undefined;
}

/** As {@link SkeletonOptions}, for a skeleton that brings no object. */
export interface SkeletonOptionsWithObject extends SkeletonOptions {
  readonly object: Uint8Array | string;
}

type OpenArguments<O> = O extends SkeletonOptionsWithObject ? [options: O] : [options?: O];
type LoadArguments<S extends Shape, O> = O extends SkeletonOptionsWithObject
  ? [configure: ((opened: Opened<S>) => void) | undefined, options: O]
  : [configure?: ((opened: Opened<S>) => void) | undefined, options?: O];

/** A BPF object's programs, maps and globals, typed: what a generated file exports. */
export interface Skeleton<S extends Shape, O extends SkeletonOptions = SkeletonOptions> {
  /** The object's name. */
  readonly name: string;
  /** Parses the object. Until `load()`, globals, maps and programs can be configured. */
  open(...options: OpenArguments<O>): Opened<S>;
  /** Opens, runs `configure`, and loads. */
  load(...args: LoadArguments<S, O>): Loaded<S>;
  /** Opens, runs `configure`, loads, and attaches. */
  attach(...args: LoadArguments<S, O>): Loaded<S>;
}

/** What can be set of a map before it is created. Getters tell the value that `load()` will use. */
export interface MapConfig {
  /** How many entries it may hold (`bpf_map__set_max_entries`); bytes for a ring buffer. */
  maxEntries: number;
  /** Whether it is created at all (`bpf_map__set_autocreate`). */
  autocreate: boolean;
  /** Where on bpffs the map is pinned and, when it is there already, taken from (`bpf_map__set_pin_path`). */
  pinPath: string | undefined;
  /** The NUMA node that it is allocated on (`bpf_map__set_numa_node`). */
  numaNode: number;
  /** Uses an existing map, by its descriptor or pin, instead of creating one (`bpf_map__reuse_fd`). */
  reuse(map: number | string): void;
}

/** What can be set of a program before it is loaded. */
export interface ProgramConfig {
  /** Whether it is loaded (`bpf_program__set_autoload`). */
  autoload: boolean;
  /** Whether `attach()` of the skeleton attaches it (`bpf_program__set_autoattach`). */
  autoattach: boolean;
  /** `BPF_F_*` flags of the load (`bpf_program__set_flags`). */
  flags: number;
  /** How much the verifier logs (`bpf_program__set_log_level`). */
  logLevel: number;
  /** The kernel function, or that of another program, to attach to (`bpf_program__set_attach_target`). */
  setTarget(functionName: string, program?: BaseProgram): void;
}

type Readonlyish<T> = T extends string | number | bigint | boolean | undefined
  ? T
  : { readonly [K in keyof T]: Readonlyish<T[K]> };

/** Sections that the kernel freezes when it loads them. */
type Frozen<Name> = Name extends "kconfig" | "rodata" | `rodata_${string}` ? true : false;

/** A skeleton between `open()` and `load()`. */
export type Opened<S extends Shape> = Omit<S["globals"], "kconfig"> & {
  readonly maps: { readonly [M in keyof S["maps"]]: MapConfig };
  readonly programs: { readonly [P in keyof S["programs"]]: ProgramConfig };
  /** Creates maps and loads programs. Consumes this object: afterwards only `close()` may be called, and does nothing. */
  load(): Loaded<S>;
  close(): void;
  [Symbol.dispose](): void;
};

/** A skeleton whose programs and maps are in the kernel. */
export type Loaded<S extends Shape> = {
  readonly [G in keyof S["globals"]]: Frozen<G> extends true ? Readonlyish<S["globals"][G]> : S["globals"][G];
} & {
  readonly maps: S["maps"];
  readonly programs: S["programs"];
  /** What {@link attach} made, by program. */
  readonly links: { readonly [P in keyof S["programs"]]?: Link };
  /** Attaches every program whose section names its target: all, or none and an error. */
  attach(): void;
  /** Detaches all programs, newest first; maps stay usable. */
  detach(): void;
  /** Detaches, and frees programs and maps. Safe to call again. */
  close(): void;
  [Symbol.dispose](): void;
  /** Resolves at `close()`; waiting for it keeps the process alive. */
  readonly closed: Promise<void>;
};

/** Makes a skeleton of what a generated file says. */
export function skeleton<S extends Shape, O extends SkeletonOptions = SkeletonOptions>(
  spec: SkeletonSpec<S>,
): Skeleton<S, O> {
  if (spec.abi !== ABI)
    throw stateError(spec.name, `its skeleton is of abi ${spec.abi}, this runtime of ${ABI} — regenerate it`);
  const open = (options?: SkeletonOptions): Opened<S> => openSkeleton(spec, options ?? {});
  const load = (
    configure?: ((opened: Opened<S>) => void) | undefined,
    options?: SkeletonOptions,
  ): Loaded<S> => {
    const opened = open(options);
    try {
      configure?.(opened);
      return opened.load();
    } finally {
      opened.close();
    }
  };
  const attach = (
    configure?: ((opened: Opened<S>) => void) | undefined,
    options?: SkeletonOptions,
  ): Loaded<S> => {
    const loaded = load(configure, options);
    try {
      loaded.attach();
      return loaded;
    } catch (error) {
      loaded.close();
      throw error;
    }
  };
  return { name: spec.name, open, load, attach } as Skeleton<S, O>;
}

type AnySpec = SkeletonSpec<Shape>;

function openSkeleton<S extends Shape>(spec: SkeletonSpec<S>, options: SkeletonOptions): Opened<S> {
  const source = options.object ?? spec.object();
  if (source === undefined)
    throw new TypeError(`${spec.name}: the skeleton brings no object — open({ object: path or bytes })`);
  const object = BpfObject.open(source, { ...options, name: options.name ?? spec.name });
  try {
    return new OpenedSkeleton(spec as unknown as AnySpec, object) as unknown as Opened<S>;
  } catch (error) {
    object.close();
    throw error;
  }
}

class OpenedSkeleton {
  readonly #spec: AnySpec;
  readonly #object: BpfObject;
  readonly #sections = new Map<string, OpenSection & { commit(): void }>();
  #loaded = false;
  readonly maps: object;
  readonly programs: object;

  constructor(spec: AnySpec, object: BpfObject) {
    this.#spec = spec;
    this.#object = object;
    const guard = (): void => this.#guard();
    this.maps = lazily(Object.keys(spec.maps), (name) => mapConfig(name, object.mapPointer(name), guard));
    this.programs = lazily(Object.keys(spec.programs), (name) =>
      programConfig(name, object.programPointer(name), guard),
    );
    for (const name of Object.keys(spec.maps)) object.mapPointer(name);
    for (const name of Object.keys(spec.programs)) object.programPointer(name);
    const sections = Object.entries(spec.globals as Record<string, SectionSpec<unknown>>);
    defineLazily(
      this,
      sections.map(([name]) => name).filter((name) => name !== "kconfig"),
      (name) => {
        this.#guard();
        const section = object.initialSection((spec.globals as Record<string, SectionSpec<unknown>>)[name]!);
        this.#sections.set(name, section);
        return section.variables;
      },
    );
  }

  load(): LoadedSkeleton {
    this.#guard();
    for (const section of this.#sections.values()) section.commit();
    try {
      this.#object.load();
    } finally {
      this.#releaseSections();
    }
    this.#loaded = true;
    return new LoadedSkeleton(this.#spec, this.#object);
  }

  close(): void {
    if (this.#loaded) return;
    this.#releaseSections();
    this.#object.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #releaseSections(): void {
    for (const section of this.#sections.values()) section.close();
    this.#sections.clear();
  }

  #guard(): void {
    if (this.#loaded) throw stateError(this.#spec.name, "is loaded — use what load() returned");
    if (this.#object.state === "closed") throw closedError(this.#spec.name);
  }
}

class LoadedSkeleton {
  readonly #spec: AnySpec;
  readonly #object: BpfObject;
  readonly #sections: OpenSection[] = [];
  #end: (() => void) | undefined;
  #closed: Promise<void> | undefined;
  readonly maps: object;
  readonly programs: object;
  readonly links: Record<string, Link> = Object.create(null);

  constructor(spec: AnySpec, object: BpfObject) {
    this.#spec = spec;
    this.#object = object;
    const maps = spec.maps as Record<string, MapSpec<BpfMap>>;
    const programs = spec.programs as Record<string, ProgramSpec<BaseProgram>>;
    const globals = spec.globals as Record<string, SectionSpec<unknown>>;
    this.maps = lazily(Object.keys(maps), (name) => object.own(maps[name]!.create(object.mapHandle(name))));
    this.programs = lazily(Object.keys(programs), (name) =>
      programs[name]!.create(object.programPointer(name), object),
    );
    defineLazily(this, Object.keys(globals), (name) => {
      const section = object.loadedSection(globals[name]!);
      this.#sections.push(section);
      return section.variables;
    });
  }

  attach(): void {
    const made: string[] = [];
    try {
      for (const [name, { auto }] of Object.entries(
        this.#spec.programs as Record<string, ProgramSpec<BaseProgram>>,
      )) {
        const pointer = this.#object.programPointer(name);
        if (!auto || name in this.links) continue;
        if (!libbpf.bpf_program__autoload(pointer) || !libbpf.bpf_program__autoattach(pointer)) continue;
        this.links[name] = (this.programs as Record<string, { attach(): Link }>)[name]!.attach();
        made.push(name);
      }
    } catch (error) {
      for (const name of made.reverse()) this.#unlink(name);
      throw error;
    }
  }

  detach(): void {
    for (const name of Object.keys(this.links)) delete this.links[name];
    this.#object.detach();
  }

  close(): void {
    if (this.#object.state === "closed") return;
    for (const name of Object.keys(this.links)) delete this.links[name];
    this.#object.detach();
    for (const section of this.#sections.splice(0)) section.close();
    this.#object.close();
    this.#end?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get closed(): Promise<void> {
    if (this.#object.state === "closed") return Promise.resolve();
    this.#closed ??= new Promise((resolve) => {
      // A pending promise does not keep Node running; a timer does.
      const alive = setInterval(() => undefined, 0x7fff_ffff);
      this.#end = () => {
        clearInterval(alive);
        resolve();
      };
    });
    return this.#closed;
  }

  #unlink(name: string): void {
    this.links[name]?.destroy();
    delete this.links[name];
  }
}

/** An object without a prototype whose members are made when first asked for. */
function lazily(names: readonly string[], make: (name: string) => unknown): object {
  return Object.preventExtensions(defineLazily(Object.create(null), names, make));
}

function defineLazily(target: object, names: readonly string[], make: (name: string) => unknown): object {
  for (const name of names) {
    let made: unknown;
    Object.defineProperty(target, name, {
      enumerable: true,
      get: () => {
        made ??= make(name);
        return made;
      },
    });
  }
  return target;
}

function mapConfig(name: string, pointer: number, guard: () => void): MapConfig {
  const where = `map "${name}"`;
  return {
    get maxEntries() {
      guard();
      return libbpf.bpf_map__max_entries(pointer);
    },
    set maxEntries(value) {
      guard();
      check(
        where,
        "bpf_map__set_max_entries",
        libbpf.bpf_map__set_max_entries(pointer, unsigned(where, value)),
      );
    },
    get autocreate() {
      guard();
      return libbpf.bpf_map__autocreate(pointer);
    },
    set autocreate(value) {
      guard();
      check(where, "bpf_map__set_autocreate", libbpf.bpf_map__set_autocreate(pointer, flag(where, value)));
    },
    get pinPath() {
      guard();
      return libbpf.bpf_map__pin_path(pointer) ?? undefined;
    },
    set pinPath(value) {
      guard();
      const path = value === undefined ? null : text(where, value);
      check(where, "bpf_map__set_pin_path", libbpf.bpf_map__set_pin_path(pointer, path));
    },
    get numaNode() {
      guard();
      return libbpf.bpf_map__numa_node(pointer);
    },
    set numaNode(value) {
      guard();
      check(where, "bpf_map__set_numa_node", libbpf.bpf_map__set_numa_node(pointer, unsigned(where, value)));
    },
    reuse(map) {
      guard();
      const fd = typeof map === "string" ? openPinned(text(where, map)) : unsigned(where, map);
      try {
        check(where, "bpf_map__reuse_fd", libbpf.bpf_map__reuse_fd(pointer, fd));
      } finally {
        if (typeof map === "string") closeFd(fd);
      }
    },
  };
}

function programConfig(name: string, pointer: number, guard: () => void): ProgramConfig {
  const where = `program "${name}"`;
  return {
    get autoload() {
      guard();
      return libbpf.bpf_program__autoload(pointer);
    },
    set autoload(value) {
      guard();
      check(
        where,
        "bpf_program__set_autoload",
        libbpf.bpf_program__set_autoload(pointer, flag(where, value)),
      );
    },
    get autoattach() {
      guard();
      return libbpf.bpf_program__autoattach(pointer);
    },
    set autoattach(value) {
      guard();
      libbpf.bpf_program__set_autoattach(pointer, flag(where, value));
    },
    get flags() {
      guard();
      return libbpf.bpf_program__flags(pointer);
    },
    set flags(value) {
      guard();
      check(where, "bpf_program__set_flags", libbpf.bpf_program__set_flags(pointer, unsigned(where, value)));
    },
    get logLevel() {
      guard();
      return libbpf.bpf_program__log_level(pointer);
    },
    set logLevel(value) {
      guard();
      check(
        where,
        "bpf_program__set_log_level",
        libbpf.bpf_program__set_log_level(pointer, unsigned(where, value)),
      );
    },
    setTarget(functionName, program) {
      guard();
      const result = libbpf.bpf_program__set_attach_target(
        pointer,
        program?.fd ?? 0,
        text(where, functionName),
      );
      check(where, "bpf_program__set_attach_target", result);
    },
  };
}

function unsigned(where: string, value: unknown): number {
  if (typeof value !== "number") throw new TypeError(`${where}: a number is needed, not ${typeof value}`);
  if (value >>> 0 !== value) throw new RangeError(`${where}: ${value} does not fit __u32`);
  return value;
}

function flag(where: string, value: unknown): boolean {
  if (typeof value !== "boolean") throw new TypeError(`${where}: a boolean is needed, not ${typeof value}`);
  return value;
}

function text(where: string, value: unknown): string {
  if (typeof value !== "string" || value.includes("\0"))
    throw new TypeError(`${where}: a string without NUL is needed, not ${typeof value}`);
  return value;
}
