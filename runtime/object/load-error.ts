import { BpfError, errnoName, type SourceLine } from "../errors.js";
import { systemError } from "../ffi/native.js";

/**
 * What went wrong while an object was opened or loaded, from what libbpf printed meanwhile: the program that
 * was refused, why, and at which line of C.
 */
export function loadError(where: string, syscall: string, errno: number, said: readonly string[]): BpfError {
  const output = said.join("");
  const refused = /prog '([^']*)': -- BEGIN PROG LOAD LOG --\n([\s\S]*?)-- END PROG LOAD LOG --/.exec(output);
  if (!refused) {
    // A limit that kernels from 5.11 on do not have: what it is about says it better.
    const reason = said.map(withoutPrefix).find((line) => line !== "" && !line.includes("RLIMIT_MEMLOCK"));
    return systemError(where, syscall, errno, { what: reason, log: output });
  }
  const [, program, log] = refused as unknown as [string, string, string];
  const source = sourceOf(log);
  const place = source ? ` at ${source.file}:${source.line}: ${source.text}` : "";
  return new BpfError(
    `${where}: program "${program}": the verifier refused it: ${reasonOf(log) ?? errnoName(errno)}${place} — ` +
      "see this error's log",
    { code: errnoName(errno), errno, syscall, program, log, source },
  );
}

/** One message of libbpf without its prefix, as the end of a sentence. */
export function withoutPrefix(message: string): string {
  return message.replace(/^libbpf: /, "").trim();
}

/** The last line of a log that is neither an instruction, nor register state, nor source, nor statistics. */
function reasonOf(log: string): string | undefined {
  const noise =
    /^(\d+: |; |processed \d|verification time|stack depth|from \d+ to|func#|R\d+(?:_\w+)?=|max_states|-- |arg#\d+ reference type|Validating |mark_precise|last_idx|parent |regs=|\s|$)/;
  return log
    .split("\n")
    .filter((line) => !noise.test(line))
    .at(-1);
}

/** The C line that newer kernels write before the instructions it became: `; text @ file.c:12`. */
function sourceOf(log: string): SourceLine | undefined {
  const found = [...log.matchAll(/^; (.*) @ (.+):(\d+)$/gm)].at(-1);
  return found && { text: found[1]!.trim(), file: found[2]!, line: Number(found[3]) };
}
