import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { hostLittleEndian } from "../codec/memory.js";
import { BpfError } from "../errors.js";
import { expectLibbpf, libbpf, listening, opts, systemError } from "../ffi/native.js";
import { backfill } from "../programs/sections.js";
import { ARENA_SECTION } from "./arena.js";
import { loadError } from "./load-error.js";
import { NativeObject, programsOf } from "./native-object.js";

/** How an object is opened. */
export interface OpenOptions {
  /** The name that the kernel sees as a prefix of the names of data sections; at most 15 bytes are kept. */
  readonly name?: string | undefined;
  /** Kernel configuration as in `/proc/config.gz`, `CONFIG_X=y` lines, over the running kernel's. */
  readonly kconfig?: string | undefined;
  /** A BTF file to relocate against, instead of the running kernel's. */
  readonly btfPath?: string | undefined;
  /** Where on bpffs maps with `LIBBPF_PIN_BY_NAME` are pinned; `/sys/fs/bpf` when left out. */
  readonly pinRoot?: string | undefined;
  /** A BPF token's bpffs, for loading without privileges; needs libbpf 1.4 and kernel 6.9. */
  readonly tokenPath?: string | undefined;
  /** Accepts map definitions with attributes that this libbpf does not know. */
  readonly relaxedMaps?: boolean | undefined;
  /** How much the verifier logs: 1, 2, 4; 0 (the default) logs failures only. */
  readonly logLevel?: number | undefined;
}

/** Parses an object, without loading anything into the kernel (`bpf_object__open_mem`). */
export function openObject(source: string | Uint8Array, given: OpenOptions = {}): NativeObject {
  const options = given ?? {};
  const fromPath = typeof source === "string" ? basename(source).replace(/(\.bpf)?\.o$/, "") : "object";
  const name = checkText("name", options.name) ?? fromPath;
  if (typeof source !== "string" && !(source instanceof Uint8Array))
    throw new TypeError(`${name}: an object is opened from its path or bytes, not from ${typeof source}`);
  // A copy: nobody can change it while libbpf reads it, and its length is true.
  const bytes = typeof source === "string" ? readObject(source) : new Uint8Array(source);
  checkElf(name, bytes);
  const values = {
    object_name: name,
    kconfig: checkText("kconfig", options.kconfig),
    btf_custom_path: checkText("btfPath", options.btfPath),
    pin_root_path: checkText("pinRoot", options.pinRoot),
    bpf_token_path: checkText("tokenPath", options.tokenPath),
    relaxed_maps: options.relaxedMaps,
    kernel_log_level: checkLogLevel(options.logLevel),
  };
  return new NativeObject(name, bytes, (bytes) => {
    const address = opts("bpf_object_open_opts", values);
    const call = listening(() => libbpf.bpf_object__open_mem(bytes, bytes.length, address));
    if (call.result === 0 && Buffer.from(bytes).includes(`\0${ARENA_SECTION}\0`))
      expectLibbpf(`${name}: ${ARENA_SECTION}`, "1.4");
    if (call.result === 0) {
      const failure = { where: name, syscall: "bpf_object__open_mem", errno: call.errno };
      throw loadError({ ...failure, said: call.said, bytes });
    }
    for (const program of programsOf(call.result)) backfill(program);
    return call.result;
  });
}

/** The bytes of an object's file. */
export function readObject(
  path: string | URL,
  todo: string = "is this where the BPF object is?",
): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const { errno, syscall } = cause as NodeJS.ErrnoException;
    if (errno === undefined) throw cause;
    const name = path instanceof URL ? path.href : path || '""';
    throw systemError(name, syscall ?? "open", -errno, {
      todo,
      cause,
    });
  }
}

const [E_TYPE, E_MACHINE] = [16, 18];
const [ET_REL, EM_BPF] = [1, 247];

/** Refuses what libbpf would refuse with less of an explanation. */
export function checkElf(name: string, bytes: Uint8Array): void {
  if (bytes.length < 64 || bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46)
    throw new BpfError(`${name}: is not a BPF object: no ELF header — compile with clang -target bpf`, {
      code: "ERR_BPF_OBJECT",
    });
  const half = (at: number): number => bytes[at]! | (bytes[at + 1]! << 8);
  // Of other byte orders that is said below. Some compilers leave the machine open.
  if (bytes[5] === 1 && (half(E_TYPE) !== ET_REL || (half(E_MACHINE) !== 0 && half(E_MACHINE) !== EM_BPF)))
    throw new BpfError(
      `${name}: is not a BPF object: an ELF file, but of another kind — compile with clang -target bpf -c`,
      { code: "ERR_BPF_OBJECT" },
    );
  if ((bytes[5] === 1) !== hostLittleEndian)
    throw new BpfError(
      `${name}: is for ${bytes[5] === 1 ? "little" : "big"}-endian machines — compile with clang -target bpf`,
      { code: "ERR_BPF_OBJECT" },
    );
}

function checkLogLevel(value: number | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "number") throw new TypeError(`open(): logLevel is a number, not ${typeof value}`);
  if (Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff) return value;
  throw new RangeError(`open(): logLevel ${value} is none — 0, or a sum of 1, 2 and 4`);
}

function checkText(name: string, value: string | undefined): string | undefined {
  if (value !== undefined && (typeof value !== "string" || value.includes("\0")))
    throw new TypeError(`open(): ${name} is a string without NUL, not ${typeof value}`);
  return value;
}
