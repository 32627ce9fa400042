import { expect, test } from "vitest";
import { BpfObject, Program } from "../../runtime/index.js";
import { KernelExtra } from "../fixtures/kernel-extra.skel.js";
import { describeKernel, reasons, thrown } from "./kernel.js";

/**
 * What this kernel can: it has no streams (before 6.17) · it has them, and no memory for what is written, as where the
 * machine was started with its memory's pages deferred · all.
 */
function ability(): "none" | "read" | "write" {
  if (reasons.length > 0) return "none";
  using kernel = KernelExtra.load();
  try {
    kernel.programs.write_lines.readStream("stdout");
  } catch {
    return "none";
  }
  return write(kernel, 1, 1) === 0 ? "write" : "read";
}

const streams = { stdout: 1, stderr: 2 };

function write(kernel: ReturnType<typeof KernelExtra.load>, stream: number, number: number): number {
  return kernel.programs.write_lines.testRun({ ctx: { stream, number } }).retval;
}

const can = ability();

describeKernel("streams of programs", () => {
  test.skipIf(can !== "write")("what a program writes is read once, of each stream its own", () => {
    using kernel = KernelExtra.load();
    const { write_lines } = kernel.programs;
    expect(write_lines.readStream("stdout")).toBe("");
    expect(write(kernel, streams.stdout, 2)).toBe(0);
    expect(write(kernel, streams.stderr, 1)).toBe(0);
    expect(write_lines.readStream("stdout")).toBe("line 0 of stream 1\nline 1 of stream 1\n");
    expect(write_lines.readStream("stdout")).toBe("");
    expect(write_lines.readStream("stderr")).toBe("line 0 of stream 2\n");
    expect(write_lines.readStream("stderr")).toBe("");
  });

  test.skipIf(can !== "write")("more than one read takes, up to what the kernel keeps", () => {
    using kernel = KernelExtra.load();
    kernel.bss.written = 0n;
    for (let i = 0; i < 4; i++) write(kernel, streams.stdout, 2000);
    const text = kernel.programs.write_lines.readStream("stdout");
    const lines = text.split("\n").slice(0, -1);
    expect(BigInt(lines.length)).toBe(kernel.bss.written);
    expect(text.length).toBeGreaterThan(70_000);
    expect(kernel.bss.refused).toBe(-28n);
    expect(lines.every((line) => /^line \d+ of stream 1$/.test(line))).toBe(true);
    // There is room again.
    expect(write(kernel, streams.stdout, 1)).toBe(0);
    expect(kernel.programs.write_lines.readStream("stdout")).toBe("line 0 of stream 1\n");
  });

  test("of a program that was opened in the kernel, and of no other stream", () => {
    using kernel = KernelExtra.load();
    using same = Program.open({ id: kernel.programs.write_lines.info().id });
    if (can !== "none") {
      write(kernel, streams.stderr, 1);
      expect(same.readStream("stderr")).toBe(can === "write" ? "line 0 of stream 2\n" : "");
    } else {
      const error = thrown(() => same.readStream("stderr"));
      expect(error).toMatchObject({ name: "BpfError", code: "EINVAL" });
      expect(error.message).toContain("streams of programs need kernel 6.17");
    }
    expect(() => same.readStream("stdin" as never)).toThrow(TypeError);
    same.close();
    expect(thrown(() => same.readStream("stdout"))).toMatchObject({ code: "ERR_BPF_CLOSED" });
    const object = BpfObject.open(new URL("../fixtures/kernel-extra.bpf.o", import.meta.url).pathname);
    expect(thrown(() => object.program("write_lines").readStream("stdout"))).toMatchObject({
      code: "ERR_BPF_STATE",
    });
    object.close();
  });
});
