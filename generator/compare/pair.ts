/** What became of the things of a list, by their names. */
export interface Paired<T> {
  readonly kept: readonly (readonly [before: T, after: T])[];
  readonly renamed: readonly (readonly [before: T, after: T])[];
  readonly removed: readonly T[];
  readonly added: readonly T[];
}

/**
 * Pairs the things of two lists.
 * @param identity what a thing keeps when it gets another name. One that is gone and one that is new are the same
 * thing if they, and no others that are gone or new, agree in it; undefined agrees with nothing.
 */
export function pair<T extends { readonly name: string }>(
  before: readonly T[],
  after: readonly T[],
  identity: (thing: T) => string | undefined,
): Paired<T> {
  const now = new Map(after.map((thing) => [thing.name, thing]));
  const then = new Set(before.map(({ name }) => name));
  const kept: [T, T][] = [];
  const gone: T[] = [];
  for (const thing of before) {
    const found = now.get(thing.name);
    if (found) kept.push([thing, found]);
    else gone.push(thing);
  }
  const fresh = after.filter(({ name }) => !then.has(name));
  const goneOnce = once(gone, identity);
  const freshOnce = once(fresh, identity);
  const renamed = [...goneOnce].flatMap(([key, thing]): [T, T][] => {
    const found = freshOnce.get(key);
    return found ? [[thing, found]] : [];
  });
  const moved = new Set(renamed.flat());
  return {
    kept,
    renamed,
    removed: gone.filter((thing) => !moved.has(thing)),
    added: fresh.filter((thing) => !moved.has(thing)),
  };
}

/** The things that have their identity for themselves. */
function once<T>(things: readonly T[], identity: (thing: T) => string | undefined): Map<string, T> {
  const found = new Map<string, T>();
  const several = new Set<string>();
  for (const thing of things) {
    const key = identity(thing);
    if (key === undefined) continue;
    if (found.has(key)) several.add(key);
    found.set(key, thing);
  }
  for (const key of several) found.delete(key);
  return found;
}
