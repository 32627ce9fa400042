import { hostLittleEndian, Memory } from "../codec/memory.js";
import { errno, libc, systemError, viewNative } from "../ffi/native.js";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;

/** Part of a map, mapped into this process: reads and writes of it cost no system call. */
export interface Mapping {
  /** The mapped bytes. They must not leave the runtime: touching them after {@link close} ends the process. */
  readonly bytes: Uint8Array;
  /** Unmaps them. Only when nothing refers to `bytes` any more. */
  close(): void;
}

/** The size of a page of memory, 4096 or more. */
export function pageSize(): number {
  return libc.getpagesize();
}

/**
 * Maps `size` bytes of a map (`mmap(2)` on its descriptor), whole pages.
 * @param where how an error calls it.
 */
export function mapMemory(where: string, fd: number, size: number, writable: boolean, offset = 0): Mapping {
  const page = pageSize();
  const length = Math.ceil(size / page) * page;
  const prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  const address = libc.mmap(0, length, prot, MAP_SHARED, fd, offset);
  // MAP_FAILED is the highest address: the only one that does not fit a number.
  if (typeof address === "bigint") throw systemError(where, "mmap", errno());
  const close = (): void => void libc.munmap(address, length);
  try {
    // SAFETY: mapped until close(), which the owner calls after it has let go of the bytes.
    return { bytes: viewNative(address, size), close };
  } catch (error) {
    close();
    throw error;
  }
}

/** A mapping as typed memory: once closed, every use of the memory throws instead of touching it. */
export class MappedMemory {
  readonly memory: Memory;
  readonly #where: string;
  readonly #mapping: Mapping;
  #open = true;

  constructor(where: string, fd: number, size: number) {
    this.#where = where;
    this.#mapping = mapMemory(where, fd, size, true);
    this.memory = new Memory(this.#mapping.bytes, hostLittleEndian);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.memory.release(this.#where);
    this.#mapping.close();
  }
}
