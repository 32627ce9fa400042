import type { LineInfo } from "../btf/index.js";
import { BpfError, errnoName, type SourceLine } from "../errors.js";
import { capabilityHint, hintFor, systemError } from "../ffi/native.js";
import { type SourceMap, sourceMap } from "./source.js";
import { endOf, readLog, type Verdict } from "./verifier.js";

/** What was being opened or loaded when it failed. */
export interface Failure {
  /** How errors call the object. */
  readonly where: string;
  /** The function of libbpf's. */
  readonly syscall: string;
  readonly errno: number;
  /** What libbpf said meanwhile. */
  readonly said: readonly string[];
  /** What of the object this kernel is too old for. */
  readonly lacking?: string | undefined;
  /** The object, for the lines of C. */
  readonly bytes: Uint8Array;
}

/** Why an object could not be opened or loaded: the program that was refused, why, and at which line of C. */
export function loadError(failure: Failure): BpfError {
  const { where, syscall, errno } = failure;
  for (const message of failure.said) {
    const found = logIn(message);
    if (found?.log) return refusal(failure, found.program, found.log);
  }
  const said = failure.said.filter((message) => !logStart.test(message));
  const output = said.join("\n");
  const reason = reasonOf(said);
  return systemError(where, syscall, errno, {
    what: reason,
    todo:
      failure.lacking ??
      hintFor({ code: errnoName(errno), syscall, said: output }) ??
      (said.length > 1 ? "this error's `log` has all that libbpf said" : undefined),
    program: /^prog '([^']*)': /.exec(reason ?? "")?.[1],
    log: output || undefined,
  });
}

/** How a message starts that has a verifier's log in it. */
const logStart = /^libbpf: prog '([^']*)': -- BEGIN PROG LOAD LOG --\n/;

/** The program and the log of such a message. The log may be most of what memory there is: nothing here copies it. */
function logIn(message: string): { program: string; log: string } | undefined {
  const start = logStart.exec(message);
  if (!start) return undefined;
  const end = message.lastIndexOf("-- END PROG LOAD LOG --");
  return { program: start[1]!, log: message.slice(start[0].length, end < 0 ? undefined : end) };
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

/** What the verifier forbids to processes without CAP_PERFMON, or without any privilege, and not to others. */
const forOthers =
  /leaks addr|prohibited for !root|pointer (arithmetic|comparison) prohibited|for unprivileged|without CAP_/;

/** The verifier refused a program: a first line that says it all, then where, in the manner of compilers. */
function refusal({ where, syscall, errno, bytes }: Failure, program: string, log: string): BpfError {
  const verdict = readLog(log);
  const map = sourceMap(bytes, program);
  const line = lineOf(verdict, log, map);
  const code = errnoName(errno);
  const advice =
    (forOthers.test(verdict.reason) ? capabilityHint() : undefined) ??
    verdict.advice ??
    "its last steps are below";
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
  const printed = [...endOf(log).matchAll(/^; (.*?)(?: @ (.+):(\d+))?$/gm)].at(-1);
  const [, text = "", file, line] = printed ?? [];
  if (text === "") return undefined;
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
