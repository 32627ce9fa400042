import { inspect } from "node:util";
import { expect, test } from "vitest";
import { Program } from "../../runtime/index.js";
import { Kernel } from "../fixtures/kernel.skel.js";
import { describeKernel, only } from "./kernel.js";

describeKernel("console.log", () => {
  test("says what a program and a link are, and when they are gone", () => {
    const kernel = Kernel.load(only("reflect"));
    const { reflect, emit } = kernel.programs;
    const section = `(SEC("${reflect.section}"))`;
    expect(inspect(reflect)).toBe(`Tracepoint "reflect" ${section}: tracepoint, fd ${reflect.fd}`);
    expect(inspect({ emit })).toMatch(/^{\n? *emit: \w+ "emit" \(SEC\(".*"\)\): \w+, not loaded\n?}$/);
    const link = reflect.attach();
    const { id, programId, fallback } = link.info();
    const what = fallback ?? `perf_event, id ${id}, program ${programId}`;
    expect(inspect(link)).toBe(`Link of program "reflect" ${section}: ${what}`);
    using opened = Program.open({ id: reflect.info().id });
    expect(inspect(opened)).toBe(`OpenProgram "reflect": tracepoint, fd ${opened.fd}`);
    link.destroy();
    expect(inspect(link)).toBe(`Link of program "reflect" ${section}: destroyed`);
    kernel.close();
    expect(inspect(reflect)).toBe(`Tracepoint "reflect" ${section}: tracepoint, closed`);
  });
});
