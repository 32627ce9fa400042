import { closeSync, readSync } from "node:fs";
import { expectCodec } from "../codec/codec.js";
import { Memory } from "../codec/memory.js";
import type { Codec } from "../codec/types.js";
import { BpfError } from "../errors.js";
import { borrow, check, giveBack, kernelBefore, libbpf, systemError } from "../ffi/native.js";
import { choice, descriptor, integer, withFile } from "./arguments.js";
import { BaseProgram, type Target, type Todos } from "./base.js";
import { destroyAll, type Link } from "./link.js";

const CHUNK = 65_536;
const EIO = 5;
const EOPNOTSUPP = 95;
const BPF_TRACE_ITER = 28;
const ITER_TODOS = {
  EBADF: "which map? attach({ map })",
  EINVAL: "does the iterator go through this kind of thing, and does this kernel have it?",
};

/** `BPF_CGROUP_ITER_*`. */
const cgroupOrders = { self: 1, descendants: 2, "descendants-last": 3, ancestors: 4, children: 5 } as const;

/** Which map, for `bpf_map_elem`, `sockmap`, `bpf_sk_storage_map`. */
export interface IterMap {
  /** A map of a skeleton, or any object with its descriptor. */
  readonly map: { readonly fd: number };
}

/** Which cgroups, for `cgroup`. */
export interface IterCgroup {
  /** The folder of a cgroup, or a descriptor of it. */
  readonly cgroup: string | number;
  /**
   * `"self"`: only this one, as when left out · `"descendants"`: those inside too, after it · `"descendants-last"`:
   * before it · `"ancestors"`: those that it is in too · `"children"`: those right inside (kernel 6.18).
   */
  readonly order?: keyof typeof cgroupOrders | undefined;
}

/** Only these tasks, for `task`, `task_file`, `task_vma` (kernel 6.1). */
export type IterTask =
  | { readonly pid: number; readonly tid?: undefined; readonly pidfd?: undefined }
  | { readonly tid: number; readonly pid?: undefined; readonly pidfd?: undefined }
  | { readonly pidfd: number; readonly pid?: undefined; readonly tid?: undefined };

type Absent<T> = { readonly [K in T extends unknown ? keyof T : never]?: undefined };

/** What an iterator goes through, where its section does not say it all. */
export type IterTarget =
  | (IterMap & Absent<IterCgroup | IterTask>)
  | (IterCgroup & Absent<IterMap | IterTask>)
  | (IterTask & Absent<IterMap | IterCgroup>);

/** Sections of the iterators that each can be said of; of a program that was opened in the kernel it is not known. */
const fitting = {
  map: /^$|\/(bpf_map_elem|sockmap|bpf_sk_storage_map)$/,
  cgroup: /^$|\/cgroup$/,
  pid: /^$|\/task/,
  tid: /^$|\/task/,
  pidfd: /^$|\/task/,
} as const;

type IterArguments<How extends Target> = How extends "section" ? [target?: IterTarget] : [target: IterTarget];

/** `SEC("iter/...")`: runs for each of the kernel's tasks, maps, sockets, …, and writes what a reader gets. */
export class Iter<How extends Target = "section"> extends BaseProgram {
  /** Makes the iterator. Each reading runs it anew; {@link lines} and the others do this by themselves. */
  attach(...[target]: IterArguments<How>): Link {
    const given = (target ?? {}) as {
      readonly [K in "map" | "cgroup" | "order" | "pid" | "tid" | "pidfd"]?: unknown;
    };
    const { map, cgroup, order, pid, tid, pidfd } = given;
    if ([map, cgroup, pid, tid, pidfd].filter((each) => each !== undefined).length > 1)
      throw new TypeError(`${this.where}: map, cgroup, pid, tid and pidfd exclude each other`);
    if (order !== undefined && cgroup === undefined)
      throw new TypeError(`${this.where}: order is of cgroups — attach({ cgroup, order })`);
    // A union in C: the kernel would take a map for a task.
    for (const [name, fits] of Object.entries(fitting))
      if (given[name as keyof typeof given] !== undefined && !fits.test(this.section))
        throw new TypeError(`${this.where}: goes through no ${name} — is it another iterator's?`);
    if (map !== undefined) return this.#attach([descriptor((map as IterMap["map"] | null)?.fd, "map"), 0, 0]);
    if (tid !== undefined) return this.#ofTask(integer(tid, "tid", 1, 0x7fff_ffff), 0, 0);
    if (pid !== undefined) return this.#ofTask(0, integer(pid, "pid", 1, 0x7fff_ffff), 0);
    if (pidfd !== undefined) return this.#ofTask(0, 0, descriptor(pidfd, "pidfd"));
    if (cgroup === undefined) return this.linkedTo({ attach_type: BPF_TRACE_ITER }, ITER_TODOS);
    const way = order === undefined ? cgroupOrders.self : choice(cgroupOrders, order, "order");
    return withFile(cgroup, "cgroup", (fd) => this.#attach([way, fd, 0]));
  }

  /** Kernels before 6.1 do not look at it, and would go through all tasks. */
  #ofTask(...words: readonly [number, number, number]): Link {
    const needs = "iterators over one task need kernel 6.1";
    // 5.10 and 5.11 do not take more than a map.
    const link = this.#attach(words, kernelBefore(6, 1) ? { ...ITER_TODOS, E2BIG: needs } : ITER_TODOS);
    const info = link.info();
    if (info.kind !== "iter" || info.tid !== 0 || info.pid !== 0) return link;
    link.destroy();
    throw systemError(this.where, "bpf(BPF_LINK_CREATE)", EOPNOTSUPP, { program: this.name, todo: needs });
  }

  #attach(words: readonly [number, number, number], todos: Todos = ITER_TODOS): Link {
    const area = borrow(16);
    new Uint32Array(area.bytes.buffer, area.bytes.byteOffset, 4).set(words);
    try {
      const attributes = { iter_info: BigInt(area.address), iter_info_len: 16, attach_type: BPF_TRACE_ITER };
      return this.linkedTo(attributes, todos);
    } finally {
      giveBack(area);
    }
  }

  /** What the program writes, as text, line by line. */
  *lines(...target: IterArguments<How>): IterableIterator<string> {
    const decoder = new TextDecoder();
    let rest = "";
    for (const chunk of this.bytes(...target)) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop()!;
      yield* lines;
    }
    if (rest !== "") yield rest;
  }

  /** What the program writes, record by record; a last record that is cut short is a {@link BpfError}. */
  *records<T>(codec: Codec<T>, ...target: IterArguments<How>): IterableIterator<T> {
    expectCodec(`${this.where}: records()`, codec);
    const { size } = codec;
    if (!Number.isInteger(size) || size < 1)
      throw new RangeError(`${this.where}: records of ${size} bytes cannot be told apart`);
    let rest = new Uint8Array(0);
    for (const chunk of this.bytes(...target)) {
      const all = new Uint8Array(rest.length + chunk.length);
      all.set(rest);
      all.set(chunk, rest.length);
      const memory = new Memory(all);
      let at = 0;
      for (; at + size <= all.length; at += size) yield codec.decode(memory, at);
      rest = all.slice(at);
    }
    if (rest.length > 0)
      throw new BpfError(`${this.where}: its last record has ${rest.length} bytes, not ${size}`, {
        code: "ERR_BPF_RECORD",
      });
  }

  /** What the program writes, in pieces as they are read. */
  *bytes(...target: IterArguments<How>): IterableIterator<Uint8Array> {
    const link = this.attach(...target);
    // What ends the skeleton's links ends a reading, too, that nobody may ever go on with.
    const readings: Link[] = [link];
    try {
      let fd = check(this.where, "bpf_iter_create", libbpf.bpf_iter_create(link.fd));
      const destroy = (): void => {
        closeSync(fd);
        fd = -1;
      };
      readings.push(this.linked({ destroy, disconnect: () => undefined }));
      const buffer = new Uint8Array(CHUNK);
      while (fd >= 0) {
        const count = this.#read(fd, buffer);
        if (count === 0) return;
        yield buffer.slice(0, count);
      }
    } finally {
      destroyAll(readings);
    }
  }

  /** read(2); an iterator may ask to be read again. */
  #read(fd: number, buffer: Uint8Array): number {
    for (;;) {
      try {
        return readSync(fd, buffer);
      } catch (cause) {
        const { code, errno = -EIO } = cause as NodeJS.ErrnoException;
        if (code !== "EAGAIN") throw systemError(this.where, "read", -errno, { program: this.name, cause });
      }
    }
  }
}
