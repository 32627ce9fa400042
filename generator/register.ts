/**
 * Importing BPF objects with Node alone: `node --import bpf-tsgen/register app.js`, and in app.js
 * `import { Watch } from "./watch.bpf.o"`. For development: it generates at each start, and needs the generator installed.
 *
 * TypeScript takes the import when tsconfig.json has `"allowArbitraryExtensions": true`, and
 * `bpf-tsgen -o watch.bpf.d.o.ts watch.bpf.o` has written its declarations.
 * @module
 */
import module from "node:module";
import type { load } from "./hooks.js";

/** What newer Nodes have. */
const { enableCompileCache, registerHooks } = module as {
  enableCompileCache?: () => void;
  registerHooks?: (hooks: { load: typeof load }) => void;
};

enableCompileCache?.();
if (registerHooks) {
  const hooks = await import("./hooks.js");
  registerHooks({ load: hooks.load });
} else module.register("./hooks.js", import.meta.url);
