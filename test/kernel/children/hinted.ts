// Does one thing that fails on a machine like the one it was put in, and prints the error's message.
import { openSync, rmdirSync } from "node:fs";
import {
  ArrayMap,
  BpfMap,
  BpfObject,
  btf,
  HashMap,
  Link,
  MapType,
  ProgArray,
  Program,
  RawMap,
  u32,
} from "../../../runtime/index.js";
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
  simple: () => console.log(JSON.stringify(simple())),
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

/** What fails on every machine: what each says. `path` is a name for pins. */
function simple(): Record<string, string> {
  const pin = `/sys/fs/bpf/${path}`;
  const id = 0xffff_fff0;
  const file = openSync("/dev/null", "r");
  const programs = KernelPrograms.load((opened) => {
    for (const [name, program] of Object.entries(opened.programs))
      program.autoload = ["on_clock", "on_enter", "on_socket"].includes(name);
  });
  using object = BpfObject.open(new URL("../../fixtures/parity.bpf.o", import.meta.url).pathname).load();
  using map = BpfMap.create({ maxEntries: 4 }, HashMap, u32, u32);
  using jumps = BpfMap.create({ maxEntries: 1 }, ProgArray);
  const { id: mapId } = map.info();
  using reading = BpfMap.open({ id: mapId, access: "read" }, HashMap, u32, u32);
  using writing = BpfMap.open({ id: mapId, access: "write" }, HashMap, u32, u32);
  const { on_enter, on_socket } = programs.programs;
  const message = (action: () => unknown): string => {
    try {
      action();
      return "nothing";
    } catch (error) {
      return (error as Error).message;
    }
  };
  const load = (pinPath: string): void =>
    Kernel.load((opened) => {
      only("reflect")(opened);
      opened.maps.small.pinPath = pinPath;
    }).close();
  map.pin(pin);
  map.set(1, 1);
  object.pinPrograms(`${pin}-all`);
  try {
    return {
      "a pin of a map": message(() => map.pin(pin)),
      "a pin of a program": message(() => on_socket.pin(pin)),
      "a pin of a link": message(() => on_enter.attach().pin(pin)),
      "all pins": message(() => object.pinPrograms(`${pin}-all`)),
      "a pin in no folder": message(() => map.pin(`${pin}-none/of/it`)),
      "a pin in no folder, by loading": message(() => load(`${pin}-none/of/it`)),
      "a pin of another map, by loading": message(() => load(pin)),
      "a pin with a dot": message(() => map.pin(`${pin}.dot`)),
      "a pin removed": message(() => map.unpin(`${pin}-none`)),
      "a pin opened": message(() => Link.open({ pin: `${pin}-none` })),
      "a map's id": message(() => BpfMap.open({ id }, RawMap)),
      "a program's id": message(() => Program.open({ id })),
      "a link's id": message(() => Link.open({ id })),
      "BTF's id": message(() => btf.read(id)),
      "a filter": message(() => on_socket.attach({ socket: file })),
      "a socket in a map": message(() => programs.maps.socks.set(0, file)),
      "no program for a map": message(() => jumps.set(0, { fd: 9999 })),
      "no event": message(() => programs.programs.on_clock.attach({ fd: 9999 })),
      "a write to a map for reading": message(() => reading.set(1, 1)),
      "a read of a map for writing": message(() => writing.get(1)),
      "a large map": message(() => BpfMap.create({ maxEntries: 0xffff_ffff }, HashMap, u32, u32)),
      "a large value": message(() =>
        BpfMap.create({ type: MapType.HASH, keySize: 4, valueSize: 0x7fff_ffff, maxEntries: 1 }, RawMap),
      ),
      "an odd map": message(() => BpfMap.create({ maxEntries: 0 }, ArrayMap, u32)),
      "an entry": message(() => map.set(1, 2, { mode: "create" })),
      "no entry": message(() => map.set(2, 2, { mode: "replace" })),
    };
  } finally {
    map.unpin();
    object.unpinPrograms(`${pin}-all`);
    rmdirSync(`${pin}-all`);
  }
}

try {
  cases[what]!();
  console.log("nothing");
} catch (error) {
  console.log((error as Error).message.split("\n")[0]);
}
process.exit(0);
