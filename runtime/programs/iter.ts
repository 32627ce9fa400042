import { closeSync, readSync } from "node:fs";
import { Memory } from "../codec/memory.js";
import type { Codec } from "../codec/types.js";
import { BpfError } from "../errors.js";
import { borrow, check, giveBack, libbpf, systemError } from "../ffi/native.js";
import { descriptor, integer, withFile } from "./arguments.js";
import { destroyAll, type Link } from "./link.js";
import { BaseProgram, type Target } from "./program.js";

const CHUNK = 65_536;
const EIO = 5;
const BPF_CGROUP_ITER_SELF_ONLY = 1;

/** What an iterator goes through, where its section does not say it all. */
export interface IterTarget {
  /** The map, for `bpf_map_elem`. */
  readonly map?: { readonly fd: number } | undefined;
  /** The folder of a cgroup, or a descriptor of it. */
  readonly cgroup?: string | number | undefined;
  /** Only this process, for `task`, `task_file`, `task_vma` (kernel 6.1). */
  readonly pid?: number | undefined;
}

type IterArguments<How extends Target> = How extends "section" ? [target?: IterTarget] : [target: IterTarget];

/** `SEC("iter/...")`: runs for each of the kernel's tasks, maps, sockets, …, and writes what a reader gets. */
export class Iter<How extends Target = "section"> extends BaseProgram {
  /** Makes the iterator. Each reading runs it anew; {@link lines} and the others do this by themselves. */
  attach(...[target = {}]: IterArguments<How>): Link {
    const { map, cgroup, pid } = target as IterTarget;
    const info = new Uint32Array(4);
    if (map !== undefined) info[0] = descriptor(map.fd, "map");
    if (pid !== undefined) info[1] = integer(pid, "pid", 1, 0x7fff_ffff);
    if (cgroup === undefined) return this.#attach(info, map !== undefined || pid !== undefined);
    return withFile(cgroup, "cgroup", (fd) => {
      info[0] = BPF_CGROUP_ITER_SELF_ONLY;
      info[1] = fd;
      return this.#attach(info, true);
    });
  }

  #attach(info: Uint32Array, given: boolean): Link {
    const area = borrow(info.byteLength);
    area.bytes.set(new Uint8Array(info.buffer));
    try {
      const attributes = given ? { iter_info: BigInt(area.address), iter_info_len: info.byteLength } : {};
      return this.linkedTo(attributes);
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
