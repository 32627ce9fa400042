import { decode, encode } from "../codec/codec.js";
import { hostLittleEndian, Memory } from "../codec/memory.js";
import type { Codec, Input } from "../codec/types.js";
import {
  type Area,
  borrow,
  EINVAL,
  giveBack,
  kernelBefore,
  libbpf,
  optsLayouts,
  systemError,
} from "../ffi/native.js";
import { integer } from "./arguments.js";

/** What a program is run on. */
export interface TestRunInput {
  /** A packet, for programs that see packets: with its Ethernet header, 14 bytes or more. */
  readonly data?: Uint8Array | undefined;
  /** The context in C's layout, as far as the program's kind takes one. */
  readonly ctx?: Uint8Array | undefined;
  /** How often it runs; once when left out, 10 000 000 times at most: the process can do nothing else meanwhile. */
  readonly repeat?: number | undefined;
  /** `BPF_F_TEST_*`. */
  readonly flags?: number | undefined;
  /** Which CPU it runs on, for raw tracepoints. */
  readonly cpu?: number | undefined;
  /**
   * XDP only (kernel 5.18): the packets go where the program sends them, as if they had been received. `batch` of them
   * are made at a time, 64 when left out.
   */
  readonly live?: boolean | { readonly batch: number } | undefined;
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

/** What a program is run on, its context as an object: members that are left out are zero. */
export interface TypedTestRunInput<C> extends Omit<TestRunInput, "ctx"> {
  /** The context; XDP takes `data_end` from the packet when it is left out. */
  readonly ctx: Partial<Input<C>>;
}

/** What a run of a program gave, with its context as an object. */
export interface TypedTestRunResult<C> extends Omit<TestRunResult, "ctx"> {
  /** The context as the program left it. */
  readonly ctx: C;
}

/** A program whose context is a struct that its skeleton knows. */
export interface WithContext<C> {
  /**
   * Runs the program in the kernel, with its context as an object; of bytes, `testRun` takes it too. For XDP, `data_end`
   * is the size of the packet unless it is given.
   */
  testRun(input: TypedTestRunInput<C>): TypedTestRunResult<C>;
}

/** The structs that programs take as their context. */
const contexts = new WeakMap<object, Codec<unknown>>();

/** Says which struct a program takes as its context. */
export function giveContext(program: object, context: Codec<unknown>): void {
  contexts.set(program, context);
}

/** Runs a loaded program in the kernel, its context as bytes or as what its struct decodes to. */
export function testRun(
  program: { readonly type: number },
  where: string,
  fd: number,
  input: TestRunInput,
): TestRunResult {
  if (typeof input !== "object" || input === null)
    throw new TypeError(`${where}: testRun() takes an object such as { data, ctx }, not ${typeof input}`);
  const { ctx } = input as { readonly ctx?: unknown };
  const isObject = typeof ctx === "object" && ctx !== null && !(ctx instanceof Uint8Array);
  const codec = isObject ? contexts.get(program) : undefined;
  if (!isObject || !codec) return runBytes(where, fd, program.type, input);
  const { data } = input;
  const zero = codec.decode(new Memory(new Uint8Array(codec.size)), 0) as object;
  const packet = program.type === BPF_PROG_TYPE_XDP && data ? { data_end: data.length } : {};
  const bytes = encode(codec, { ...zero, ...packet, ...ctx });
  const result = runBytes(where, fd, program.type, { ...input, ctx: bytes });
  // Some kinds give nothing back: the context is what it was.
  const left = result.ctx.length >= codec.size ? result.ctx : bytes;
  return { ...result, ctx: decode(codec, left) as Uint8Array };
}

const BPF_PROG_TYPE_XDP = 6;
const BPF_PROG_TYPE_RAW_TRACEPOINT = 17;
const BPF_PROG_TYPE_SYSCALL = 31;
const BPF_F_TEST_RUN_ON_CPU = 1;
const BPF_F_TEST_XDP_LIVE_FRAMES = 2;
/** The process can do nothing else meanwhile: this takes a second for a program that does nothing. */
const MOST_REPEATS = 10_000_000;
/** How much longer a packet may become. */
const HEADROOM = 512;
/** Native memory is kept once it is there; kernels take a few pages, of 64 KiB at most. */
const MOST = 2 ** 24;
const layout = optsLayouts.bpf_test_run_opts;
/** Where in it a member is, in words of 32 bits. */
const word = (member: Exclude<keyof typeof layout, "size">): number => layout[member][0] / 4;
const [DATA_IN, DATA_OUT, DATA_SIZE_IN, DATA_SIZE_OUT] = [
  word("data_in"),
  word("data_out"),
  word("data_size_in"),
  word("data_size_out"),
];
const [CTX_IN, CTX_OUT, CTX_SIZE_IN, CTX_SIZE_OUT] = [
  word("ctx_in"),
  word("ctx_out"),
  word("ctx_size_in"),
  word("ctx_size_out"),
];
const [RETVAL, REPEAT, DURATION] = [word("retval"), word("repeat"), word("duration")];
const [FLAGS, CPU, BATCH_SIZE] = [word("flags"), word("cpu"), word("batch_size")];
const NO_BYTES = new Uint8Array(0);

/** Runs a loaded program in the kernel, without attaching it (`bpf_prog_test_run_opts`). */
function runBytes(where: string, fd: number, type: number, input: TestRunInput): TestRunResult {
  const { data, ctx, live = false } = input;
  checkBytes(where, data, "data");
  checkBytes(where, ctx, "ctx");
  const repeat = u32(where, input.repeat, "repeat");
  const flags = u32(where, input.flags, "flags");
  const cpu = u32(where, input.cpu, "cpu");
  if (repeat > MOST_REPEATS)
    throw new RangeError(
      `${where}: testRun(): repeat ${repeat} is more than ${MOST_REPEATS}, and nothing could end it — run it again`,
    );
  const batch = typeof live === "boolean" ? 0 : integer(live?.batch, "batch", 1, 256, `${where}: testRun()`);
  const onCpu = input.cpu === undefined ? 0 : BPF_F_TEST_RUN_ON_CPU;
  const asked = onCpu | (live === false ? 0 : BPF_F_TEST_XDP_LIVE_FRAMES);
  // From here on no code of the caller's runs, so the one set of native memory is this run's.
  room ??= new Room();
  const { options, words, dataIn, dataOut, ctxIn, ctxOut } = room;
  const [dataSize, ctxSize] = [sizeOf(where, data), sizeOf(where, ctx)];
  // These two give nothing back but what they change in place.
  const inPlace = type === BPF_PROG_TYPE_SYSCALL || type === BPF_PROG_TYPE_RAW_TRACEPOINT;
  // Live packets are gone when the run is over.
  const dataRoom = data && live === false ? dataSize + HEADROOM : 0;
  const ctxRoom = inPlace || live !== false ? 0 : ctxSize;
  setAddress(words, DATA_IN, dataIn.take(data, dataSize));
  setAddress(words, DATA_OUT, dataRoom > 0 ? dataOut.hold(dataRoom) : 0);
  words[DATA_SIZE_IN] = dataSize;
  words[DATA_SIZE_OUT] = dataRoom;
  setAddress(words, CTX_IN, ctxIn.take(ctx, ctxSize));
  setAddress(words, CTX_OUT, ctxRoom > 0 ? ctxOut.hold(ctxRoom) : 0);
  words[CTX_SIZE_IN] = ctxSize;
  words[CTX_SIZE_OUT] = ctxRoom;
  words[RETVAL] = 0;
  words[REPEAT] = repeat;
  words[DURATION] = 0;
  words[FLAGS] = flags | asked;
  words[CPU] = cpu;
  words[BATCH_SIZE] = batch;
  const result = libbpf.bpf_prog_test_run_opts(fd, options.address);
  if (result < 0) {
    const early = result === EINVAL && ctx && type === BPF_PROG_TYPE_XDP && kernelBefore(5, 15);
    const todo = early ? "XDP programs are run with a context from kernel 5.15 on" : undefined;
    throw systemError(where, "bpf_prog_test_run_opts", -result, { todo });
  }
  return {
    retval: words[RETVAL]!,
    data: dataRoom > 0 ? dataOut.copy(words[DATA_SIZE_OUT]!) : NO_BYTES,
    ctx:
      !ctx || live !== false ? NO_BYTES : inPlace ? ctxIn.copy(ctxSize) : ctxOut.copy(words[CTX_SIZE_OUT]!),
    durationNs: words[DURATION]!,
  };
}

function checkBytes(where: string, bytes: unknown, name: string): void {
  if (bytes === undefined || bytes instanceof Uint8Array) return;
  throw new TypeError(`${where}: testRun(): ${name} is a Uint8Array, not ${typeof bytes}`);
}

/** The true length of a typed array, whatever its own properties say. */
const trueLength = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), "length")!
  .get as (this: Uint8Array) => number;

function sizeOf(where: string, bytes: Uint8Array | undefined): number {
  const size = bytes === undefined ? 0 : trueLength.call(bytes);
  if (size <= MOST) return size;
  throw new RangeError(`${where}: testRun(): ${size} bytes are more than any program takes`);
}

function u32(where: string, value: number | undefined = 0, name: string): number {
  return typeof value === "number" && value === value >>> 0
    ? value
    : integer(value, name, 0, 0xffff_ffff, `${where}: testRun()`);
}

/** Writes an address in two halves: as a bigint it would take as long as all the rest. */
function setAddress(words: Uint32Array, at: number, address: number): void {
  words[hostLittleEndian ? at : at + 1] = address;
  words[hostLittleEndian ? at + 1 : at] = address / 2 ** 32;
}

/** Native bytes that are kept from run to run, and grow when they have to. */
class Bytes {
  #area: Area = borrow(64);

  /** Makes room for so many bytes, and returns their address. */
  hold(size: number): number {
    if (this.#area.bytes.length >= size) return this.#area.address;
    const smaller = this.#area;
    this.#area = borrow(size);
    giveBack(smaller);
    return this.#area.address;
  }

  /** Puts bytes there, and returns their address; NULL when there are none. */
  take(bytes: Uint8Array | undefined, size: number): number {
    if (!bytes) return 0;
    const address = this.hold(size);
    this.#area.bytes.set(bytes);
    return address;
  }

  /** What is there now. */
  copy(size: number): Uint8Array {
    return this.#area.bytes.slice(0, size);
  }
}

/** What a run takes, in native memory: calls are synchronous, so one set serves them all. */
class Room {
  readonly options: Area = borrow(layout.size);
  readonly words: Uint32Array = new Uint32Array(
    this.options.bytes.buffer,
    this.options.bytes.byteOffset,
    layout.size / 4,
  );
  readonly dataIn = new Bytes();
  readonly dataOut = new Bytes();
  readonly ctxIn = new Bytes();
  readonly ctxOut = new Bytes();

  constructor() {
    new DataView(this.words.buffer, this.words.byteOffset).setBigUint64(
      0,
      BigInt(layout.size),
      hostLittleEndian,
    );
  }
}

let room: Room | undefined;
