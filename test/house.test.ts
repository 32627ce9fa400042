import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Node, Project } from "ts-morph";
import { expect, test } from "vitest";

/** The lints of the house: what ARCHITECTURE.md draws is what the imports are, and every export is explained. */
const root = fileURLToPath(new URL("..", import.meta.url));

/** Room to the rooms and packages that it may import from; a room is a folder or a file. The first match counts. */
const rooms: readonly (readonly [room: string, allowed: readonly string[]])[] = [
  ["runtime/btf/", ["runtime/btf/"]],
  ["runtime/errors.ts", ["node:os"]],
  ["runtime/lifetimes.ts", []],
  ["runtime/codec/", ["runtime/codec/", "runtime/errors.ts", "node:os", "node:util"]],
  [
    "runtime/ffi/koffi.ts",
    [
      ...["runtime/ffi/prototypes.ts", "runtime/ffi/hints.ts", "runtime/ffi/machine.ts", "runtime/errors.ts"],
      ...["node:module", "node:worker_threads", "koffi"],
    ],
  ],
  ["runtime/ffi/", ["runtime/ffi/", "runtime/errors.ts", "node:buffer", "node:fs", "node:util"]],
  [
    "runtime/kernel/",
    ["runtime/kernel/", "runtime/btf/", "runtime/ffi/native.ts", "runtime/errors.ts", "node:fs"],
  ],
  [
    "runtime/maps/",
    [
      "runtime/kernel/",
      "runtime/maps/",
      "runtime/codec/",
      "runtime/ffi/native.ts",
      "runtime/errors.ts",
      "runtime/lifetimes.ts",
      "node:fs",
      "node:net",
      "node:util",
    ],
  ],
  [
    "runtime/programs/",
    [
      "runtime/kernel/",
      "runtime/programs/",
      "runtime/codec/",
      "runtime/ffi/native.ts",
      "runtime/errors.ts",
      "runtime/lifetimes.ts",
      "node:fs",
      "node:util",
    ],
  ],
  [
    "runtime/object/",
    [
      ...[
        "runtime/object/",
        "runtime/kernel/",
        "runtime/programs/",
        "runtime/maps/",
        "runtime/codec/",
        "runtime/btf/",
      ],
      ...[
        "runtime/ffi/native.ts",
        "runtime/errors.ts",
        "runtime/lifetimes.ts",
        "node:fs",
        "node:path",
        "node:util",
      ],
    ],
  ],
  [
    "runtime/skeleton/",
    [
      ...[
        "runtime/skeleton/",
        "runtime/kernel/",
        "runtime/object/",
        "runtime/programs/",
        "runtime/maps/",
        "runtime/codec/",
      ],
      ...["runtime/ffi/native.ts", "runtime/errors.ts", "runtime/lifetimes.ts", "node:fs"],
    ],
  ],
  ["runtime/codegen.ts", ["runtime/"]],
  ["runtime/index.ts", ["runtime/"]],
  ["templates/", ["templates/", "generator/model/model.ts", "ts-morph"]],
  ["generator/elf.ts", ["runtime/btf/", "elfy"]],
  ["generator/strip.ts", ["runtime/btf/"]],
  ["generator/model/model.ts", []],
  ["generator/model/names.ts", ["node:crypto"]],
  [
    "generator/model/",
    ["generator/model/", "generator/elf.ts", "generator/strip.ts", "generator/errors.ts", "runtime/btf/"],
  ],
  ["generator/errors.ts", []],
  ["generator/version.ts", []],
  ["generator/help.ts", ["generator/version.ts"]],
  ["generator/command.ts", ["generator/model/", "generator/help.ts", "node:path", "node:util"]],
  ["generator/compare/", ["generator/compare/", "templates/surface.ts"]],
  ["generator/generate.ts", ["generator/model/", "generator/version.ts", "templates/skeleton.ts"]],
  [
    "generator/inspect.ts",
    ["generator/model/", "generator/compare/", "generator/version.ts", "templates/surface.ts"],
  ],
  [
    "generator/check.ts",
    ["generator/compare/", "generator/version.ts", "templates/read-back.ts", "templates/surface.ts"],
  ],
  [
    "generator/report/",
    [
      "generator/report/",
      "generator/compare/",
      "generator/inspect.ts",
      ...["surface", "escape"].map((file) => `templates/${file}.ts`),
    ],
  ],
  ["generator/import.ts", ["generator/", "templates/emit.ts", "node:fs"]],
  ["generator/vite.ts", ["generator/import.ts", "node:fs"]],
  ["generator/hooks.ts", ["generator/import.ts", "node:url"]],
  ["generator/register.ts", ["generator/hooks.ts", "node:module"]],
  ["generator/index.ts", ["generator/", "templates/surface.ts"]],
  [
    "generator/commands/",
    ["generator/", "templates/emit.ts", "templates/escape.ts", "node:fs", "node:fs/promises", "node:path"],
  ],
  ["generator/cli.ts", ["generator/", "node:module"]],
];

const project = new Project({ skipAddingFilesFromTsConfig: true, compilerOptions: { allowJs: false } });
const files = ["runtime", "generator", "templates"]
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((file) => join(folder, String(file))),
  )
  .filter(
    (file) =>
      file.endsWith(".ts") && !file.endsWith(".d.ts") && !/\b(dist|node_modules|project)\b/.test(file),
  )
  .map((file) => ({ file, source: project.addSourceFileAtPath(join(root, file)) }));

test("imports go the way that ARCHITECTURE.md draws", () => {
  const wrong = files.flatMap(({ file, source }) => {
    const allowed = rooms.find(([room]) => file.startsWith(room))?.[1];
    if (!allowed) return [`${file}: no room of the house`];
    const imported = [...source.getImportDeclarations(), ...source.getExportDeclarations()].flatMap(
      (statement) => {
        const specifier = statement.getModuleSpecifierValue();
        if (specifier === undefined) return [];
        if (!specifier.startsWith(".")) return [specifier];
        return [relative(root, join(root, dirname(file), specifier)).replace(/\.js$/, ".ts")];
      },
    );
    return imported
      .filter((to) => !allowed.some((room) => to === room || (room.endsWith("/") && to.startsWith(room))))
      .map((to) => `${file} → ${to}`);
  });
  expect(wrong).toEqual([]);
});

test("no two files import each other, however long the way round", () => {
  const imports = new Map(
    files.map(({ file, source }) => [
      file,
      [...source.getImportDeclarations(), ...source.getExportDeclarations()].flatMap((statement) => {
        const to = statement.getModuleSpecifierValue();
        return to?.startsWith(".") ? [join(dirname(file), to).replace(/\.js$/, ".ts")] : [];
      }),
    ]),
  );
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" → "));
    if (path.includes(file) || done.has(file)) return;
    for (const to of imports.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const { file } of files) visit(file, []);
  expect(circles).toEqual([]);
});

test("every export has a doc comment", () => {
  const bare = files.flatMap(({ file, source }) =>
    [...source.getExportedDeclarations()].flatMap(([name, declarations]) =>
      declarations
        // Constants in capitals come in groups, under one comment.
        .filter((declaration) => declaration.getSourceFile() === source && !/^[A-Z0-9_]+$/.test(name))
        .filter((declaration) => {
          const documented = Node.isVariableDeclaration(declaration)
            ? declaration.getVariableStatement()
            : declaration;
          return !Node.isJSDocable(documented) || documented.getJsDocs().length === 0;
        })
        .slice(0, 1)
        .map(() => `${file}: ${name}`),
    ),
  );
  expect(bare).toEqual([]);
});

test("both packages have one version, and the generator says it", () => {
  const read = (file: string): { version: string } => JSON.parse(readFileSync(join(root, file), "utf8"));
  const { version } = read("runtime/package.json");
  expect(read("generator/package.json").version).toBe(version);
  expect(readFileSync(join(root, "generator/version.ts"), "utf8")).toContain(`"${version}"`);
});
