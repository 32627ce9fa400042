// What a guest has: an archive in memory and no disk. Programs and their libraries are copied from this machine,
// the suite is compiled, so that the guest, which is slow, has nothing to compile.
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached, output, Unavailable } from "./cache.js";
import { newestVersion, unpackPackages } from "./debian.js";
import type { Kernel } from "./kernels.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What the tests call. `sh` is dash, as on Debian: tests look at the names of processes. */
const programs = [
  "sh",
  "bash",
  "findmnt",
  "mount",
  "unshare",
  "taskset",
  "cat",
  "env",
  "ls",
  "prlimit",
  "sleep",
  "true",
  "umount",
  "setpriv",
  "nsenter",
  "tc",
  "getent",
  "rm",
];

/** npm packages that the suite imports, with all that they import. */
const packages = ["koffi", "@koromix/koffi-linux-x64", "@vitest/runner", "@vitest/expect"];

/** Compiles the suite into `folder`, which is then the same for every guest. */
export function stageSuite(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const config = join(folder, "tsconfig.json");
  writeFileSync(
    config,
    JSON.stringify({
      extends: join(root, "tsconfig.json"),
      compilerOptions: {
        noEmit: false,
        declaration: false,
        isolatedDeclarations: false,
        noCheck: true,
        rootDir: root,
        outDir: folder,
        typeRoots: [join(root, "node_modules/@types")],
      },
      include: ["runtime", "samples", "test/fixtures", "test/kernel", "test/*.ts", "test/vm/guest"].map(
        (path) => join(root, path),
      ),
      exclude: [join(root, "**/dist"), join(root, "**/node_modules")],
    }),
  );
  output(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", config], { cwd: root });
  for (const part of ["test/fixtures", "test/kernel/children", "samples"])
    cpSync(join(root, part), join(folder, part), {
      recursive: true,
      filter: (path) => /\.skel\.ts$/.test(path) || !/\.ts$/.test(path),
    });
  // What starts a worker under tsx has nothing to register here.
  const children = join(folder, "test/kernel/children");
  for (const name of readdirSync(children).filter((each) => each.endsWith(".mjs"))) {
    const path = join(children, name);
    const lines = readFileSync(path, "utf8").split("\n");
    const kept = lines.filter((line) => !/^import .* "tsx\/|^register\(\);/.test(line));
    if (kept.length !== lines.length - 2) throw new Error(`${path}: does not register tsx as it used to`);
    writeFileSync(path, kept.join("\n").replace(/^(await import\(.*)\.ts/m, "$1.js"));
  }
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  for (const name of closure(packages))
    cpSync(join(root, "node_modules", name), join(folder, "node_modules", name), {
      recursive: true,
      dereference: true,
      filter: (path) => !/\.(map|md|cc|hh|S|asm)$|\.d\.[mc]?ts$|\/koffi\/(vendor|lib|doc)$/.test(path),
    });
  // Two packages by name: the runtime, and vitest, which is too much for a guest.
  const alias = (name: string, exports: Record<string, string>): void => {
    mkdirSync(join(folder, "node_modules", name), { recursive: true });
    writeFileSync(
      join(folder, "node_modules", name, "package.json"),
      JSON.stringify({ name, type: "module", exports }),
    );
  };
  alias("bpf-tsgen-runtime", { ".": "./root/runtime/index.js", "./codegen": "./root/runtime/codegen.js" });
  symlinkSync("../..", join(folder, "node_modules/bpf-tsgen-runtime/root"));
  alias("vitest", { ".": "./root/test/vm/guest/vitest.js" });
  symlinkSync("../..", join(folder, "node_modules/vitest/root"));
}

/** Packages and all that they depend on. */
function closure(names: readonly string[], found: Set<string> = new Set()): Set<string> {
  for (const name of names) {
    const manifest = join(root, "node_modules", name, "package.json");
    if (found.has(name) || !existsSync(manifest)) continue;
    found.add(name);
    const { dependencies } = JSON.parse(output("cat", [manifest])) as {
      dependencies?: Record<string, string>;
    };
    closure(Object.keys(dependencies ?? {}), found);
  }
  return found;
}

/** Where there is an `ip` that knows netkit, which Debian 12's own does not. */
function iproute(): string {
  const release = "bookworm-backports";
  return cached("iproute2", (making) =>
    unpackPackages(release, [`iproute2=${newestVersion(release, "iproute2", "")}`], making),
  );
}

/** Writes the archive of one guest to `file`. */
export function writeInitramfs(
  file: string,
  suite: string,
  kernel: Kernel,
  libbpf: string,
  node: string,
): void {
  const folder = `${file}.root`;
  rmSync(folder, { recursive: true, force: true });
  const put = (from: string, to: string): void => {
    mkdirSync(dirname(join(folder, to)), { recursive: true });
    // Hard links where they can be: nothing is written to again.
    output("cp", ["-L", from, join(folder, to)]);
  };
  for (const path of ["bin", "usr/bin", "proc", "sys", "dev", "tmp", "run", "root", "etc", "var/tmp"])
    mkdirSync(join(folder, path), { recursive: true });
  symlinkSync("../run", join(folder, "var/run"));
  const libraries = new Set<string>();
  const putWithLibraries = (from: string, to: string): void => {
    put(from, to);
    for (const [, path] of output("ldd", [from]).matchAll(/(?:=> |^\s*)(\/\S+)/gm)) libraries.add(path!);
  };
  for (const name of programs) {
    const found = spawnSync("sh", ["-c", `command -v ${name}`], {
      encoding: "utf8",
      env: { PATH: "/usr/bin:/bin:/usr/sbin:/sbin" },
    }).stdout.trim();
    // A word of the shell is no program.
    const path = found.startsWith("/") ? found : `/usr/bin/${name}`;
    if (!existsSync(path)) throw new Unavailable(`${name} is missing here, and the guest needs it`);
    putWithLibraries(realpathSync(path), `usr/bin/${name}`);
  }
  putWithLibraries(join(iproute(), "bin/ip"), "usr/bin/ip");
  rmSync(join(folder, "bin"), { recursive: true });
  symlinkSync("usr/bin", join(folder, "bin"));
  put("/bin/busybox", "busybox");
  putWithLibraries(node, "usr/bin/node");
  putWithLibraries(libbpf, "usr/lib/libbpf.so.1");
  for (const library of libraries) put(realpathSync(library), library);
  put(join(root, "test/vm/guest/init.sh"), "init");
  output("chmod", ["+x", join(folder, "init")]);
  // Where libbpf looks for the kernel's options: init links it to the name with the release.
  put(kernel.config, "boot/config");
  for (const module of kernel.modules) put(module, join("modules", module.split("/").at(-1)!));
  output("cp", ["-a", suite, join(folder, "suite")]);
  writeFileSync(
    join(folder, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
  );
  writeFileSync(join(folder, "etc/os-release"), "ID=debian\nVERSION_ID=12\n");
  output("sh", ["-ec", 'find . | cpio --quiet -o -H newc > "$1"', "sh", file], { cwd: folder });
  rmSync(folder, { recursive: true });
}
