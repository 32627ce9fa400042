import { borrow, check, giveBack, libbpf } from "../ffi/native.js";

/** What the kernel says of a loaded program (`struct bpf_prog_info`). */
export interface ProgramInfo {
  /** `BPF_PROG_TYPE_*`. */
  readonly type: number;
  /** By which `Program.open({ id })` finds it. */
  readonly id: number;
  /** The name as the kernel keeps it, at most 15 bytes. */
  readonly name: string;
  /** A hash over its instructions, as 16 hex digits. */
  readonly tag: string;
  /** When it was loaded, in nanoseconds since the machine started. */
  readonly loadTime: bigint;
  /** Who loaded it. */
  readonly uid: number;
  /** Whether its license lets it call helpers that are for GPL programs only. */
  readonly gplCompatible: boolean;
  /** The maps that it uses, its data sections among them. */
  readonly mapIds: readonly number[];
  /** The id of its BTF; 0 when it was loaded without. */
  readonly btfId: number;
  /** The interface that it is offloaded to; 0 for none. */
  readonly ifindex: number;
  /** Bytes of its instructions as the verifier left them. */
  readonly translatedSize: number;
  /** Bytes of machine code; 0 without a just-in-time compiler. */
  readonly machineCodeSize: number;
  /** How many instructions the verifier went through (kernel 5.16). */
  readonly verifiedInstructions: number;
  /** How long it ran in all, in nanoseconds, while `kernel.bpf_stats_enabled` was on. */
  readonly runTimeNs: bigint;
  /** How often it ran while statistics were on. */
  readonly runCount: bigint;
  /** How often it should have run and could not, as it ran already (kernel 5.12). */
  readonly recursionMisses: bigint;
  /** The id of the BTF that it was loaded to attach to; 0 for none. */
  readonly attachBtfObjectId: number;
  /** The type in it: the function. */
  readonly attachBtfId: number;
}

/** Room for `struct bpf_prog_info`, and what later kernels will add to it. */
const SIZE = 256;

/** Asks the kernel what it knows of a program (`bpf_obj_get_info_by_fd`). */
export function readProgramInfo(where: string, fd: number): ProgramInfo {
  const info = new Uint8Array(SIZE);
  const view = new DataView(info.buffer);
  const ask = (): void => {
    const size = new Uint32Array([SIZE]);
    check(where, "bpf_obj_get_info_by_fd", libbpf.bpf_obj_get_info_by_fd(fd, info, size));
  };
  const u32 = (at: number): number => view.getUint32(at, true);
  const u64 = (at: number): bigint => view.getBigUint64(at, true);
  ask();
  const count = u32(52);
  const ids = borrow(4 * count);
  let mapIds: number[];
  try {
    info.fill(0);
    view.setUint32(52, count, true);
    view.setBigUint64(56, BigInt(ids.address), true);
    ask();
    const list = new DataView(ids.bytes.buffer, ids.bytes.byteOffset);
    mapIds = Array.from({ length: count }, (_, i) => list.getUint32(4 * i, true));
  } finally {
    giveBack(ids);
  }
  return {
    type: u32(0),
    id: u32(4),
    name: new TextDecoder().decode(info.subarray(64, 80)).replace(/\0.*$/s, ""),
    tag: Buffer.from(info.subarray(8, 16)).toString("hex"),
    loadTime: u64(40),
    uid: u32(48),
    gplCompatible: (u32(84) & 1) !== 0,
    mapIds,
    btfId: u32(128),
    ifindex: u32(80),
    translatedSize: u32(20),
    machineCodeSize: u32(16),
    verifiedInstructions: u32(216),
    runTimeNs: u64(192),
    runCount: u64(200),
    recursionMisses: u64(208),
    attachBtfObjectId: u32(220),
    attachBtfId: u32(224),
  };
}
