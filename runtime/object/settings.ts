import { check, libbpf, unsigned } from "../ffi/native.js";

/**
 * Does to a map or program what a setter asks for, and again to its successor when the object is opened anew; throws
 * when it is too late for that.
 */
export type Apply = (action: (pointer: number, before: number) => void) => void;

/** What a map's or program's configuration is made for. */
export interface Configured {
  /** How errors call it. */
  readonly where: string;
  /** Its `struct bpf_map` or `struct bpf_program`. */
  readonly pointer: number;
  /** Throws when it is too late to configure. */
  readonly guard: () => void;
  readonly apply: Apply;
}

/** libbpf's getter and setter of something, and how a value is checked and passed on. */
type Setting = readonly [
  get: keyof typeof libbpf,
  set: keyof typeof libbpf,
  parse: (where: string, value: unknown) => number | bigint | boolean | string | null,
  read?: (value: unknown) => unknown,
];

/** Makes properties that read and write what libbpf keeps. */
export function defineSettings<T extends object>(
  target: T,
  { where, pointer, guard, apply }: Configured,
  settings: { readonly [K in keyof T]?: Setting },
): void {
  for (const [name, [get, set, parse, read = (value: unknown) => value]] of Object.entries<Setting>(
    settings as never,
  ))
    Object.defineProperty(target, name, {
      enumerable: true,
      get: () => {
        guard();
        return read((libbpf[get] as (pointer: number) => unknown)(pointer));
      },
      set: (value: unknown) =>
        apply((at) => {
          const call = libbpf[set] as (pointer: number, value: unknown) => number | undefined;
          check(where, set, call(at, parse(`${where}: ${name}`, value)) ?? 0);
        }),
    });
}

/** An enumerator, as C passes it. */
export function enumerator(where: string, value: unknown): number {
  const number = unsigned(where, value);
  if (number > 0x7fff_ffff) throw new RangeError(`${where}: ${number} does not fit an enum`);
  return number;
}

/** A yes or no. */
export function flag(where: string, value: unknown): boolean {
  if (typeof value !== "boolean") throw new TypeError(`${where}: a boolean is needed, not ${typeof value}`);
  return value;
}

/** Text for C. */
export function text(where: string, value: unknown): string {
  if (typeof value !== "string" || value.includes("\0"))
    throw new TypeError(`${where}: a string without NUL is needed, not ${typeof value}`);
  return value;
}
