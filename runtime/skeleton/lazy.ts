import { fastMembers } from "../codec/view.js";

/** An object without a prototype whose members are made when first asked for. */
export function lazily(names: readonly string[], make: (name: string) => unknown): object {
  return fastMembers(Object.preventExtensions(defineLazily(Object.create(null), names, make)));
}

/** Adds members to an object that are made when first asked for. */
export function defineLazily(
  target: object,
  names: readonly string[],
  make: (name: string) => unknown,
): object {
  for (const name of names) {
    let made: unknown;
    Object.defineProperty(target, name, {
      enumerable: true,
      get: () => {
        made ??= make(name);
        return made;
      },
    });
  }
  return target;
}
