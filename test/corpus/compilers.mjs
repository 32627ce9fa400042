// Compiles the tests' own sources with every compiler for BPF that Debian has: clang from 11 on, and gcc.
// Nothing is installed: apt reads and downloads into $XDG_CACHE_HOME/bpf-tsgen-corpus/compilers, each compiler is
// unpacked there and runs by its own loader and libraries. `index.json` says of each compilation what came of it.
// A second run fetches what is missing, and compiles what is newer than its object; `--again` compiles everything.
// `--fixtures` then copies some objects to test/fixtures/compilers, where tests hold them without any compiler.
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const MIRROR = "http://deb.debian.org/debian";
/** Where each compiler comes from. */
const wanted = [
  ...["clang-11", "gcc-bpf"].map((name) => ["bullseye", name]),
  ...["clang-13", "clang-14", "clang-15", "clang-16", "gcc-bpf"].map((name) => ["bookworm", name]),
  ...["clang-17", "clang-18", "clang-19", "gcc-bpf"].map((name) => ["trixie", name]),
  ...["clang-21", "clang-22", "clang-23", "gcc-bpf"].map((name) => ["sid", name]),
];
/** What of a compiler's dependencies it needs to run: no headers of the system, no linker. */
const needed =
  /^(clang-\d+|libclang-cpp\d.*|libclang-common-\d.*|libllvm\d.*|(gcc|binutils)-bpf|libc6|libgcc-s1|libstdc\+\+6|zlib1g|lib(z3-4|edit2|tinfo6|zstd1|xml2.*|icu\d+|lzma5|bsd0|md0|ffi\d|gmp10|mpc3|mpfr6|isl\d+|sframe\d))$/;

/** gcc finds no headers of the system by itself, and no compiler those that Debian keeps apart. */
const headers = ["-idirafter", "/usr/include", "-idirafter", "/usr/include/x86_64-linux-gnu"];
const root = fileURLToPath(new URL("../..", import.meta.url));
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "bpf-tsgen-corpus", "compilers");
const again = process.argv.includes("--again");
process.env.PATH += ":/usr/sbin";

const index = [];
const compilers = wanted.flatMap(([release, name]) => fetchCompiler(release, name) ?? []);
for (const compiler of compilers) compileAll(compiler);
writeFileSync(join(cache, "index.json"), `${JSON.stringify(index, undefined, 1)}\n`);
const built = index.filter(({ error }) => error === undefined).length;
console.log(
  `${compilers.length} compilers, ${built} objects, ${index.length - built} that do not compile: ${cache}`,
);

if (process.argv.includes("--fixtures")) copyFixtures();

/** What is committed: who says things otherwise, the newest, and a link. */
function copyFixtures() {
  const folder = join(root, "test/fixtures/compilers");
  const chosen = ["clang-11", "clang-13", "clang-22", "gcc-12", "gcc-14", "gcc-16"];
  const entries = [
    ...chosen.map((set) => [set, "constructs", "O2"]),
    ["clang-22", "constructs", "eb"],
    ["gcc-16", "constructs", "eb"],
    ["clang-14", "linked", "O2"],
  ];
  const list = entries.map(([set, base, variant]) => {
    const from = join(cache, "objects", set, `${base}.${variant}.bpf.o`);
    const entry = index.find(({ object }) => object === from);
    const file = base === "linked" ? "linked.bpf.o" : `${set}.${base}.${variant}.bpf.o`;
    copyFileSync(from, join(folder, file));
    return { file, set, version: entry.version, variant };
  });
  writeFileSync(join(folder, "objects.json"), `${JSON.stringify(list, undefined, 2)}\n`);
}

/** Options that keep apt away from the system's lists, packages and cache. */
function apt(release) {
  const state = join(cache, "apt", release);
  const list = join(state, "sources.list");
  if (!existsSync(list)) {
    for (const folder of ["lists/partial", "cache/archives/partial"])
      mkdirSync(join(state, folder), { recursive: true });
    writeFileSync(join(state, "status"), "");
    const key = "/usr/share/keyrings/debian-archive-keyring.gpg";
    writeFileSync(list, `deb [signed-by=${key}] ${MIRROR} ${release} main\n`);
  }
  const options = {
    "Dir::Etc::sourcelist": list,
    "Dir::Etc::sourceparts": "/nonexistent",
    "Dir::State::Lists": join(state, "lists"),
    "Dir::State::status": join(state, "status"),
    "Dir::Cache": join(state, "cache"),
    "APT::Architecture": "amd64",
    "APT::Sandbox::User": "",
    "Acquire::Languages": "none",
    // A release that is not maintained any more still has its compiler.
    "Acquire::Check-Valid-Until": "false",
  };
  return Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
}

/** Unpacks a compiler; how to call it, or nothing where Debian has it no more. */
function fetchCompiler(release, name) {
  const folder = join(cache, `${name}.${release}`);
  if (!existsSync(folder)) {
    const lists = join(cache, "apt", release, "lists");
    const options = apt(release);
    if (!readdirSync(lists).some((file) => file.endsWith("_Packages") || file.includes("_Packages.")))
      execFileSync("apt-get", [...options, "update", "-qq"], { stdio: "inherit" });
    const kinds = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"];
    const recursive = ["depends", "--recurse", ...kinds.map((kind) => `--no-${kind}`), name];
    const closure = spawnSync("apt-cache", [...options, ...recursive], { encoding: "utf8" }).stdout;
    const packages = closure.split("\n").filter((line) => needed.test(line));
    if (!packages.includes(name)) {
      console.log(`${name}: not in Debian ${release}`);
      return undefined;
    }
    console.log(`Downloading ${name} of Debian ${release}`);
    const partial = `${folder}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(join(partial, "debs"), { recursive: true });
    execFileSync("apt-get", [...options, "download", "-qq", ...packages], {
      cwd: join(partial, "debs"),
      stdio: ["ignore", "inherit", "inherit"],
    });
    for (const deb of readdirSync(join(partial, "debs")))
      execFileSync("dpkg", ["-x", join(partial, "debs", deb), partial]);
    rmSync(join(partial, "debs"), { recursive: true });
    renameSync(partial, folder);
  }
  return name === "gcc-bpf" ? gcc(folder, release) : clang(folder, name);
}

/** Every file under a folder whose path matches. */
function find(folder, pattern) {
  const found = readdirSync(folder, { recursive: true }).find((path) => pattern.test(path));
  if (found === undefined) throw new Error(`${folder}: has no ${pattern}`);
  return join(folder, found);
}

/** A program of an unpacked package, run by the loader and the libraries that were unpacked with it. */
function program(folder, path) {
  const libraries = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"].map((lib) => join(folder, lib));
  const loader = find(folder, /lib\/x86_64-linux-gnu\/ld-[^/]*\.so[.\d]*$/);
  libraries.push(join(dirname(realpathSync(path)), "../lib"));
  return (args, cwd) =>
    spawnSync(loader, ["--library-path", libraries.join(":"), path, ...args], { cwd, encoding: "utf8" });
}

function clang(folder, name) {
  const version = name.replace("clang-", "");
  const run = program(folder, join(folder, `usr/lib/llvm-${version}/bin/clang`));
  const resources = dirname(dirname(find(join(folder, "usr/lib"), /\/clang\/[\d.]+\/include\/stddef\.h$/)));
  return {
    set: name,
    version: /version ([\d.]+)/.exec(run(["--version"]).stdout)?.[1],
    compile: (source, object, { level, debug, endian }) =>
      run(
        [
          ...["-resource-dir", resources, "-target", endian === "big" ? "bpfeb" : "bpfel", `-O${level}`],
          ...[
            ...(debug ? ["-g"] : []),
            "-mcpu=v3",
            "-D__TARGET_ARCH_x86",
            "-fms-extensions",
            "-w",
            ...headers,
          ],
          ...["-fdebug-compilation-dir", ".", "-c", basename(source), "-o", object],
        ],
        dirname(source),
      ),
  };
}

/** gcc's driver would start its parts by the system's loader, so they are called one by one. */
function gcc(folder, release) {
  const cc1 = find(join(folder, "usr"), /\/gcc\/bpf[^/]*\/[\d.]+\/cc1$/);
  const include = dirname(find(join(folder, "usr"), /\/gcc\/bpf[^/]*\/[\d.]+\/include\/stddef\.h$/));
  const compiler = program(folder, cc1);
  const assembler = program(folder, find(join(folder, "usr/bin"), /^bpf[^/]*-as$/));
  const major = basename(dirname(cc1));
  return {
    set: `gcc-${major}`,
    version: `${major}, Debian ${release}`,
    compile: (source, object, { level, debug, endian }) => {
      const assembly = object.replace(/\.o$/, ".s");
      const compiled = compiler(
        [
          ...["-quiet", `-O${level}`, ...(debug ? ["-gbtf"] : []), `-m${endian}-endian`],
          ...["-D__TARGET_ARCH_x86", "-fms-extensions", "-w", "-isystem", include, ...headers],
          // BTF names the file by its whole path, which shall not tell where this is.
          ...[join("/proc/self/cwd", basename(source)), "-o", assembly],
        ],
        dirname(source),
      );
      if (compiled.status !== 0) return compiled;
      // Since 14 it writes `r0 = 1`, as clang does, not `mov %r0,1`.
      const dialect = Number(major) >= 14 ? ["-mdialect=pseudoc"] : [];
      return assembler([endian === "big" ? "-EB" : "-EL", ...dialect, assembly, "-o", object]);
    },
  };
}

function sources() {
  const folders = ["test/fixtures", ...readdirSync(join(root, "samples")).map((name) => `samples/${name}`)];
  return folders.flatMap((folder) => {
    const path = join(root, folder);
    if (!existsSync(path) || !statSync(path).isDirectory()) return [];
    return readdirSync(path)
      .filter((name) => name.endsWith(".bpf.c"))
      .sort()
      .map((name) => join(path, name));
  });
}

function compileAll({ set, version, compile }) {
  const objects = join(cache, "objects", set);
  mkdirSync(objects, { recursive: true });
  const make = (source, from, variant, object, command) => {
    const isNew =
      existsSync(object) &&
      from.every((path) => existsSync(path) && statSync(path).mtimeMs < statSync(object).mtimeMs);
    const entry = { set, version, source, variant, object };
    if (isNew && !again) return index.push(entry);
    rmSync(object, { force: true });
    const { status, stderr, signal } = command();
    if (status === 0) return index.push(entry);
    rmSync(object, { force: true });
    const error =
      /(?:[Ee]rror|internal compiler error): (.*)/.exec(stderr)?.[1] ??
      signal ??
      stderr.trim().split("\n")[0];
    index.push({ ...entry, error });
  };
  for (const source of sources()) {
    const base = basename(source, ".bpf.c");
    // Without debug information no map is known; one level of optimization and one byte order tell enough.
    const variants = { O2: {}, O1: { level: 1 }, eb: { endian: "big" }, nobtf: { debug: false } };
    for (const [variant, options] of Object.entries(variants)) {
      const object = join(objects, `${base}.${variant}.bpf.o`);
      const all = { level: 2, debug: true, endian: "little", ...options };
      make(basename(source), [source], variant, object, () => compile(source, object, all));
    }
  }
  // Objects of several sources, with types of the same name that differ.
  const parts = ["linked-one", "linked-two"].map((name) => join(objects, `${name}.O2.bpf.o`));
  const linked = join(objects, "linked.O2.bpf.o");
  const link = () => spawnSync("bpftool", ["gen", "object", linked, ...parts], { encoding: "utf8" });
  make("linked-one + linked-two", parts, "linked", linked, link);
}
