import { expect, test } from "vitest";
import { checkMachine, type Machine } from "../../../runtime/ffi/machine.js";

const machine: Machine = {
  arch: "arm64",
  sizes: { pointer: 8, long: 8, size_t: 8 },
  pageSize: 4096,
  littleEndian: true,
};

test("pages of every size that there is are good", () => {
  for (const pageSize of [4096, 16_384, 65_536]) checkMachine({ ...machine, pageSize });
});

test.each<[Partial<Machine>, RegExp]>([
  [{ arch: "arm" }, /^arm: .* — use one of the 64-bit machines x64, arm64/],
  [{ sizes: { pointer: 4, long: 4, size_t: 4 } }, /pointer has 4 bytes/],
  [{ arch: "s390x", littleEndian: false }, /^s390x: this runtime was never fitted to it/],
  [{ littleEndian: false }, /the highest byte of a number comes first/],
  [{ pageSize: 5000 }, /a page has 5000 bytes/],
  [{ pageSize: 1024 }, /a page has 1024 bytes/],
])("%o is refused", (part, message) => {
  expect(() => checkMachine({ ...machine, ...part })).toThrow(message);
});
