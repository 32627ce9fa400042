import { availableCpus, F_DUPFD_CLOEXEC, libbpf, libc, opts, orErrno, perfEventOpen } from "../ffi/native.js";
import { cookie, descriptor, flag, integer, processId, u64 } from "./arguments.js";
import { BaseProgram, type CookieOptions } from "./base.js";
import { destroyAll, type Link } from "./link.js";

/** An event of the performance counters: `struct perf_event_attr`'s type and config, see perf_event_open(2). */
export interface PerfEventTarget {
  /** `PERF_TYPE_*`: 0 hardware, 1 software, … */
  readonly type: number;
  /** Which of that type: 0 of software is the CPU clock. */
  readonly config: number | bigint;
  /** Runs each time that the counter has grown by so much. */
  readonly period: number | bigint;
  /** The process to watch; all of them when left out. */
  readonly pid?: number | undefined;
  /** The CPU to watch; each of them when left out. */
  readonly cpu?: number | undefined;
}

/** How a program is attached to an event. */
export interface PerfEventOptions extends CookieOptions {
  /** Uses ioctl(2) also where the kernel has links for it (kernel 5.15). */
  readonly forceIoctl?: boolean | undefined;
  /** Leaves the event as it is: whoever opened it starts it. Needs libbpf 1.7. */
  readonly dontEnable?: boolean | undefined;
}

/** `SEC("perf_event")`: runs on events of the performance counters, such as a clock. */
export class PerfEvent extends BaseProgram {
  /** Attaches to an event of your own, by its descriptor, or opens it (`bpf_program__attach_perf_event_opts`). */
  attach(target: ({ readonly fd: number } | PerfEventTarget) & PerfEventOptions): Link {
    if (typeof target !== "object" || target === null)
      throw new TypeError(
        `${this.where}: names no event — attach({ type, config, period }) or attach({ fd })`,
      );
    const settings = {
      bpf_cookie: cookie(target.cookie),
      force_ioctl_attach: flag(target.forceIoctl, "forceIoctl"),
      dont_enable: flag(target.dontEnable, "dontEnable"),
    };
    // libbpf closes the descriptor with the link, but does not when there comes none of it.
    const attach = (fd: number): Link => {
      try {
        return this.attached("bpf_program__attach_perf_event_opts", (pointer) =>
          libbpf.bpf_program__attach_perf_event_opts(pointer, fd, opts("bpf_perf_event_opts", settings)),
        );
      } catch (error) {
        libc.close(fd);
        throw error;
      }
    };
    if ("fd" in target) {
      const own = orErrno(libc.fcntl(descriptor(target.fd, "fd"), F_DUPFD_CLOEXEC, 0));
      return attach(this.checkAttach("fcntl", own));
    }
    const attributes = {
      type: integer(target.type, "type", 0, 0xffff_ffff),
      config: u64(target.config, "config"),
      sample_period: u64(target.period, "period"),
    };
    const pid = processId(target.pid);
    // The kernel watches all processes on one CPU, or one process on all CPUs.
    const cpus = target.cpu !== undefined ? [target.cpu] : pid === -1 ? availableCpus() : [-1];
    const links: Link[] = [];
    try {
      for (const cpu of cpus) {
        const fd = perfEventOpen(attributes, pid, integer(cpu, "cpu", -1, 0xffff));
        links.push(attach(this.checkAttach("perf_event_open", fd)));
      }
    } catch (error) {
      destroyAll(links);
      throw error;
    }
    const [only, ...others] = links;
    return others.length === 0 ? only! : this.together(links);
  }
}
