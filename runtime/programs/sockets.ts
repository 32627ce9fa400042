import { fstatSync } from "node:fs";
import { EINVAL, F_DUPFD_CLOEXEC, libbpf, libc, orErrno } from "../ffi/native.js";
import { choice, descriptor, withFile } from "./arguments.js";
import { BaseProgram, type Target } from "./base.js";
import { atExit } from "./fallback.js";
import type { Link } from "./link.js";

/** Attachments that kernels hold by the program and what it is attached to, without a link. */
abstract class Attached extends BaseProgram {
  /** Attaches in the way that was there before links (`bpf_prog_attach`). */
  protected withoutLink(target: number, attachType: number): Link {
    // Duplicates: by the time that it is detached the numbers may stand for something else. First of all: without
    // them nobody could detach it.
    const own: number[] = [];
    const release = (): void => {
      for (const each of own) libc.close(each);
    };
    try {
      for (const each of [this.fd, target])
        own.push(this.checkAttach("fcntl", orErrno(libc.fcntl(each, F_DUPFD_CLOEXEC, 0))));
      const [program, to] = own as [number, number];
      this.checkAttach("bpf_prog_attach", libbpf.bpf_prog_attach(program, to, attachType, 0));
    } catch (error) {
      release();
      throw error;
    }
    const destroy = (): void => {
      const [program, to] = own as [number, number];
      libbpf.bpf_prog_detach2(program, to, attachType);
      release();
    };
    return this.linked({ ...atExit(destroy), fallback: "bpf_prog_attach" });
  }
}

/** Where a program of sockets goes. */
export interface SockMapTarget {
  /** The SOCKMAP or SOCKHASH. */
  readonly map: { readonly fd: number };
  /**
   * False refuses what kernels before 6.10 have in place of a link, and which outlives SIGKILL; `"always"` uses it on
   * newer ones too.
   */
  readonly fallback?: boolean | "always" | undefined;
}

const skSkbHooks = { stream_parser: 4, stream_verdict: 5, verdict: 38 } as const;
const SK_MSG_VERDICT = 7;

/** What a program of plain `SEC("sk_skb")` does: `BPF_SK_SKB_STREAM_PARSER`, … */
export interface SkSkbHook {
  /** Which of the three hooks. */
  readonly hook: keyof typeof skSkbHooks;
}

abstract class SockMapProgram extends Attached {
  protected toMap(target: SockMapTarget, attach_type: number): Link {
    const map = descriptor(target?.map?.fd, "map");
    const { fallback } = target;
    if (fallback !== undefined && typeof fallback !== "boolean" && fallback !== "always")
      throw new TypeError(`attach(): fallback is a boolean or "always", not ${typeof fallback}`);
    if (fallback === "always") return this.withoutLink(map, attach_type);
    const todos = { EINVAL: "is it a map of sockets?", EBUSY: "the map has such a program already" };
    const attributes = { target_fd: map, attach_type };
    if (fallback === false)
      return this.linkedTo(attributes, { ...todos, EINVAL: "links of sockmaps need kernel 6.10" });
    const result = this.tryLink(attributes);
    if (typeof result !== "number") return result;
    // The kernel says EINVAL to much; one that has such links would rather say that there is no descriptor -1.
    if (result === EINVAL && this.tryLink({ target_fd: -1, attach_type }) === EINVAL)
      return this.withoutLink(map, attach_type);
    this.checkAttach("bpf(BPF_LINK_CREATE)", result, todos);
    throw new Error("unreachable");
  }
}

/** `SEC("sk_skb/...")`: redirects what the sockets of a map receive. */
export class SkSkb<How extends Target = "section"> extends SockMapProgram {
  /** Attaches to a map of sockets. */
  attach(target: SockMapTarget & (How extends "section" ? Partial<SkSkbHook> : SkSkbHook)): Link {
    const hook = target?.hook ?? this.section.split("/")[1];
    return this.toMap(target, choice(skSkbHooks, hook, "hook"));
  }
}

/** `SEC("sk_msg")`: redirects what the sockets of a map send. */
export class SkMsg extends SockMapProgram {
  /** Attaches to a map of sockets. */
  attach(target: SockMapTarget): Link {
    return this.toMap(target, SK_MSG_VERDICT);
  }
}

const BPF_LIRC_MODE2 = 16;

/** Where an infrared decoder goes. */
export interface LircTarget {
  /** The device, such as `/dev/lirc0`, or a descriptor of it. */
  readonly device: string | number;
}

/** `SEC("lirc_mode2")`: decodes what an infrared receiver sees. */
export class LircMode2 extends Attached {
  /** Attaches to a receiver (`bpf_prog_attach`). The kernel has no links for it: it outlives SIGKILL. */
  attach(target: LircTarget): Link {
    return withFile(target?.device, "device", (fd) => this.withoutLink(fd, BPF_LIRC_MODE2));
  }
}

const SOL_SOCKET = 1;
const SO_ATTACH_BPF = 50;
const SO_DETACH_FILTER = 27;
const SO_ATTACH_REUSEPORT_EBPF = 52;
const SO_DETACH_REUSEPORT_BPF = 68;

/** A socket, by its descriptor. */
export interface SocketTarget {
  /** The descriptor of a socket of this process. */
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
