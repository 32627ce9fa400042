import { isAscii, transcode } from "node:buffer";

/** A message of libbpf's. */
export interface Message {
  /** One of `LogLevel`. */
  readonly level: number;
  /** Without the newline at its end. */
  readonly text: string;
}

const DEBUG = 2;
/** What libbpf begins each message with; the print function puts the level, plus 1, in front. */
const START = Buffer.from("libbpf: ");

/** Reads what the print function wrote. Verifier's logs may be hundreds of megabytes: nothing is copied but texts. */
export function messagesIn(stream: Uint8Array): Message[] {
  const bytes = Buffer.from(stream.buffer, stream.byteOffset, stream.length);
  const messages: Message[] = [];
  for (let at = startFrom(bytes, 0); at < bytes.length; ) {
    const next = startFrom(bytes, at + 1);
    const end = bytes[next - 1] === NEWLINE ? next - 1 : next;
    messages.push({ level: bytes[at]! - 1, text: textOf(bytes.subarray(at + 1, Math.max(at + 1, end))) });
    at = next;
  }
  return messages;
}

const NEWLINE = 10;

/** Where the next message starts. Lines of C, which logs contain, may have any byte in them, levels too. */
function startFrom(bytes: Buffer, from: number): number {
  for (let at = from; ; at += START.length) {
    const found = bytes.indexOf(START, at + 1);
    if (found < 0) return bytes.length;
    const level = bytes[found - 1]! - 1;
    if (level >= 0 && level <= DEBUG) return found - 1;
    at = found;
  }
}

/** From this length on Node keeps texts outside of V8's heap, which a verifier's log would burst. */
const LARGE = 1 << 20;
/** What is kept of a text for which there is no memory. */
const [HEAD, TAIL] = [1 << 20, 1 << 22];

function textOf(bytes: Buffer): string {
  if (bytes.length <= LARGE) return decoder.decode(bytes);
  try {
    return largeText(bytes);
  } catch {
    const left = bytes.length - HEAD - TAIL;
    if (left <= 0) return decoder.decode(bytes);
    return `${decoder.decode(bytes.subarray(0, HEAD))}\n… ${left} bytes left out, for want of memory …\n${decoder.decode(bytes.subarray(-TAIL))}`;
  }
}

const decoder = new TextDecoder();

function largeText(bytes: Buffer): string {
  if (isAscii(bytes)) return bytes.toString("latin1");
  try {
    return transcode(bytes, "utf8", "utf16le").toString("utf16le");
  } catch {
    // Not UTF-8 from end to end.
    return bytes.toString("latin1");
  }
}
