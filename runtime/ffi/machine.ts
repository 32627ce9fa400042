import { BpfError } from "../errors.js";

/** What is found out about a machine. */
export interface Machine {
  readonly arch: string;
  /** `sizeof`, in bytes. */
  readonly sizes: { readonly pointer: number; readonly long: number; readonly size_t: number };
  readonly pageSize: number;
  /** Whether the lowest byte of a number comes first. */
  readonly littleEndian: boolean;
}

/** The numbers of the system calls that libbpf does not wrap, or only in newer versions. */
const generic = { bpf: 280, perf_event_open: 241 } as const;
/**
 * Where `va_list` is passed as one pointer, so that libbpf's messages can be handed on to `vsnprintf(3)`, where
 * integers and structs lie as libbpf's and the kernel's headers say for LP64, and the numbers of system calls are known.
 */
const known: Readonly<Record<string, { readonly bpf: number; readonly perf_event_open: number }>> = {
  x64: { bpf: 321, perf_event_open: 298 },
  arm64: generic,
  riscv64: generic,
  loong64: generic,
};

/** The numbers of system calls on this machine, which has been checked. */
export const syscallNumbers: { readonly bpf: number; readonly perf_event_open: number } =
  known[process.arch] ?? generic;

/** What this machine is like, as far as JavaScript tells. */
export const littleEndian: boolean = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * All that the runtime takes for granted of a machine, looked at when libbpf is opened; throws when it does not hold.
 *
 * - LP64: pointers, `long` and `size_t` of 8 bytes. `opts.ts` lays structs out so, and an address fits a number, as
 *   user space ends below 2^53 everywhere.
 * - The processor is one where `va_list` is passed as one pointer, and whose system calls are known by number (`known`).
 * - The lowest byte of a number comes first: option structs and the kernel's records are written and read so. An object
 *   of the other order is refused by `open()`, and its values by themselves decode right.
 * - A page is a power of two of at least 4096 bytes, and is asked for, never assumed: ring buffers and arenas are
 *   mapped in pages of 4 KiB on x64, of 4, 16 or 64 KiB on arm64.
 */
export function checkMachine(machine: Machine): void {
  const wrong = objection(machine);
  if (wrong !== undefined)
    throw new BpfError(
      `${machine.arch}: ${wrong} — use one of the 64-bit machines ${Object.keys(known).join(", ")}`,
      { code: "ERR_BPF_PLATFORM" },
    );
}

function objection({ arch, sizes, pageSize, littleEndian }: Machine): string | undefined {
  if (!Object.hasOwn(known, arch)) return "this runtime was never fitted to it";
  const odd = Object.entries(sizes).find(([, size]) => size !== 8);
  if (odd) return `${odd[0]} has ${odd[1]} bytes`;
  if (!littleEndian) return "the highest byte of a number comes first";
  const isPage = pageSize >= 4096 && Number.isInteger(Math.log2(pageSize));
  return isPage ? undefined : `a page has ${pageSize} bytes`;
}
