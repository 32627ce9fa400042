import { GenerateError, generate, generateTypes } from "../../generator/index.js";

/** What became of an input. */
export interface Outcome {
  /** The output; absent when the input was refused. */
  readonly text?: string;
  readonly refusal?: string;
  readonly warnings: readonly string[];
  readonly ms: number;
}

/** Runs the generator; anything but a result or a GenerateError with a sound message is thrown on. */
export function outcome(
  bytes: Uint8Array,
  what: "skeleton" | "types" = "skeleton",
  options: { embed?: "inline" | "none"; charArrays?: "bytes" } = {},
): Outcome {
  const start = performance.now();
  try {
    const { text, warnings } =
      what === "types"
        ? generateTypes(bytes, {
            file: "o.bpf.o",
            ...(options.charArrays && { charArrays: options.charArrays }),
          })
        : generate(bytes, { file: "o.bpf.o", ...options });
    return { text, warnings, ms: performance.now() - start };
  } catch (error) {
    const ms = performance.now() - start;
    if (!(error instanceof GenerateError)) throw error;
    if (!/ — \S/.test(error.message)) throw new Error(`no advice: ${error.message}`, { cause: error });
    if (error.message.length > 4096) throw new Error(`an endless message`, { cause: error });
    return { refusal: error.message, warnings: [], ms };
  }
}
