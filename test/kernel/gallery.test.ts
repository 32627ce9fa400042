import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { expect, test } from "vitest";
import { BpfObject, libbpfVersion } from "../../runtime/index.js";
import { fixture } from "../fixtures/fixtures.js";
import { Kernel } from "../fixtures/kernel.skel.js";
import { KernelHalves } from "../fixtures/kernel-halves.skel.js";
import { Refusals } from "../fixtures/refusals.skel.js";
import { describeKernel, only, run, thrown } from "./kernel.js";

/** `BPF_TSGEN_GALLERY=1` writes the page anew. */
const page = new URL("../../runtime/ERRORS.md", import.meta.url);
const anew = process.env.BPF_TSGEN_GALLERY === "1";

const refused = (program: string) => (): string =>
  thrown(() =>
    Refusals.load((opened) => {
      for (const [each, config] of Object.entries(opened.programs)) config.autoload = each === program;
    }),
  ).message;
const loading = (file: string) => (): string => {
  using object = BpfObject.open(fixture(file), { name: file.replace(".bpf.o", "") });
  return thrown(() => object.load()).message;
};
const elsewhere =
  (what: string, ...prefix: string[]) =>
  async (): Promise<string> =>
    (await run("hinted", [what], 60_000, prefix)).out.trimEnd();

/** What goes wrong, and how it is said. */
const errors: readonly (readonly [title: string, happens: () => string | Promise<string>])[] = [
  ["A pointer that may be NULL", refused("null_pointer")],
  ["An index that is not checked", refused("unchecked_index")],
  ["A packet that may be shorter", refused("unchecked_packet")],
  ["A ring buffer's record that is never submitted", refused("leaked_reference")],
  ["A loop without an end", refused("endless_loop")],
  ["More stack than there is", refused("deep_stack")],
  ["A helper that is not for this type of program", refused("wrong_helper")],
  ["A field that this kernel's structs lack", refused("missing_field")],
  ["An enumerator that this kernel lacks", refused("missing_enumerator")],
  ["A mistake in a function that the program calls", refused("in_subprogram")],
  ["A kfunc that this kernel lacks", loading("refusals-kfunc.bpf.o")],
  ["A helper that takes a GPL program", loading("refusals-license.bpf.o")],
  [
    "A map that cannot be created",
    () =>
      thrown(() =>
        Kernel.load(({ maps }) => {
          maps.samples.maxEntries = 0;
        }),
      ).message,
  ],
  ["A tracepoint that does not exist", () => thrown(() => KernelHalves.attach()).message],
  [
    "An interface that does not exist",
    () => {
      using kernel = Kernel.load(only("by_xdp"));
      return thrown(() => kernel.programs.by_xdp.attach("eth99")).message;
    },
  ],
  [
    "A pin that is not on bpffs",
    () => {
      using kernel = Kernel.load(only("reflect"));
      return thrown(() => kernel.maps.samples.pin("/proc/pin")).message;
    },
  ],
  [
    "Another object than the skeleton's",
    () => thrown(() => Kernel.open({ object: fixture("kernel-halves.bpf.o") })).message,
  ],
  [
    "Something that is closed",
    () => {
      const kernel = Kernel.load(only("reflect"));
      const { samples } = kernel.maps;
      kernel.close();
      return thrown(() => samples.get(1)).message;
    },
  ],
  [
    "No privileges",
    elsewhere("load", "setpriv", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all"),
  ],
  [
    "No tracefs",
    elsewhere(
      "attach",
      "unshare",
      "-m",
      "sh",
      "-c",
      '(umount -l /sys/kernel/tracing; umount -l /sys/kernel/debug) 2>/dev/null; exec "$@"',
      "sh",
    ),
  ],
  ["No libbpf", elsewhere("load", "env", "LIBBPF_PATH=libbpf-is-not-here.so.1")],
];

const machine = (): string => `kernel ${release().match(/^\d+\.\d+/)} and libbpf ${libbpfVersion().text}`;
/** Without what changes from one time and machine to the next, and without the fixture's own remarks. */
const steady = (message: string): string =>
  message
    .trimEnd()
    .replace(/0xffff[\da-f]{12}/g, "0xffff…")
    .replace(/ \/\/ refused.*/g, "")
    .replace(/(network namespace has ).*/, "$1lo, eth0");

describeKernel("the gallery of errors", () => {
  test("is as its errors are", async () => {
    const sections: string[] = [];
    for (const [title, happens] of errors) {
      const message = steady(await happens());
      expect(message.split("\n")[0], title).toMatch(/^[^:]+: .+ — ./);
      sections.push(`## ${title}\n\n\`\`\`text\n${message}\n\`\`\`\n`);
    }
    const text = `# Errors, as they are printed\n\nMessages of \`BpfError\`, each made by a real failure on ${machine()}: \`test/kernel/gallery.test.ts\` makes them, and holds\nthis page to them. After the message Node prints where it was thrown, and the error's \`code\`, \`errno\`, \`syscall\`,\n\`program\` and \`source\`; the verifier's whole log is its \`log\`.\n\n${sections.join("\n")}`;
    if (anew) writeFileSync(page, text);
    // The tests may have been taken to another machine without it.
    if (!existsSync(page)) return;
    const written = readFileSync(page, "utf8");
    // Other kernels and versions of libbpf have their own words.
    if (written.includes(`on ${machine()}:`)) expect(text).toBe(written);
    else expect(text.match(/^## .*$/gm)).toEqual(written.match(/^## .*$/gm));
  });
});
