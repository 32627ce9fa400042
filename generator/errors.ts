/** Why an object gets no skeleton. The message reads `where: what — what to do`. */
export class GenerateError extends Error {
  /** `"GenerateError"`. */
  override readonly name: string = "GenerateError";
  /** `"ERR_BPF_OBJECT"` for an object that is not accepted, `"ERR_BPF_OPTION"` for an option that does not fit it. */
  readonly code: "ERR_BPF_OBJECT" | "ERR_BPF_OPTION";

  constructor(
    message: string,
    code: "ERR_BPF_OBJECT" | "ERR_BPF_OPTION" = "ERR_BPF_OBJECT",
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
