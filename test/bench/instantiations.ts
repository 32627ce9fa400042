import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const TYPES = 50;
const MAPS = 20;

/**
 * How many types the compiler instantiates for a skeleton of 50 types and 20 maps, and a program that gets from and
 * sets into each map once: what a skeleton costs in an editor. Needs clang.
 * @param root the repository.
 * @param command the generator's.
 */
export function instantiations(root: string, command: string): number {
  // Inside of node_modules, so that the runtime is found from there.
  const folder = join(root, "node_modules/.cache/bpf-tsgen-types");
  mkdirSync(folder, { recursive: true });
  try {
    const file = (name: string): string => join(folder, name);
    writeFileSync(file("package.json"), '{ "type": "module" }\n');
    writeFileSync(file("many.bpf.c"), program());
    writeFileSync(file("app.ts"), application());
    const headers = [
      "-idirafter",
      `/usr/include/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`,
    ];
    const clang = [
      "-g",
      "-O2",
      "-target",
      "bpf",
      ...headers,
      "-c",
      file("many.bpf.c"),
      "-o",
      file("many.bpf.o"),
    ];
    execFileSync("clang", clang, { stdio: ["ignore", "ignore", "inherit"] });
    const types = Array.from({ length: TYPES }, (_, i) => ["--type", `type${i}`]).flat();
    execFileSync(process.execPath, [command, ...types, "-o", file("many.skel.ts"), file("many.bpf.o")]);
    const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022"];
    const said = execFileSync(
      process.execPath,
      [
        join(root, "node_modules/typescript/bin/tsc"),
        ...["--ignoreConfig", ...options, "--lib", "es2023,esnext.disposable", "--extendedDiagnostics"],
        file("app.ts"),
      ],
      { encoding: "utf8" },
    );
    return Number(/^Instantiations:\s+(\d+)/m.exec(said)?.[1] ?? Number.NaN);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Structs of numbers, text, an array and, every fifth, a struct inside; the first ones are values of maps. */
function program(): string {
  const types = Array.from({ length: TYPES }, (_, i) => {
    const inside = i % 5 === 4 ? `struct type${i - 1} before;` : `__s32 x${i};`;
    return `struct type${i} { __u32 a; __u64 b; char name[16]; __u32 counts[4]; void *at; ${inside} };`;
  });
  const maps = Array.from({ length: MAPS }, (_, i) => {
    const kind = `__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8);`;
    return `struct { ${kind} __type(key, __u32); __type(value, struct type${i}); } map${i} SEC(".maps");`;
  });
  const unused = types.map((_, i) => `struct type${i} *unused${i} __attribute__((unused));`);
  const includes = ["linux/bpf.h", "linux/types.h", "bpf/bpf_helpers.h"].map((name) => `#include <${name}>`);
  return [...includes, ...types, ...maps, ...unused, ""].join("\n");
}

function application(): string {
  const uses = Array.from(
    { length: MAPS },
    (_, i) =>
      `const v${i} = many.maps.map${i}.get(1);\nif (v${i}) many.maps.map${i}.set(2, { ...v${i}, a: ${i} });`,
  );
  return ['import { Many } from "./many.skel.js";', "const many = Many.load();", ...uses, ""].join("\n");
}
