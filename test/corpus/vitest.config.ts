import { fileURLToPath } from "node:url";
import type { ViteUserConfig } from "vitest/config";

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** `npm run test:corpus`: apart from the other tests, which need no kernel sources and take seconds. */
const config: ViteUserConfig = {
  root: source("../.."),
  resolve: { alias: { "bpf-tsgen-recorder": source("./recorder.ts") } },
  test: {
    include: ["test/corpus/*.corpus.ts"],
    reporters: ["dot", "./test/closing-line.ts"],
    pool: "forks",
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
};
export default config;
