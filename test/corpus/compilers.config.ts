import type { ViteUserConfig } from "vitest/config";
import corpus from "./vitest.config.js";

/** `npm run test:compilers`: the same tests, of what compilers.mjs has compiled. */
const config: ViteUserConfig = {
  ...corpus,
  test: { ...corpus.test, env: { BPF_TSGEN_CORPUS: "compilers" } },
};
export default config;
