/** What a verifier's log comes down to. */
export interface Verdict {
  /** Why it refused the program, in its own words. */
  readonly reason: string;
  /** What to do about it. */
  readonly advice: string | undefined;
  /** The instruction that it stopped at, as it numbers them. */
  readonly instruction: number | undefined;
  /** Another instruction that the reason speaks of: where a reference was taken that is never released. */
  readonly origin: number | undefined;
  /** The last instructions that it looked at, with what it knew of the registers. */
  readonly steps: readonly string[];
}

/** `12: (85) call …`; libbpf puts `<invalid …>` in place of what it could not resolve. */
const instructionLine = /^(\d+): (?:\([\da-f]{2}\)|<)/;
/** Lines that are neither an instruction nor a reason: state, source, history of registers, statistics. */
const noise =
  /^(; |\d+: |from \d+ to|R\d+(?:_\w+)?=|frame\d+: |func#|processed \d|verification time|stack depth|max_states|-- |arg#\d+ reference type|Validating |Func#|mark_precise|last_idx|parent |regs=|cur state:|old state:|caller:|callee:|returning from callee|to caller at|propagating|Live regs|live regs|\s|$)/;
/** Reasons that are about the whole program: no instruction is to blame. */
const wholeProgram = /combined stack size|stack frames is too deep|call stack of \d+ frames/;

/** What of a log is read: enough for its last instruction and all that is said after that. */
const END = 1 << 20;

/** The last lines of a log. */
export function endOf(log: string): string {
  return log.length <= END ? log : log.slice(log.indexOf("\n", log.length - END) + 1);
}

/**
 * Reads the end of a verifier's log: from kernel 5.10 on, where the reason follows the last instruction, and from 7.3
 * on, where a report with headings follows that.
 */
export function readLog(log: string): Verdict {
  const lines = endOf(log)
    .split("\n")
    .map((line) => line.trimEnd());
  const title = lines.findLastIndex((line) => line.startsWith("Verification failed: "));
  const report = title < 0 ? undefined : sectionsOf(lines.slice(title));
  const plain = title < 0 ? lines : lines.slice(0, title);
  const last = plain.findLastIndex((line) => instructionLine.test(line));
  const words = plain.slice(last + 1).filter((line) => !noise.test(line));
  const short = words[0] ?? plain.findLast((line) => !noise.test(line));
  const said = report?.get("Reason");
  const reason = short && said ? `${short}: ${said}` : (short ?? said ?? "it does not say why");
  return {
    reason,
    advice: report?.get("Suggestion") ?? adviceFor([...plain.slice(last - 1, last + 1), ...words].join("\n")),
    instruction: instructionOf(report?.get("At") ?? words.join("\n"), plain[last]),
    origin: numberIn(/\balloc_insn=(\d+)/, words.join("\n")),
    steps: plain
      .slice(0, last + 1)
      .filter((line) => instructionLine.test(line))
      .slice(-3),
  };
}

/** The text under each heading of a report, on one line. */
function sectionsOf(lines: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  let heading: string | undefined;
  for (const line of lines) {
    const starts = /^([A-Z][\w ]*):$/.exec(line)?.[1];
    if (starts) heading = starts;
    else if (heading !== undefined && /^\s+\S/.test(line))
      found.set(heading, `${found.get(heading) ?? ""} ${line.trim()}`.trim());
    else if (line !== "") heading = undefined;
  }
  return found;
}

function instructionOf(reason: string, line: string | undefined): number | undefined {
  if (wholeProgram.test(reason)) return 0;
  return numberIn(/\binsn (\d+)/, reason) ?? numberIn(instructionLine, line ?? "");
}

function numberIn(pattern: RegExp, text: string): number | undefined {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** What a reason of the verifier's calls for; the first that fits. */
const advices: readonly (readonly [RegExp, string])[] = [
  [
    /failed to resolve CO-RE relocation <(?:byte|field|lshift|rshift|signed)\w*>/,
    "this kernel's type has no such field: read it only if bpf_core_field_exists() says so",
  ],
  [
    /failed to resolve CO-RE relocation <enumval/,
    "this kernel has no such enumerator: use it only if bpf_core_enum_value_exists() says so",
  ],
  [
    /failed to resolve CO-RE relocation/,
    "this kernel has no such type: use it only if bpf_core_type_exists() says so",
  ],
  [
    // libbpf before 1.2 leaves the call of a weak kfunc that is not there as it is.
    /kfunc '.*' is referenced but wasn't resolved|\(85\) call #0\b/,
    "this kernel has no such kfunc: call it only if bpf_ksym_exists()",
  ],
  [/mem access '\w+_or_null'/, "it may be NULL: compare it with NULL before using it"],
  [/invalid access to packet/, "compare with data_end before reading that far into the packet"],
  [
    /invalid mem access '(scalar|inv)'/,
    "that is a number to the verifier: read the kernel's memory with bpf_probe_read_kernel() or BPF_CORE_READ()",
  ],
  [
    /invalid access to map value|outside of the allowed memory range|unbounded memory access|(un)?bounded min value|makes .* pointer be out of bounds/,
    "check the index or size against its bounds right before it is used, in an unsigned variable",
  ],
  [/min value is negative/, "make the size unsigned, or check that it is not negative"],
  [
    /slot poisoned by dead code elimination/,
    "this kernel's verifier takes the value on the stack for unused, as of bpf_map_peek_elem() on a Bloom filter: keep it in a global variable or a map",
  ],
  [/!read_ok/, "give it a value on every path that leads here"],
  [
    /Unreleased reference|reference leak/,
    "release it on every path: bpf_ringbuf_submit() or _discard(), bpf_sk_release(), bpf_obj_drop(), …",
  ],
  [
    /infinite loop|back-edge/,
    "give the loop an end that the verifier can see, or use bpf_loop() (kernel 5.17)",
  ],
  [
    /BPF program is too large|jumps is too complex|too many states/,
    "shorten its loops, use bpf_loop() (kernel 5.17), or move parts into functions that are not static",
  ],
  [
    /combined stack size|invalid (write to|read from|indirect|variable-offset)? ?.*stack/,
    "512 bytes of stack are all there is, for a function and those that it calls: keep large things in a per-CPU array",
  ],
  [
    /cannot use helper|(unknown|invalid) func|helper call is not allowed/,
    "programs of this type, or this kernel, lack that helper",
  ],
  [/invalid bpf_context access/, "its context has no such field, or none that may be used like this"],
  [/write into map forbidden/, "constants cannot be written: take the variable's `const` away"],
  [/pointer arithmetic|prohibits pointer/, "do arithmetic on numbers, and add the result to the pointer"],
  [/type=\S* expected=/, "pass a pointer of the kind that it expects, such as to a variable on the stack"],
  [
    /while holding a lock|bpf_spin_lock-ed|bpf_spin_unlock is missing/,
    "keep to reads and writes between lock and unlock, and unlock on every path",
  ],
  [/should have been in/, "return only values that mean something to programs of this type"],
  [/GPL/, 'declare it: char LICENSE[] SEC("license") = "GPL"'],
  [/unreachable insn/, "take the code away that is never reached"],
  [/div(ision)? by zero/, "check the divisor, or take the division away"],
  [
    /calling kernel function|kernel function .* is not allowed/,
    "programs of this type may not call that kfunc",
  ],
];

function adviceFor(reason: string): string | undefined {
  return advices.find(([pattern]) => pattern.test(reason))?.[1];
}
