// As misuse.ts, for what there is without a skeleton: maps by codecs, RingBuffer, withObject, xdp and tc. Runs in a
// network namespace of its own.
import * as runtime from "../../../runtime/index.js";
import { BpfObject, codecs, RingBuffer, tc, u32, u64, withObject, xdp } from "../../../runtime/index.js";
import { fixture } from "../../fixtures/fixtures.js";
import { KernelStructOps } from "../../fixtures/kernel-struct-ops.skel.js";
import { trigger } from "../child.js";
import { assault, attempt, ended, madeByHand, report, wrongs } from "./assault.js";

const path = new URL("../../fixtures/parity.bpf.o", import.meta.url).pathname;
const object = BpfObject.open(fixture("parity.bpf.o")).load();
object.map("target").update(u32, u32, 0, process.pid);
object.program("on_getppid").attach();
// One record a call, so that no poll() of these waits for ever.
trigger(5_000);
const ring = new RingBuffer(object.map("rb"), () => -1);
const by_xdp = object.program("by_xdp");
const by_tc = object.program("by_tc");
const maps = ["calls", "by_cpu", "rb", "target"].map((name) => object.map(name));
const rb = object.map("rb");

function useAll(): void {
  assault("ring", ring);
  assault("xdp", xdp);
  assault("tc", tc);
  for (const [i, wrong] of wrongs.entries()) {
    const any = wrong as never;
    attempt(`new RingBuffer(${i})`, () => new RingBuffer(any, any).close());
    attempt(`new RingBuffer(rb, ${i})`, () => new RingBuffer(rb, any).close());
    attempt(`withObject({ programs: ${i} })`, () => withObject({ path, programs: any }, () => 0));
    attempt(`withObject({ beforeAttach: ${i} })`, () =>
      withObject({ path, programs: ["on_getppid"], beforeAttach: any }, () => wrong),
    );
    attempt(`xdp.attach(${i})`, () => xdp.attach(any, by_xdp));
    attempt(`xdp.attach(1, by_xdp, ${i})`, () => xdp.attach(1, by_xdp, any));
    attempt(`xdp.detach(1, by_xdp, ${i})`, () => xdp.detach(1, by_xdp, any));
    attempt(`xdp.detach(1, ${i})`, () => xdp.detach(1, any));
    for (const key of ["interface", "ifindex", "attachPoint", "parent"]) {
      const hook = { ifindex: 1, attachPoint: 1, [key]: wrong } as never;
      for (const call of ["createHook", "destroyHook"] as const)
        attempt(`tc.${call}({ ${key}: ${i} })`, () => tc[call](hook));
      for (const call of ["detach", "query"] as const)
        attempt(`tc.${call}({ ${key}: ${i} })`, () => tc[call](hook, { handle: 1, priority: 1 }));
      attempt(`tc.attach({ ${key}: ${i} })`, () => tc.attach(hook, by_tc));
    }
    const hook = { ifindex: 1, attachPoint: 1 };
    attempt("tc.createHook", () => tc.createHook(hook));
    for (const key of ["handle", "priority", "replace"]) {
      const options = { handle: 1, priority: 1, [key]: wrong } as never;
      attempt(`tc.attach(hook, by_tc, { ${key}: ${i} })`, () => tc.attach(hook, by_tc, options));
      attempt(`tc.query(hook, { ${key}: ${i} })`, () => tc.query(hook, options));
      attempt(`tc.detach(hook, { ${key}: ${i} })`, () => tc.detach(hook, options));
    }
  }
  const codecsOfAll = [
    ...Object.values(codecs),
    ...wrongs,
    { ...u64, size: Number.NaN },
    { ...u32, size: 2 ** 40 },
  ];
  for (const map of maps)
    for (const [i, codec] of codecsOfAll.entries())
      for (const key of [1, 1n, wrongs[i % wrongs.length]]) {
        attempt(`${map.name}.lookup(${i})`, () => map.lookup(codec as never, u64, key as never));
        attempt(`${map.name}.lookup(u32, ${i})`, () => map.lookup(u32, codec as never, 1));
        attempt(`${map.name}.update(${i})`, () => map.update(u32, codec as never, 1, key as never));
        attempt(`${map.name}.remove(${i})`, () => map.remove(codec as never, key as never));
      }
}

const ops = KernelStructOps.load((opened) => {
  opened.maps.bare.autocreate = false;
  // Another test looks for the one of this name in the kernel's list.
  opened.maps.nothing.shadow.name = "bpf_tsgen_wrong";
});
const { nothing } = ops.maps;
if (process.argv[3] === "closed") {
  object.close();
  ops.close();
  ended();
}
assault("struct_ops", nothing);
useAll();
madeByHand();
attempt("a link made by hand", () => assault("TcFilter", Object.create(runtime.TcFilter.prototype)));
await report();
