/** How a test went in a guest: one line of JSON on its second serial port. */
export interface Result {
  /** The file, `attach` for `test/kernel/attach.test.ts`. */
  readonly file: string;
  readonly name: string;
  readonly state: "pass" | "fail" | "skip";
  readonly ms: number;
  readonly error?: string;
}

/** What came of one thing that a table tries, and why no more did. */
export interface Cell {
  readonly got: string;
  /** What the kernel, libbpf or the runtime said. */
  readonly says?: string;
  /** Why that is as it should be here; absent where nobody knows. */
  readonly why?: string;
}

/** One row of a table of kinds: another line of JSON. */
export interface TableRow {
  readonly table: "programs" | "maps";
  readonly row: string;
  readonly cells: Readonly<Record<string, Cell>>;
}
