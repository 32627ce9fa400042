import { BpfError } from "../errors.js";
import { knowsLibbpf, libbpf } from "../ffi/native.js";
import { MapType, ProgramType } from "../kernel/types.js";

/**
 * The error in place of a load by which libbpf would end the process. Before 1.4 it looks each struct_ops map up in the
 * kernel's BTF, created or not, and reads that BTF only when a program that is loaded needs it.
 * @param name how errors call the object.
 */
export function withoutKernelBtf(
  name: string,
  maps: Iterable<number>,
  programs: Iterable<number>,
): BpfError | undefined {
  if (knowsLibbpf("1.4")) return undefined;
  const map = [...maps].find((map) => libbpf.bpf_map__type(map) === MapType.STRUCT_OPS);
  if (map === undefined) return undefined;
  const reading: readonly number[] = [ProgramType.STRUCT_OPS, ProgramType.LSM];
  for (const program of programs)
    if (libbpf.bpf_program__autoload(program) && reading.includes(libbpf.bpf_program__type(program)))
      return undefined;
  const text = libbpf.libbpf_version_string();
  return new BpfError(
    `${name}: libbpf ${text} cannot load an object with struct_ops maps and none of their programs — ` +
      `let map "${libbpf.bpf_map__name(map)}" have a program that is loaded, or install libbpf 1.4 or newer`,
    { code: "ERR_BPF_LIBRARY" },
  );
}
