import { stateError } from "../errors.js";
import { type Immediate, runNow } from "../object/hook.js";
import { checkLayout } from "../object/layout.js";
import type { MapConfig } from "../object/map-config.js";
import { type OpenOptions, openObject, readObject } from "../object/open.js";
import type { ProgramConfig } from "../object/program-config.js";
import type { StructOps } from "../object/struct-ops.js";
import type { Link } from "../programs/link.js";
import type { StructOpsProgram } from "../programs/program.js";
import type { StructOpsConfig, StructOpsProgramConfig } from "./config.js";
import { OpenedSkeleton } from "./opened.js";
import { ABI, type AnySpec, type Shape, type SkeletonSpec } from "./spec.js";

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
type Configure<S extends Shape> = ((opened: Opened<S>) => Immediate) | undefined;
type LoadArguments<S extends Shape, O> = O extends SkeletonOptionsWithObject
  ? [configure: Configure<S>, options: O]
  : [configure?: Configure<S>, options?: O];

/** A BPF object's programs, maps and globals, typed: what a generated file exports. */
export interface Skeleton<S extends Shape, O extends SkeletonOptions = SkeletonOptions> {
  /** The object's name. */
  readonly name: string;
  /** Parses the object. Until `load()`, globals, maps and programs can be configured. */
  open(...options: OpenArguments<O>): Opened<S>;
  /** Opens, runs `configure`, which must not be async, and loads. What has to wait for something takes {@link open}. */
  load(...args: LoadArguments<S, O>): Loaded<S>;
  /** Opens, runs `configure`, loads, and attaches. */
  attach(...args: LoadArguments<S, O>): Loaded<S>;
}

type Readonlyish<T> = T extends string | number | bigint | boolean | undefined
  ? T
  : { readonly [K in keyof T]: Readonlyish<T[K]> };

/** Sections that the kernel freezes when it loads them. */
type Frozen<Name> = Name extends "kconfig" | "rodata" | `rodata_${string}` ? true : false;

/** A skeleton between `open()` and `load()`. */
export type Opened<S extends Shape> = Omit<S["globals"], "kconfig"> & {
  readonly maps: {
    readonly [M in keyof S["maps"]]: S["maps"][M] extends StructOps<infer T> ? StructOpsConfig<T> : MapConfig;
  };
  readonly programs: {
    readonly [P in keyof S["programs"]]: S["programs"][P] extends StructOpsProgram
      ? StructOpsProgramConfig
      : ProgramConfig;
  };
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
  /** What {@link attach} made, by program or struct_ops map. */
  readonly links: { readonly [P in keyof S["programs"]]?: Link } & {
    readonly [M in keyof S["maps"] as S["maps"][M] extends StructOps ? M : never]?: Link;
  };
  /** Attaches every program whose section names its target, and every struct_ops map: all, or none and an error. */
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
  const load = (configure?: Configure<S>, options?: SkeletonOptions): Loaded<S> => {
    if (configure !== undefined && typeof configure !== "function")
      throw new TypeError(
        `${spec.name}: configure is a function that gets what is opened, not ${typeof configure}`,
      );
    const opened = open(options);
    try {
      const todo = "use open(), wait, and then load()";
      runNow(`${spec.name}: configure`, configure, opened, todo);
      return opened.load();
    } finally {
      opened.close();
    }
  };
  const attach = (configure?: Configure<S>, options?: SkeletonOptions): Loaded<S> => {
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

function openSkeleton<S extends Shape>(spec: SkeletonSpec<S>, options: SkeletonOptions): Opened<S> {
  const source = options.object ?? spec.object.read();
  if (source === undefined)
    throw new TypeError(`${spec.name}: the skeleton brings no object — open({ object: path or bytes })`);
  const bytes = typeof source === "string" ? readObject(source) : source;
  if (options.object !== undefined || !spec.object.embedded)
    checkLayout(spec.name, bytes, {
      ...spec,
      original: () => (spec.object.embedded ? spec.object.read() : undefined),
    });
  const object = openObject(bytes, { ...options, name: options.name ?? spec.name });
  try {
    return new OpenedSkeleton(spec as unknown as AnySpec, object) as unknown as Opened<S>;
  } catch (error) {
    object.close();
    throw error;
  }
}
