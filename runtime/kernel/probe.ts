import { BpfError } from "../errors.js";
import { borrow, giveBack, libbpf, libc, listening, opts, systemError, unsigned } from "../ffi/native.js";
import { AttachType, MapType, ProgramType, programTypeName } from "./types.js";

const EOPNOTSUPP = -95;
const BPF_F_MMAPABLE = 0x400;
const BPF_F_NO_PREALLOC = 1;

/** Kinds of maps that a libbpf may be too old to know: what the smallest of them is. */
const newMaps: ReadonlyMap<number, { keySize: number; valueSize: number; flags: number }> = new Map([
  [MapType.ARENA, { keySize: 0, valueSize: 0, flags: BPF_F_MMAPABLE }],
  [MapType.INSN_ARRAY, { keySize: 4, valueSize: 16, flags: 0 }],
  [MapType.RHASH, { keySize: 4, valueSize: 4, flags: BPF_F_NO_PREALLOC }],
]);

/** `r0 = 0; exit` */
const nothing = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);

/** Asks the running kernel what it can do, by trying it out. Without the privileges for that the answer is false. */
export const probe = {
  /** Whether the kernel has programs of a type (`libbpf_probe_bpf_prog_type`). */
  programType(type: ProgramType): boolean {
    unsigned("probe.programType()", type);
    return answer("libbpf_probe_bpf_prog_type", () => {
      const result = libbpf.libbpf_probe_bpf_prog_type(type, 0);
      return result === EOPNOTSUPP && type === ProgramType.NETFILTER ? loads(type) : result;
    });
  },

  /** Whether the kernel has maps of a type (`libbpf_probe_bpf_map_type`). */
  mapType(type: MapType): boolean {
    unsigned("probe.mapType()", type);
    return answer("libbpf_probe_bpf_map_type", () => {
      const result = libbpf.libbpf_probe_bpf_map_type(type, 0);
      return result === EOPNOTSUPP ? creates(type) : result;
    });
  },

  /**
   * Whether programs of a type may call a helper function of the kernel (`libbpf_probe_bpf_helper`).
   * @param helper its number, of `enum bpf_func_id`.
   * @throws BpfError `EOPNOTSUPP` for program types whose helpers depend on what they are attached to: `TRACING`,
   *   `EXT`, `LSM`, `STRUCT_OPS`.
   */
  helper(type: ProgramType, helper: number): boolean {
    unsigned("probe.helper()", type);
    unsigned("probe.helper()", helper);
    const { result } = listening(() => libbpf.libbpf_probe_bpf_helper(type, helper, 0));
    if (result !== EOPNOTSUPP) return answer("libbpf_probe_bpf_helper", () => result);
    throw new BpfError(
      `probe.helper(): the helpers of ${programTypeName(type)} programs cannot be told — load a program that calls it`,
      { code: "EOPNOTSUPP", errno: -EOPNOTSUPP, syscall: "libbpf_probe_bpf_helper" },
    );
  },
} as const;

/** libbpf's answers: 1 and 0, or `-errno`. What neither libbpf nor the kernel has heard of is not there. */
function answer(syscall: string, ask: () => number): boolean {
  const { result, said } = listening(ask);
  if (result < 0 && result !== EOPNOTSUPP)
    throw systemError("probe", syscall, -result, { log: said.join("\n") });
  return result > 0;
}

function creates(type: number): number {
  const map = newMaps.get(type);
  if (!map) return 0;
  const options = opts("bpf_map_create_opts", { map_flags: map.flags });
  return made(libbpf.bpf_map_create(type, "probe", map.keySize, map.valueSize, 1, options));
}

function loads(type: number): number {
  const area = borrow(nothing.length);
  try {
    area.bytes.set(nothing);
    const options = opts("bpf_prog_load_opts", { expected_attach_type: AttachType.NETFILTER });
    return made(libbpf.bpf_prog_load(type, "probe", "GPL", area.address, nothing.length / 8, options));
  } finally {
    giveBack(area);
  }
}

function made(fd: number): number {
  if (fd >= 0) libc.close(fd);
  return fd >= 0 ? 1 : 0;
}
