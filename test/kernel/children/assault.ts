// What calls everything that there is with everything that is wrong. The last line of the file named by the first
// argument is the call that was under way, should this process be ended by it.
import { openSync, writeSync } from "node:fs";
import * as runtime from "../../../runtime/index.js";
import { BpfError, BpfObject } from "../../../runtime/index.js";
import { isPublic, memberOf } from "../surface.js";

const log = openSync(process.argv[2]!, "w");

const detached = new Uint8Array(64);
structuredClone(detached, { transfer: [detached.buffer] });
const revoked = Proxy.revocable({}, {});
revoked.revoke();
const liar: object = new Proxy(() => liar, { get: (_, key) => (typeof key === "symbol" ? undefined : liar) });
const throwing = new Proxy(
  {},
  {
    get: () => {
      throw new TypeError("thrown by a proxy");
    },
  },
);

/** Everything wrong. */
export const wrongs: readonly unknown[] = [
  ...[
    undefined,
    null,
    Number.NaN,
    0,
    -0,
    1,
    -1,
    0.5,
    2 ** 31,
    -(2 ** 31),
    2 ** 32,
    2 ** 53,
    -(2 ** 53),
    1e308,
    1 / 0,
    -1 / 0,
  ],
  ...["", "no such thing", "/no/such/path", "a\0b", "\0", "x".repeat(100_000), "\ud800"],
  ...[0n, -1n, 2n ** 64n, -(2n ** 63n) - 1n, 2n ** 500n, true, false, Symbol("wrong"), Symbol.iterator],
  ...[
    {},
    [],
    [1, 2, 3],
    new Array(5),
    Object.create(null),
    () => undefined,
    class {},
    new Date(Number.NaN),
    /x/,
    new Map([[1, 2]]),
  ],
  ...[
    new Uint8Array(0),
    new Uint8Array(4),
    new Uint8Array(65_536),
    detached,
    new Uint8Array(new SharedArrayBuffer(8)),
    new DataView(new ArrayBuffer(8)),
    new BigUint64Array(1),
    new ArrayBuffer(8),
  ],
  ...[
    { length: 2 ** 53 },
    { length: -1 },
    { length: "4" },
    { length: Number.NaN, 0: 0 },
    { fd: 1, pointer: 1, interface: 1 },
    { path: 1, symbol: 1 },
  ],
  ...[
    { path: "", symbol: "" },
    { path: "/etc/passwd", symbol: "x" },
    { path: "libc.so.6", offset: -1 },
    { path: "libc.so.6", symbol: "getppid", pid: Number.NaN },
  ],
  ...[
    { category: "a\0b", name: "" },
    { category: "../..", name: "x" },
    { name: "\0" },
    { cookie: -1n },
    { cookie: 2n ** 64n },
    { cookie: 1 },
  ],
  ...[
    { mode: "__proto__" },
    { mode: 1 },
    { signal: 1 },
    { latency: "never" },
    { interface: "\0" },
    { ifindex: 2 ** 31 },
  ],
  ...[liar, revoked.proxy, throwing, Promise.resolve(1)],
];

let calls = 0;
let attached = 0;
const bad: string[] = [];

/** Codes that runtime/errors.ts, and with it the runtime's page, knows. */
const documented =
  /^(E[A-Z0-9]+|LIBBPF_ERRNO__\w+|ERR_BPF_(CLOSED|STATE|RECORD|OBJECT|LAYOUT|LIBRARY|ABI|PLATFORM))$/;
/** What V8 says of a mistake in our code: nobody has looked at what was given. */
const unseen =
  /^Cannot (read properties|set properties|destructure|use 'in'|mix BigInt|convert (undefined|null|a Symbol))|is not (a function|iterable|a constructor)|^Unexpected \w+ value/;
/**
 * As the receiver of a method: that is the language's. What is made by hand of what is the runtime's own. Memory,
 * which codecs use millions of times a second: offsets go to a DataView as they are. And functions that make codecs.
 */
const byHand = / of (nothing|\{\})$|^new |^describing |\bmemory\b|^(?!open\()\w+\(/i;
/** Says by which of {@link wrongs} the call was made: these answer with what V8 says of them. */
const hostile = (error: Error): boolean => /\.for is not iterable/.test(error.message);
let lenient = false;

/** From here on what is called was made by hand: it may say anything, as long as the process lives. */
export function madeByHand(): void {
  lenient = true;
}

function isFine(what: string, error: unknown): boolean {
  if (error instanceof BpfError) return documented.test(error.code) && /^[^:]+.*: ./s.test(error.message);
  if (!(error instanceof RangeError) && !(error instanceof TypeError)) return false;
  return lenient || byHand.test(what) || hostile(error) || !unseen.test(error.message);
}

function judge(what: string, error: unknown): void {
  if (isFine(what, error)) return;
  const name = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  if (bad.length < 50) bad.push(`${what}: ${name.slice(0, 200)}`);
}

let phase: "live" | "ended" = "live";
/** The members of classes that were called, of things that are in use and of things that are not any more. */
const called = { live: new Set<string>(), ended: new Set<string>() };

/** From here on what is called is closed, or used up. */
export function ended(): void {
  phase = "ended";
}

process.on("unhandledRejection", (error) => judge("a promise", error));

/** Makes one call. */
export function attempt(what: string, action: () => unknown): void {
  calls++;
  writeSync(log, `${what}\n`);
  try {
    finish(what, action());
  } catch (error) {
    judge(what, error);
  }
}

/** Uses up what a call gave, so that nothing waits or stays attached. */
function finish(what: string, result: unknown): void {
  if (typeof result !== "object" || result === null) return;
  if (result instanceof Promise) result.catch((error) => judge(what, error));
  else if (result instanceof runtime.Link) {
    attached++;
    result.destroy();
  } else if (result instanceof BpfObject) result.close();
  else if (result instanceof runtime.BpfMap && "close" in result)
    (result as runtime.Owned<runtime.RawMap>).close();
  else if (Symbol.asyncIterator in result && !(result instanceof runtime.BpfMap)) {
    const iterator = result as AsyncIterableIterator<unknown>;
    iterator.next().catch((error) => judge(what, error));
    void iterator.return?.();
  } else if (Symbol.iterator in result && "next" in result) {
    const iterator = result as IterableIterator<unknown>;
    for (let i = 0; i < 3 && !iterator.next().done; i++);
  }
}

/** What ends or changes its object comes last. */
const last = new Set<PropertyKey>([
  "detach",
  "disconnect",
  "destroy",
  "load",
  "freeze",
  "close",
  Symbol.dispose,
  Symbol.asyncDispose,
]);

/** What arrays and promises bring is V8's, not ours. */
function isBuiltIn(value: unknown): boolean {
  return typeof value === "function" && /\[native code\]/.test(Function.prototype.toString.call(value));
}

function members(target: object): [PropertyKey, PropertyDescriptor][] {
  const found = new Map<PropertyKey, PropertyDescriptor>();
  for (
    let at: object | null = target;
    at && at !== Object.prototype && at !== Function.prototype;
    at = Object.getPrototypeOf(at)
  )
    for (const key of Reflect.ownKeys(at)) {
      if (found.has(key) || !isPublic(at, key)) continue;
      attempt(`describing ${String(key)}`, () => {
        const descriptor = Object.getOwnPropertyDescriptor(at!, key);
        if (!descriptor || isBuiltIn(descriptor.value)) return;
        found.set(key, descriptor);
        if (!lenient) called[phase].add(memberOf(at!, key));
      });
    }
  return [...found].sort(([a], [b]) => Number(last.has(a)) - Number(last.has(b)));
}

/** Calls and sets every public member of an object, found by reflection. */
export function assault(path: string, target: object): void {
  for (const [key, { value, get, set }] of members(target)) {
    const what = `${path}.${String(key)}`;
    const use = (...args: unknown[]): unknown =>
      Reflect.apply(Reflect.get(target, key) as () => void, target, args);
    if (get) attempt(what, () => Reflect.get(target, key));
    if (set)
      for (const [i, wrong] of wrongs.entries())
        attempt(`${what} = ${i}`, () => Reflect.set(target, key, wrong));
    if (typeof value !== "function") continue;
    attempt(`${what}()`, () => use());
    // As the receiver, too: methods of classes are easily taken off their object.
    attempt(`${what} of nothing`, () => Reflect.apply(value as () => void, undefined, [1]));
    attempt(`${what} of {}`, () => Reflect.apply(value as () => void, {}, [1]));
    if (key === "attach") {
      // Attaching takes the kernel its time: once it went well a few times, the rest is more of the same.
      const before = attached;
      for (let i = wrongs.length - 1; i >= 0 && attached < before + 4; i--)
        attempt(`${what}(${i})`, () => use(wrongs[i]));
      continue;
    }
    for (const [i, wrong] of wrongs.entries()) {
      attempt(`${what}(${i})`, () => use(wrong));
      attempt(`${what}(${i}, ${i})`, () => use(wrong, wrong));
      attempt(`${what}(1, ${i})`, () => use(1, wrong));
      attempt(`${what}(1n, ${i})`, () => use(1n, wrong));
      attempt(`${what}(1, {}, ${i})`, () => use(1, {}, wrong));
      attempt(`${what}(${i}, ${i}, ${i}, ${i})`, () => use(wrong, wrong, wrong, wrong));
    }
  }
}

/** Assaults an object's parts first, then itself. */
export function assaultAll(name: string, parts: Record<string, object>, whole: object): void {
  for (const [part, target] of Object.entries(parts)) assault(`${name}.${part}`, target);
  assault(name, whole);
}

/** Names for the parts of an object. */
export function prefixed(prefix: string, parts: object): Record<string, object> {
  return Object.fromEntries(
    Object.entries(parts).map(([name, part]) => [`${prefix}.${name}`, part as object]),
  );
}

/** Prints what came of it, and ends. */
export async function report(): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, 20));
  console.log(JSON.stringify({ calls, bad, live: [...called.live], ended: [...called.ended] }));
  process.exit(0);
}
