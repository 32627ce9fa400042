import { fstatSync } from "node:fs";
import { F_DUPFD_CLOEXEC, libbpf, libc, orErrno } from "../ffi/native.js";
import { descriptor } from "./arguments.js";
import { atExit, NO_SUCH_LINK } from "./fallback.js";
import type { Link } from "./link.js";
import { BaseProgram } from "./program.js";

/** Where a program of sockets goes. */
export interface SockMapTarget {
  /** The SOCKMAP or SOCKHASH. */
  readonly map: { readonly fd: number };
  /** False refuses what kernels before 6.10 have in place of a link, and which outlives SIGKILL. */
  readonly fallback?: boolean | undefined;
}

/** `SEC("sk_skb/...")`: redirects what the sockets of a map receive. */
export class SkSkb extends BaseProgram {
  /** Attaches to a map of sockets. */
  attach(target: SockMapTarget): Link {
    const map = descriptor(target?.map?.fd, "map");
    const attributes = { target_fd: map };
    if (target.fallback === false) return this.linkedTo(attributes);
    const result = this.tryLink(attributes);
    if (typeof result !== "number") return result;
    if (!NO_SUCH_LINK.has(result)) this.checkAttach("bpf(BPF_LINK_CREATE)", result);
    const { fd, attachType } = this;
    this.checkAttach("bpf_prog_attach", libbpf.bpf_prog_attach(fd, map, attachType, 0));
    // Duplicates: by the time that it is detached the numbers may stand for something else.
    const own = [fd, map].map((each) => libc.fcntl(each, F_DUPFD_CLOEXEC, 0)) as [number, number];
    const destroy = (): void => {
      libbpf.bpf_prog_detach2(...own, attachType);
      for (const each of own) libc.close(each);
    };
    return this.linked({ ...atExit(destroy), fallback: "bpf_prog_attach" });
  }
}

/** `SEC("sk_msg")`: redirects what the sockets of a map send. */
export class SkMsg extends SkSkb {}

const SOL_SOCKET = 1;
const SO_ATTACH_BPF = 50;
const SO_DETACH_FILTER = 27;
const SO_ATTACH_REUSEPORT_EBPF = 52;
const SO_DETACH_REUSEPORT_BPF = 68;

/** A socket, by its descriptor. */
export interface SocketTarget {
  readonly socket: number;
}

/** `SEC("socket")`: decides which packets a socket sees. */
export class SocketFilter extends BaseProgram {
  /** Attaches to a socket (`setsockopt(2)`); the attachment ends with the socket at the latest. */
  attach(target: SocketTarget): Link {
    return this.onSocket(target, SO_ATTACH_BPF, SO_DETACH_FILTER);
  }

  protected onSocket(target: SocketTarget, attach: number, detach: number): Link {
    const socket = descriptor(target?.socket, "socket");
    const set = (option: number, value: number): number =>
      orErrno(libc.setsockopt(socket, SOL_SOCKET, option, new Uint32Array([value]), 4));
    this.checkAttach("setsockopt", set(attach, this.fd));
    const identity = socketIdentity(socket);
    let connected = true;
    return this.linked({
      destroy: () => {
        // A socket that was closed took the program along, and its number may be another's now.
        if (connected && socketIdentity(socket) === identity) set(detach, 0);
      },
      disconnect: () => {
        connected = false;
      },
      fallback: "setsockopt",
    });
  }
}

/** `SEC("sk_reuseport")`: picks among the sockets that share a port. */
export class SkReuseport extends SocketFilter {
  /** Attaches to the group of a socket (`setsockopt(2)`). */
  override attach(target: SocketTarget): Link {
    return this.onSocket(target, SO_ATTACH_REUSEPORT_EBPF, SO_DETACH_REUSEPORT_BPF);
  }
}

/** Which socket a descriptor is of; undefined when it is closed. */
function socketIdentity(fd: number): bigint | undefined {
  try {
    return fstatSync(fd, { bigint: true }).ino;
  } catch {
    return undefined;
  }
}
