/** Errors that already begin with the path of the member they are about. */
const located = new WeakSet<Error>();

/** Puts the member (`pid`, `[3]`) in front of an encoding error: `cfg.ports[3]: 70000 does not fit __u16`. */
export function inside(member: string, error: unknown): unknown {
  if (!(error instanceof RangeError) && !(error instanceof TypeError)) return error;
  const path = located.has(error) && !error.message.startsWith("[") ? "." : located.has(error) ? "" : ": ";
  error.message = `${member}${path}${error.message}`;
  located.add(error);
  return error;
}
