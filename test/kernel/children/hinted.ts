// Does one thing that fails on a machine like the one it was put in, and prints the error's message.
import { Kprobe } from "../../../samples/kprobe/kprobe.skel.js";
import { Kernel } from "../../fixtures/kernel.skel.js";
import { KernelHalves } from "../../fixtures/kernel-halves.skel.js";
import { KernelKinds } from "../../fixtures/kernel-kinds.skel.js";
import { KernelPrograms } from "../../fixtures/kernel-programs.skel.js";
import { Refusals } from "../../fixtures/refusals.skel.js";
import { only } from "../child.js";

const [what, path = ""] = process.argv.slice(2) as [string, string?];

const cases: Record<string, () => unknown> = {
  load: () => Kernel.load(only("reflect")).close(),
  relocate: () =>
    Refusals.load(({ programs }) => {
      for (const [name, program] of Object.entries(programs)) program.autoload = name === "missing_field";
    }),
  attach: () => Kernel.attach(only("reflect")).close(),
  tracepoint: () => KernelHalves.attach(),
  pin: () => Kernel.load(only("reflect")).maps.samples.pin(path),
  cgroup: () => {
    const { programs } = KernelPrograms.load((opened) => {
      for (const [name, program] of Object.entries(opened.programs)) program.autoload = name === "on_cgroup";
    });
    programs.on_cgroup.attach({ cgroup: path });
  },
  interface: () => Kernel.load(only("by_xdp")).programs.by_xdp.attach("eth99"),
  frozen: () => {
    const { small } = Kernel.load(only("reflect")).maps;
    small.freeze();
    small.set(1n, 2n);
  },
  lsm: () => {
    const kinds = KernelKinds.load(({ programs }) => {
      for (const program of Object.values(programs)) program.autoload = false;
    });
    kinds.programs.on_lsm.attach();
  },
  function: () => {
    const { programs } = Kprobe.load();
    const [program] = Object.values(programs) as unknown as { attach(target: object): unknown }[];
    program!.attach({ function: path });
  },
};

try {
  cases[what]!();
  console.log("nothing");
} catch (error) {
  console.log((error as Error).message.split("\n")[0]);
}
process.exit(0);
