/**
 * Takes all steps of an end, in their order, also when one of them fails: what can be freed is freed. The first error
 * is thrown when all is done.
 */
export function endAll(steps: Iterable<() => void>): void {
  const errors: unknown[] = [];
  for (const step of steps)
    try {
      step();
    } catch (error) {
      errors.push(error);
    }
  if (errors.length > 0) throw errors[0];
}

/** Says what can no longer be closed. Nothing is ended: a probe must not stop because of the collector. */
const leaks = new FinalizationRegistry<{ readonly where: string; readonly opened: string }>(
  ({ where, opened }) =>
    process.emitWarning(
      `${where}: was never closed, and stays in the kernel until the process ends — use \`using\``,
      { code: "BPF_LEAK", detail: opened },
    ),
);

/**
 * From now on the process is warned when nobody refers to a handle any more, unless it {@link hasEnded}.
 * @param where how errors call it.
 * @param opened what tells where it was opened; the stack when left out, which takes some 10 microseconds.
 */
export function mustEnd(handle: object, where: string, opened: string = stack()): void {
  leaks.register(handle, { where, opened }, handle);
}

/** The stack of who calls a caller of this. As text: an error object may refer to a handle, which then is never collected. */
function stack(): string {
  return new Error().stack?.split("\n").slice(3).join("\n") ?? "";
}

/** A handle is closed, or let go of on purpose: there is nothing to warn of. */
export function hasEnded(handle: object): void {
  leaks.unregister(handle);
}
