import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Browser, chromium as playwright } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildSite } from "../docs/site/build.js";
import type { Page } from "../docs/site/pages.js";
import { chromium, ensurePackages } from "./machine.js";

/** The static site, as `npm run docs` makes it: links and anchors, and every page in a browser. */
const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "dist/site-tested");
let pages: readonly Page[] = [];
const html = (path: string): string => readFileSync(join(folder, path), "utf8");
const ids = (path: string): string[] => [...html(path).matchAll(/ id="([^"]*)"/g)].map(([, id]) => id!);

beforeAll(() => {
  pages = buildSite(folder);
}, 120_000);

test("every guide is a page, and so are the documents beside the sources", () => {
  const files = pages.map(({ file }) => file);
  const guides = readdirSync(join(root, "docs")).filter((file) => file.endsWith(".md"));
  expect(files).toEqual(expect.arrayContaining(guides.map((file) => `docs/${file}`)));
  const samples = readdirSync(join(root, "samples"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, "samples", entry.name, "README.md")))
    .map(({ name }) => `samples/${name}/README.md`);
  expect(files).toEqual(expect.arrayContaining(samples));
});

test("every link leads to a page that exists, and to a place that is on it", () => {
  const wrong = pages.flatMap(({ path }) =>
    [...html(path).matchAll(/ (?:href|src)="([^"]*)"/g)].flatMap(([, url = ""]) => {
      if (/^(https?|mailto|data):/.test(url)) return [];
      const [file = "", anchor] = url.split("#");
      const to = file === "" ? path : posix.join(posix.dirname(path), file);
      if (!existsSync(join(folder, to))) return [`${path}: no page ${url}`];
      return anchor === undefined || ids(to).includes(anchor) ? [] : [`${path}: no place ${url}`];
    }),
  );
  expect(wrong).toEqual([]);
});

test("no id comes twice on a page", () => {
  const twice = pages.flatMap(({ path }) =>
    ids(path).flatMap((id, i, all) => (all.indexOf(id) === i ? [] : [`${path}: ${id}`])),
  );
  expect(twice).toEqual([]);
});

test("nothing comes from elsewhere, and no page needs a script", () => {
  for (const { path } of pages) {
    expect(html(path)).not.toMatch(/<script|<iframe| src="https?:|<link[^>]* href="https?:/);
  }
  expect(readFileSync(join(folder, "style.css"), "utf8")).not.toMatch(/url\(|@import/);
});

test("every export of both packages is in the reference, and every member of it is explained", () => {
  const index = html("api/index.html");
  for (const name of ["HashMap", "withObject", "generate", "BpfError", "Xdp"])
    expect(index).toContain(`<code>${name}</code>`);
  const bare = pages
    .filter(({ path }) => path.startsWith("api/"))
    .flatMap(({ path }) =>
      [...html(path).matchAll(/<dt[^>]*id="([^"]*)"[^>]*>(?:(?!<\/dt>).)*<\/dt>\s*<dd>\s*<\/dd>/gs)].map(
        ([, id]) => id!,
      ),
    )
    // Its accessors are named after the type that they read or write.
    .filter((id) => !id.startsWith("Memory."));
  expect(bare).toEqual([]);
});

const missing = ensurePackages(["chromium"]);
if (missing.length > 0) console.log("The site is not opened in a browser: apt-get install chromium");

describe.skipIf(missing.length > 0)("in a browser", () => {
  let browser: Browser;
  beforeAll(async () => {
    const quiet = ["quic", "background-networking", "component-update", "sync"];
    const args = [
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      ...quiet.map((what) => `--disable-${what}`),
    ];
    browser = await playwright.launch({ executablePath: chromium, args });
  });
  afterAll(() => browser?.close());
  const url = (path: string): string => pathToFileURL(join(folder, path)).href;

  test("no page has errors, or is wider than a phone", async () => {
    const context = await browser.newContext({ viewport: { width: 360, height: 740 } });
    const tab = await context.newPage();
    const said: string[] = [];
    tab.on("console", (message) => said.push(`${tab.url()}: ${message.text()}`));
    tab.on("pageerror", (error) => said.push(`${tab.url()}: ${error.message}`));
    // A page that is left while its pictures are still being read takes them back.
    tab.on("requestfailed", (request) => {
      const why = request.failure()?.errorText;
      if (why !== "net::ERR_ABORTED") said.push(`${tab.url()}: cannot get ${request.url()}: ${why}`);
    });
    for (const { path } of pages) {
      await tab.goto(url(path));
      const { wide, width } = await tab.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return { wide: scrollWidth, width: clientWidth };
      });
      if (wide > width) said.push(`${path}: ${wide} pixels wide, of ${width}`);
    }
    expect(said).toEqual([]);
    await context.close();
  }, 180_000);

  test("the menu leads to each page, without JavaScript, on a desk and on a phone", async () => {
    for (const viewport of [
      { width: 1360, height: 900 },
      { width: 360, height: 740 },
    ]) {
      const context = await browser.newContext({ viewport, javaScriptEnabled: false });
      const tab = await context.newPage();
      await tab.goto(url("index.html"));
      const inMenu = pages.filter(({ path }) => !path.startsWith("files/"));
      const links = await tab.locator("nav.menu a").all();
      expect(links.length).toBe(inMenu.length);
      // Clicks, on some of them; that all lead somewhere is tested above.
      for (const { label, path } of inMenu.filter((_, i) => i % 7 === 0)) {
        if (viewport.width < 400) await tab.getByRole("link", { name: "Menu", exact: true }).click();
        await tab.locator("nav.menu").getByRole("link", { name: label, exact: true }).click();
        expect(tab.url()).toBe(url(path));
        expect(await tab.locator("nav.menu [aria-current=page]").textContent()).toBe(label);
      }
      await context.close();
    }
  }, 120_000);

  test("text can be told from its background, in the light and in the dark", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      const context = await browser.newContext({ colorScheme });
      const tab = await context.newPage();
      await tab.goto(url("events.html"));
      const faint = await tab.evaluate(contrasts);
      expect(faint.filter(({ ratio }) => ratio < 4.5)).toEqual([]);
      expect(faint.length).toBeGreaterThan(5);
      await context.close();
    }
  });
});

/** Runs in the page: the contrast of each colour of text with what is behind it, as WCAG reckons it. */
function contrasts(): { what: string; ratio: number }[] {
  const channels = (colour: string): number[] => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (colour: string): number => {
    const [r = 0, g = 0, b = 0] = channels(colour).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element: Element | null): string => {
    if (!element) return "rgb(255, 255, 255)";
    const { backgroundColor } = getComputedStyle(element);
    return channels(backgroundColor)[3] === 0 ? behind(element.parentElement) : backgroundColor;
  };
  const seen = new Map<string, number>();
  for (const element of document.querySelectorAll("main *, header *")) {
    if (!element.textContent?.trim() || element.matches(".anchor, .skip")) continue;
    const colours = [getComputedStyle(element).color, behind(element)] as const;
    const [dark, light] = colours.map(luminance).sort((a, b) => a - b) as [number, number];
    seen.set(
      `${element.tagName} ${element.className}: ${colours.join(" on ")}`,
      (light + 0.05) / (dark + 0.05),
    );
  }
  return [...seen].map(([what, ratio]) => ({ what, ratio }));
}
