import { GenerateError, generate, generateTypes } from "../../generator/index.js";

/** What became of an input. */
export interface Outcome {
  /** The output; absent when the input was refused. */
  readonly text?: string;
  readonly refusal?: string;
  readonly warnings: readonly string[];
  /** What the work took, of this process: a busy machine does not count. */
  readonly ms: number;
}

/** Milliseconds since it was made, or of the processor, whichever are fewer: the collector of garbage has threads of its own. */
export function stopwatch(): () => number {
  const start = performance.now();
  const cpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return Math.min(performance.now() - start, (user + system) / 1000);
  };
}

/** Runs the generator; anything but a result or a GenerateError with a sound message is thrown on. */
export function outcome(
  bytes: Uint8Array,
  what: "skeleton" | "types" = "skeleton",
  options: { embed?: "inline" | "none"; charArrays?: "bytes" } = {},
): Outcome {
  const since = stopwatch();
  try {
    const { text, warnings } =
      what === "types"
        ? generateTypes(bytes, {
            file: "o.bpf.o",
            ...(options.charArrays && { charArrays: options.charArrays }),
          })
        : generate(bytes, { file: "o.bpf.o", ...options });
    return { text, warnings, ms: since() };
  } catch (error) {
    const ms = since();
    if (!(error instanceof GenerateError)) throw error;
    if (!/ — \S/.test(error.message)) throw new Error(`no advice: ${error.message}`, { cause: error });
    if (error.message.length > 4096) throw new Error(`an endless message`, { cause: error });
    return { refusal: error.message, warnings: [], ms };
  }
}
