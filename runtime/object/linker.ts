import { rmSync } from "node:fs";
import { FormatError, readElf } from "../btf/index.js";
import { BpfError } from "../errors.js";
import { libbpf, listening, systemError } from "../ffi/native.js";
import { withoutPrefix } from "./load-error.js";
import { checkElf, readObject } from "./open.js";
import { text } from "./settings.js";

/**
 * Puts several BPF objects together into one (`bpf_linker__new`, `bpf_linker__add_file`, `bpf_linker__finalize`), as
 * `bpftool gen object` does: their programs and maps, what they declare `extern` of each other, and their types, each
 * once. What it makes is loaded, or given to `bpf-tsgen`, like any object.
 *
 * ```ts
 * linkObjects("agent.bpf.o", ["files.bpf.o", "network.bpf.o"]);
 * ```
 * @param output the file to write. When linking fails there is none.
 * @throws BpfError with what libbpf says of it: a symbol that two of them define, or that none has.
 */
export function linkObjects(output: string, inputs: readonly string[]): void {
  const path = text("linkObjects(): output", output);
  if (!Array.isArray(inputs) || inputs.length === 0)
    throw new TypeError("linkObjects(): inputs is an array of files, one or more");
  const files = inputs.map((input) => text("linkObjects(): an input", input));
  for (const file of files) checkObject(file);
  const made = listening(() => libbpf.bpf_linker__new(path, 0));
  if (made.result === 0) throw linkError(path, "bpf_linker__new", made.errno, made.said);
  const step = (syscall: string, where: string, call: () => number): void => {
    const { result, said } = listening(call);
    if (result < 0) throw linkError(where, syscall, -result, said);
  };
  try {
    for (const file of files)
      step("bpf_linker__add_file", file, () => libbpf.bpf_linker__add_file(made.result, file, 0));
    step("bpf_linker__finalize", path, () => libbpf.bpf_linker__finalize(made.result));
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    libbpf.bpf_linker__free(made.result);
  }
}

/** Throws for what is no object. libbpf 1.1 ends the process for a file that is no ELF. */
function checkObject(file: string): void {
  const bytes = readObject(file, "has it been compiled?");
  checkElf(`linkObjects(): ${file}`, bytes);
  try {
    readElf(bytes);
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new BpfError(`linkObjects(): ${file}: ${cause.message}`, {
      code: "ERR_BPF_OBJECT",
      cause,
    });
  }
}

function linkError(where: string, syscall: string, errno: number, said: readonly string[]): BpfError {
  const what = said.map(withoutPrefix).find((line) => line !== "");
  return systemError(`linkObjects(): ${where}`, syscall, errno, { what, log: said.join("\n") });
}
