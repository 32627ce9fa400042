import type { LineInfo } from "../btf/index.js";
import { BpfError, errnoName, type SourceLine } from "../errors.js";
import { hintFor, systemError } from "../ffi/native.js";
import { type SourceMap, sourceMap } from "./source.js";
import { readLog, type Verdict } from "./verifier.js";

/** What was being opened or loaded when it failed. */
export interface Failure {
  /** How errors call the object. */
  readonly where: string;
  /** The function of libbpf's. */
  readonly syscall: string;
  readonly errno: number;
  /** What libbpf said meanwhile. */
  readonly said: readonly string[];
  /** The object, for the lines of C. */
  readonly bytes: Uint8Array;
}

/** Why an object could not be opened or loaded: the program that was refused, why, and at which line of C. */
export function loadError(failure: Failure): BpfError {
  const { where, syscall, errno, said } = failure;
  const output = said.join("");
  const refused = /prog '([^']*)': -- BEGIN PROG LOAD LOG --\n([\s\S]*?)-- END PROG LOAD LOG --/.exec(output);
  const reason = reasonOf(said);
  const program = refused?.[1] ?? /^prog '([^']*)': /.exec(reason ?? "")?.[1];
  if (!refused?.[2])
    return systemError(where, syscall, errno, {
      what: reason,
      todo:
        hintFor({ code: errnoName(errno), syscall, said: output }) ??
        (said.length > 1 ? "this error's `log` has all that libbpf said" : undefined),
      program,
      log: output || undefined,
    });
  return refusal(failure, program!, refused[2]);
}

/** Lines of libbpf's that say that something failed, but not what. */
const unspecific =
  /^(failed to load object|failed to open object|-- (BEGIN|END) |$)|RLIMIT_MEMLOCK|Retrying without/;

/** The message of libbpf's that says the most: one of a map, a program or an external symbol, else the first. */
function reasonOf(said: readonly string[]): string | undefined {
  const lines = said.map(withoutPrefix);
  const telling = lines.filter((line) => !unspecific.test(line));
  return telling.find((line) => /^(map|prog|extern|struct_ops) /.test(line)) ?? telling[0];
}

/** The verifier refused a program: a first line that says it all, then where, in the manner of compilers. */
function refusal({ where, syscall, errno, bytes }: Failure, program: string, log: string): BpfError {
  const verdict = readLog(log);
  const map = sourceMap(bytes, program);
  const line = lineOf(verdict, log, map);
  const code = errnoName(errno);
  const advice = verdict.advice ?? hintFor({ code, syscall }) ?? "its last steps are below";
  const source = line && sourceLine(line);
  const place = source ? ` at ${source.file}:${source.line}` : "";
  const message = [
    `${where}: program "${program}": the verifier refused it${place}: ${verdict.reason} — ${advice}`,
    ...(line ? excerpt(line, map) : []),
    ...origin(verdict, map),
    ...(verdict.steps.length > 0 ? ["", "  The verifier's last steps, of those in this error's `log`:"] : []),
    ...verdict.steps.map((step) => `    ${step}`),
  ];
  return new BpfError(`${message.join("\n")}\n`, { code, errno, syscall, program, log, source });
}

function sourceLine({ file, line, text, column }: LineInfo): SourceLine {
  return { file, line, text: text.trim(), ...(column > 0 ? { column } : {}) };
}

/**
 * The line of the instruction that the verifier stopped at. Newer kernels write lines before the instructions that
 * they became, `; text @ file.c:12`, older ones the text alone.
 */
function lineOf(verdict: Verdict, log: string, map: SourceMap | undefined): LineInfo | undefined {
  if (verdict.instruction !== undefined) {
    // The compiler takes the offset of a field before it comes to the line that reads it.
    const field = /CO-RE relocation .*?(\w+)(?: \(| = |$)/.exec(verdict.reason)?.[1];
    const mapped = (field && map?.mentioning(field, verdict.instruction)) || map?.at(verdict.instruction);
    if (mapped) return mapped;
  }
  const printed = [...log.matchAll(/^; (.*?)(?: @ (.+):(\d+))?$/gm)].at(-1);
  const [, text = "", file, line] = printed ?? [];
  if (file === undefined) return map?.withText(text.trim());
  return { file, line: Number(line), text, column: 0, section: "", offset: 0 };
}

/** One message of libbpf without its prefix, as the end of a sentence. */
export function withoutPrefix(message: string): string {
  return message.replace(/^libbpf: /, "").trim();
}

/** The line with those before it, and a mark under the column. */
function excerpt(line: LineInfo, map: SourceMap | undefined): string[] {
  const width = String(line.line).length;
  const show = (mark: string, { line: number, text }: LineInfo): string =>
    `  ${mark} ${String(number).padStart(width)} | ${text.replaceAll("\t", "  ").trimEnd()}`;
  const before = map?.before(line, 2) ?? [];
  const column = line.text.slice(0, Math.max(0, line.column - 1)).replaceAll("\t", "  ").length;
  return [
    "",
    ...before.map((each) => show(" ", each)),
    show(">", line),
    ...(line.column > 0 ? [`  ${" ".repeat(width + 2)} | ${" ".repeat(column)}^`] : []),
  ];
}

/** Where that was taken which is never released. */
function origin({ origin: instruction }: Verdict, map: SourceMap | undefined): string[] {
  const line = instruction === undefined ? undefined : map?.at(instruction);
  return line
    ? ["", `  It was taken at ${line.file}:${line.line}:`, ...excerpt(line, undefined).slice(1)]
    : [];
}
