// One virtual machine: started, listened to, and ended in bounded time.
import { spawn, spawnSync } from "node:child_process";
import { createWriteStream, existsSync, readFileSync, rmSync } from "node:fs";
import { Unavailable } from "./cache.js";
import type { Result, TableRow } from "./guest/result.js";
import type { Kernel } from "./kernels.js";

/** What a machine ended with. */
export interface Run {
  readonly results: readonly Result[];
  readonly rows: readonly TableRow[];
  /** The exit status that the guest printed; undefined when it did not come so far. */
  readonly status: number | undefined;
  /** Whether it was ended because it took too long. */
  readonly late: boolean;
  readonly seconds: number;
}

/** Boots a kernel with an archive, and collects what the suite says. Its console goes to `log`. */
export function boot(
  kernel: Kernel,
  initramfs: string,
  log: string,
  limitSeconds: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<Run> {
  const said = `${log}.results`;
  rmSync(said, { force: true });
  const words = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  // QEMU 7.2's cx16 makes kernels panic at random, two running processors make 7.2: so one of two possible ones runs.
  // Without cx16, kernels from 6.18 on have no kmalloc_nolock(), which local storage and arenas live by, but in caches
  // that are checked (slab_debug).
  const args = [
    ...["-accel", "tcg,thread=multi", "-smp", "2", "-cpu", "max,-cx16", "-m", "2048", "-nodefaults"],
    ...["-no-reboot", "-display", "none", "-monitor", "none", "-serial", "stdio", "-serial", `file:${said}`],
    ...["-kernel", kernel.image, "-initrd", initramfs, "-append"],
    [
      "console=ttyS0 panic=-1 quiet loglevel=4 mitigations=off nokaslr audit=0 lsm=lockdown,yama,apparmor,bpf",
      "maxcpus=1 slab_debug=F,kmalloc-*",
      ...words,
    ].join(" "),
  ];
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const qemu = spawn("qemu-system-x86_64", args, { stdio: ["ignore", "pipe", "pipe"] });
    const out = createWriteStream(log);
    qemu.stdout.pipe(out, { end: false });
    qemu.stderr.pipe(out, { end: false });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      qemu.kill("SIGKILL");
    }, limitSeconds * 1000);
    qemu.on("error", reject);
    qemu.on("close", () => {
      clearTimeout(timer);
      out.end();
      resolve({ ...read(said), late, seconds: (performance.now() - started) / 1000 });
    });
  });
}

/** QEMU ends with 0 even when the guest panics: only what was printed counts. */
function read(path: string): Pick<Run, "results" | "rows" | "status"> {
  const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
  const results: Result[] = [];
  const rows: TableRow[] = [];
  let status: number | undefined;
  for (const line of lines) {
    const exit = /^exit (\d+)/.exec(line);
    if (exit) status = Number(exit[1]);
    else if (line.startsWith("{") && line.trimEnd().endsWith("}")) {
      const said = JSON.parse(line) as Result | TableRow;
      if ("table" in said) rows.push(said);
      else results.push(said);
    }
  }
  return { results, rows, status };
}

/** Installs QEMU, and what builds an archive and newer libbpfs, when it is missing and may be installed. */
export function ensureQemu(): void {
  const packages = {
    "qemu-system-x86": "qemu-system-x86_64",
    "busybox-static": "/bin/busybox",
    cpio: "cpio",
    kmod: "/sbin/depmod",
    "xz-utils": "xz",
    iproute2: "ip",
    gcc: "gcc",
    make: "make",
    "libelf-dev": "/usr/include/gelf.h",
  };
  const has = (command: string): boolean =>
    command.startsWith("/usr/include/")
      ? existsSync(command)
      : spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;
  const missing = (): string[] =>
    Object.entries(packages).flatMap(([name, command]) => (has(command) ? [] : [name]));
  const wanted = missing();
  if (wanted.length > 0 && process.geteuid?.() === 0 && has("apt-get")) {
    console.log(`Installing with apt-get: ${wanted.join(", ")}`);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    spawnSync("apt-get", ["update", "-qq"], { env, stdio: "ignore" });
    spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...wanted], { env });
  }
  const left = missing();
  if (left.length > 0)
    throw new Unavailable(`Virtual machines need ${left.join(", ")} — apt-get install ${left.join(" ")}`);
}
