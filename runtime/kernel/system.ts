import { borrow, check, giveBack, libbpf, libc, signed } from "../ffi/native.js";

/** The version of the libbpf that is used. */
export interface LibbpfVersion {
  /** 1 of 1.7. */
  readonly major: number;
  /** 7 of 1.7. */
  readonly minor: number;
  /** As libbpf says it, such as `"v1.7"`. */
  readonly text: string;
}

/** Tells the version of libbpf (`libbpf_major_version`, `libbpf_minor_version`, `libbpf_version_string`). */
export function libbpfVersion(): LibbpfVersion {
  return {
    major: libbpf.libbpf_major_version(),
    minor: libbpf.libbpf_minor_version(),
    text: libbpf.libbpf_version_string(),
  };
}

/**
 * What an error number means, those of libbpf's own included (`libbpf_strerror`).
 * @param errno positive or, as C functions return it, negative.
 */
export function strerror(errno: number): string {
  const area = borrow(256);
  try {
    // A number that libbpf does not know is an error, but there is a text for it all the same.
    libbpf.libbpf_strerror(signed("strerror()", errno), area.address, area.bytes.length);
    return new TextDecoder().decode(area.bytes.slice(0, area.bytes.indexOf(0)));
  } finally {
    giveBack(area);
  }
}

let cpus = 0;

/** How many CPUs this machine may ever have (`libbpf_num_possible_cpus`): the length of per-CPU values. */
export function possibleCpus(): number {
  cpus ||= check("possible CPUs", "libbpf_num_possible_cpus", libbpf.libbpf_num_possible_cpus());
  return cpus;
}

/** Something of the kernel's that goes on until it is closed. */
export interface Closable {
  /** Ends it. Safe to call again. */
  close(): void;
  [Symbol.dispose](): void;
}

const BPF_STATS_RUN_TIME = 0;

/**
 * Has the kernel count and time the runs of all programs (`bpf_enable_stats`, kernel 5.8) until what it returns is
 * closed, or the process ends; each program's `info()` then tells them. Costs every run some 20 nanoseconds.
 *
 * ```ts
 * using stats = enableStats();
 * ```
 */
export function enableStats(): Closable {
  const fd = check("enableStats()", "bpf_enable_stats", libbpf.bpf_enable_stats(BPF_STATS_RUN_TIME));
  let open = true;
  const close = (): void => {
    if (open) libc.close(fd);
    open = false;
  };
  return { close, [Symbol.dispose]: close };
}
