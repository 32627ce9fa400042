import { release } from "node:os";
import { expect, test } from "vitest";
import { libbpfVersion } from "../../runtime/index.js";
import { describeKernel } from "./kernel.js";
import { render, wrong } from "./table/cells.js";
import { columns, run } from "./table/maps.js";

/** The kernel that `MAPS.md` was made on. */
const COMMITTED = "6.18";

describeKernel("the table of maps", () => {
  test("every operation on every kind does what it says, or is refused for a known reason", async () => {
    const outcomes = run();
    expect(wrong(outcomes)).toEqual([]);
    expect(
      Object.values(outcomes)
        .flatMap((cells) => Object.values(cells))
        .filter((cell) => cell === "ok").length,
    ).toBeGreaterThan(200);
    const [kernel] = /^\d+\.\d+/.exec(release())!;
    if (kernel !== COMMITTED) return;
    const { major, minor } = libbpfVersion();
    if (1000 * major + minor !== 1001) return;
    await expect(
      "# Map kind × operation\n\n" +
        `Made by \`maps-table.test.ts\` from runs on Linux ${COMMITTED} with libbpf 1.1: what JavaScript does, and what a\n` +
        "BPF program sees of it and does itself. ✓ worked; a number says why not.\n\n" +
        `${render(outcomes, columns, "BPF_MAP_TYPE_")}`,
    ).toMatchFileSnapshot("table/MAPS.md");
  });
});
