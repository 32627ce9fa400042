/**
 * Importing BPF objects with Vite and Vitest: `import { Watch } from "./watch.bpf.o"`.
 *
 * ```ts
 * // vite.config.ts or vitest.config.ts
 * import bpf from "bpf-tsgen/vite";
 * export default { plugins: [bpf()] };
 * ```
 * TypeScript takes the import when tsconfig.json has `"allowArbitraryExtensions": true`.
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { declarationsFile, type ImportOptions, isObject, moduleOf } from "./import.js";

export type { ImportOptions } from "./import.js";

/** What the plugin can be told. */
export interface BpfPluginOptions extends ImportOptions {
  /**
   * Whether to write the declarations beside each object that is imported: `watch.bpf.d.o.ts`, for editors and `tsc`.
   * Default true. `bpf-tsgen -o watch.bpf.d.o.ts watch.bpf.o` writes the same.
   */
  readonly declarations?: boolean | undefined;
}

/** A plugin, as far as Vite and Rollup need to know it. */
export interface BpfPlugin {
  readonly name: "bpf-tsgen";
  readonly enforce: "pre";
  load(this: BpfPluginContext, id: string): string | undefined;
}

/** What the plugin asks of Vite. */
export interface BpfPluginContext {
  addWatchFile(file: string): void;
  warn(message: string): void;
}

/**
 * A plugin that makes each imported `*.bpf.o` the module that its skeleton is, the object in it. The application needs
 * `bpf-tsgen-runtime`. While Vite serves or watches, an object that was compiled anew is read again.
 */
export default function bpf(options: BpfPluginOptions = {}): BpfPlugin {
  return {
    name: "bpf-tsgen",
    enforce: "pre",
    load(id) {
      const file = id.replace(/[?#].*$/s, "");
      if (!isObject(file)) return undefined;
      this.addWatchFile(file);
      const { code, declarations, warnings } = moduleOf(file, options);
      for (const warning of warnings) this.warn(`${file}: ${warning}`);
      if (options.declarations ?? true) writeChanged(declarationsFile(file), declarations);
      return code;
    },
  };
}

/** An unchanged file is left alone, or watchers of it would go round in circles. */
function writeChanged(file: string, text: string): void {
  try {
    if (readFileSync(file, "utf8") === text) return;
  } catch {
    // There is none yet.
  }
  writeFileSync(file, text);
}
