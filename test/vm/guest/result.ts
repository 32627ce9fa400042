/** How a test went in a guest: one line of JSON on its second serial port. */
export interface Result {
  /** The file, `attach` for `test/kernel/attach.test.ts`. */
  readonly file: string;
  readonly name: string;
  readonly state: "pass" | "fail" | "skip";
  readonly ms: number;
  readonly error?: string;
}
