import { kernelBefore, libbpf, listening } from "../ffi/native.js";
import { probe } from "../kernel/probe.js";
import { MapType, mapTypeName, ProgramType, programTypeName } from "../kernel/types.js";
import { mapTypesSince } from "../maps/create.js";

/**
 * What of an object this kernel is too old for. The kernel itself only says that it refuses it (`EINVAL`); what it
 * lacks is found by asking it.
 */

/** Which kernel has the types of programs that not all have which this runtime is for, from 5.10 on. */
const programTypesSince: ReadonlyMap<number, string> = new Map([
  [ProgramType.SYSCALL, "5.14"],
  [ProgramType.NETFILTER, "6.4"],
]);
/** The same of what programs are loaded for, by their sections: a type cannot be asked for these. */
const sectionsSince: readonly (readonly [RegExp, number, number])[] = [
  [/^xdp\.frags/, 5, 18],
  [/^lsm_cgroup\//, 6, 0],
  [/^cgroup\/\w+_unix$/, 6, 7],
  [/^netkit\//, 6, 7],
  [/^k(?:ret)?probe\.multi/, 5, 18],
  [/^u(?:ret)?probe\.multi/, 6, 6],
  [/^kprobe\.session/, 6, 10],
  [/^uprobe\.session/, 6, 13],
];

/** What to do about a failed load, from what libbpf said; undefined when the kernel has all that it takes. */
export function lackingHint(object: number, said: readonly string[]): string | undefined {
  const map = firstMatch(said, /^libbpf: map '([^']*)': failed to create: .*(-524|-22|-EINVAL)/);
  if (map) return listening(() => mapHint(object, map[1]!, map[2]!)).result;
  const program = firstMatch(
    said,
    /^libbpf: prog '([^']*)': BPF program load failed: (?:Invalid argument|-EINVAL)/,
  );
  return program && listening(() => programHint(object, program[1]!)).result;
}

/** What the first message of a kind says. Patterns begin with its start: one of them may be a verifier's log. */
function firstMatch(said: readonly string[], pattern: RegExp): RegExpExecArray | undefined {
  for (const message of said) {
    const match = pattern.exec(message);
    if (match) return match;
  }
  return undefined;
}

function mapHint(object: number, name: string, errno: string): string | undefined {
  const pointer = libbpf.bpf_object__find_map_by_name(object, name);
  if (pointer === 0) return undefined;
  const type = libbpf.bpf_map__type(pointer);
  if (errno === "-524")
    return (type === MapType.ARRAY_OF_MAPS || type === MapType.HASH_OF_MAPS) && kernelBefore(6, 2)
      ? "maps whose values have a bpf_spin_lock go into maps of maps on Linux 6.2 or newer"
      : undefined;
  const version = mapTypesSince.get(type);
  if (version === undefined || probe.mapType(type as MapType)) return undefined;
  return `this kernel has no maps of type ${mapTypeName(type)}: Linux ${version} or newer has them; autocreate = false leaves this one out`;
}

function programHint(object: number, name: string): string | undefined {
  const pointer = libbpf.bpf_object__find_program_by_name(object, name);
  if (pointer === 0) return undefined;
  const type = libbpf.bpf_program__type(pointer);
  const left = "autoload = false leaves this one out";
  const version = programTypesSince.get(type);
  if (version !== undefined && !probe.programType(type as ProgramType))
    return `this kernel has no programs of type ${programTypeName(type)}: Linux ${version} or newer has them; ${left}`;
  const section = libbpf.bpf_program__section_name(pointer) ?? "";
  const found = sectionsSince.find(
    ([sections, ...since]) => sections.test(section) && kernelBefore(...since),
  );
  return found && `SEC("${section}") needs Linux ${found[1]}.${found[2]} or newer; ${left}`;
}
