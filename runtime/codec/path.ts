/** Errors that say which member they are about: its path, and what is wrong with it. */
const located = new WeakMap<Error, readonly [path: string, what: string]>();

/**
 * Puts a member (`pid`, `[3]`) in front of what could not be encoded: `cfg.ports[3]: 70000 does not fit __u16`.
 * It makes a new error of the same kind, because the stack of the old one has its message in it.
 */
export function inside(member: string, error: unknown): unknown {
  if (!(error instanceof RangeError) && !(error instanceof TypeError)) return error;
  const [rest, what] = located.get(error) ?? ["", error.message];
  const path = rest === "" || rest.startsWith("[") ? `${member}${rest}` : `${member}.${rest}`;
  const outer = new (error instanceof RangeError ? RangeError : TypeError)(`${path}: ${what}`);
  located.set(outer, [path, what]);
  return outer;
}
