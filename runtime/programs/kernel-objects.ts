import { readlinkSync } from "node:fs";
import { BpfError } from "../errors.js";
import { check, ENOENT, libbpf, libc } from "../ffi/native.js";
import { integer, text } from "./arguments.js";

/** What is in the kernel: by its pin, a path on bpffs, or by its id. */
export type KernelTarget = { readonly pin: string } | { readonly id: number };

type Kind = "link" | "program";

/** Kinds of the kernel's objects: how their descriptors are called, and got. */
const kinds: Readonly<
  Record<
    Kind,
    {
      readonly file: RegExp;
      readonly byIdName: string;
      byId(id: number): number;
      next(id: number, out: Uint32Array): number;
    }
  >
> = {
  link: {
    // As it is called where it was made, and where it was opened.
    file: /^anon_inode:bpf[-_]link$/,
    byId: (id: number) => libbpf.bpf_link_get_fd_by_id(id),
    byIdName: "bpf_link_get_fd_by_id",
    next: (id: number, out: Uint32Array) => libbpf.bpf_link_get_next_id(id, out),
  },
  program: {
    file: /^anon_inode:bpf[-_]prog$/,
    byId: (id: number) => libbpf.bpf_prog_get_fd_by_id(id),
    byIdName: "bpf_prog_get_fd_by_id",
    next: (id: number, out: Uint32Array) => libbpf.bpf_prog_get_next_id(id, out),
  },
};

/** Which kind of object a descriptor is of; undefined when it is of neither. */
export function kindOf(fd: number): Kind | undefined {
  let file: string;
  try {
    file = readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
  return kinds.link.file.test(file) ? "link" : kinds.program.file.test(file) ? "program" : undefined;
}

/** Opens a program or link that is in the kernel; the caller closes the descriptor. */
export function openFromKernel(
  kind: Kind,
  target: KernelTarget,
): { readonly where: string; readonly fd: number } {
  const { pin, id }: { pin?: unknown; id?: unknown } = target ?? {};
  if ((pin === undefined) === (id === undefined))
    throw new TypeError(`open(): a ${kind} is opened by { pin: "/sys/fs/bpf/…" } or by { id }`);
  if (pin === undefined) {
    const number = integer(id, "id", 1, 0xffff_ffff, "open()");
    const where = `${kind} ${number}`;
    return { where, fd: check(where, kinds[kind].byIdName, kinds[kind].byId(number)) };
  }
  const path = text(pin, "pin", "open()");
  const where = `${kind} pinned to "${path}"`;
  const fd = check(where, "bpf_obj_get", libbpf.bpf_obj_get(path));
  if (kindOf(fd) === kind) return { where, fd };
  libc.close(fd);
  throw new BpfError(`${where}: is no ${kind} — is the path that of another object?`, {
    code: "EINVAL",
    errno: 22,
    syscall: "bpf_obj_get",
  });
}

/** Every program or link that is in the kernel, its descriptor open while it is looked at. */
export function* walkIds(kind: Kind): IterableIterator<{ readonly where: string; readonly fd: number }> {
  const { byId, byIdName, next } = kinds[kind];
  const out = new Uint32Array(1);
  for (let id = 0; ; id = out[0]!) {
    const found = next(id, out);
    if (found === ENOENT) return;
    check(`${kind}s`, `${kind === "link" ? "bpf_link" : "bpf_prog"}_get_next_id`, found);
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
