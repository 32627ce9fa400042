import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { describeKernel, run } from "./kernel.js";
import type { Table } from "./table/programs.js";
import { render, unexplained } from "./table/table.js";

const file = fileURLToPath(new URL("table/PROGRAMS.md", import.meta.url));
/** Which machine a table is of: its first line up to the colon. */
const machine = (text: string): string => text.slice(0, text.indexOf(":"));

describeKernel("the table of program kinds", () => {
  test("every section of libbpf's loads, attaches and runs, or there is a reason why not", async () => {
    const { code, out, err } = await run("../table/run", [], 120_000, ["unshare", "--net"]);
    // The whole of it: it says which rows have no reason.
    if (code !== 0 || err !== "") throw new Error(err);
    const table = JSON.parse(out) as Table;
    expect(new Set(table.rows.map(({ section }) => section.split("/")[0])).size).toBeGreaterThan(60);
    expect(table.rows.length).toBe(116);
    expect(unexplained(table)).toEqual([]);
    const rendered = render(table);
    // The committed table is of one machine; others have their own holes.
    if (machine(rendered) === machine(readFileSync(file, "utf8")) || process.env.BPF_TSGEN_TABLE)
      await expect(rendered).toMatchFileSnapshot(file);
  }, 130_000);
});
