import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { exists, textOf } from "./exported.js";

/** docs/peers.md: what it says that there is here is there, and what it says that is not has a reason. */
const page = textOf("docs/peers.md");
const rows = page
  .split("\n")
  .filter((line) => /^\| [^-]/.test(line) && !/^\| \*\*/.test(line))
  .map((line) => line.split(" | ").map((cell) => cell.replace(/^\||\|$/g, "").trim()));
const ours = rows.filter(([feature]) => feature !== "").map(([feature, cell]) => ({ feature, cell: cell! }));

/** What can be set before load, and what a skeleton has: interfaces, so that their text tells. */
const texts = {
  "opened.programs.p": textOf("runtime/object/program-config.ts"),
  "opened.maps.m": textOf("runtime/object/map-config.ts"),
  Watch: textOf("runtime/skeleton/skeleton.ts"),
  opened: textOf("runtime/skeleton/skeleton.ts"),
  loaded: textOf("runtime/skeleton/skeleton.ts"),
} as const;
const sections = ["rodata", "data", "bss", "kconfig", "arena", "data_custom"];
const options = ["runtime/object/open.ts", "runtime/programs/order.ts", "runtime/programs/xdp.ts"].map(
  textOf,
);

/** Whether there is what a piece of code of the page names. */
function named(code: string): boolean {
  if (code.startsWith("bpf-tsgen ")) return textOf("generator/help.ts").includes(code);
  if (code.startsWith("--")) return textOf("generator/help.ts").includes(code.split(" ")[0]!);
  const option = /^\{ (\w+)(: "\w+")? \}$/.exec(code)?.[1];
  if (option) return options.some((text) => new RegExp(`readonly ${option}\\?:`).test(text));
  for (const [prefix, text] of Object.entries(texts)) {
    if (!code.startsWith(`${prefix}.`)) continue;
    const member = /^\w+/.exec(code.slice(prefix.length + 1))![0];
    if (prefix === "opened" && member in { programs: 1, maps: 1 }) continue;
    return sections.includes(member) || new RegExp(`^ +(readonly )?${member}[?]?[:(]`, "m").test(text);
  }
  return exists(code);
}

/** Words of C, of TypeScript and of the command, which are no exports of the runtime. */
const others =
  /^(using|for await|\.o|usdt\.s|gen .*|btf_decl_tag|Loaded<Part>|Part|attachments\(\)|CONFIG_\w+)$/;
const theirs = /^(bpftool .*|bpf_\w+|libbpf_\w+|user_\w+|ring_\w+|asm|with_…|-S|\.bpf\.c)$/;

test("every cell of ours says what does it, by names that there are", () => {
  expect(ours.length).toBeGreaterThan(70);
  const codes = ours.flatMap(({ cell }) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code!));
  expect(codes.length).toBeGreaterThan(100);
  expect(codes.filter((code) => !others.test(code) && !named(code))).toEqual([]);
  const reasons = page.split("## What is not here, and why")[1]!;
  const inReasons = [...reasons.matchAll(/`([^`]+)`/g)].map(([, code]) => code!);
  expect(inReasons.filter((code) => !others.test(code) && !theirs.test(code) && !named(code))).toEqual([]);
  // The check can fail.
  expect(["opened.maps.m.nothing", "map.nothing()", "Nothing", "{ nothing }", "--nothing"].some(named)).toBe(
    false,
  );
});

test("every cell of ours at run time links what shows it, and all links lead somewhere", () => {
  const atRunTime = page.split("## The generator")[0]!;
  const without = ours
    .filter(({ feature }) => atRunTime.includes(`| ${feature} |`))
    .filter(({ cell }) => !cell.includes("](") && cell !== "by libbpf")
    .map(({ feature }) => feature);
  expect(without).toEqual([]);
  const links = [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, to]) => to!);
  const root = new URL("..", import.meta.url).pathname;
  expect(links.filter((to) => !existsSync(join(root, dirname("docs/peers.md"), to)))).toEqual([]);
});

test("nothing there is a plain no", () => {
  expect(ours.filter(({ cell }) => /^(–|no|partly)\b/.test(cell))).toEqual([]);
  expect(page.split("## What is not here, and why")[1]!.match(/^- \*\*/gm)!.length).toBeGreaterThan(10);
});
