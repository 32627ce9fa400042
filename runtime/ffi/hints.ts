import { readdirSync, readFileSync, realpathSync } from "node:fs";

/**
 * What to do about an error, from what this machine is like at that moment. A hint is given only when what it says
 * is so.
 */

/** What hints look at; tests bring machines of their own. */
export interface Machine {
  /** The text of a file; undefined when it cannot be read. */
  read(path: string): string | undefined;
  /** What is in a folder; undefined when there is none. */
  list(path: string): readonly string[] | undefined;
}

const attempt = <T>(action: () => T): T | undefined => {
  try {
    return action();
  } catch {
    return undefined;
  }
};

const thisMachine: Machine = {
  read: (path) => attempt(() => readFileSync(path, "utf8")),
  list: (path) => attempt(() => readdirSync(path)),
};

/** What failed. */
export interface Failed {
  /** `"EPERM"` */
  readonly code: string;
  /** The function that failed. */
  readonly syscall?: string | undefined;
  /** What libbpf said meanwhile. */
  readonly said?: string | undefined;
  /** The path that was to be a pin. */
  readonly pin?: string | undefined;
  /** The folder that was to be a cgroup. */
  readonly cgroup?: string | undefined;
}

/** What to do about a failure, or undefined when nothing is known. */
export function hintFor(failed: Failed, machine: Machine = thisMachine): string | undefined {
  return (
    hintFromPin(failed, machine) ??
    hintFromWords(failed.said ?? "", machine) ??
    hintFromPath(failed, machine) ??
    hintFromFunction(failed) ??
    hintFromCode(failed, machine)
  );
}

/** Maps that are pinned by being loaded: what is wrong is the pin, though libbpf says that the map cannot be created. */
function hintFromPin({ code, said = "" }: Failed, machine: Machine): string | undefined {
  if (/couldn't reuse pinned map at '[^']*': parameter mismatch/.test(said))
    return "what is pinned there is another map: unpin it, or take another path";
  const pin = /failed to auto-pin at '([^']*)'/.exec(said)?.[1];
  return pin === undefined ? undefined : hintFor({ code, syscall: "bpf_obj_pin", pin }, machine);
}

const ODD_MAP = "are its type, its max_entries and the sizes of its keys and values what this kernel takes?";
const LARGE_MAP = "give it fewer max_entries, or smaller keys and values";

/** libbpf names what it did not find. */
function hintFromWords(said: string, machine: Machine): string | undefined {
  if (/map '[^']*': failed to create: Invalid argument/.test(said)) return ODD_MAP;
  if (/map '[^']*': failed to create: (Cannot allocate memory|Argument list too long)/.test(said))
    return LARGE_MAP;
  if (/user context value is not supported/.test(said)) return "cookies need kernel 5.15";
  if (/extern \(func ksym\)/.test(said))
    return "this kernel has no such kfunc: declare it __weak, and call it only if bpf_ksym_exists()";
  const [, category, tracepoint] = /tracepoint '([^'/]+)\/([^']+)'/.exec(said) ?? [];
  if (category && tracepoint) return tracepointHint(category, tracepoint, machine);
  const probed = /k(?:ret)?probe '([^'+]+)/.exec(said)?.[1];
  if (probed) return functionHint(probed, machine);
  if (/kernel BTF|vmlinux BTF/.test(said) && !machine.list("/sys/kernel/btf")?.includes("vmlinux"))
    return "this kernel brings no BTF (CONFIG_DEBUG_INFO_BTF): open({ btfPath }) with BTF that was made for it";
  const traced = /kernel BTF type ID of '([^']+)'|attach_btf_id .*'([^']+)'/.exec(said);
  const name = traced?.[1] ?? traced?.[2];
  if (name) return functionHint(name, machine) ?? `the kernel's BTF has no function ${name}`;
  return undefined;
}

const tracingFolders = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/** Why there is no such tracepoint. */
function tracepointHint(category: string, name: string, machine: Machine): string | undefined {
  const folder = tracingFolders.find((each) => machine.list(`${each}/events`));
  if (!folder) return "tracefs is not mounted: mount -t tracefs tracefs /sys/kernel/tracing";
  const names = machine.list(`${folder}/events/${category}`);
  if (!names) return `this kernel has no tracepoints ${category}/…: see ${folder}/events`;
  if (!names.includes(name)) return `this kernel has no such tracepoint: see ${folder}/events/${category}`;
  return undefined;
}

/** Why a function of the kernel cannot be probed. */
function functionHint(name: string, machine: Machine): string | undefined {
  const symbols = machine.read("/proc/kallsyms");
  if (symbols && !new RegExp(` [tTwW] ${escaped(name)}(\\s|$)`, "m").test(symbols)) {
    const variant = new RegExp(` [tT] (${escaped(name)}\\.(?:isra|constprop|part|cold|llvm)\\S*)`, "m").exec(
      symbols,
    )?.[1];
    return variant
      ? `the compiler made ${variant} of it in this kernel`
      : "this kernel has no such function, or the compiler has inlined it: see /proc/kallsyms";
  }
  const folder = tracingFolders.find((each) => machine.list(`${each}/events`));
  const traceable = folder && machine.read(`${folder}/available_filter_functions`);
  if (traceable && !new RegExp(`^${escaped(name)}(\\s|$)`, "m").test(traceable))
    return `this kernel has the function, but it may not be traced: see ${folder}/available_filter_functions`;
  return undefined;
}

function escaped(name: string): string {
  return name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** A path that is not where it has to be. */
function hintFromPath({ code, pin, cgroup }: Failed, machine: Machine): string | undefined {
  const found = fileSystemOf(pin ?? cgroup ?? "", machine);
  if (found === undefined) return undefined;
  const { type, within } = found;
  if (pin !== undefined && type !== "bpf")
    return `${pin} is on ${type}, and pins live on bpffs: mount -t bpf bpf /sys/fs/bpf`;
  if (pin !== undefined && code === "EPERM" && within.includes("."))
    return "bpffs takes no names with a dot: call it something else";
  if (cgroup !== undefined && type !== "cgroup2")
    return `${cgroup} is on ${type}, and it takes a folder of a mounted cgroup2: mount -t cgroup2 none DIR`;
  return undefined;
}

/** The type of the file system that a path is on, and the path from where that is mounted. */
function fileSystemOf(
  path: string,
  machine: Machine,
): { readonly type: string; readonly within: string } | undefined {
  const mounts = machine.read("/proc/self/mounts");
  if (!mounts || path === "") return undefined;
  const real = resolved(path);
  let [best, type] = ["", undefined as string | undefined];
  for (const line of mounts.split("\n")) {
    const [, encoded = "", kind] = line.split(" ");
    const at = encoded.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
    const inside = real === at || real.startsWith(at.endsWith("/") ? at : `${at}/`);
    // Of two on one folder the later one is on top.
    if (inside && at.length >= best.length && at !== "") [best, type] = [at, kind];
  }
  return type === undefined ? undefined : { type, within: real.slice(best.length) };
}

/** The path without links; of a file that is not there yet, by its folder. */
function resolved(path: string): string {
  const real = attempt(() => realpathSync(path));
  if (real !== undefined || path === "/" || path === "" || path === ".") return real ?? path;
  const [, folder = ".", name = ""] = /^(.*?)\/*([^/]*)\/*$/s.exec(path) ?? [];
  return `${resolved(folder === "" ? "/" : folder).replace(/\/$/, "")}/${name}`;
}

const ANY = /(?:)/;
const PIN = /_pin(_maps|_programs)?$/;

/** What an error of a function means on every machine. */
const meanings: readonly (readonly [code: string, functions: RegExp, hint: string])[] = [
  ["EEXIST", PIN, "something of that name is there already: unpin it, or take another path"],
  ["ENOENT", PIN, "make the folder of the pin first"],
  ["ENOENT", /^unlink$|_unpin/, "nothing is pinned there"],
  ["ENOENT", /^bpf_obj_get$/, "nothing is pinned there: was it unpinned, or the machine restarted?"],
  ["EACCES", /^bpf_obj_get$/, "the kernel goes by the permissions of the pin, and of the folders above it"],
  ["ENOENT", /_get_fd_by_id$/, "ids are of what is in the kernel, and nothing has that one now: see list()"],
  ["EINVAL", /^bpf_map_create$/, ODD_MAP],
  ["E2BIG", /^bpf_map_create$/, LARGE_MAP],
  ["ENOMEM", /^bpf_map_create$/, LARGE_MAP],
  ["EEXIST", /^bpf_map_update_elem$/, 'that key has an entry already: mode "any" or "replace" changes it'],
  ["ENOENT", /^bpf_map_update_elem$/, 'that key has no entry: mode "any" or "create" makes one'],
  ["EBADF", /^bpf_map_/, "that descriptor is closed, or of something else"],
  ["ENOTSOCK", ANY, "that descriptor is open, but not of a socket"],
  ["ENOSYS", ANY, "this kernel was built without BPF (CONFIG_BPF_SYSCALL)"],
  ["EMFILE", ANY, "this process has too many files open: raise its limit (ulimit -n)"],
];

function hintFromFunction({ code, syscall = "" }: Failed): string | undefined {
  return meanings.find((each) => each[0] === code && each[1].test(syscall))?.[2];
}

function hintFromCode({ code, syscall = "", said = "" }: Failed, machine: Machine): string | undefined {
  switch (code) {
    case "EPERM":
    case "EACCES":
      // Of what is in a map the kernel decides by the map, once it has given it to this process.
      if (/^bpf_map_\w+_(elem|batch|key)/.test(syscall)) return undefined;
      return permissionHint(machine, syscall, /MEMLOCK/.test(said));
    case "ENODEV":
      return syscall === "perf_event_open" ? undefined : interfaceHint(machine);
    default:
      return undefined;
  }
}

function interfaceHint(machine: Machine): string | undefined {
  // Not of /sys/class/net: what is mounted there may be of another network namespace.
  const table = machine.read("/proc/self/net/dev");
  const names = table && [...table.matchAll(/^ *([^\s:|]+):/gm)].map(([, name]) => name);
  return names && `this network namespace has ${names.join(", ") || "no interfaces"}`;
}

const capabilities = { CAP_NET_ADMIN: 12n, CAP_SYS_ADMIN: 21n, CAP_PERFMON: 38n, CAP_BPF: 39n } as const;

/** Functions that find what others have put into the kernel. */
const ofOthers = /_get_(fd_by|next)_id$|^bpf_enable_stats$/;

/** Which capabilities this process lacks for a function of BPF's; undefined when it has them all. */
export function capabilityHint(syscall = "", machine: Machine = thisMachine): string | undefined {
  const status = machine.read("/proc/self/status") ?? "";
  const effective = BigInt(`0x${/^CapEff:\s*([\da-f]+)/m.exec(status)?.[1] ?? "0"}`);
  const has = (name: keyof typeof capabilities): boolean => ((effective >> capabilities[name]) & 1n) === 1n;
  if (has("CAP_SYS_ADMIN")) return undefined;
  const wanted =
    kernelBefore(5, 8, machine) || ofOthers.test(syscall)
      ? (["CAP_SYS_ADMIN"] as const)
      : (["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"] as const);
  const missing = wanted.filter((name) => !has(name));
  if (missing.length === 0) return undefined;
  const sysctl = machine.read("/proc/sys/kernel/unprivileged_bpf_disabled")?.trim();
  const closed = sysctl && sysctl !== "0" ? `, and kernel.unprivileged_bpf_disabled is ${sysctl}` : "";
  return `this process lacks ${missing.join(", ")}${missing.includes("CAP_BPF") ? closed : ""}: run it as root, or give it what it needs of them`;
}

/** Why the kernel refuses BPF to this process. */
function permissionHint(machine: Machine, syscall: string, memlock: boolean): string | undefined {
  const lacking = capabilityHint(syscall, machine);
  if (lacking !== undefined) return lacking;
  if (!/^\s*0\s+0\s+4294967295\s*$/.test(machine.read("/proc/self/uid_map") ?? "0 0 4294967295"))
    return "it has its privileges in a user namespace only, as in a rootless container, and BPF asks for them outside: run it there, or open({ tokenPath })";
  const lockdown = /\[(integrity|confidentiality)\]/.exec(
    machine.read("/sys/kernel/security/lockdown") ?? "",
  )?.[1];
  if (lockdown)
    return `the kernel is locked down for ${lockdown}, which holds for root, too: see kernel_lockdown(7)`;
  if (memlock || kernelBefore(5, 11, machine)) {
    const limit = /^Max locked memory\s+(\S+)/m.exec(machine.read("/proc/self/limits") ?? "")?.[1];
    if (limit !== undefined && limit !== "unlimited" && kernelBefore(5, 11, machine))
      return `this kernel counts BPF memory as locked memory, of which this process may have ${limit} bytes: ulimit -l unlimited`;
  }
  if (/^Seccomp:\s*2/m.test(machine.read("/proc/self/status") ?? ""))
    return "a seccomp filter is on, as containers have one: it may have to allow bpf(2) and perf_event_open(2)";
  return "this kernel refuses it even to root";
}

/** Whether the running kernel is older than a version. */
export function kernelBefore(major: number, minor: number, machine: Machine = thisMachine): boolean {
  const [, a, b] = /^(\d+)\.(\d+)/.exec(machine.read("/proc/sys/kernel/osrelease") ?? "") ?? [];
  if (a === undefined) return false;
  return Number(a) < major || (Number(a) === major && Number(b) < minor);
}

/** Programs of `SEC("lsm/...")` attach without `bpf` in the kernel's list of LSMs, and never run. */
export function lsmHint(machine: Machine = thisMachine): string | undefined {
  const active = machine.read("/sys/kernel/security/lsm")?.trim();
  if (active === undefined || active.split(",").includes("bpf")) return undefined;
  return `add bpf to the kernel's list of security modules: lsm=${active},bpf on its command line`;
}

/** How distributions call the package, and the first release that has libbpf 1. */
const packages: Readonly<Record<string, readonly [install: string, first?: number]>> = {
  debian: ["apt-get install libbpf1", 12],
  ubuntu: ["apt-get install libbpf1", 23.04],
  fedora: ["dnf install libbpf"],
  rhel: ["dnf install libbpf"],
  alpine: ["apk add libbpf"],
  arch: ["pacman -S libbpf"],
  suse: ["zypper install libbpf1"],
};

/** How to get libbpf on this machine. */
export function packageHint(machine: Machine = thisMachine): string {
  const release = machine.read("/etc/os-release") ?? machine.read("/usr/lib/os-release") ?? "";
  const field = (name: string): string =>
    new RegExp(`^${name}=["']?([^"'\\n]*)`, "m").exec(release)?.[1]?.trim() ?? "";
  const ids = [field("ID"), ...field("ID_LIKE").split(" ")];
  const id = ids.find((each) => Object.hasOwn(packages, each));
  if (id === undefined)
    return "install libbpf 1.1 or newer (Debian, Ubuntu: libbpf1; elsewhere: libbpf), or set LIBBPF_PATH to it";
  const [install, first] = packages[id]!;
  const version = Number.parseFloat(field("VERSION_ID"));
  // A derivative counts its releases in its own way.
  if (first !== undefined && id === ids[0] && version < first)
    return `${field("PRETTY_NAME") || id} has no libbpf 1.1: build it, and set LIBBPF_PATH to it`;
  return `${install}, or set LIBBPF_PATH to it`;
}

/** What to do when libbpf cannot be loaded; `reason` is the dynamic linker's. */
export function libraryHint(reason: string, machine: Machine = thisMachine): string {
  const musl = /ld-musl/.test(machine.read("/proc/self/maps") ?? "");
  const other = musl
    ? /libc\.so\.6|ld-linux|GLIBC|symbol not found/.test(reason)
    : /libc\.musl|ld-musl/.test(reason);
  if (other)
    return `that libbpf is for ${musl ? "glibc" : "musl"}, and this Node.js uses ${musl ? "musl" : "glibc"}: ${packageHint(machine)}`;
  if (/GLIBC_[\d.]+' not found/.test(reason))
    return "that libbpf was built for a newer system: take one that was built on this";
  return packageHint(machine);
}
