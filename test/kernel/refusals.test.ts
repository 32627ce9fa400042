import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { type BpfError, BpfObject } from "../../runtime/index.js";
import { fixture } from "../fixtures/fixtures.js";
import { Refusals } from "../fixtures/refusals.skel.js";
import { describeKernel, expectNothingLeft, openFds, run, since, thrown, uniqueName } from "./kernel.js";
import { refusals } from "./refusals.js";

/** Loads one program of `refusals.bpf.c`, which fails. */
function refusal(program: string, name = "refusals"): BpfError {
  const opened = Refusals.open({ name });
  for (const [each, config] of Object.entries(opened.programs)) config.autoload = each === program;
  return thrown(() => opened.load()) as BpfError;
}

/** The same in a process with a heap of 48 MiB, which the log of the most complex program would burst. */
async function refusalElsewhere(program: string): Promise<BpfError> {
  const { code, out, err } = await run("refused", [program], 280_000, [
    "env",
    "NODE_OPTIONS=--max-old-space-size=48",
  ]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const error = JSON.parse(out) as BpfError & { length: number };
  expect(error.length).toBeGreaterThan(48 * 2 ** 20);
  return error;
}

const source = readFileSync(new URL("../fixtures/refusals.bpf.c", import.meta.url), "utf8");
const expected = refusals(source);
/** Where fewer processes are to be followed, a million instructions would take minutes to verify. */
const slow = Number(process.env.BPF_TSGEN_PROCESSES ?? 10_000) < 1000;

describeKernel("programs that fail to load", () => {
  test("every program of the fixture has a line that is to blame", () => {
    const opened = Refusals.open();
    const programs = Object.keys(opened.programs).sort();
    opened.close();
    expect(expected.map(({ program }) => program).sort()).toEqual(programs);
    expect(programs.length).toBeGreaterThan(25);
  });

  test.each(
    expected.filter(
      ({ program }) =>
        !(slow && program === "too_complex") &&
        // Kernels before 5.12 take no pointers in functions that are not static.
        (since(5, 12) || program !== "in_global_function"),
    ),
  )(
    "$program: the program, the reason, and line $line",
    async ({ program, reason, line, text }) => {
      const error = program === "too_complex" ? await refusalElsewhere(program) : refusal(program);
      expect(error).toMatchObject({ name: "BpfError", syscall: "bpf_object__load", program });
      const [first = "", ...excerpt] = error.message.split("\n");
      expect(first).toMatch(
        new RegExp(
          `^refusals: program "${program}": the verifier refused it at \\S*refusals\\.bpf\\.c:${line}: .+ — .+`,
        ),
      );
      expect(first).toMatch(reason);
      expect(first).not.toMatch(/its last steps are below/);
      expect(error.source).toMatchObject({ file: expect.stringMatching(/refusals\.bpf\.c$/), line, text });
      expect(excerpt.some((each) => each.startsWith("  >") && each.includes(text))).toBe(true);
      expect(error.log).toMatch(/processed \d+ insns/);
      expect(error.log).not.toMatch(/libbpf:|PROG LOAD LOG/);
    },
    // The most complex program takes seconds, on a busy machine more.
    300_000,
  );

  test("Node prints such an error without the thousand lines of its log", () => {
    const error = refusal("null_pointer");
    expect(error.message).toMatch(
      /^refusals: program "null_pointer": .*\n\n.*\n {4}\d+ \| .*\n {2}> \d+ \| .*\n +\| +\^\n/,
    );
    const printed = inspect(error);
    expect(printed).not.toContain("processed");
    expect(error.log).toContain("processed");
  });

  test("a kfunc that no kernel has, and what only GPL programs may call", () => {
    const load = (file: string): BpfError => {
      using object = BpfObject.open(fixture(file), { name: "refused" });
      return thrown(() => object.load()) as BpfError;
    };
    expect(load("refusals-kfunc.bpf.o").message).toMatch(
      /^refused: .*'bpf_no_such_kfunc': not found in kernel .* — ./,
    );
    const gpl = load("refusals-license.bpf.o");
    expect(gpl.message).toMatch(/cannot call GPL-restricted function .* — declare it: char LICENSE/);
    expect(gpl.source).toMatchObject({ line: 10 });
  });

  test("nothing of them is left", async () => {
    const name = uniqueName();
    const fds = openFds();
    for (let i = 0; i < 20; i++) refusal("leaked_reference", name);
    expect(openFds()).toBe(fds);
    await expectNothingLeft(name);
  });
});
