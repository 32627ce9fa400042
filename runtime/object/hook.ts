/**
 * What a function returns that is done when it returns: anything but a promise. Functions written as `async` have a
 * type of their own for that reason, and do not compile where this is asked for.
 */
export type Immediate =
  // biome-ignore lint/suspicious/noConfusingVoidType: so that a function that returns nothing is one
  | void
  | undefined
  | null
  | boolean
  | number
  | bigint
  | string
  | symbol
  | (object & { readonly then?: never });

/**
 * Runs a function of the application's that prepares the next step, which does not wait for it.
 * @param todo what to do about it instead of returning a promise, which is a TypeError.
 */
export function runNow<T>(
  where: string,
  hook: ((target: T) => Immediate) | undefined,
  target: T,
  todo: string,
): void {
  const result: unknown = hook?.(target);
  if (!isThenable(result)) return;
  // Its failure is told by the error that follows.
  result.then(undefined, () => undefined);
  throw new TypeError(`${where} must not be async — ${todo}`);
}

/** Whether something is a promise. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (typeof value === "object" || typeof value === "function") && value !== null && "then" in value;
}
