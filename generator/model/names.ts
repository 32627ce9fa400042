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

/** The nearest name that a type can have. */
function toBinding(name: string): string {
  const valid = name.replace(/[^\p{ID_Continue}$]/gu, "_");
  return /^[\p{ID_Start}_$]/u.test(valid) ? valid : `_${valid}`;
}

/** The member of a skeleton that a section is: `.data.foo` → `data_foo`. */
export function sectionMember(section: string): string {
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
    "undefined unique unknown using var void while with yield arguments"
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
  const clashing: R[] = [];
  for (const [name, all] of wanted) {
    const free = all.length === 1 && name !== skeleton && !globals.has(name) && !reserved.has(name);
    if (free) names.set(all[0]!, name);
    else clashing.push(...all);
    if (free) taken.add(name);
  }
  const warnings: string[] = [];
  const byCName = new Map<string, R[]>();
  for (const request of clashing) group(byCName, request.c).push(request);
  for (const [c, all] of byCName) {
    const usable = all.length === 1 && isBinding(c) && !taken.has(c);
    for (const request of all) {
      const distinct = `${toBinding(c)}_${hash(request.layout)}`;
      let name = usable ? c : distinct;
      for (let i = 2; taken.has(name); i++) name = `${distinct}_${i}`;
      taken.add(name);
      names.set(request, name);
      if (name !== pascal(c))
        warnings.push(`type ${c}: the name ${pascal(c)} is taken — it is called ${name}`);
    }
  }
  return { names, warnings };
}

function isBinding(name: string): boolean {
  return /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(name) && !reserved.has(name) && !globals.has(name);
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 6);
}

function group<K, V>(groups: Map<K, V[]>, key: K): V[] {
  const found = groups.get(key) ?? [];
  groups.set(key, found);
  return found;
}
