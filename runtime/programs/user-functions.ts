import { closeSync, openSync, readSync, statSync } from "node:fs";
import { BpfError } from "../errors.js";
import { systemError } from "../ffi/native.js";
import { matches } from "./kernel-functions.js";

const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const PT_LOAD = 1;
const SYM_SIZE = 24;
/** More is no symbol table. */
const MOST = 2 ** 30;

/** A function of a program or library, and where in its file its first instruction lies. */
export interface UserFunction {
  readonly name: string;
  readonly offset: bigint;
}

/**
 * The path of a library or program given without a slash, as libbpf looks for it: `*.so` and `*.so.*` among the
 * system's libraries, everything else in `PATH`.
 */
export function findBinary(where: string, path: string): string {
  if (path.includes("/")) return path;
  const isLibrary = /\.so(\.|$)/.test(path);
  const machine = process.arch === "x64" ? "x86_64" : process.arch === "arm64" ? "aarch64" : process.arch;
  const folders = isLibrary
    ? [process.env.LD_LIBRARY_PATH, "/usr/lib64:/usr/lib", `/lib/${machine}-linux-gnu`]
    : [process.env.PATH, "/usr/bin:/usr/sbin"];
  for (const folder of folders.flatMap((each) => each?.split(":") ?? [])) {
    if (folder === "") continue;
    const candidate = `${folder}/${path}`;
    if (isFile(candidate)) return candidate;
  }
  throw new BpfError(`${where}: there is no ${isLibrary ? "library" : "program"} "${path}" — give its path`, {
    code: "ENOENT",
    errno: 2,
  });
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The functions of a program or library whose names match a pattern; read piece by piece, libraries being large. */
export function functionsMatching(where: string, path: string, pattern: string): UserFunction[] {
  const found = new Map<string, UserFunction>();
  for (const each of readFunctions(where, path))
    if (matches(each.name, pattern)) found.set(`${each.offset}`, each);
  if (found.size > 0) return [...found.values()];
  throw noSuch(where, `no function of ${path} matches "${pattern}"`);
}

/** Where the named functions of a program or library begin, in the order of the names. */
export function offsetsOf(where: string, path: string, names: readonly string[]): bigint[] {
  const found = new Map<string, bigint>();
  // A library's versions of a function: the default one comes with the name alone, and is the first to be asked for.
  for (const { name, offset } of readFunctions(where, path)) if (!found.has(name)) found.set(name, offset);
  return names.map((name) => {
    const offset = found.get(name);
    if (offset === undefined) throw noSuch(where, `${path} has no function '${name}'`);
    return offset;
  });
}

function noSuch(where: string, what: string): BpfError {
  return new BpfError(`${where}: ${what} — "readelf -Ws" lists them`, { code: "ENOENT", errno: 2 });
}

/** The functions that are in the file's symbol tables. */
function* readFunctions(where: string, path: string): Generator<UserFunction> {
  const file = new Binary(where, path);
  try {
    yield* file.functions();
  } finally {
    file.close();
  }
}

/** A program or library on disk: ELF of 64 bits and this machine's byte order. */
class Binary {
  readonly #where: string;
  readonly #fd: number;

  constructor(where: string, path: string) {
    this.#where = `${where}: ${path}`;
    try {
      this.#fd = openSync(path, "r");
    } catch (cause) {
      const { errno = -5 } = cause as NodeJS.ErrnoException;
      throw systemError(this.#where, "open", -errno, { todo: "is the path right?", cause });
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #refuse(what: string): BpfError {
    return new BpfError(`${this.#where}: ${what} — is it a program or shared library of this machine?`, {
      code: "LIBBPF_ERRNO__FORMAT",
    });
  }

  #read(at: number, size: number): Buffer {
    if (!Number.isSafeInteger(at + size) || size > MOST) throw this.#refuse(`absurd size ${size} at ${at}`);
    const bytes = Buffer.alloc(size);
    let read = 0;
    try {
      read = readSync(this.#fd, bytes, 0, size, at);
    } catch (cause) {
      const { errno = -5 } = cause as NodeJS.ErrnoException;
      throw systemError(this.#where, "read", -errno, { cause });
    }
    if (read < size) throw this.#refuse(`ends at byte ${at + read}, within what it says is there`);
    return bytes;
  }

  /** The records of a table of headers. */
  #table(at: number, count: number, size: number): Buffer[] {
    const bytes = this.#read(at, count * size);
    return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
  }

  *functions(): Generator<UserFunction> {
    const header = this.#read(0, 64);
    if (header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1)
      throw this.#refuse("is no 64-bit, little-endian ELF file");
    const [segmentSize, sectionSize] = [header.readUInt16LE(54), header.readUInt16LE(58)];
    if (segmentSize < 56 || sectionSize < 64) throw this.#refuse("has neither segments nor sections");
    const segments = this.#table(u64(header, 32), header.readUInt16LE(56), segmentSize).filter(
      (segment) => segment.readUInt32LE(0) === PT_LOAD,
    );
    const sections = this.#table(u64(header, 40), header.readUInt16LE(60), sectionSize);
    for (const table of sections) {
      const type = table.readUInt32LE(4);
      if (type !== SHT_SYMTAB && type !== SHT_DYNSYM) continue;
      const strings = sections[table.readUInt32LE(40)];
      if (!strings) throw this.#refuse("has symbols without names");
      const names = this.#read(u64(strings, 24), u64(strings, 32));
      const symbols = this.#read(u64(table, 24), u64(table, 32));
      for (let at = 0; at + SYM_SIZE <= symbols.length; at += SYM_SIZE) {
        const kind = symbols[at + 4]! & 0xf;
        if ((kind !== STT_FUNC && kind !== STT_GNU_IFUNC) || symbols.readUInt16LE(at + 6) === 0) continue;
        const start = symbols.readUInt32LE(at);
        const end = names.indexOf(0, start);
        const address = symbols.readBigUInt64LE(at + 8);
        const segment = segments.find((each) => {
          const from = each.readBigUInt64LE(16);
          return address >= from && address < from + each.readBigUInt64LE(40);
        });
        if (!segment || end < start) continue;
        // `name@VERSION`, as some linkers write it.
        const name = names.toString("utf8", start, end).replace(/@.*$/, "");
        yield { name, offset: address - segment.readBigUInt64LE(16) + segment.readBigUInt64LE(8) };
      }
    }
  }
}

function u64(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}
