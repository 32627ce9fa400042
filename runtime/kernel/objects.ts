import { readlinkSync } from "node:fs";
import { BpfError } from "../errors.js";
import { check, ENOENT, libbpf, libc, opts, unsigned } from "../ffi/native.js";

/** What is in the kernel: by its pin, a path on bpffs, or by its id. */
export type KernelTarget = { readonly pin: string } | { readonly id: number };

/** A map that is in the kernel, and what is to be done with it. */
export type MapTarget = KernelTarget & {
  /**
   * `"read"`: for looking entries up only, as for one whose pin may be read but not written · `"write"`: for changing
   * them only. Both when left out.
   */
  readonly access?: "read" | "write" | undefined;
};

/** `BPF_F_RDONLY`, `BPF_F_WRONLY` */
const accesses = { read: 8, write: 16 } as const;

type Kind = "btf" | "link" | "map" | "program";

/** Kinds of the kernel's objects: how their descriptors are called, and got. */
const kinds: Readonly<
  Record<
    Kind,
    {
      readonly file: RegExp;
      readonly byIdName: string;
      /** @param access of maps only */
      byId(id: number, access?: number): number;
      readonly nextName: string;
      next(id: number, out: Uint32Array): number;
    }
  >
> = {
  btf: {
    file: /^anon_inode:btf$/,
    byId: (id: number) => libbpf.bpf_btf_get_fd_by_id(id),
    byIdName: "bpf_btf_get_fd_by_id",
    next: (id: number, out: Uint32Array) => libbpf.bpf_btf_get_next_id(id, out),
    nextName: "bpf_btf_get_next_id",
  },
  link: {
    // As it is called where it was made, and where it was opened.
    file: /^anon_inode:bpf[-_]link$/,
    byId: (id: number) => libbpf.bpf_link_get_fd_by_id(id),
    byIdName: "bpf_link_get_fd_by_id",
    next: (id: number, out: Uint32Array) => libbpf.bpf_link_get_next_id(id, out),
    nextName: "bpf_link_get_next_id",
  },
  map: {
    file: /^anon_inode:bpf[-_]map$/,
    byId: (id: number, access = 0) =>
      access === 0
        ? libbpf.bpf_map_get_fd_by_id(id)
        : libbpf.bpf_map_get_fd_by_id_opts(id, opts("bpf_get_fd_by_id_opts", { open_flags: access })),
    byIdName: "bpf_map_get_fd_by_id",
    next: (id: number, out: Uint32Array) => libbpf.bpf_map_get_next_id(id, out),
    nextName: "bpf_map_get_next_id",
  },
  program: {
    file: /^anon_inode:bpf[-_]prog$/,
    byId: (id: number) => libbpf.bpf_prog_get_fd_by_id(id),
    byIdName: "bpf_prog_get_fd_by_id",
    next: (id: number, out: Uint32Array) => libbpf.bpf_prog_get_next_id(id, out),
    nextName: "bpf_prog_get_next_id",
  },
};

/** Which kind of object a descriptor is of; undefined when it is of none. */
export function kindOf(fd: number): Kind | undefined {
  let file: string;
  try {
    file = readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
  return (["btf", "link", "map", "program"] as const).find((kind) => kinds[kind].file.test(file));
}

/** Opens a map, program or link that is in the kernel; the caller closes the descriptor. */
export function openFromKernel(
  kind: Kind,
  target: KernelTarget,
): { readonly where: string; readonly fd: number } {
  const { pin, id, access }: { pin?: unknown; id?: unknown; access?: unknown } = target ?? {};
  if (access !== undefined && (kind !== "map" || (access !== "read" && access !== "write")))
    throw new TypeError('open(): access is "read" or "write", of a map');
  const flags = access === undefined ? 0 : accesses[access as keyof typeof accesses];
  if ((pin === undefined) === (id === undefined))
    throw new TypeError(`open(): a ${kind} is opened by { pin: "/sys/fs/bpf/…" } or by { id }`);
  if (pin === undefined) {
    const number = unsigned("open(): id", id);
    if (number === 0) throw new RangeError("open(): id 0 is of nothing");
    const where = `${kind} ${number}`;
    return { where, fd: check(where, kinds[kind].byIdName, kinds[kind].byId(number, flags)) };
  }
  if (typeof pin !== "string" || pin.includes("\0"))
    throw new TypeError(`open(): pin is a path without NUL, not ${typeof pin}`);
  const where = `${kind} pinned to "${pin}"`;
  const got =
    flags === 0
      ? libbpf.bpf_obj_get(pin)
      : libbpf.bpf_obj_get_opts(pin, opts("bpf_obj_get_opts", { file_flags: flags }));
  const fd = check(where, "bpf_obj_get", got, { pin });
  if (kindOf(fd) === kind) return { where, fd };
  libc.close(fd);
  throw new BpfError(`${where}: is no ${kind} — is the path that of another object?`, {
    code: "EINVAL",
    errno: 22,
    syscall: "bpf_obj_get",
  });
}

/** Every object of a kind that is in the kernel, its descriptor open while it is looked at. */
export function* walkIds(kind: Kind): IterableIterator<{ readonly where: string; readonly fd: number }> {
  const { byId, byIdName, next, nextName } = kinds[kind];
  const out = new Uint32Array(1);
  for (let id = 0; ; id = out[0]!) {
    const found = next(id, out);
    if (found === ENOENT) return;
    check(kind === "btf" ? kind : `${kind}s`, nextName, found);
    const fd = byId(out[0]!);
    // It went in between.
    if (fd === ENOENT) continue;
    const where = `${kind} ${out[0]}`;
    check(where, byIdName, fd);
    try {
      yield { where, fd };
    } finally {
      libc.close(fd);
    }
  }
}
