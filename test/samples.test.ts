import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** What every sample has besides working, which test/kernel/samples.test.ts sees. */
const root = fileURLToPath(new URL("..", import.meta.url));
const samples = join(root, "samples");
const names = readdirSync(samples).filter((name) => !name.includes("."));

test.each(names)("%s is complete, short, and listed", (name) => {
  const application = readFileSync(join(samples, name, `${name}.ts`), "utf8");
  expect(existsSync(join(samples, name, `${name}.bpf.o`)) || name === "bootstrap-raw").toBe(true);
  expect(application.trimEnd().split("\n").length).toBeLessThanOrEqual(80);
  const readme = readFileSync(join(samples, name, "README.md"), "utf8");
  expect(readme).toMatch(new RegExp(`^# ${name}\n`));
  expect(readme).toContain(`npx tsx samples/${name}/${name}.ts`);
  expect(readFileSync(join(root, "README.md"), "utf8")).toContain(`](samples/${name})`);
});
