import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { check } from "../../../generator/check.js";
import { diff, generate, version } from "../../../generator/index.js";
import { reportChanges } from "../../../generator/report/changes.js";
import { plain, styleFor } from "../../../generator/report/style.js";
import { ensurePackages } from "../../machine.js";
import { base, cases } from "./changes.js";

const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-changes-"));
afterAll(() => rmSync(folder, { recursive: true }));
const missing = ensurePackages(["clang", "libbpf-dev"]);

function compile(source: string): Uint8Array {
  writeFileSync(join(folder, "p.bpf.c"), source);
  const headers = [
    "-idirafter",
    "/usr/include/x86_64-linux-gnu",
    "-idirafter",
    "/usr/include/aarch64-linux-gnu",
  ];
  const args = ["-g", "-O2", "-Wall", "-target", "bpf", ...headers, "-c", "p.bpf.c", "-o", "p.bpf.o"];
  const { status, stderr } = spawnSync("clang", args, { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return readFileSync(join(folder, "p.bpf.o"));
}

describe.skipIf(missing.length > 0)("what has changed for application code", () => {
  let before: Uint8Array = new Uint8Array();
  beforeAll(() => {
    before = compile(base);
  });

  it.each(cases)("$what", ({ edit, report }) => {
    const edited = edit(base);
    expect(edited).not.toBe(base);
    const after = compile(edited);
    const { changes, breaking } = diff(before, after, { file: "p.bpf.o" });
    const text = reportChanges(changes, plain);
    // Globals move when others come and go: that is said as well, and is not what is asked here.
    const lines = text
      .split("\n")
      .filter(
        (line) =>
          !/^ {2}compatible: (bss|data): moved|: moved from/.test(line) || report.includes(line.trim()),
      );
    expect(lines.map((line) => line.trim()).filter(Boolean)).toEqual(report);
    expect(breaking).toBe(report.some((line) => line.startsWith("breaking")));
    // A check of the skeleton says the same, however the skeleton has its object.
    for (const embed of ["inline", "url", "none"] as const) {
      const options = { file: "p.bpf.o", embed };
      const checked = check(generate(before, options).text, generate(after, options).text);
      expect(reportChanges(checked.changes, plain)).toBe(text);
      expect(checked.state).toBe(changes.length > 0 ? "stale" : embed === "inline" ? "code" : "current");
    }
  });

  it("is nothing for the same object", () => {
    expect(diff(before, before, { file: "p.bpf.o" })).toEqual({ breaking: false, changes: [] });
  });
});

describe.skipIf(missing.length > 0)("a checked skeleton", () => {
  let text = "";
  beforeAll(() => {
    text = generate(compile(base), { file: "p.bpf.o" }).text;
  });

  it("may have other line endings", () => {
    expect(check(text.replace(/\n/g, "\r\n"), text)).toEqual({ state: "current", changes: [] });
  });

  it("may be missing, or no skeleton at all", () => {
    expect(check(undefined, text)).toEqual({ state: "missing", changes: [] });
    expect(check("export const a = 1;\n", text)).toEqual({ state: "unknown", changes: [] });
  });

  it("says that another version has made it", () => {
    const old = text.replace(`bpf-tsgen ${version}`, "bpf-tsgen 0.9.0").replace("/** `SEC", "/** SEC: `SEC");
    expect(check(old, text).reason).toBe(`made by bpf-tsgen 0.9.0, and this is ${version}`);
  });

  it("says where it was edited", () => {
    const line = 1 + text.split("\n").findIndex((at) => at.includes("decode:"));
    const edited = text.replace("decode:", "decode :");
    expect(check(edited, text)).toEqual({
      state: "stale",
      changes: [],
      reason: `differs from line ${line} on: has it been edited?`,
    });
  });
});

describe("a report", () => {
  const change = { kind: "map-removed", breaking: true, of: "map live", message: "removed" } as const;

  it("has columns and colours on a terminal only", () => {
    const other = { ...change, breaking: false, of: "map x", message: "8 → 9 entries" };
    const show = (isTTY: boolean, env: Record<string, string>): string =>
      reportChanges([other, change], styleFor({ isTTY }, env));
    expect(show(false, {})).toBe("  breaking: map live: removed\n  compatible: map x: 8 → 9 entries\n");
    expect(show(true, { NO_COLOR: "1" })).toBe(
      "  breaking    map live  removed\n  compatible  map x     8 → 9 entries\n",
    );
    expect(show(true, { TERM: "xterm" })).toContain("\x1b[31mbreaking  \x1b[39m");
    expect(show(true, { TERM: "dumb" })).not.toContain("\x1b");
    expect(show(false, { FORCE_COLOR: "1" })).toContain("\x1b[31mbreaking\x1b[39m");
  });

  it("cannot be broken by names", () => {
    const hostile = { ...change, of: "map \x1b[2J\nbreaking" };
    expect(reportChanges([hostile], plain)).toBe("  breaking: map \ufffd[2J\ufffdbreaking: removed\n");
  });
});
