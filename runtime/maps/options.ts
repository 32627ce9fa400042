/** How a value is read. */
export interface GetOptions {
  /**
   * Holds the `struct bpf_spin_lock` of the value meanwhile (`BPF_F_LOCK`), as BPF programs do while they change it:
   * no value is seen half written.
   */
  readonly lock?: boolean | undefined;
}

/** How {@link HashMap.set} treats a key that is there already. */
export interface SetOptions extends GetOptions {
  /** `"any"`: create or replace · `"create"`: the key must be new · `"replace"`: the key must exist. */
  readonly mode?: "any" | "create" | "replace" | undefined;
}

// Numbers: koffi takes longer for a bigint.
const modes = { any: 0, create: 1, replace: 2 } as const;
/** Holds a value's lock meanwhile. */
export const BPF_F_LOCK = 4;

/** The flag that options of reading ask for, of a map with a name. */
export function lockFlag(options: GetOptions | undefined, map: { readonly name: string }): number {
  const lock = options?.lock ?? false;
  if (typeof lock !== "boolean") throw new TypeError(`map "${map.name}": lock is true or false`);
  return lock ? BPF_F_LOCK : 0;
}

/** The flags that options of writing ask for. */
export function setFlags(options: SetOptions | undefined, map: { readonly name: string }): number {
  if (options === undefined) return 0;
  const asked = options?.mode ?? "any";
  const mode = Object.hasOwn(modes, asked) ? modes[asked] : undefined;
  if (mode === undefined) throw new TypeError(`map "${map.name}": mode is "any", "create" or "replace"`);
  return mode | lockFlag(options, map);
}
