import { AT, defineFields, MEMORY } from "../codec/view.js";
import type { ShadowSpec } from "../maps/map.js";
import type { MapConfig } from "../object/map-config.js";
import { configuredProgram, type ProgramConfig } from "../object/program-config.js";
import { PROG_TYPE_STRUCT_OPS, type Shadow } from "../object/shadow.js";

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
  /** Whether `attach()` of the skeleton attaches it (`bpf_map__set_autoattach`), with every libbpf. */
  autoattach: boolean;
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

/** The name of a program that a function of a struct_ops map can be set to. */
function structOpsProgram(where: string, programs: object, value: unknown): string {
  const found = configuredProgram(value);
  if (found?.type() === PROG_TYPE_STRUCT_OPS && Reflect.get(programs, found.name) === value)
    return found.name;
  throw new TypeError(`${where}: takes a program of SEC("struct_ops") from opened.programs, or null`);
}
