import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { instantiations } from "../bench/instantiations.js";
import { ensureBuilt } from "../build.js";
import { ensurePackages } from "../machine.js";

/** What a skeleton costs in an editor. It is a count, so it is the same on every machine. */
it.skipIf(ensurePackages(["clang", "libbpf-dev"]).length > 0)(
  "a skeleton of 50 types and 20 maps costs the compiler little",
  () => {
    ensureBuilt("runtime");
    const root = fileURLToPath(new URL("../..", import.meta.url));
    const count = instantiations(root, ensureBuilt("generator"));
    console.log(`${count} instantiations`);
    expect(count).toBeGreaterThan(100);
    expect(count).toBeLessThanOrEqual(8_000);
  },
);
