import { createHash } from "node:crypto";

/** `prog.bpf.o` → `prog`, `exec-snoop.bpf.o` → `exec_snoop`: the object's name in C. */
export function objectName(file: string): string {
  return baseName(file).replace(/[^A-Za-z0-9_]/g, "_") || "_";
}

/** `dir/exec-snoop.bpf.o` → `exec-snoop`: what files made from an object are called. */
export function baseName(file: string): string {
  return fileName(file).replace(/(\.bpf)?\.o$/, "");
}

/** The last part of a path of any system. */
export function fileName(path: string): string {
  return path.replace(/^.*[/\\]/s, "");
}

/** `exec_snoop` → `ExecSnoop`: the parts between underscores, each with its first letter raised. */
export function pascal(name: string): string {
  const parts = name.split("_").map((part) => part.charAt(0).toUpperCase() + part.slice(1));
  return toBinding(parts.join(""));
}

/**
 * Letters beyond ASCII that names of types keep: of the blocks in which every engine and compiler that meets a
 * skeleton knows the same letters. Unicode adds letters elsewhere each year, and the same object must give the same text.
 */
const letters = "\\u0080-\\u086f\\u1e00-\\u1fff\\u3041-\\u30fa\\u30fc-\\u30ff\\u4e00-\\u9fa5\\uac00-\\ud7a3";
const start = `(?:[A-Za-z_$]|(?=[${letters}])\\p{ID_Start})`;
const part = `(?:[\\w$]|(?=[${letters}])\\p{ID_Continue})`;
const startsBinding = new RegExp(`^${start}`, "u");
const binding = new RegExp(`^${start}${part}*$`, "u");
const noPart = new RegExp(`(?!${part}).`, "gsu");

/** The nearest name that a type can have. */
function toBinding(name: string): string {
  const valid = name.replace(noPart, "_");
  return startsBinding.test(valid) ? valid : `_${valid}`;
}

/** Hands out names, none of them twice: `name`, `name_2`, `name_3`. */
export function numbering(taken: Set<string> = new Set()): (name: string) => string {
  // Where to go on counting: without it, a crafted object with one name a hundred thousand times would take hours.
  const next = new Map<string, number>();
  return (wanted) => {
    let name = wanted;
    let i = next.get(wanted) ?? 2;
    for (; taken.has(name); i++) name = `${wanted}_${i}`;
    next.set(wanted, i);
    taken.add(name);
    return name;
  };
}

/** The member of a skeleton that a section is: `.data.foo` → `data_foo`, and clang's name for arenas → `arena`. */
export function sectionMember(section: string): string {
  if (section === ".addr_space.1") return "arena";
  return section.replace(/^\./, "").replace(/[^A-Za-z0-9_]/g, "_");
}

/** The globals of the language, which a module could declare but a reader would take for something else. */
const globals: ReadonlySet<string> = new Set(
  (
    "Array ArrayBuffer ArrayLike Atomics AsyncDisposableStack AsyncIterable AsyncIterator Awaited BigInt BigInt64Array " +
    "BigUint64Array Boolean Buffer DataView Date Disposable DisposableStack Error EvalError Exclude Extract " +
    "FinalizationRegistry Float16Array Float32Array Float64Array Function Infinity Int16Array Int32Array Int8Array Intl " +
    "Iterable Iterator JSON Map Math NaN NonNullable Number Object Omit Parameters Partial Pick Promise PromiseLike Proxy " +
    "RangeError Readonly ReadonlyArray Record ReferenceError Reflect RegExp Required ReturnType Set SharedArrayBuffer " +
    "String Symbol SyntaxError TypeError URIError URL Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef " +
    "WeakSet WebAssembly"
  ).split(" "),
);

/** Words that no type or const may be called. */
const reserved: ReadonlySet<string> = new Set(
  (
    "abstract any as asserts async await bigint boolean bpf break case catch class const continue debugger default " +
    "delete do else enum eval export extends false finally for from function get globalThis if implements import in " +
    "infer instanceof interface intrinsic is keyof let never new null number object of package private protected " +
    "public readonly return satisfies set static string super switch symbol this throw true try type typeof " +
    "undefined unique unknown using var void while with yield arguments " +
    // What generated codecs call their parameters.
    "m at value size"
  ).split(" "),
);

/** A type that wants a name: its C name, and what tells it from another one of that name. */
export interface NameRequest {
  readonly c: string;
  /** Its layout, spelled out. */
  readonly layout: string;
}

/**
 * Gives every type its TypeScript name: PascalCase, or the C name for all that would clash, or the C name with
 * six digits of the layout's hash when not even that is free.
 * @param skeleton the exported name of the skeleton, which always wins.
 */
export function nameTypes<R extends NameRequest>(
  requests: readonly R[],
  skeleton: string,
): { readonly names: ReadonlyMap<R, string>; readonly warnings: string[] } {
  const wanted = new Map<string, R[]>();
  for (const request of requests) group(wanted, pascal(request.c)).push(request);
  const names = new Map<R, string>();
  const taken = new Set([skeleton]);
  const free = numbering(taken);
  const clashing: R[] = [];
  for (const [name, all] of wanted) {
    const isFree = all.length === 1 && name !== skeleton && !globals.has(name) && !reserved.has(name);
    if (isFree) names.set(all[0]!, free(name));
    else for (const request of all) clashing.push(request);
  }
  const warnings: string[] = [];
  const byCName = new Map<string, R[]>();
  for (const request of clashing) group(byCName, request.c).push(request);
  for (const [c, all] of byCName) {
    const usable = all.length === 1 && isBinding(c) && !taken.has(c);
    for (const request of all) {
      const name = free(usable ? c : `${toBinding(c)}_${hash(request.layout)}`);
      names.set(request, name);
      if (name !== pascal(c))
        warnings.push(`type ${c}: the name ${pascal(c)} is taken — it is called ${name}`);
    }
  }
  return { names, warnings };
}

function isBinding(name: string): boolean {
  return binding.test(name) && !reserved.has(name) && !globals.has(name);
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 6);
}

function group<K, V>(groups: Map<K, V[]>, key: K): V[] {
  const found = groups.get(key) ?? [];
  groups.set(key, found);
  return found;
}
