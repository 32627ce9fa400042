import { expect, test } from "vitest";
import { borrow } from "../../../runtime/ffi/native.js";

test("memory that there is no room for is an error of ours, and nothing is allocated", () => {
  const before = process.memoryUsage().rss;
  expect(() => borrow(0x7fff_ffff)).toThrow(
    expect.objectContaining({
      name: "BpfError",
      code: "ENOMEM",
      errno: 12,
      message: "2147483648 bytes of native memory: there is no room for them — take smaller values",
    }),
  );
  expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 28);
});
