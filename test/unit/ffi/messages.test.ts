import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { messagesIn } from "../../../runtime/ffi/messages.js";

const bytes = (...parts: (string | number[])[]): Uint8Array =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from(part))));

test.each([
  ["nothing", bytes(), []],
  ["one", bytes("\x01libbpf: a warning\n"), [{ level: 0, text: "libbpf: a warning" }]],
  [
    "some, of each level, of several lines or none",
    bytes("\x01libbpf: one\ntwo\n\n\x02libbpf: \n\x03libbpf: ü\n\x03libbpf: no newline"),
    [
      { level: 0, text: "libbpf: one\ntwo\n" },
      { level: 1, text: "libbpf: " },
      { level: 2, text: "libbpf: ü" },
      { level: 2, text: "libbpf: no newline" },
    ],
  ],
  [
    "lines of C with the bytes that levels are",
    bytes("\x01libbpf: prog 'x':\n; c = '\x01\x02\x03'; libbpf: \x02 libbpf:\n\x02libbpf: next\n"),
    [
      { level: 0, text: "libbpf: prog 'x':\n; c = '\x01\x02\x03'; libbpf: \x02 libbpf:" },
      { level: 1, text: "libbpf: next" },
    ],
  ],
  [
    "what is no UTF-8",
    bytes("\x01libbpf: ", [0xff, 0xc3], "\n"),
    [{ level: 0, text: "libbpf: \ufffd\ufffd" }],
  ],
])("messages: %s", (_, stream, wanted) => {
  expect(messagesIn(stream)).toEqual(wanted);
});

test.each([
  ["ASCII", "", "x".repeat(20)],
  ["UTF-8", "ü", `${"x".repeat(18)}üx`],
])("a log of 100 MiB in a heap of 32: %s", (_, special, end) => {
  const script = `
    import { messagesIn } from "./runtime/ffi/messages.ts";
    const stream = Buffer.alloc(100 << 20, "x");
    stream.write("\\x01libbpf: ");
    stream.write(${JSON.stringify(special)}, stream.length - 3);
    const [{ text }] = messagesIn(stream);
    console.log(text.length, text.slice(8).slice(-20));`;
  const flags = ["--max-old-space-size=32", "--import", "tsx", "--input-type=module"];
  const out = execFileSync(process.execPath, [...flags, "-e", script], { encoding: "utf8" });
  expect(out).toBe(`${(100 << 20) - 1 - special.length} ${end}\n`);
});
