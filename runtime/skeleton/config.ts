import { AT, defineFields, MEMORY } from "../codec/view.js";
import { check, libbpf, unsigned } from "../ffi/native.js";
import { closeFd, openPinned, type ShadowSpec } from "../maps/map.js";
import { PROG_TYPE_STRUCT_OPS, type Shadow } from "../object/shadow.js";
import type { BaseProgram } from "../programs/base.js";

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
  /** `BPF_PROG_TYPE_*` (`bpf_program__set_type`): for a section that libbpf does not know. */
  type: number;
  /** `BPF_*` attach type that it is loaded for (`bpf_program__set_expected_attach_type`). */
  attachType: number;
  /** `BPF_F_*` flags of the load (`bpf_program__set_flags`). */
  flags: number;
  /** How much the verifier logs (`bpf_program__set_log_level`). */
  logLevel: number;
  /** The kernel function, or that of another program, to attach to (`bpf_program__set_attach_target`). */
  setTarget(functionName: string, program?: BaseProgram): void;
}

/** A program of `SEC("struct_ops")`, as {@link ProgramConfig}: what functions of struct_ops maps can be set to. */
export interface StructOpsProgramConfig extends ProgramConfig {
  /** Tells it from other programs for the compiler; there is no such property. */
  readonly [structOps]: true;
}

declare const structOps: unique symbol;

/** A function of a struct_ops map: one of `opened.programs`, or null where the kernel is to use its own, if it has one. */
export type StructOpsFunction = StructOpsProgramConfig | null;

/** A struct_ops map before it is created. */
export interface StructOpsConfig<S extends object> extends MapConfig {
  /**
   * The struct as it will be loaded: members that are data read and write it, members that are functions are set to
   * programs of the object. Programs that no map has in the end are not loaded.
   *
   * ```ts
   * opened.maps.my_cong.shadow.name = "quick";
   * opened.maps.my_cong.shadow.ssthresh = opened.programs.quick_ssthresh;
   * ```
   * libbpf lends the struct from 1.4 on (`bpf_map__initial_value`); with an older one, `load()` opens the object anew.
   */
  readonly shadow: S;
}

/** Does to a map or program what a setter asks for, and again to its successor when the object is opened anew. */
export type Apply = (action: (pointer: number, before: number) => void) => void;

/**
 * A map's configuration.
 * @param guard throws when it is too late to configure.
 */
export function mapConfig(name: string, pointer: number, guard: () => void, apply: Apply): MapConfig {
  const where = `map "${name}"`;
  return {
    get maxEntries() {
      guard();
      return libbpf.bpf_map__max_entries(pointer);
    },
    set maxEntries(value) {
      apply((map) =>
        check(
          where,
          "bpf_map__set_max_entries",
          libbpf.bpf_map__set_max_entries(map, unsigned(where, value)),
        ),
      );
    },
    get autocreate() {
      guard();
      return libbpf.bpf_map__autocreate(pointer);
    },
    set autocreate(value) {
      apply((map) =>
        check(where, "bpf_map__set_autocreate", libbpf.bpf_map__set_autocreate(map, flag(where, value))),
      );
    },
    get pinPath() {
      guard();
      return libbpf.bpf_map__pin_path(pointer) ?? undefined;
    },
    set pinPath(value) {
      apply((map) => {
        const path = value === undefined ? null : text(where, value);
        check(where, "bpf_map__set_pin_path", libbpf.bpf_map__set_pin_path(map, path));
      });
    },
    get numaNode() {
      guard();
      return libbpf.bpf_map__numa_node(pointer);
    },
    set numaNode(value) {
      apply((map) =>
        check(where, "bpf_map__set_numa_node", libbpf.bpf_map__set_numa_node(map, unsigned(where, value))),
      );
    },
    reuse(map) {
      apply((pointer, before) => {
        // The second time from the first: the descriptor or pin may be gone by then.
        const own = before !== pointer;
        const path = !own && typeof map === "string" ? text(where, map) : undefined;
        const fd = own
          ? libbpf.bpf_map__fd(before)
          : path === undefined
            ? unsigned(where, map)
            : openPinned(path);
        try {
          check(where, "bpf_map__reuse_fd", libbpf.bpf_map__reuse_fd(pointer, fd));
        } finally {
          if (path !== undefined) closeFd(fd);
        }
      });
    },
  };
}

/** A program's configuration. */
export function programConfig(name: string, pointer: number, guard: () => void, apply: Apply): ProgramConfig {
  const where = `program "${name}"`;
  const config: ProgramConfig = {
    get autoload() {
      guard();
      return libbpf.bpf_program__autoload(pointer);
    },
    set autoload(value) {
      apply((program) =>
        check(
          where,
          "bpf_program__set_autoload",
          libbpf.bpf_program__set_autoload(program, flag(where, value)),
        ),
      );
    },
    get autoattach() {
      guard();
      return libbpf.bpf_program__autoattach(pointer);
    },
    set autoattach(value) {
      apply((program) => libbpf.bpf_program__set_autoattach(program, flag(where, value)));
    },
    get type() {
      guard();
      return libbpf.bpf_program__type(pointer);
    },
    set type(value) {
      guard();
      check(where, "bpf_program__set_type", libbpf.bpf_program__set_type(pointer, signed(where, value)));
    },
    get attachType() {
      guard();
      return libbpf.bpf_program__expected_attach_type(pointer);
    },
    set attachType(value) {
      guard();
      const result = libbpf.bpf_program__set_expected_attach_type(pointer, signed(where, value));
      check(where, "bpf_program__set_expected_attach_type", result);
    },
    get flags() {
      guard();
      return libbpf.bpf_program__flags(pointer);
    },
    set flags(value) {
      apply((program) =>
        check(
          where,
          "bpf_program__set_flags",
          libbpf.bpf_program__set_flags(program, unsigned(where, value)),
        ),
      );
    },
    get logLevel() {
      guard();
      return libbpf.bpf_program__log_level(pointer);
    },
    set logLevel(value) {
      apply((program) =>
        check(
          where,
          "bpf_program__set_log_level",
          libbpf.bpf_program__set_log_level(program, unsigned(where, value)),
        ),
      );
    },
    setTarget(functionName, program) {
      guard();
      const fd = program?.fd ?? 0;
      apply((program) =>
        check(
          where,
          "bpf_program__set_attach_target",
          libbpf.bpf_program__set_attach_target(program, fd, text(where, functionName)),
        ),
      );
    },
  };
  if (libbpf.bpf_program__type(pointer) === PROG_TYPE_STRUCT_OPS) structOpsPrograms.add(config);
  return config;
}

/**
 * The members of a struct_ops map's struct.
 * @param programs the object's own programs, by name.
 */
export function shadowMembers(
  name: string,
  spec: ShadowSpec,
  shadow: Shadow,
  programs: object,
  guard: () => void,
): object {
  const members = Object.create(null, { [MEMORY]: { value: shadow.memory }, [AT]: { value: 0 } });
  defineFields(members, spec.fields);
  for (const [member, at] of Object.entries(spec.functions))
    Object.defineProperty(members, member, {
      enumerable: true,
      get: () => {
        guard();
        const program = shadow.functions.get(at);
        return program === undefined ? null : (Reflect.get(programs, program) ?? null);
      },
      set: (value: unknown) => {
        guard();
        const program = value === null ? undefined : structOpsProgram(`${name}.${member}`, programs, value);
        if (program === undefined) shadow.functions.delete(at);
        else shadow.functions.set(at, program);
      },
    });
  return Object.preventExtensions(members);
}

const structOpsPrograms = new WeakSet<object>();

/** The name of a program that a function of a struct_ops map can be set to. */
function structOpsProgram(where: string, programs: object, value: unknown): string {
  if (typeof value === "object" && value !== null && structOpsPrograms.has(value)) {
    const name = Object.keys(programs).find((name) => Reflect.get(programs, name) === value);
    if (name !== undefined) return name;
  }
  throw new TypeError(`${where}: takes a program of SEC("struct_ops") from opened.programs, or null`);
}

/** An enumerator, as C passes it. */
function signed(where: string, value: unknown): number {
  const number = unsigned(where, value);
  if (number > 0x7fff_ffff) throw new RangeError(`${where}: ${number} does not fit an enum`);
  return number;
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
