import { BpfError } from "../errors.js";

/** What is found out about a machine. */
export interface Machine {
  readonly arch: string;
  /** `sizeof`, in bytes. */
  readonly sizes: { readonly pointer: number; readonly long: number; readonly size_t: number };
  readonly pageSize: number;
}

/**
 * Where `va_list` is passed as one pointer, so that libbpf's messages can be handed on to `vasprintf(3)`, and where
 * integers and structs lie as libbpf's and the kernel's headers say for LP64.
 */
const known = ["x64", "arm64", "riscv64", "loong64", "ppc64", "s390x"];

/**
 * All that the runtime takes for granted of a machine, looked at when libbpf is opened; throws when it does not hold.
 *
 * - LP64: pointers, `long` and `size_t` of 8 bytes. `opts.ts` lays structs out so, and an address fits a number, as
 *   user space ends below 2^53 everywhere.
 * - The processor is one where `va_list` is passed as one pointer (`known`).
 * - A page is a power of two of at least 4096 bytes, and is asked for, never assumed: ring buffers and arenas are
 *   mapped in pages of 4 KiB on x64, of 4, 16 or 64 KiB on arm64.
 *
 * Either order of bytes will do; an object of the other order is refused by `open()`.
 */
export function checkMachine({ arch, sizes, pageSize }: Machine): void {
  const wrong = known.includes(arch)
    ? (Object.entries(sizes)
        .filter(([, size]) => size !== 8)
        .map(([name, size]) => `${name} has ${size} bytes`)[0] ??
      (pageSize >= 4096 && Number.isInteger(Math.log2(pageSize))
        ? undefined
        : `a page has ${pageSize} bytes`))
    : `this runtime was never fitted to it`;
  if (wrong !== undefined)
    throw new BpfError(`${arch}: ${wrong} — use one of the 64-bit machines ${known.join(", ")}`, {
      code: "ERR_BPF_PLATFORM",
    });
}
