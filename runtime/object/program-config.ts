import { check, libbpf, unsigned } from "../ffi/native.js";
import type { BaseProgram } from "../programs/base.js";
import { type Configured, defineSettings, enumerator, flag, text } from "./settings.js";

/** What can be set of a program before it is loaded. Getters tell the value that `load()` will use. */
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
  /**
   * The number of the interface that it is loaded for (`bpf_program__set_ifindex`): for a card that runs it, or with
   * `BPF_F_XDP_DEV_BOUND_ONLY` (64) among the flags for a driver whose metadata it reads (kernel 6.3). 0 for none.
   */
  ifindex: number;
  /** The kernel function, or that of another program, to attach to (`bpf_program__set_attach_target`). */
  setTarget(functionName: string, program?: BaseProgram): void;
}

/** The `struct bpf_program` of each configuration, by what only it can have got from here. */
const programs = new WeakMap<object, { readonly name: string; readonly type: () => number }>();

/** The C name of a program by its configuration, and its type as it is set now; undefined for what is none. */
export function configuredProgram(
  config: unknown,
): { readonly name: string; readonly type: () => number } | undefined {
  return typeof config === "object" && config !== null ? programs.get(config) : undefined;
}

/** A program's configuration. */
export function programConfig(name: string, configured: Omit<Configured, "where">): ProgramConfig {
  const where = `program "${name}"`;
  const { pointer, guard, apply } = configured;
  let ifindex = 0;
  const config = {
    // libbpf tells nobody.
    get ifindex() {
      guard();
      return ifindex;
    },
    set ifindex(value) {
      apply((program) => libbpf.bpf_program__set_ifindex(program, unsigned(`${where}: ifindex`, value)));
      ifindex = value;
    },
    setTarget(functionName: string, program?: BaseProgram) {
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
  } as ProgramConfig;
  defineSettings(
    config,
    { ...configured, where },
    {
      autoload: ["bpf_program__autoload", "bpf_program__set_autoload", flag],
      autoattach: ["bpf_program__autoattach", "bpf_program__set_autoattach", flag],
      type: ["bpf_program__type", "bpf_program__set_type", enumerator],
      attachType: ["bpf_program__expected_attach_type", "bpf_program__set_expected_attach_type", enumerator],
      flags: ["bpf_program__flags", "bpf_program__set_flags", unsigned],
      logLevel: ["bpf_program__log_level", "bpf_program__set_log_level", unsigned],
    },
  );
  programs.set(config, { name, type: () => libbpf.bpf_program__type(pointer) });
  return config;
}
