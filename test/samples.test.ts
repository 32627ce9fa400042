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
  const page = readFileSync(join(root, "README.md"), "utf8");
  expect(page).toContain(`](samples/${name})`);
  expect(page).toContain(`](samples/${name}/${name}.svg)`);
});

test.each(names)("%s has a picture of what it shows today", (name) => {
  const folder = join(samples, name);
  expect(readFileSync(join(folder, "README.md"), "utf8")).toMatch(
    new RegExp(`!\\[.{20,}\\]\\(${name}\\.svg\\)`),
  );
  const picture = readFileSync(join(folder, `${name}.svg`), "utf8");
  expect(picture.length).toBeLessThan(name === "profile" ? 100_000 : 20_000);
  // As an <img> it must say how large it is, and ask for nothing else.
  expect(picture).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 \d+ \d+"/);
  expect(picture).not.toMatch(/<script|href|<image|@import/);
  // Names of this clone's folders have no place in it.
  expect(picture).not.toContain(root);
  const application = readFileSync(join(folder, `${name}.ts`), "utf8");
  const texts = [...picture.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text).join(" ");
  const words = (text: string): string => text.replace(/\s+/g, " ").trim();
  // The heading of its columns.
  const heading = /"( *[A-Z]{4,}(?: +[A-Z./]+)+)"/.exec(application)?.[1];
  if (heading !== undefined) expect(words(texts)).toContain(words(heading));
});
