import { borrow, check, EINVAL, giveBack, progReadStream, systemError } from "../ffi/native.js";

/** `BPF_STDOUT`, `BPF_STDERR` */
const streams = { stdout: 1, stderr: 2 } as const;
const CHUNK = 65_536;
/** The kernel keeps 100 000 bytes; a program that goes on writing cannot hold the reader. */
const MOST_CHUNKS = 16;

/** Takes out what a program has written to one of its streams. */
export function readStream(where: string, fd: number, stream: keyof typeof streams): string {
  if (stream !== "stdout" && stream !== "stderr")
    throw new TypeError(`${where}: readStream(): a stream is "stdout" or "stderr"`);
  const area = borrow(CHUNK);
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (let i = 0; i < MOST_CHUNKS; i++) {
      const count = progReadStream({
        stream_buf: BigInt(area.address),
        stream_buf_len: CHUNK,
        stream_id: streams[stream],
        prog_fd: fd,
      });
      if (count === EINVAL)
        throw systemError(where, "bpf(BPF_PROG_STREAM_READ_BY_FD)", -count, {
          todo: "streams of programs need kernel 6.17",
        });
      if (check(where, "bpf(BPF_PROG_STREAM_READ_BY_FD)", count) === 0) break;
      text += decoder.decode(area.bytes.subarray(0, count), { stream: true });
    }
    return text + decoder.decode();
  } finally {
    giveBack(area);
  }
}
