import { describe, expect, test } from "vitest";
import { at, compare, readExpected } from "../../vm/expected.js";
import type { TableRow } from "../../vm/guest/result.js";
import type { Run } from "../../vm/guest.js";
import { kernelNames } from "../../vm/kernels.js";
import { libbpfVersions } from "../../vm/libbpf.js";

const place = { kernel: "6.1", libbpf: "1.1" } as const;
const { programs, maps } = readExpected();

/** Rows as a guest would print them that does all that is expected. */
function asExpected(): TableRow[] {
  const of = (all: (typeof programs)[string]): string => {
    const found = all["6.1"] ?? "";
    return typeof found === "string" ? found : (found["1.1"] ?? "");
  };
  return [
    ...Object.entries(programs).map(([row, all]): TableRow => {
      const [got = "", why] = of(all).split(/: (.*)/s);
      return {
        table: "programs",
        row,
        cells: { is: { got, ...(why !== undefined && { why }) } },
      };
    }),
    ...Object.entries(maps).map(([row, all]): TableRow => {
      const names = of(all).split(": ")[0]!.split("|").filter(Boolean);
      return { table: "maps", row, cells: Object.fromEntries(names.map((name) => [name, { got: "ok" }])) };
    }),
  ];
}
const run = (rows: TableRow[], results: Run["results"] = []): Run => ({
  ...{ rows, results, status: 0, late: false, seconds: 1 },
});
const change = (row: string, cells: TableRow["cells"]): TableRow[] =>
  asExpected().map((each) => (each.row === row ? { ...each, cells } : each));

describe("a run in a virtual machine against what is expected", () => {
  test("what is expected is good", () => {
    const rows = asExpected();
    expect(rows.length).toBeGreaterThan(140);
    expect(compare(place, run(rows))).toEqual({ good: rows.length, lacks: [], beyond: [] });
  });

  test.each<[string, TableRow[], RegExp]>([
    [
      "a program that no longer runs",
      change("xdp", { is: { got: "attaches", says: "never ran" } }),
      /^SEC\("xdp"\): attaches, expected: fires/,
    ],
    [
      "a hole that no reason fits",
      change("netkit/peer", { is: { got: "-", says: "EPERM: no" } }),
      /EPERM: no/,
    ],
    ["an operation less", change("QUEUE", { create: { got: "ok" } }), /^QUEUE: no .*get/],
    [
      "an operation that goes wrong",
      change("XSKMAP", { create: { got: "-", says: "WRONG: got 1" } }),
      /create: WRONG: got 1/,
    ],
    ["a row that is not there", asExpected().filter(({ row }) => row !== "HASH"), /^HASH: was not tried/],
  ])("%s fails it", (_, rows, message) => {
    const { lacks } = compare(place, run(rows));
    expect(lacks.length).toBe(1);
    expect(lacks[0]).toMatch(message);
  });

  test("a failed test fails it, one that works beyond what is expected is told", () => {
    const failed = { file: "attach", name: "uprobes", state: "fail", ms: 1, error: "Error: no" } as const;
    const { lacks, beyond } = compare(place, run(change("lirc_mode2", { is: { got: "fires" } }), [failed]));
    expect(lacks).toEqual(["attach: uprobes\n    Error: no"]);
    expect(beyond).toEqual([expect.stringMatching(/^SEC\("lirc_mode2"\): fires, expected: -/)]);
  });
});

test("every kernel was tried with every libbpf", () => {
  for (const [row, all] of [...Object.entries(programs), ...Object.entries(maps)])
    for (const kernel of kernelNames) {
      const found = all[kernel];
      expect(found, `${row} on ${kernel}`).toBeDefined();
      if (typeof found === "object") expect(Object.keys(found).sort(), row).toEqual([...libbpfVersions]);
    }
});

test("what does not run somewhere has its reason", () => {
  const bare = Object.entries(programs).flatMap(([row, all]) =>
    kernelNames.flatMap((kernel) =>
      libbpfVersions.flatMap((libbpf) => {
        const { got, why } = at(all, { kernel, libbpf });
        return got === "fires" || why !== "" ? [] : [`${row} on ${kernel} with ${libbpf}: ${got}`];
      }),
    ),
  );
  expect(bare).toEqual([]);
});
