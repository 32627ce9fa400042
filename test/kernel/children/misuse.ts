// The states of `kernel.bpf.o` and of objects without a skeleton, called with everything that is wrong.
import * as runtime from "../../../runtime/index.js";
import { BpfObject, Memory } from "../../../runtime/index.js";
import { fixture } from "../../fixtures/fixtures.js";
import { Kernel } from "../../fixtures/kernel.skel.js";
import { only, trigger } from "../child.js";
import { assault, assaultAll, attempt, ended, prefixed, report, wrongs } from "./assault.js";

const state = process.argv[3]!;

function partsOf(kernel: ReturnType<typeof Kernel.load>): Record<string, object> {
  const { rodata, data, bss, data_custom } = kernel;
  return {
    ...{ rodata, data, bss, data_custom },
    ...{
      view: bss.store,
      array: bss.lengths,
      union: bss.live,
      mapped: kernel.maps.mapped.view(1),
      frozen: rodata.config,
    },
    link: kernel.programs.emit.attach(),
    ...prefixed("maps", kernel.maps),
    raw: kernel.maps.samples.raw,
    ...prefixed("programs", kernel.programs),
  };
}

switch (state) {
  case "opened": {
    using opened = Kernel.open();
    const { rodata, data, bss } = opened;
    const views = { rodata, data, bss, view: rodata.config, array: bss.lengths, union: bss.live };
    const parts = { ...views, ...prefixed("maps", opened.maps), ...prefixed("programs", opened.programs) };
    for (const [part, target] of Object.entries(parts)) assault(`opened.${part}`, target);
    using other = Kernel.open();
    assault("opened", other);
    // Now consumed or closed, as it happens.
    ended();
    assaultAll("consumed", parts, other);
    opened.close();
    assaultAll("closed opened", parts, opened);
    break;
  }
  case "loaded": {
    const kernel = Kernel.attach(only("reflect", "emit"));
    kernel.bss.target = process.pid;
    kernel.bss.lengths = new Uint32Array(8);
    trigger(100);
    kernel.detach();
    const parts = partsOf(kernel);
    for (const [part, target] of Object.entries(parts)) assault(`loaded.${part}`, target);
    assault("loaded", kernel);
    ended();
    assaultAll("loaded and closed", parts, kernel);
    break;
  }
  case "closed": {
    const kernel = Kernel.load();
    const parts = partsOf(kernel);
    kernel.close();
    ended();
    assaultAll("closed", parts, kernel);
    break;
  }
  case "object": {
    assault("Kernel", Kernel);
    for (const key of [
      "name",
      "kconfig",
      "btfPath",
      "pinRoot",
      "tokenPath",
      "relaxedMaps",
      "logLevel",
      "object",
    ])
      for (const [i, wrong] of wrongs.entries())
        attempt(`open({ ${key}: ${i} })`, () => Kernel.open({ [key]: wrong } as never).close());
    attempt("BpfObject", () => assault("BpfObject", BpfObject));
    const object = BpfObject.open(fixture("kernel.bpf.o"));
    assaultAll("object", prefixed("programs", object.programs()), object);
    const loaded = BpfObject.open(fixture("kernel.bpf.o")).load();
    const parts = { ...prefixed("programs", loaded.programs()), ...prefixed("maps", loaded.maps()) };
    const memory = Memory.alloc(64);
    assaultAll("loaded object", { ...parts, memory }, loaded);
    ended();
    memory.release("memory");
    assault("released memory", memory);
    assaultAll("closed object", parts, loaded);
    for (const [name, value] of Object.entries(runtime)) {
      // Functions, not classes: what their constructors take is the runtime's own.
      if (typeof value === "function" && !/^class\b/.test(Function.prototype.toString.call(value))) {
        attempt(`${name}()`, () => (value as () => void)());
        for (const [i, wrong] of wrongs.entries()) {
          attempt(`${name}(${i})`, () => (value as (...args: unknown[]) => void)(wrong));
          attempt(`${name}(${i}, ${i})`, () => (value as (...args: unknown[]) => void)(wrong, wrong));
        }
      }
    }
    break;
  }
}

await report();
