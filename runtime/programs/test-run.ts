import { type Area, borrow, check, giveBack, libbpf, optsAt } from "../ffi/native.js";
import { integer } from "./arguments.js";

/** What a program is run on. */
export interface TestRunInput {
  /** A packet, for programs that see packets: with its Ethernet header, 14 bytes or more. */
  readonly data?: Uint8Array | undefined;
  /** The context in C's layout, as far as the program's kind takes one. */
  readonly ctx?: Uint8Array | undefined;
  /** How often it runs; once when left out. */
  readonly repeat?: number | undefined;
  /** `BPF_F_TEST_*`. */
  readonly flags?: number | undefined;
  /** Which CPU it runs on, for raw tracepoints. */
  readonly cpu?: number | undefined;
}

/** What a run of a program gave. */
export interface TestRunResult {
  /** What the program returned. */
  readonly retval: number;
  /** The packet as the program left it. */
  readonly data: Uint8Array;
  /** The context as the program left it. */
  readonly ctx: Uint8Array;
  /** Nanoseconds that one run took, on average. */
  readonly durationNs: number;
}

const BPF_PROG_TYPE_RAW_TRACEPOINT = 17;
const BPF_PROG_TYPE_SYSCALL = 31;
const BPF_F_TEST_RUN_ON_CPU = 1;
/** How much longer a packet may become. */
const HEADROOM = 512;
/** Native memory is kept once it is there; kernels take a few pages, of 64 KiB at most. */
const MOST = 2 ** 24;
const RETVAL = 56;
const DURATION = 64;
const DATA_SIZE_OUT = 28;
const CTX_SIZE_OUT = 52;

/** Runs a loaded program in the kernel, without attaching it (`bpf_prog_test_run_opts`). */
export function testRun(where: string, fd: number, type: number, input: TestRunInput): TestRunResult {
  const bytesOf = (name: "data" | "ctx"): Uint8Array | undefined => {
    const bytes = input[name];
    if (bytes === undefined) return undefined;
    if (!(bytes instanceof Uint8Array))
      throw new TypeError(`${where}: testRun(): ${name} is a Uint8Array, not ${typeof bytes}`);
    // A copy: only of that the length is sure to be true, and to stay.
    const copy = new Uint8Array(bytes);
    if (copy.length > MOST)
      throw new RangeError(
        `${where}: testRun(): ${name} of ${copy.length} bytes is more than any program takes`,
      );
    return copy;
  };
  const u32 = (name: "repeat" | "flags" | "cpu"): number =>
    integer(input[name] ?? 0, name, 0, 0xffff_ffff, `${where}: testRun()`);
  const data = bytesOf("data");
  const ctx = bytesOf("ctx");
  const [repeat, flags, cpu] = [u32("repeat"), u32("flags"), u32("cpu")];
  const onCpu = input.cpu === undefined ? 0 : BPF_F_TEST_RUN_ON_CPU;
  const areas: Area[] = [];
  const area = (size: number, bytes?: Uint8Array): Area => {
    const made = borrow(Math.max(size, 1));
    areas.push(made);
    if (bytes) made.bytes.set(bytes);
    return made;
  };
  try {
    // These two give nothing back but what they change in place.
    const inPlace = type === BPF_PROG_TYPE_SYSCALL || type === BPF_PROG_TYPE_RAW_TRACEPOINT;
    const dataIn = data && area(data.length, data);
    const dataOut = data && area(data.length + HEADROOM);
    const ctxIn = ctx && area(ctx.length, ctx);
    const ctxOut = ctx && !inPlace ? area(ctx.length) : undefined;
    const options = area(128);
    const result = libbpf.bpf_prog_test_run_opts(
      fd,
      optsAt(options, 0, "bpf_test_run_opts", {
        ...(data && { data_in: BigInt(dataIn!.address), data_size_in: data.length }),
        ...(data && { data_out: BigInt(dataOut!.address), data_size_out: data.length + HEADROOM }),
        ...(ctx && { ctx_in: BigInt(ctxIn!.address), ctx_size_in: ctx.length }),
        ...(ctxOut && { ctx_out: BigInt(ctxOut.address), ctx_size_out: ctx!.length }),
        repeat,
        flags: (flags | onCpu) >>> 0,
        cpu,
      }),
    );
    check(where, "bpf_prog_test_run_opts", result);
    const view = new DataView(options.bytes.buffer);
    return {
      retval: view.getUint32(RETVAL, true),
      data: dataOut ? dataOut.bytes.slice(0, view.getUint32(DATA_SIZE_OUT, true)) : new Uint8Array(0),
      ctx: ctxOut
        ? ctxOut.bytes.slice(0, view.getUint32(CTX_SIZE_OUT, true))
        : (ctxIn?.bytes.slice(0, ctx!.length) ?? new Uint8Array(0)),
      durationNs: view.getUint32(DURATION, true),
    };
  } finally {
    for (const each of areas) giveBack(each);
  }
}
