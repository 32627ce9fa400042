// The objects that build.mjs or compilers.mjs made, what bpftool says of each, and the skeletons that we make of them.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { GenerateError, generate, generateTypes } from "../../generator/index.js";
import { Oracle } from "./oracle.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Which corpus: the kernel's own programs, or our own by every compiler. */
export const isOfCompilers: boolean = process.env.BPF_TSGEN_CORPUS === "compilers";
const cache = join(
  process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"),
  "bpf-tsgen-corpus",
  isOfCompilers ? "compilers" : "",
);
const work = join(cache, "work");
process.env.PATH += ":/usr/sbin";

/** One source of the corpus, as index.json has it. */
export interface Source {
  readonly set: string;
  readonly source: string;
  readonly object: string;
  readonly error?: string;
  /** Of a compiler. */
  readonly version?: string;
  /** How it was compiled: `O2`, `O1`, `eb` in big-endian, `nobtf` without debug information, `linked` from several. */
  readonly variant?: string;
}

/** What the generator says of an object. */
export interface Ours {
  /** The exported const; absent when there is no skeleton. */
  readonly skeleton?: string;
  /** Why there is no skeleton. */
  readonly refusal?: string;
  /** The file whose import gets the recorder for a runtime: the skeleton, or the types alone of an object that has nothing else. */
  readonly recorded?: string;
}

/** An object, and what became of it. */
export interface Subject {
  /** `selftests`, `clang-11`. */
  readonly set: string;
  /** `selftests/atomics`. */
  readonly name: string;
  readonly object: string;
  /** The header that bpftool generated, or why it did not. */
  readonly bpftool: { readonly header: string } | { readonly refusal: string };
  readonly ours: Ours;
}

export const sources: readonly Source[] = readIndex();

function readIndex(): Source[] {
  try {
    return JSON.parse(readFileSync(join(cache, "index.json"), "utf8"));
  } catch (cause) {
    throw new Error(`there is no corpus yet: node test/corpus/${isOfCompilers ? "compilers" : "build"}.mjs`, {
      cause,
    });
  }
}

/** Generates a skeleton of every object, with every type that the object names. */
export function generateAll(): Subject[] {
  rmSync(work, { recursive: true, force: true });
  for (const folder of ["plain", "recorded"]) mkdirSync(join(work, folder), { recursive: true });
  return sources.flatMap(({ set, object, error }): Subject[] => {
    if (error !== undefined) return [];
    const name = `${set}/${object.replace(/^.*\//, "").replace(/\.bpf\.o$/, "")}`;
    return [{ set, name, object, bpftool: askBpftool(object), ours: ours(object, name.replace("/", "-")) }];
  });
}

function askBpftool(object: string): Subject["bpftool"] {
  const { status, stdout, stderr } = spawnSync("bpftool", ["gen", "skeleton", object], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status === 0) return { header: stdout };
  const lines = stderr.trim().split("\n");
  return {
    refusal: (lines.find((line) => line.startsWith("libbpf:")) ?? lines[0] ?? "").replace(object, "OBJECT"),
  };
}

function ours(object: string, base: string): Ours {
  const bytes = readFileSync(object);
  const write = (folder: string, file: string, text: string): string => {
    const path = join(work, folder, file);
    writeFileSync(path, text);
    return path;
  };
  const runtime = "bpf-tsgen-recorder";
  try {
    // As a user would generate it; then with all types of the object.
    const { name, text } = generate(bytes, { file: object });
    write("plain", `${base}.skel.ts`, text);
    const named = new Oracle(object)
      .named()
      .map(({ kind, name: c }) => `${kind.toLowerCase().replace("64", "")} ${c}`);
    const all = { file: object, types: [...new Set(named)], embed: "none" } as const;
    write("plain", `${base}.all.skel.ts`, generate(bytes, all).text);
    const recorded = write("recorded", `${base}.skel.ts`, generate(bytes, { ...all, runtime }).text);
    return { skeleton: name, recorded };
  } catch (error) {
    if (!(error instanceof GenerateError)) throw error;
    const refusal = error.message;
    if (!refusal.startsWith("the object has no program and no map") || base.includes(".nobtf"))
      return { refusal };
    write("plain", `${base}.types.skel.ts`, generateTypes(bytes, { file: object }).text);
    const types = generateTypes(bytes, { file: object, runtime });
    return { refusal, recorded: write("recorded", `${base}.skel.ts`, types.text) };
  }
}

/** What tsc has against the skeletons, all together, under the flags that CONTRACT §3 names. */
export function typeCheck(): string[] {
  const here = join(work, "plain");
  const from = (path: string): string => relative(here, join(root, path));
  const compilerOptions = {
    ...{ target: "es2022", lib: ["es2023", "esnext.disposable"], module: "nodenext" },
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
    ...{
      isolatedDeclarations: true,
      erasableSyntaxOnly: true,
      verbatimModuleSyntax: true,
      declaration: true,
    },
    ...{ noEmit: true, skipLibCheck: true, types: ["node"], typeRoots: [from("node_modules/@types")] },
    paths: { "bpf-tsgen-runtime/codegen": [from("runtime/codegen.ts")] },
  };
  writeFileSync(join(here, "package.json"), '{ "type": "module" }\n');
  writeFileSync(join(here, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.skel.ts"] }));
  const tsc = join(root, "node_modules/.bin/tsc");
  const { stdout, stderr } = spawnSync(tsc, ["-p", here, "--pretty", "false"], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const lines = (stdout + stderr).split("\n");
  return lines.flatMap((line) => /[^/]+\.skel\.ts\(.*error.*/.exec(line)?.[0] ?? []);
}
