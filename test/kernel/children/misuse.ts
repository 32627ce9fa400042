// Calls everything that there is with everything that is wrong. The last line of the file named by the first
// argument is the call that was under way, should this process be ended by it.
import { openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as runtime from "../../../runtime/index.js";
import { BpfError, BpfObject } from "../../../runtime/index.js";
import { fixture } from "../../fixtures/fixtures.js";
import { Kernel } from "../../fixtures/kernel.skel.js";
import { only, trigger } from "../child.js";

const [logPath, state] = process.argv.slice(2) as [string, string];
const log = openSync(logPath, "w");

/** What is not public: `protected`, or marked `@internal`. The compiler keeps users from these. */
const hidden = new Set<string>();
const runtimeFolder = fileURLToPath(new URL("../../../runtime", import.meta.url));
for (const file of readdirSync(runtimeFolder, { recursive: true, encoding: "utf8" })) {
  if (!file.endsWith(".ts") || /dist|node_modules/.test(file)) continue;
  const text = readFileSync(`${runtimeFolder}/${file}`, "utf8");
  for (const [, name] of text.matchAll(
    /^ {2}protected (?:(?:abstract|override|readonly|static|get) )*(\w+)/gm,
  ))
    hidden.add(name!);
  for (const [, name] of text.matchAll(/@internal\n {3}\*\/\n {2}(?:get |static )*(\w+)/g)) hidden.add(name!);
}

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

const wrongs: readonly unknown[] = [
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

function judge(what: string, error: unknown): void {
  if (error instanceof BpfError || error instanceof RangeError || error instanceof TypeError) return;
  const name = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  if (bad.length < 50) bad.push(`${what}: ${name.slice(0, 200)}`);
}

process.on("unhandledRejection", (error) => judge("a promise", error));

function attempt(what: string, action: () => unknown): void {
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
      if (found.has(key) || key === "constructor" || hidden.has(String(key))) continue;
      attempt(`describing ${String(key)}`, () => {
        const descriptor = Object.getOwnPropertyDescriptor(at!, key);
        if (descriptor && !isBuiltIn(descriptor.value)) found.set(key, descriptor);
      });
    }
  return [...found].sort(([a], [b]) => Number(last.has(a)) - Number(last.has(b)));
}

function assault(path: string, target: object): void {
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
function assaultAll(name: string, parts: Record<string, object>, whole: object): void {
  for (const [part, target] of Object.entries(parts)) assault(`${name}.${part}`, target);
  assault(name, whole);
}

function prefixed(prefix: string, parts: object): Record<string, object> {
  return Object.fromEntries(
    Object.entries(parts).map(([name, part]) => [`${prefix}.${name}`, part as object]),
  );
}

function partsOf(kernel: ReturnType<typeof Kernel.load>): Record<string, object> {
  const { rodata, data, bss, data_custom } = kernel;
  return {
    ...{ rodata, data, bss, data_custom },
    ...{
      view: bss.store,
      array: bss.lengths,
      union: bss.live,
      mapped: kernel.maps.mapped.view(1),
      frozen: rodata.config,
    },
    link: kernel.programs.emit.attach(),
    ...prefixed("maps", kernel.maps),
    raw: kernel.maps.samples.raw,
    ...prefixed("programs", kernel.programs),
  };
}

switch (state) {
  case "opened": {
    using opened = Kernel.open();
    const { rodata, data, bss } = opened;
    const views = { rodata, data, bss, view: rodata.config, array: bss.lengths, union: bss.live };
    const parts = { ...views, ...prefixed("maps", opened.maps), ...prefixed("programs", opened.programs) };
    for (const [part, target] of Object.entries(parts)) assault(`opened.${part}`, target);
    using other = Kernel.open();
    assault("opened", other);
    // Now consumed or closed, as it happens.
    assaultAll("consumed", parts, other);
    opened.close();
    assaultAll("closed opened", parts, opened);
    break;
  }
  case "loaded": {
    const kernel = Kernel.attach(only("reflect", "emit"));
    kernel.bss.target = process.pid;
    kernel.bss.lengths = new Uint32Array(8);
    trigger(100);
    kernel.detach();
    const parts = partsOf(kernel);
    for (const [part, target] of Object.entries(parts)) assault(`loaded.${part}`, target);
    assaultAll("loaded and closed", parts, kernel);
    break;
  }
  case "closed": {
    const kernel = Kernel.load();
    const parts = partsOf(kernel);
    kernel.close();
    assaultAll("closed", parts, kernel);
    break;
  }
  case "object": {
    assault("Kernel", Kernel);
    for (const key of [
      "name",
      "kconfig",
      "btfPath",
      "pinRoot",
      "tokenPath",
      "relaxedMaps",
      "logLevel",
      "object",
    ])
      for (const [i, wrong] of wrongs.entries())
        attempt(`open({ ${key}: ${i} })`, () => Kernel.open({ [key]: wrong } as never).close());
    attempt("BpfObject", () => assault("BpfObject", BpfObject));
    const object = BpfObject.open(fixture("kernel.bpf.o"));
    assaultAll("object", prefixed("programs", object.programs()), object);
    const loaded = BpfObject.open(fixture("kernel.bpf.o")).load();
    const parts = { ...prefixed("programs", loaded.programs()), ...prefixed("maps", loaded.maps()) };
    assaultAll("loaded object", parts, loaded);
    assaultAll("closed object", parts, loaded);
    for (const [name, value] of Object.entries(runtime)) {
      // Functions, not classes: what their constructors take is the runtime's own.
      if (typeof value === "function" && !/^class\b/.test(Function.prototype.toString.call(value))) {
        attempt(`${name}()`, () => (value as () => void)());
        for (const [i, wrong] of wrongs.entries()) {
          attempt(`${name}(${i})`, () => (value as (...args: unknown[]) => void)(wrong));
          attempt(`${name}(${i}, ${i})`, () => (value as (...args: unknown[]) => void)(wrong, wrong));
        }
      }
    }
    break;
  }
}

await new Promise((resolve) => setTimeout(resolve, 20));
console.log(JSON.stringify({ calls, bad }));
process.exit(0);
