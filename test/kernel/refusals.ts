/** What `refusals.bpf.c` says of a program that fails to load. */
export interface Refusal {
  readonly program: string;
  /** What the kernel says. */
  readonly reason: RegExp;
  /** The line to blame, and its text. */
  readonly line: number;
  readonly text: string;
}

/** Reads the comments `refused: REASON` and `refused in PROGRAM: REASON`. */
export function refusals(source: string): Refusal[] {
  let inside = "";
  return source.split("\n").flatMap((text, index, lines) => {
    const named = /^int (\w+)\(/.exec(text)?.[1];
    if (named && /^(ENTRY|SEC\()/.test(lines[index - 1] ?? "")) inside = named;
    const [, program = inside, reason] = /\/\/ refused(?: in (\w+))?: (.*)$/.exec(text) ?? [];
    return reason ? [{ program, reason: new RegExp(reason), line: index + 1, text: text.trim() }] : [];
  });
}
