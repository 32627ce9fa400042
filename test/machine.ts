// What this machine can do for BPF, and getting it there: packages through apt, mounts by hand.
// Everything that is installed or mounted is said; where that may not be, what is missing is named.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** The browser of Debian's package. */
export const chromium = "/usr/bin/chromium";

/** Debian packages and how to tell that they are there. */
const packages = {
  libbpf1: (): boolean => hasLibrary("libbpf.so.1"),
  clang: (): boolean => hasCommand("clang"),
  "libbpf-dev": (): boolean => existsSync("/usr/include/bpf/bpf_helpers.h"),
  "musl-dev": (): boolean => readdirSync("/usr/include").some((name) => name.endsWith("-linux-musl")),
  "libc6-dev-arm64-cross": (): boolean => existsSync("/usr/aarch64-linux-gnu/include/stdio.h"),
  bpftool: (): boolean => hasCommand("bpftool") || existsSync("/usr/sbin/bpftool"),
  iproute2: (): boolean => hasCommand("ip") && hasCommand("tc"),
  make: (): boolean => hasCommand("make"),
  git: (): boolean => hasCommand("git"),
  chromium: (): boolean => existsSync(chromium),
};

/** A package that something here may need. */
export type Package = keyof typeof packages;

function hasCommand(name: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${name}`]).status === 0;
}

function hasLibrary(soname: string): boolean {
  if (process.env.LIBBPF_PATH) return existsSync(process.env.LIBBPF_PATH);
  const cache = spawnSync("/sbin/ldconfig", ["-p"], { encoding: "utf8" }).stdout ?? "";
  return cache.includes(soname);
}

const isRoot = process.geteuid?.() === 0;

/** How many times longer than usual things may take here: an emulated machine sets the variable. */
export const slower: number = Number(process.env.BPF_TSGEN_SLOWER || 1);

/** Installs the packages that are missing, when apt and root are there to do it; returns what is missing still. */
export function ensurePackages(wanted: readonly Package[]): Package[] {
  const missing = wanted.filter((name) => !packages[name]());
  if (missing.length === 0) return [];
  if (!isRoot || !hasCommand("apt-get")) return missing;
  console.log(`Installing with apt-get: ${missing.join(", ")}`);
  const apt = (...args: string[]): boolean => {
    const run = spawnSync("apt-get", args, {
      encoding: "utf8",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    if (run.status !== 0) console.error(run.stdout + run.stderr);
    return run.status === 0;
  };
  apt("update", "-qq");
  apt("install", "-y", "-qq", "--no-install-recommends", ...missing);
  return missing.filter((name) => !packages[name]());
}

/** Mounts tracefs and bpffs where they are not yet, when root is there to do it. */
export function ensureMounts(): void {
  if (!isRoot) return;
  const mounted = existsSync("/proc/mounts") ? readFileSync("/proc/mounts", "utf8") : "";
  for (const [type, path] of [
    ["tracefs", "/sys/kernel/tracing"],
    ["bpf", "/sys/fs/bpf"],
  ] as const) {
    if (mounted.includes(` ${path} ${type} `) || !existsSync(path)) continue;
    if (spawnSync("mount", ["-t", type, type, path]).status === 0) console.log(`Mounted ${type} on ${path}.`);
  }
}

/** Why BPF programs cannot be loaded here: one sentence each, none when they can. */
export function obstacles(): string[] {
  if (process.platform !== "linux") return ["BPF is of Linux."];
  const found: string[] = [];
  if (!isRoot) found.push("Loading BPF programs takes root: run it with sudo.");
  if (!packages.libbpf1()) found.push("libbpf is missing: apt-get install libbpf1 (elsewhere: libbpf).");
  if (!existsSync("/sys/kernel/btf/vmlinux"))
    found.push("The kernel has no BTF: it needs CONFIG_DEBUG_INFO_BTF=y.");
  if (isRoot && !existsSync("/sys/kernel/tracing/events") && !existsSync("/sys/kernel/debug/tracing/events"))
    found.push("tracefs is not mounted: mount -t tracefs tracefs /sys/kernel/tracing.");
  return found;
}
