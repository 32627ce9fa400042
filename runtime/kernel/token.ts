import { closeSync, openSync } from "node:fs";
import { BpfError } from "../errors.js";
import { EINVAL, ENOENT, libc, systemError, tokenCreate } from "../ffi/native.js";

const EOPNOTSUPP = -95;

/**
 * Runs with the descriptor of a token (kernel 6.9): what lets a process of a user namespace do with BPF what somebody
 * with privileges has delegated to a bpffs of that namespace.
 * @param path where that bpffs is mounted.
 */
export function withToken<T>(where: string, path: unknown, run: (fd: number) => T): T {
  if (typeof path !== "string" || path.includes("\0"))
    throw new TypeError(`${where}: tokenPath is a string without NUL, not ${typeof path}`);
  let folder: number;
  try {
    folder = openSync(path, "r");
  } catch (cause) {
    const { code = "EINVAL", errno, message } = cause as NodeJS.ErrnoException;
    throw new BpfError(`${where}: tokenPath: ${message} — is it where the bpffs is mounted?`, {
      code,
      errno: errno === undefined ? undefined : -errno,
      syscall: "open",
      cause,
    });
  }
  let fd: number;
  try {
    fd = tokenCreate({ bpffs_fd: folder });
  } finally {
    closeSync(folder);
  }
  if (fd < 0)
    throw systemError(`${where}: tokenPath "${path}"`, "bpf(BPF_TOKEN_CREATE)", -fd, { todo: todos.get(fd) });
  try {
    return run(fd);
  } finally {
    libc.close(fd);
  }
}

const todos: ReadonlyMap<number, string> = new Map([
  [EINVAL, "it takes the root of a mounted bpffs, and kernel 6.9"],
  [
    ENOENT,
    "nothing was delegated to it: mount it with delegate_cmds, delegate_maps, delegate_progs, delegate_attachs",
  ],
  [EOPNOTSUPP, "tokens are for user namespaces: outside of one privileges are enough"],
]);
