import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { Failure } from "../command.js";
import { version } from "../version.js";

/** The files of a project, as the package has them and as the project does: npm packs no file called .gitignore. */
const files = [
  ["package.json"],
  ["tsconfig.json"],
  ["Makefile"],
  ["README.md"],
  ["gitignore", ".gitignore"],
  ["github/ci.yml", ".github/workflows/ci.yml"],
  ["src/execs.bpf.c"],
  ["src/main.ts"],
  ["test/execs.test.ts"],
] as const;
const source = new URL("../../../project/", import.meta.url);

/** Writes a small complete project: all of its files, or none when one is there already. */
export function init(folder: string): void {
  const name = packageName(basename(resolve(folder)));
  const project = files.map(([from, to = from]) => {
    const text = readFileSync(new URL(from, source), "utf8");
    return {
      file: join(folder, to),
      to,
      text: text.replaceAll("bpf-project", name).replaceAll("^1.0.0", `^${version}`),
    };
  });
  const there = project.find(({ file }) => existsSync(file));
  if (there)
    throw new Failure(2, `${there.file}: is there already, and is not written over — name another folder`);
  try {
    for (const { file, text } of project) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text, { flag: "wx" });
    }
  } catch (error) {
    throw new Failure(3, `${folder}: cannot be written: ${(error as Error).message} — check the path`);
  }
  process.stdout.write(`Written to ${folder}: ${project.map(({ to }) => to).join(", ")}

Next, with make, clang and libbpf there (apt-get install make clang libbpf-dev):

  cd ${quoted(folder)}
  npm install
  npm run build
  sudo npm test
  sudo npm start
`);
}

/** A path as a shell takes it. */
function quoted(path: string): string {
  return /^[\w./\\:-]+$/.test(path) ? path : `"${path}"`;
}

/** The nearest name that npm takes. */
function packageName(folder: string): string {
  return (
    folder
      .toLowerCase()
      .replace(/[^a-z0-9._-]+/g, "-")
      .replace(/^[._-]+/, "") || "bpf-project"
  );
}
