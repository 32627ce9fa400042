// Debian's stock kernels in their `cloud` flavour: small, and with the same BPF options as the others.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { cached, output, Unavailable } from "./cache.js";
import { describePackage, newestVersion, type Release, unpackPackages } from "./debian.js";

/** A kernel, by the start of its version. */
export type KernelName = "5.10" | "6.1" | "6.12" | "7";

const releases: Readonly<Record<KernelName, Release>> = {
  "5.10": "bullseye",
  "6.1": "bookworm",
  "6.12": "trixie",
  "7": "sid",
};

/** All of them, oldest first. */
export const kernelNames: readonly KernelName[] = ["5.10", "6.1", "6.12", "7"];

/** What the tests insert, in this order; what they depend on is inserted before. */
const wanted = ["veth", "dummy", "sch_ingress", "cls_bpf", "act_bpf", "nf_defrag_ipv4", "nf_defrag_ipv6"];

/** A kernel that is ready to boot. */
export interface Kernel {
  /** Debian's version, such as `6.1.192-2`. */
  readonly version: string;
  readonly image: string;
  /** Its options, which a guest has at `/proc/config.gz`'s other place, `/boot/config-RELEASE`. */
  readonly config: string;
  /** Modules, uncompressed, in the order in which they are inserted. */
  readonly modules: readonly string[];
}

/** A kernel, downloaded when it is needed first. */
export function kernel(name: KernelName): Kernel {
  const folder = cached(`linux-${name}`, (making) => download(name, making));
  const modules = readdirSync(join(folder, "modules")).sort();
  return {
    version: readFileSync(join(folder, "version"), "utf8").trim(),
    image: join(folder, "vmlinuz"),
    config: join(folder, "config"),
    modules: modules.map((file) => join(folder, "modules", file)),
  };
}

function download(name: KernelName, making: string): void {
  const release = releases[name];
  const meta = "linux-image-cloud-amd64";
  const version = newestVersion(release, meta, `${name}.`);
  const flavour = /linux-image-(\d\S*-cloud-amd64)/.exec(describePackage(release, meta, version))?.[1];
  if (!flavour) throw new Unavailable(`${meta} ${version} does not say which kernel it is`);
  // From 7 on the image is a stub that depends on these two.
  const parts = Number.parseInt(name, 10) >= 7 ? ["binary", "modules"] : ["image"];
  unpackPackages(
    release,
    parts.map((part) => `linux-${part}-${flavour}`),
    making,
  );
  const script = `
    mv $(find . -name 'vmlinuz*' -type f | head -1) vmlinuz
    mv $(find . -name 'config*' -type f | head -1) config
    if [ -d usr/lib/modules ]; then mkdir -p lib && mv usr/lib/modules lib/; fi
    depmod -b . "$1"
    rm -rf usr/share boot`;
  const path = `${process.env.PATH}:/sbin:/usr/sbin`;
  output("sh", ["-ec", script, "sh", flavour], { cwd: making, env: { ...process.env, PATH: path } });
  collectModules(join(making, "lib/modules", flavour), join(making, "modules"));
  output("rm", ["-r", "lib"], { cwd: making });
  writeFileSync(join(making, "version"), version);
}

/** Copies the wanted modules and what they depend on, numbered in the order in which they are inserted. */
function collectModules(from: string, to: string): void {
  const depends = new Map<string, { path: string; on: string[] }>();
  const nameOf = (path: string): string => basename(path).replace(/\.ko.*$/, "");
  for (const line of readFileSync(join(from, "modules.dep"), "utf8").trim().split("\n")) {
    const [path, on] = line.split(":") as [string, string];
    depends.set(nameOf(path), { path, on: on.trim().split(" ").filter(Boolean).map(nameOf) });
  }
  const order: string[] = [];
  const add = (name: string): void => {
    const module = depends.get(name);
    // What is not there is built in.
    if (!module || order.includes(name)) return;
    for (const each of module.on.reverse()) add(each);
    order.push(name);
  };
  for (const name of wanted) add(name);
  output("mkdir", ["-p", to]);
  for (const [index, name] of order.entries()) {
    const { path } = depends.get(name)!;
    const file = join(to, `${String(index).padStart(2, "0")}-${name}.ko`);
    const tool = path.endsWith(".xz") ? "xz -dc" : path.endsWith(".zst") ? "zstd -dc" : "cat";
    output("sh", ["-ec", `${tool} "$1" > "$2"`, "sh", join(from, path), file], { cwd: dirname(to) });
  }
}
