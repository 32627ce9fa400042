import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { libcPrototypes } from "../../../runtime/ffi/prototypes.js";
import { ensurePackages } from "../../machine.js";

// Only the headers of other machines and of another libc are needed: nothing is linked, and nothing runs.
const missing =
  process.platform === "linux" ? ensurePackages(["clang", "musl-dev", "libc6-dev-arm64-cross"]) : [];
const own = arch() === "arm64" ? "aarch64" : "x86_64";
const systems: readonly (readonly [name: string, headers: string, ...options: string[]])[] = [
  ["this machine's", "/usr/include"],
  ["musl", `/usr/include/${own}-linux-musl`, "-nostdinc", "-isystem", `/usr/include/${own}-linux-musl`],
  [
    "glibc on arm64",
    "/usr/aarch64-linux-gnu/include",
    ...["--target=aarch64-linux-gnu", "-nostdlibinc", "-isystem", "/usr/aarch64-linux-gnu/include"],
  ],
];
const sizes: Readonly<Record<string, number>> = { ptr: 8, s64: 8, u64: 8, size: 8, s32: 4, u32: 4 };

/** The functions that are bound, called with as many arguments as they are bound with, and what they return. */
function calls(): string {
  return Object.entries(libcPrototypes)
    .map(([name, [result, ...parameters]]) => {
      const call = `${name}(${parameters.map(() => "0").join(", ")})`;
      return result === "void" ? `IS(sizeof(${call}) > 0, 1);` : `IS(sizeof(${call}), ${sizes[result]});`;
    })
    .join("\n");
}

describe.skipIf(process.platform !== "linux" || missing.includes("clang"))(
  "libc is what the runtime takes it for",
  () => {
    test.each(systems.filter(([, headers]) => existsSync(headers)))("%s", (_, __, ...options) => {
      const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-libc-"));
      try {
        const source = join(folder, "libc.c");
        const fixed = readFileSync(fileURLToPath(new URL("libc.c", import.meta.url)), "utf8");
        writeFileSync(source, `${fixed}\n${calls()}\n`);
        const said = execFileSync("clang", ["-fsyntax-only", "-Wno-nonnull", ...options, source], {
          encoding: "utf8",
          stdio: ["ignore", "pipe", "pipe"],
        });
        expect(said).toBe("");
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  },
);
