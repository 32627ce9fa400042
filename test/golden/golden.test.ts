import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { type GenerateOptions, generate, generateTypes } from "../../generator/index.js";

/** Skeletons as they are committed; `npm run golden` writes them anew. The root tsconfig checks their types. */
const root = fileURLToPath(new URL("../..", import.meta.url));

interface Golden {
  /** From the root. */
  readonly object: string;
  readonly skeleton: string;
  readonly options?: Omit<GenerateOptions, "file">;
  readonly warnings?: readonly string[];
}

const kindsWarnings = [
  "type number: the name Number is taken — it is called number_4bd3ac",
  'map "ring": the type of its records is not known, they are bytes — --event ring=TYPE',
];

const samples = readdirSync(join(root, "samples")).filter((name) =>
  existsSync(join(root, "samples", name, `${name}.skel.ts`)),
);

const goldens: readonly Golden[] = [
  ...samples.map((name) => ({
    object: `samples/${name}/${name}.bpf.o`,
    skeleton: `samples/${name}/${name}.skel.ts`,
  })),
  {
    object: "test/fixtures/types.bpf.o",
    skeleton: "test/golden/types.skel.ts",
    options: { types: ["stray", "struct message"] },
    warnings: [
      "enum wide: the compiler cut its values to 32 bits — compile with clang 15, gcc 14 or newer",
      "enum wide_negative: the compiler cut its values to 32 bits — compile with clang 15, gcc 14 or newer",
      "type record: the name Record is taken — it is called record",
      'map "untyped": the type of its records is not known, they are bytes — --event untyped=TYPE',
    ],
  },
  {
    object: "test/fixtures/types.bpf.o",
    skeleton: "test/golden/options.skel.ts",
    options: {
      name: "all_options",
      embed: "none",
      runtime: "../../runtime/codegen.js",
      events: { untyped: "line", records: "struct stray" },
      types: ["level"],
      charArrays: "bytes",
    },
    warnings: [
      "enum wide: the compiler cut its values to 32 bits — compile with clang 15, gcc 14 or newer",
      "enum wide_negative: the compiler cut its values to 32 bits — compile with clang 15, gcc 14 or newer",
    ],
  },
  {
    object: "test/fixtures/hostile.bpf.o",
    skeleton: "test/golden/hostile.skel.ts",
    warnings: [
      'program "line_end": SEC("nobody/knows\nthis"): libbpf knows no such section — name one of its own, or set type and attachType of the program before load()',
      'program "half": SEC("tp/only_a_category"): libbpf cannot read its target, so it attaches only with arguments',
      "type object: the name Object is taken — it is called object_6e47fd",
      "type Array: the name Array is taken — it is called Array_6a13fa",
      "type Promise: the name Promise is taken — it is called Promise_5e61c8",
      "type string: the name String is taken — it is called string_3a1937",
      "type URL: the name URL is taken — it is called URL_0fb454",
      "type Uint8Array: the name Uint8Array is taken — it is called Uint8Array_a01cd8",
      "type foo_bar: the name FooBar is taken — it is called foo_bar",
      "type fooBar: the name FooBar is taken — it is called fooBar",
      "type state: the name State is taken — it is called state",
      "type hostile: the name Hostile is taken — it is called hostile",
    ],
  },
  {
    object: "test/fixtures/kinds.bpf.o",
    skeleton: "test/golden/kinds.skel.ts",
    options: { embed: "none" },
    warnings: kindsWarnings,
  },
  {
    object: "test/fixtures/kinds.eb.bpf.o",
    skeleton: "test/golden/kinds.eb.skel.ts",
    options: { embed: "url" },
    warnings: kindsWarnings,
  },
  {
    object: "test/fixtures/nobtf.bpf.o",
    skeleton: "test/golden/nobtf.skel.ts",
    warnings: [
      "the object has no BTF, so maps are bytes and globals are left out — compile with -g",
      'libbpf will not open it: maps of SEC(".maps") need BTF — compile with -g',
    ],
  },
];

function make({ object, options }: Golden, more: Partial<GenerateOptions> = {}): ReturnType<typeof generate> {
  return generate(readFileSync(join(root, object)), { file: object, ...options, ...more });
}

describe.each(goldens)("$skeleton", (golden) => {
  it("is what the generator makes", async () => {
    const { text, warnings } = make(golden);
    await expect(text).toMatchFileSnapshot(join(root, golden.skeleton));
    expect(warnings).toEqual(golden.warnings ?? []);
  });

  it("is the same again, wherever the object lies", () => {
    const { text } = make(golden);
    expect(make(golden).text).toBe(text);
    const base = golden.object.replace(/^.*\//, "");
    for (const folder of ["/", "/a/b/", "C:\\a\\", "./", "../"])
      expect(make(golden, { file: `${folder}${base}` }).text).toBe(text);
    const [, base64] = /"(f0VMR.*)"/.exec(text) ?? [];
    for (const said of [text, Buffer.from(base64 ?? "", "base64").toString("latin1")])
      for (const path of [root, homedir(), tmpdir(), process.cwd()]) expect(said).not.toContain(path);
  });

  it("differs in how it gets its object, and no more, by --embed", () => {
    const text = (embed: "inline" | "url" | "none"): string =>
      make(golden, { embed })
        .text.replace(/^\/\/ Options: .*\n/m, "")
        .replace(/bpf\.Skeleton<(\w+), .*?> = bpf\.skeleton<.*?>/, "bpf.Skeleton<$1> = bpf.skeleton<$1>")
        .replace(/\n {2}object: .*?,\n\}\);\n$/s, "\n});\n");
    expect(text("url")).toBe(text("inline"));
    expect(text("none")).toBe(text("inline"));
    const base = golden.object.replace(/^.*\//, "");
    expect(make(golden, { embed: "url" }).text).toContain(
      `\n  object: bpf.file(new URL("./${base}", import.meta.url)),\n});\n`,
    );
    expect(make(golden, { embed: "none" }).text).toContain("\n  object: bpf.none(),\n});\n");
  });
});

it("samples/bootstrap-raw/bootstrap.types.ts is what the generator makes", async () => {
  const file = "samples/bootstrap/bootstrap.bpf.o";
  const { text } = generateTypes(readFileSync(join(root, file)), { file, types: ["event"] });
  await expect(text).toMatchFileSnapshot(join(root, "samples/bootstrap-raw/bootstrap.types.ts"));
});

describe("a formatter", () => {
  const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-golden-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("has nothing to change but lines that names make long", () => {
    const settings = {
      formatter: { indentStyle: "space", indentWidth: 2, lineWidth: 320 },
      linter: { enabled: false },
      assist: { enabled: false },
    };
    writeFileSync(join(folder, "biome.json"), JSON.stringify(settings));
    for (const [index, { skeleton }] of goldens.entries()) {
      // Quotes inside names: escaped here, where a formatter would take the other kind of quotes.
      if (skeleton.includes("hostile")) continue;
      writeFileSync(join(folder, `${index}.ts`), readFileSync(join(root, skeleton)));
    }
    const biome = join(root, "node_modules/.bin/biome");
    const args = ["format", "--write", `--config-path=${folder}`, folder];
    execFileSync(biome, args, { stdio: "pipe" });
    for (const [index, { skeleton }] of goldens.entries()) {
      if (skeleton.includes("hostile")) continue;
      const formatted = readFileSync(join(folder, `${index}.ts`), "utf8");
      expect(formatted, skeleton).toBe(readFileSync(join(root, skeleton), "utf8"));
    }
  });
});
