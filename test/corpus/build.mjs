// Compiles the BPF programs that the kernel comes with: the selftests and samples of Debian's linux-source-6.1.
// Nothing of it goes into the tree: sources, headers and objects lie in $XDG_CACHE_HOME/bpf-tsgen-corpus, where
// `index.json` says of each source which object came of it, or what the compiler said. A second run compiles only
// what is missing; `--again` compiles everything.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";

const SOURCE = "linux-source-6.1";
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "bpf-tsgen-corpus");
const debs = join(cache, "debs");
const tree = join(cache, SOURCE);
const objects = join(cache, "objects");
const selftests = join(tree, "tools/testing/selftests/bpf");
const samples = join(tree, "samples/bpf");
/** Headers made here: `bpf/*.h` as libbpf's Makefile installs them, and `vmlinux.h`. */
const made = join(cache, "include");

ensureTools();
for (const folder of [debs, join(objects, "selftests"), join(objects, "samples")])
  mkdirSync(folder, { recursive: true });
fetchSource();
const kernelHeaders = fetchKernelHeaders();
makeHeaders();

const system = systemIncludes();
const index = [...compileAll("selftests"), ...compileAll("samples"), ...linkAll()];
writeFileSync(join(cache, "index.json"), `${JSON.stringify(index, undefined, 1)}\n`);
const built = index.filter(({ error }) => error === undefined).length;
console.log(
  `${index.length} sources, ${built} objects, ${index.length - built} that do not compile: ${cache}`,
);

function ensureTools() {
  const packages = {
    gcc: "gcc",
    clang: "clang",
    llc: "llvm",
    bpftool: "bpftool",
    python3: "python3",
    xz: "xz-utils",
  };
  const missing = Object.entries(packages)
    .filter(([command]) => spawnSync("sh", ["-c", `PATH=$PATH:/usr/sbin command -v ${command}`]).status !== 0)
    .map(([, name]) => name);
  process.env.PATH += ":/usr/sbin";
  if (missing.length === 0) return;
  console.log(`Installing with apt-get: ${missing.join(", ")}`);
  execFileSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...missing], {
    stdio: "inherit",
  });
}

/** Downloads a package, without installing it; the path of its file. */
function download(name) {
  const found = () => readdirSync(debs).find((file) => file.startsWith(`${name}_`) && file.endsWith(".deb"));
  if (!found()) {
    console.log(`Downloading ${name}`);
    execFileSync("apt-get", ["download", "-qq", name], { cwd: debs, stdio: ["ignore", "inherit", "ignore"] });
  }
  return join(debs, found());
}

/** Unpacks into a folder beside, which then takes the place of `folder`: half an unpacking is not taken for one. */
function unpack(folder, script, ...args) {
  if (existsSync(folder)) return;
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial);
  execFileSync("sh", ["-ec", script, "sh", ...args], {
    cwd: partial,
    stdio: ["ignore", "ignore", "inherit"],
  });
  renameSync(partial, folder);
}

function fetchSource() {
  const parts = ["tools", "samples/bpf", "scripts", "include", "kernel", "net"];
  const wanted = parts.map((part) => `${SOURCE}/${part}`).join(" ");
  unpack(
    tree,
    `dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/src/${SOURCE}.tar.xz | tar -xJ --strip-components=1 ${wanted}`,
    download(SOURCE),
  );
}

/** The headers of a configured kernel, for the samples that read kernel memory without CO-RE: `-I` options. */
function fetchKernelHeaders() {
  const [, common] =
    /Depends: (linux-headers-\S+)-amd64/.exec(run("apt-cache", ["depends", "linux-headers-amd64"])) ?? [];
  if (!common) return [];
  const headers = join(cache, "linux-headers");
  const script = 'for deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x ./usr/src --strip-components=3; done';
  unpack(headers, script, download(`${common}-common`), download(`${common}-amd64`));
  const source = join(headers, `${common}-common`);
  const configured = join(headers, `${common}-amd64`);
  const include = [
    [source, "arch/x86/include"],
    [configured, "arch/x86/include/generated"],
    [source, "include"],
    [configured, "include"],
    [source, "arch/x86/include/uapi"],
    [configured, "arch/x86/include/generated/uapi"],
    [source, "include/uapi"],
    [configured, "include/generated/uapi"],
  ].map((path) => `-I${join(...path)}`);
  return [...include, "-include", join(source, "include/linux/kconfig.h")];
}

function makeHeaders() {
  mkdirSync(join(made, "bpf"), { recursive: true });
  const libbpf = join(tree, "tools/lib/bpf");
  for (const header of readdirSync(libbpf).filter((name) => name.endsWith(".h")))
    copyFileSync(join(libbpf, header), join(made, "bpf", header));
  const api = join(tree, "tools/include/uapi/linux/bpf.h");
  const helpers = run("python3", [join(tree, "scripts/bpf_doc.py"), "--header", "--file", api]);
  writeFileSync(join(made, "bpf/bpf_helper_defs.h"), helpers);
  const dump = ["btf", "dump", "file", "/sys/kernel/btf/vmlinux", "format", "c"];
  writeFileSync(join(made, "vmlinux.h"), run("bpftool", dump));
}

/** clang's own folders of system headers, which `-target bpf` does not search: as both Makefiles do it. */
function systemIncludes() {
  const { stderr } = spawnSync("clang", ["-v", "-E", "-x", "c", "/dev/null"], { encoding: "utf8" });
  const [, list] = /search starts here:\n([\s\S]*?)End of search list/.exec(
    stderr.split("#include <...>")[1],
  );
  return list
    .trim()
    .split(/\s+/)
    .flatMap((folder) => ["-idirafter", folder]);
}

function compileAll(set) {
  const folder = set === "selftests" ? join(selftests, "progs") : samples;
  const pattern = set === "selftests" ? /\.c$/ : /(_kern|\.bpf)\.c$/;
  const sources = readdirSync(folder)
    .filter((name) => pattern.test(name))
    .sort();
  return sources.map((name) => {
    const object = join(objects, set, name.replace(/(\.bpf)?\.c$/, ".bpf.o"));
    const source = join(folder, name);
    const command = set === "selftests" ? selftest : name.endsWith(".bpf.c") ? sample : kernelSample;
    return { set, source: name, object, ...make(object, () => command(source, object)) };
  });
}

/** What became of an object: nothing to say, or why there is none. */
function make(object, command) {
  if (existsSync(object) && !process.argv.includes("--again")) return {};
  rmSync(object, { force: true });
  const { status, stderr } = command();
  if (status === 0) return {};
  rmSync(object, { force: true });
  const error = /(?:fatal )?error: (.*)/.exec(stderr)?.[1] ?? stderr.trim().split("\n")[0];
  return { error };
}

/** `CLANG_BPF_BUILD_RULE` of the selftests' Makefile, without `-Werror`. */
function selftest(source, object) {
  const includes = [`-I${made}`, `-I${selftests}`, `-I${join(tree, "tools/include/uapi")}`, ...system];
  const name = basename(source);
  return clang([
    ...["-g", "-O2", "-target", "bpf", "-mcpu=v3", "-D__TARGET_ARCH_x86", "-DENABLE_ATOMICS_TESTS", "-w"],
    ...(/^test_(l4lb|xdp)_noinline\.c$/.test(name) ? ["-fno-inline"] : []),
    ...includes,
    ...["-c", source, "-o", object],
  ]);
}

/** The rule for `*.bpf.c` of the samples' Makefile. */
function sample(source, object) {
  const folders = [join(tree, "include"), samples, join(tree, "tools/include"), made];
  return clang([
    ...["-g", "-O2", "-target", "bpf", "-D__TARGET_ARCH_x86", "-w"],
    ...folders.map((folder) => `-I${folder}`),
    ...system,
    ...["-c", source, "-o", object],
  ]);
}

/** The rule for `*_kern.c`: compiled for the machine, against the kernel's own headers, and then turned into BPF. */
function kernelSample(source, object) {
  const bitcode = `${object}.bc`;
  const defines = ["-D__KERNEL__", "-D__BPF_TRACING__", "-D__TARGET_ARCH_x86", '-DKBUILD_MODNAME="sample"'];
  const compiled = clang([
    ...[
      "-nostdinc",
      ...kernelHeaders,
      "-fno-stack-protector",
      "-g",
      `-I${selftests}`,
      `-I${made}`,
      ...system,
    ],
    ...[...defines, "-w", "-fno-asynchronous-unwind-tables", `-I${samples}`],
    ...["-include", join(samples, "asm_goto_workaround.h"), "-O2", "-emit-llvm", "-Xclang"],
    ...["-disable-llvm-passes", "-c", source, "-o", bitcode],
  ]);
  if (compiled.status !== 0) return compiled;
  const script = `opt -O2 -mtriple=bpf-pc-linux "$1" | llvm-dis | llc -march=bpf -filetype=obj -o "$2"`;
  const lowered = spawnSync("bash", ["-o", "pipefail", "-ec", script, "sh", bitcode, object], {
    encoding: "utf8",
  });
  rmSync(bitcode);
  return lowered;
}

/** What both Makefiles link out of several objects: BTF that `bpftool gen object` has merged and laid out. */
function linkAll() {
  const sample = (name) => ["samples", `${name}.linked`, [name, "xdp_sample"]];
  const linked = [
    ["selftests", "test_static_linked", ["test_static_linked1", "test_static_linked2"]],
    ["selftests", "linked_funcs", ["linked_funcs1", "linked_funcs2"]],
    ["selftests", "linked_vars", ["linked_vars1", "linked_vars2"]],
    ["selftests", "linked_maps", ["linked_maps1", "linked_maps2"]],
    [
      "selftests",
      "test_subskeleton.linked",
      ["test_subskeleton_lib2", "test_subskeleton_lib", "test_subskeleton"],
    ],
    ["selftests", "test_subskeleton_lib.linked", ["test_subskeleton_lib2", "test_subskeleton_lib"]],
    ["selftests", "test_usdt.linked", ["test_usdt", "test_usdt_multispec"]],
    ...["xdp_redirect_cpu", "xdp_redirect_map_multi", "xdp_redirect_map", "xdp_redirect"].map(sample),
    ...["xdp_monitor", "xdp_router_ipv4"].map(sample),
  ];
  return linked.map(([set, name, from]) => {
    const object = join(objects, set, `${name}.bpf.o`);
    const parts = from.map((part) => join(objects, set, `${part}.bpf.o`));
    const link = () => spawnSync("bpftool", ["gen", "object", object, ...parts], { encoding: "utf8" });
    return { set, source: from.join(" + "), object, ...make(object, link) };
  });
}

function clang(args) {
  return spawnSync("clang", args, { encoding: "utf8" });
}

function run(command, args) {
  return execFileSync(command, args, { encoding: "utf8", maxBuffer: 1 << 28 });
}
