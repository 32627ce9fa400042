import { fileURLToPath } from "node:url";
import type { ViteUserConfig } from "vitest/config";

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const config: ViteUserConfig = {
  resolve: {
    alias: {
      "bpf-tsgen-runtime/codegen": source("./runtime/codegen.ts"),
      "bpf-tsgen-runtime": source("./runtime/index.ts"),
      "bpf-tsgen": source("./generator/index.ts"),
    },
  },
  test: {
    include: ["test/**/*.test.ts", "samples/**/*.test.ts"],
    globalSetup: "test/setup.ts",
    reporters: ["default", "./test/closing-line.ts"],
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
};
export default config;
