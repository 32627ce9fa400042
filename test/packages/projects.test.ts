import { cpSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build, createServer, type Plugin } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import bpf from "../../generator/vite.js";
import { ensureMounts, ensurePackages, obstacles } from "../machine.js";
import { folder, install, must, nodes, pack, project, put, root, run } from "./project.js";

/** Whole projects: what `bpf-tsgen init` starts, and ones that import objects by Vite and Vitest. */
let tarballs: ReturnType<typeof pack>;
beforeAll(() => {
  tarballs = pack();
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const missing = ensurePackages(["clang", "libbpf-dev", "make"]);
ensureMounts();
const cannotLoad = obstacles();

describe.skipIf(missing.length > 0)("the project of bpf-tsgen init", () => {
  const at = join(folder, "started");

  beforeAll(() => {
    const tool = project("tool", {});
    install(tool, tarballs.generator);
    must(tool, "npx", "bpf-tsgen", "init", at);
    install(at, tarballs.generator, tarballs.runtime);
  }, 300_000);

  it("builds by make, and again only what has changed", () => {
    expect(must(at, "npm", "run", "build")).toContain("bpf-tsgen -o src/execs.skel.ts build/execs.bpf.o");
    expect(must(at, "make")).toContain("Nothing to be done");
    const program = join(at, "src/execs.bpf.c");
    put(at, { "src/execs.bpf.c": readFileSync(program, "utf8").replace("65536", "131072") });
    expect(must(at, "make")).toMatch(/^clang [\s\S]*bpf-tsgen[\s\S]*tsc\n/);
    expect(readFileSync(join(at, "src/execs.skel.ts"), "utf8")).toContain("131072 bytes");
  }, 120_000);

  it("leaves nothing half-done when the program does not compile", () => {
    const good = readFileSync(join(at, "src/execs.bpf.c"), "utf8");
    put(at, { "src/execs.bpf.c": `${good}\nnonsense\n` });
    expect(run(at, "make").status).not.toBe(0);
    put(at, { "src/execs.bpf.c": good });
    must(at, "make");
    expect(must(at, "npx", "bpf-tsgen", "--check", "-o", "src/execs.skel.ts", "build/execs.bpf.o")).toBe("");
  }, 120_000);

  it.skipIf(cannotLoad.length > 0)(
    "passes its test",
    () => {
      expect(must(at, "npm", "test")).toMatch(/1 passed/);
    },
    120_000,
  );

  it.skipIf(cannotLoad.length > 0)(
    "runs",
    () => {
      const script = "timeout -s INT 3 npm start & sleep 1.5; ls / >/dev/null; wait";
      const { stdout } = run(at, "sh", "-c", script);
      expect(stdout).toContain("Start some programs; Ctrl-C ends this.");
      expect(stdout).toMatch(/\d+ is ls now\n/);
      expect(stdout).toMatch(/│ ls +│ 1n/);
    },
    60_000,
  );

  it.skipIf(cannotLoad.length > 0)(
    "may import the object itself in its tests",
    () => {
      const test = readFileSync(join(at, "test/execs.test.ts"), "utf8");
      put(at, {
        "vitest.config.ts": 'import bpf from "bpf-tsgen/vite";\nexport default { plugins: [bpf()] };\n',
        "test/direct.test.ts": test.replace("../src/execs.skel.js", "../build/execs.bpf.o"),
      });
      expect(must(at, "npm", "test")).toMatch(/2 passed/);
      expect(readFileSync(join(at, "build/execs.bpf.d.o.ts"), "utf8")).toContain(
        "export declare const Execs",
      );
    },
    120_000,
  );
});

describe("bpf-tsgen/vite", () => {
  const sample = (name: string): string => join(root, `samples/${name}/${name}.bpf.o`);
  const main =
    'import { App } from "./app.bpf.o";\nexport const open: typeof App.open = App.open;\nexport const keys: string = JSON.stringify(App);\nconsole.log(typeof open);\n';
  let at = "";

  beforeAll(() => {
    at = project("vite", {
      "main.ts": main,
      "vite.config.ts": 'import bpf from "bpf-tsgen/vite";\nexport default { plugins: [bpf()] };\n',
    });
    install(at, tarballs.generator, tarballs.runtime);
    cpSync(sample("bootstrap"), join(at, "app.bpf.o"));
  }, 120_000);

  it("builds an application with the object in it, and writes its declarations", async () => {
    await build({ root: at, logLevel: "error", build: { ssr: "main.ts", outDir: "out" } });
    expect(must(at, process.execPath, "out/main.js")).toBe("function\n");
    expect(readFileSync(join(at, "out/main.js"), "utf8")).toContain("f0VMR");
    expect(existsSync(join(at, "app.bpf.d.o.ts"))).toBe(true);
  }, 60_000);

  it.each(nodes)(
    "builds it on Node $version",
    ({ path }) => {
      const vite = join(root, "node_modules/vite/bin/vite.js");
      must(at, path, vite, "build", "--logLevel", "error", "--ssr", "main.ts", "--outDir", "out-node");
      expect(must(at, path, "out-node/main.js")).toBe("function\n");
    },
    60_000,
  );

  it.each(["typescript-5.4", "typescript"])(
    "%s knows the types of what is imported",
    (compiler) => {
      const tsc = join(root, "node_modules", compiler, "bin/tsc");
      const check = (text: string, flags: object): string => {
        const compilerOptions = {
          strict: true,
          target: "es2022",
          module: "esnext",
          moduleResolution: "bundler",
          lib: ["es2023", "esnext.disposable"],
          types: ["node"],
          typeRoots: [join(root, "node_modules/@types")],
          skipLibCheck: true,
          noEmit: true,
          ...flags,
        };
        put(at, {
          "typed.ts": text,
          "tsconfig.json": JSON.stringify({ compilerOptions, files: ["typed.ts"] }),
        });
        return run(at, process.execPath, tsc, "-p", "tsconfig.json").stdout;
      };
      const on = { allowArbitraryExtensions: true };
      expect(check(main, on)).toBe("");
      expect(check(`${main}App.open().rodata.min_duration_ns = 1;\n`, on)).toContain("error TS2322");
      expect(check(main, {})).toContain("allowArbitraryExtensions");
    },
    60_000,
  );

  it("is a plugin to Vite's types", () => {
    // The compiler says so.
    const plugin: Plugin = bpf({ charArrays: "bytes" });
    expect(plugin.name).toBe("bpf-tsgen");
  });

  it("reads an object again that was compiled anew while it serves", async () => {
    const server = await createServer({
      root: at,
      logLevel: "silent",
      server: { middlewareMode: true, ws: false },
    });
    try {
      const programs = async (): Promise<string> =>
        (await server.transformRequest("/app.bpf.o", { ssr: true }))?.code ?? "";
      expect(await server.ssrLoadModule("/app.bpf.o")).toHaveProperty("App.attach");
      expect(await programs()).toContain("handle_exec");
      cpSync(sample("minimal"), join(at, "app.bpf.o"));
      let code = "";
      for (let i = 0; i < 200 && !code.includes("handle_tp"); i++) {
        await sleep(50);
        code = await programs();
      }
      expect(code).toContain("handle_tp");
      expect(readFileSync(join(at, "app.bpf.d.o.ts"), "utf8")).toContain("handle_tp");
    } finally {
      await server.close();
    }
  }, 60_000);

  it("says which object is refused", async () => {
    put(at, { "bad.bpf.o": "", "bad.ts": 'import "./bad.bpf.o";\n' });
    const failed = build({ root: at, logLevel: "silent", build: { ssr: "bad.ts", outDir: "out" } });
    await expect(failed).rejects.toThrow(/bad\.bpf\.o: the file is empty — has the compiler failed\?/);
  }, 60_000);
});
