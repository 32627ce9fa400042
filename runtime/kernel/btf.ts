import { readFileSync } from "node:fs";
import { type BtfFunc, LazyBtf } from "../btf/index.js";
import { BpfError } from "../errors.js";
import { borrow, check, E2BIG, giveBack, libbpf, libc } from "../ffi/native.js";
import { openFromKernel, walkIds } from "./objects.js";

/** What the kernel says of the types of one of its modules, or of an object that was loaded (`struct bpf_btf_info`). */
export interface BtfInfo {
  /** As `btfId` of a map or program names it. */
  readonly id: number;
  /** `"vmlinux"`, or the module's; empty of an object's. */
  readonly name: string;
  /** Whether it is the kernel's own, or a module's: then it goes on where `vmlinux` ends. */
  readonly kernel: boolean;
  /** Bytes of it. */
  readonly size: number;
}

const BTF_SIZE = 8;
const NAME = 16;
/** `struct bpf_btf_info` */
const SIZE = 32;
/** Names of modules are shorter. */
const NAME_SIZE = 64;

/** The types that are in the kernel: its own, its modules', and those of what was loaded. */
export const btf = {
  /** All of them (`bpf_btf_get_next_id`); those that vanish meanwhile are left out. Takes CAP_SYS_ADMIN. */
  *list(): IterableIterator<BtfInfo> {
    for (const { where, fd } of walkIds("btf")) yield btfInfo(where, fd).info;
  },

  /**
   * The bytes of one by its id, such as a program's or map's `info().btfId` (`bpf_btf_get_fd_by_id`): what
   * `bpf-tsgen types` reads. A module's go on where those of `vmlinux` end, and cannot be read without.
   * @throws BpfError `ENOENT` when there is none.
   */
  read(id: number): Uint8Array {
    const { where, fd } = openFromKernel("btf", { id });
    try {
      const { size } = btfInfo(where, fd).info;
      return btfInfo(where, fd, size).bytes;
    } finally {
      libc.close(fd);
    }
  },
} as const;

/** Asks the kernel about BTF, and for so many of its bytes (`bpf_obj_get_info_by_fd`). */
function btfInfo(
  where: string,
  fd: number,
  room = 0,
): { readonly info: BtfInfo; readonly bytes: Uint8Array } {
  const area = borrow(NAME_SIZE + room);
  try {
    const bytes = new Uint8Array(SIZE);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(NAME, BigInt(area.address), true);
    view.setUint32(NAME + 8, NAME_SIZE, true);
    if (room > 0) view.setBigUint64(0, BigInt(area.address + NAME_SIZE), true);
    view.setUint32(BTF_SIZE, room, true);
    const ask = (size: number): number => libbpf.bpf_obj_get_info_by_fd(fd, bytes, new Uint32Array([size]));
    let asked = ask(SIZE);
    // Kernels before 5.11 have no names for them, and only those of what was loaded.
    if (asked === E2BIG) {
      view.setBigUint64(NAME, 0n, true);
      view.setUint32(NAME + 8, 0, true);
      asked = ask(NAME);
    }
    check(where, "bpf_obj_get_info_by_fd", asked);
    const name = new TextDecoder().decode(area.bytes.slice(0, area.bytes.indexOf(0)));
    return {
      info: {
        id: view.getUint32(12, true),
        name,
        kernel: view.getUint32(NAME + 12, true) !== 0,
        size: view.getUint32(BTF_SIZE, true),
      },
      bytes: area.bytes.slice(NAME_SIZE, NAME_SIZE + room),
    };
  } finally {
    giveBack(area);
  }
}

const MAX_ARGUMENTS = 12;
/** Two registers. */
const MAX_ARGUMENT = 16;

/**
 * The ids of the kernel's functions that tracing programs can be on (`/sys/kernel/btf/vmlinux`).
 * @param wanted whether one with that name is.
 */
export function traceableFunctions(where: string, wanted: (name: string) => boolean): number[] {
  try {
    const types = new LazyBtf(readFileSync("/sys/kernel/btf/vmlinux"));
    const found = types.functions(wanted).filter((type) => isTraceable(types, type));
    return found.map(({ id }) => id);
  } catch (cause) {
    throw new BpfError(`${where}: the kernel's types cannot be read — has it CONFIG_DEBUG_INFO_BTF?`, {
      code: (cause as NodeJS.ErrnoException).code ?? "ERR_BPF_OBJECT",
      cause,
    });
  }
}

/** Whether arguments and result are what a trampoline passes on: no structs by value but small ones, no `...`. */
function isTraceable(types: LazyBtf, { to }: BtfFunc): boolean {
  const prototype = types.type(to);
  if (prototype.kind !== "func_proto" || prototype.params.length > MAX_ARGUMENTS) return false;
  const result = types.strip(prototype.returns);
  if (result.kind === "struct" || result.kind === "union") return false;
  return prototype.params.every(({ type: id }) => {
    const type = types.strip(id);
    if (type.kind === "ptr") return true;
    const sized = ["int", "enum", "enum64", "struct", "union"].includes(type.kind);
    return sized && "size" in type && type.size > 0 && type.size <= MAX_ARGUMENT;
  });
}
