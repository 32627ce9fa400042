// The compatibility page: what expected.json says, to be read by people.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { at, type Expected, readExpected } from "./expected.js";
import { kernelNames } from "./kernels.js";
import { libbpfVersions } from "./libbpf.js";

const file = fileURLToPath(new URL("COMPATIBILITY.md", import.meta.url));
const marks: Readonly<Record<string, string>> = {
  fires: "✓",
  attaches: "attaches",
  loads: "loads",
  "-": "–",
};

/** The cells of a row, one a kernel; where libbpf's version matters, by libbpf. */
function cells(row: Expected["programs"][string], show: (value: string) => string): string[] {
  return kernelNames.map((kernel) => {
    const shown = libbpfVersions.map((libbpf) => show(at(row, { kernel, libbpf }) ?? "-"));
    if (new Set(shown).size === 1) return shown[0]!;
    return shown.map((each, index) => `${libbpfVersions[index]}: ${each}`).join(", ");
  });
}

/** The page as Markdown. */
export function renderPage({ programs, maps }: Expected): string {
  const head = (what: string): string[] => [
    `| ${what} | ${kernelNames.map((name) => (name === "7" ? "7.x" : name)).join(" | ")} |`,
    `| --- |${" --- |".repeat(kernelNames.length)}`,
  ];
  const operations = (value: string): string =>
    value === "-" || value === "" ? "–" : String(value.split("|").length);
  return [
    "# What works on which kernel",
    "",
    "Made by `npm run test:vm -- --every --accept` from runs on Debian's stock kernels with libbpf 1.1, 1.4, 1.5 and 1.7.",
    "A cell is the same with every libbpf unless it says otherwise.",
    "",
    "## Programs",
    "",
    "✓ loads, attaches and runs · attaches: was never seen running · loads: cannot be attached there · – is refused.",
    "",
    ...head("section"),
    ...Object.entries(programs).map(
      ([section, row]) => `| \`${section}\` | ${cells(row, (value) => marks[value] ?? value).join(" | ")} |`,
    ),
    "",
    "## Maps",
    "",
    "How many of the 18 operations that `test/kernel/table/MAPS.md` lists work; – where the kernel has no such maps.",
    "",
    ...head("kind"),
    ...Object.entries(maps).map(([kind, row]) => `| ${kind} | ${cells(row, operations).join(" | ")} |`),
    "",
  ].join("\n");
}

/** Writes the page. */
export function writePage(): void {
  writeFileSync(file, renderPage(readExpected()));
}
