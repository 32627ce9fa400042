// What every test of the kernel shares: whether this machine can, what is left in the kernel, and child processes.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { release } from "node:os";
import { fileURLToPath } from "node:url";
import type * as Koffi from "koffi";
import { describe, expect } from "vitest";
import type { Loaded } from "../../runtime/index.js";
import type { Kernel } from "../fixtures/kernel.skel.js";
import { ensureMounts, obstacles, slower } from "../machine.js";

export { slower } from "../machine.js";
export { only, trigger } from "./child.js";

const MAP_TYPE_ARRAY = 2;

/** Asks the kernel itself, without the runtime that is to be tested; only these answers mean that it cannot. */
function refusal(): string | undefined {
  try {
    const libbpf = koffi().load(process.env.LIBBPF_PATH || "libbpf.so.1");
    const create = libbpf.func("int bpf_map_create(int, const char *, uint32_t, uint32_t, uint32_t, void *)");
    const fd = create(MAP_TYPE_ARRAY, "can_it", 4, 4, 1, null) as number;
    const errno = koffi().errno();
    if (fd >= 0) {
      koffi().load(null).func("int close(int)")(fd);
      return undefined;
    }
    if (errno === 1 || errno === 38) return `bpf(BPF_MAP_CREATE) is refused: errno ${errno}`;
    throw new Error(`bpf(BPF_MAP_CREATE) failed where it should not: errno ${errno}`);
  } catch (error) {
    if (error instanceof Error && /cannot open shared object/.test(error.message)) return error.message;
    throw error;
  }
}

function koffi(): typeof Koffi {
  return createRequire(import.meta.url)("koffi") as typeof Koffi;
}

ensureMounts();
/** Why no BPF program can be loaded here; empty when one can. */
export const reasons: readonly string[] = [...obstacles()];
if (reasons.length === 0) {
  const refused = refusal();
  if (refused) (reasons as string[]).push(refused);
}
if (reasons.length > 0) {
  if (process.env.BPF_TSGEN_REQUIRE_KERNEL)
    throw new Error(`BPF_TSGEN_REQUIRE_KERNEL is set, and: ${reasons.join(" ")}`);
  console.log(`test/kernel is skipped: ${reasons.join(" ")}`);
}

/** `describe`, where BPF programs can be loaded. */
export const describeKernel: typeof describe.skip = describe.skipIf(reasons.length > 0) as never;

const [major = 0, minor = 0] = release().split(".").map(Number);
/** Whether this is that kernel, `since(5, 15)`, or a newer one. */
export const since = (wanted: number, andMinor: number): boolean =>
  major > wanted || (major === wanted && minor >= andMinor);

let names = 0;
/** A name for an object, by which {@link remains} finds its maps: unique on this machine. */
export function uniqueName(): string {
  return `${(process.pid % 46656).toString(36).padStart(3, "0")}${(names++).toString(36).padStart(4, "0")}z`;
}

/** Makes the calls of this process count. */
export function aim(kernel: Loaded<Kernel>): void {
  kernel.bss.target = process.pid;
}

let walk: (() => string[]) | undefined;
/** The names of all maps that there are in the kernel. */
function mapNames(): string[] {
  if (!walk) {
    const libbpf = koffi().load(process.env.LIBBPF_PATH || "libbpf.so.1");
    const next = libbpf.func("int bpf_map_get_next_id(uint32_t, void *)");
    const open = libbpf.func("int bpf_map_get_fd_by_id(uint32_t)");
    const info = libbpf.func("int bpf_obj_get_info_by_fd(int, void *, void *)");
    const close = koffi().load(null).func("int close(int)");
    walk = () => {
      const found: string[] = [];
      const id = new Uint32Array(1);
      for (let guard = 0; guard < 100_000 && next(id[0], id) === 0; guard++) {
        const fd = open(id[0]) as number;
        if (fd < 0) continue;
        const bytes = new Uint8Array(88);
        info(fd, bytes, new Uint32Array([bytes.length]));
        close(fd);
        found.push(Buffer.from(bytes.subarray(24, 40)).toString("latin1").replace(/\0.*$/, ""));
      }
      return found;
    };
  }
  return walk();
}

/**
 * The data sections of objects with a {@link uniqueName} that are in the kernel. Every program of the fixtures
 * uses one, and a link holds its program: with no section left, nothing of the object is.
 */
export function remaining(name: string): string[] {
  return mapNames().filter((map) => map.startsWith(`${name.slice(0, 8)}.`));
}

/** Waits until nothing is left: the kernel frees behind the back of close(2). */
export async function expectNothingLeft(name: string): Promise<void> {
  for (const until = Date.now() + 5_000 * slower; Date.now() < until && remaining(name).length > 0; )
    await new Promise((resolve) => setTimeout(resolve, 20));
  expect(remaining(name)).toEqual([]);
}

/** The ids of the links, programs and maps that a process has descriptors of, as `link_id 7`. */
export function kernelIds(pid: number): string[] {
  const found = readdirSync(`/proc/${pid}/fdinfo`).flatMap((fd) => {
    const text = readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8");
    return [...text.matchAll(/^((?:link|prog|map)_id):\s*(\d+)$/gm)].map(([, kind, id]) => `${kind} ${id}`);
  });
  return [...new Set(found)];
}

/** Which of {@link kernelIds} there still are. */
export function stillThere(ids: readonly string[]): string[] {
  const libbpf = koffi().load(process.env.LIBBPF_PATH || "libbpf.so.1");
  const close = koffi().load(null).func("int close(int)");
  return ids.filter((each) => {
    const [kind, id] = each.split("_id ");
    const fd = libbpf.func(`int bpf_${kind}_get_fd_by_id(uint32_t)`)(Number(id)) as number;
    if (fd >= 0) close(fd);
    return fd >= 0;
  });
}

/** How many file descriptors this process has open. */
export function openFds(): number {
  return readdirSync("/proc/self/fd").length;
}

/** How many mappings of BPF maps this process has. */
export function bpfMappings(): number {
  return readFileSync("/proc/self/maps", "utf8").match(/anon_inode:bpf-map/g)?.length ?? 0;
}

/** The C library that this process uses. */
export function libcPath(): string {
  const found = /\/\S*libc[.-]\S*so\S*/.exec(readFileSync("/proc/self/maps", "utf8"));
  if (!found || !existsSync(found[0])) throw new Error("no C library is mapped");
  return found[0];
}

/** How a child process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
  readonly ms: number;
}

/** A child process that runs `test/kernel/children/NAME.ts`. */
export interface Child {
  readonly process: ChildProcess;
  /** Resolves when it has printed a line that starts with `text` or matches it, to that line. */
  says(text: string | RegExp): Promise<string>;
  readonly ended: Promise<Ended>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
/** In a virtual machine, which is slow, the tests run compiled. */
const compiled = import.meta.url.endsWith(".js");
/** How Node runs a file of the tests, and what their names end with. */
export const sources: { readonly loader: readonly string[]; readonly extension: string } = compiled
  ? { loader: [], extension: ".js" }
  : { loader: ["--import", "tsx"], extension: ".ts" };

/** Starts a child; after `timeout` milliseconds, more on a slower machine, it is killed, which its `signal` then tells. */
export function start(
  name: string,
  args: readonly string[] = [],
  timeout = 30_000,
  prefix: string[] = [],
): Child {
  const started = performance.now();
  const file = fileURLToPath(new URL(`children/${name}${sources.extension}`, import.meta.url));
  const [command, ...rest] = [...prefix, process.execPath, "--expose-gc", ...sources.loader, file, ...args];
  const child = spawn(command!, rest, { cwd: root, stdio: ["pipe", "pipe", "pipe"] });
  let out = "";
  let err = "";
  const listeners = new Set<() => void>();
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    out += text;
    for (const listener of listeners) listener();
  });
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), timeout * slower);
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, out, err, ms: performance.now() - started });
      for (const listener of listeners) listener();
    });
  });
  const says = (text: string | RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const line = out
          .split("\n")
          .slice(0, -1)
          .find((each) => (typeof text === "string" ? each.startsWith(text) : text.test(each)));
        if (line !== undefined) resolve(line);
        else if (child.exitCode !== null || child.signalCode !== null)
          reject(new Error(`the child ended without "${text}": ${out}${err}`));
        else return;
        listeners.delete(look);
      };
      listeners.add(look);
      look();
    });
  return { process: child, says, ended };
}

/** Runs a child to its end. */
export function run(
  name: string,
  args: readonly string[] = [],
  timeout?: number,
  prefix?: string[],
): Promise<Ended> {
  return start(name, args, timeout, prefix).ended;
}

/** What `action` throws. */
export function thrown(action: () => unknown): Error & { code?: string } {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error(`nothing was thrown by ${action}`);
}

/** pidfd_open(2), which Node does not offer. */
export function openPidfd(pid: number): number {
  const syscall = koffi().load(null).func("long syscall(long, int, unsigned int)");
  const fd = syscall(434, pid, 0) as number;
  if (fd < 0) throw new Error(`pidfd_open(${pid}): errno ${koffi().errno()}`);
  return fd;
}

/** Whether this libbpf has a function, asked without the runtime. */
export function libbpfHas(name: string): boolean {
  try {
    koffi()
      .load(process.env.LIBBPF_PATH || "libbpf.so.1")
      .func(`void ${name}()`);
    return true;
  } catch {
    return false;
  }
}
