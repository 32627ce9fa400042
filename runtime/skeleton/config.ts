import { check, libbpf, unsigned } from "../ffi/native.js";
import { closeFd, openPinned } from "../maps/map.js";
import type { BaseProgram } from "../programs/program.js";

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

/**
 * A map's configuration.
 * @param guard throws when it is too late to configure.
 */
export function mapConfig(name: string, pointer: number, guard: () => void): MapConfig {
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

/** A program's configuration. */
export function programConfig(name: string, pointer: number, guard: () => void): ProgramConfig {
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

function flag(where: string, value: unknown): boolean {
  if (typeof value !== "boolean") throw new TypeError(`${where}: a boolean is needed, not ${typeof value}`);
  return value;
}

function text(where: string, value: unknown): string {
  if (typeof value !== "string" || value.includes("\0"))
    throw new TypeError(`${where}: a string without NUL is needed, not ${typeof value}`);
  return value;
}
