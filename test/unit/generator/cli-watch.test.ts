import { type ChildProcess, spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { generate } from "../../../generator/index.js";
import { ensureBuilt } from "../../build.js";

/** `--watch`, while compilers do to objects what they do. */
const repository = fileURLToPath(new URL("../../..", import.meta.url));
const minimal = readFileSync(join(repository, "samples/minimal/minimal.bpf.o"));
const bootstrap = readFileSync(join(repository, "samples/bootstrap/bootstrap.bpf.o"));
const root = mkdtempSync(join(tmpdir(), "bpf-tsgen-watch-"));
afterAll(() => rmSync(root, { recursive: true }));

let cli = "";
let folder = "";
let child: ChildProcess | undefined;
let said = "";
beforeAll(() => {
  cli = ensureBuilt("generator");
});
beforeEach(() => {
  folder = mkdtempSync(join(root, "t-"));
  mkdirSync(join(folder, "obj"));
});
afterEach(() => child?.kill("SIGKILL"));

const path = (name: string): string => join(folder, name);
const text = (bytes: Uint8Array, file = "app.bpf.o"): string => generate(bytes, { file }).text;
const has = (name: string, expected: string): boolean =>
  existsSync(path(name)) && readFileSync(path(name), "utf8") === expected;

/** Starts watching, and comes back when it does. */
async function start(...args: string[]): Promise<void> {
  said = "";
  child = spawn(process.execPath, [cli, "--watch", ...args], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk) => {
      said += String(chunk);
    });
  await until(() => said.includes("Ctrl-C ends it"));
}

/** Waits for something to come true, and says what the command said if it does not. */
async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 1200; i++) {
    if (isTrue()) return;
    await sleep(25);
  }
  expect.unreachable(`did not happen; it said:\n${said}`);
}

it("generates at once, and again when an object is written anew, in pieces or by another file", async () => {
  writeFileSync(path("obj/app.bpf.o"), minimal);
  await start("-o", "app.skel.ts", "obj/app.bpf.o");
  expect(has("app.skel.ts", text(minimal))).toBe(true);
  expect(said).toContain("app.skel.ts: written\n");

  // Another file in its place.
  writeFileSync(path("obj/app.tmp"), bootstrap);
  renameSync(path("obj/app.tmp"), path("obj/app.bpf.o"));
  await until(() => has("app.skel.ts", text(bootstrap)));
  await until(
    () => said.includes("breaking: program handle_exec") || said.includes("program handle_exec: added"),
  );

  // In two pieces, far apart.
  writeFileSync(path("obj/app.bpf.o"), minimal.subarray(0, 700));
  await until(() => said.includes("waiting for another one: "));
  expect(has("app.skel.ts", text(bootstrap))).toBe(true);
  writeFileSync(path("obj/app.bpf.o"), minimal);
  await until(
    () => said.includes("breaking: program handle_exec: removed") && has("app.skel.ts", text(minimal)),
  );
  await sleep(100);

  // Touched only: the skeleton is left alone.
  const { mtimeMs } = statSync(path("app.skel.ts"));
  const before = said;
  copyFileSync(path("obj/app.bpf.o"), path("obj/copy"));
  renameSync(path("obj/copy"), path("obj/app.bpf.o"));
  await sleep(400);
  expect(statSync(path("app.skel.ts")).mtimeMs).toBe(mtimeMs);
  expect(said).toBe(before);
});

it("waits for objects that are not there yet, or no more, or whose folder is gone", async () => {
  await start("--out-dir", "src", "obj/app.bpf.o", "obj/other.bpf.o");
  expect(said).toContain("obj/app.bpf.o: waiting for another one: it is not there\n");
  expect(said).toContain("watching 2 objects");
  writeFileSync(path("obj/app.bpf.o"), minimal);
  writeFileSync(path("obj/other.bpf.o"), bootstrap);
  await until(
    () => has("src/app.skel.ts", text(minimal)) && has("src/other.skel.ts", text(bootstrap, "other.bpf.o")),
  );

  rmSync(path("obj/app.bpf.o"));
  await until(() => said.split("obj/app.bpf.o: waiting").length === 3);
  expect(has("src/app.skel.ts", text(minimal))).toBe(true);
  writeFileSync(path("obj/app.bpf.o"), bootstrap);
  await until(() => has("src/app.skel.ts", text(bootstrap)));

  rmSync(path("obj"), { recursive: true });
  await until(() => said.split("obj/other.bpf.o: waiting").length === 3);
  mkdirSync(path("obj"));
  writeFileSync(path("obj/other.bpf.o"), minimal);
  await until(() => has("src/other.skel.ts", text(minimal, "other.bpf.o")));
});

it("waits for a better object when one is refused", async () => {
  writeFileSync(path("obj/app.bpf.o"), "no object");
  await start("-o", "app.skel.ts", "obj/app.bpf.o");
  expect(said).toContain("obj/app.bpf.o: waiting for another one: ELF header: ");
  writeFileSync(path("obj/app.bpf.o"), minimal);
  await until(() => has("app.skel.ts", text(minimal)));
});

it.each(["SIGINT", "SIGTERM"] as const)("ends at once on %s", async (signal) => {
  writeFileSync(path("obj/app.bpf.o"), minimal);
  await start("-o", "app.skel.ts", "obj/app.bpf.o");
  const ended = new Promise((resolve) => child!.once("exit", (code) => resolve(code)));
  const from = performance.now();
  child!.kill(signal);
  expect(await ended).toBe(0);
  expect(performance.now() - from).toBeLessThan(2000);
});
