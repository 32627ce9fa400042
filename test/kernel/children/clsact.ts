// Attaches to the loopback interface of its own network namespace by clsact, detaches, and says what `tc`
// sees after each step.
import { execFileSync } from "node:child_process";
import { tc as network } from "../../../runtime/index.js";
import { KernelKinds } from "../../fixtures/kernel-kinds.skel.js";

const tc = (...args: string[]): string => execFileSync("tc", args, { encoding: "utf8" });
const qdiscs = (): number => tc("qdisc", "show", "dev", "lo").split("clsact").length - 1;
const filters = (): number => tc("filter", "show", "dev", "lo", "ingress").split("handle").length - 1;

const kernel = KernelKinds.load(({ programs }) => {
  for (const [name, program] of Object.entries(programs)) program.autoload = name === "on_tc_ingress";
});
const { on_tc_ingress } = kernel.programs;
const always = { interface: "lo", fallback: "always" } as const;

const said: unknown[] = [];
const first = on_tc_ingress.attach(always);
said.push([qdiscs(), filters(), first.info().fallback]);
const second = on_tc_ingress.attach(always);
first.destroy();
// Somebody uses it still.
said.push([qdiscs(), filters()]);
second.destroy();
said.push([qdiscs(), filters()]);
// One that was there before stays, and so does one with a filter of somebody else's in it.
tc("qdisc", "add", "dev", "lo", "clsact");
on_tc_ingress.attach(always).destroy();
said.push([qdiscs(), filters()]);
tc("qdisc", "del", "dev", "lo", "clsact");
const third = on_tc_ingress.attach(always);
const other = network.attach({ interface: "lo", attachPoint: 2 }, on_tc_ingress);
other.disconnect();
third.destroy();
said.push([qdiscs(), filters()]);
console.log(JSON.stringify(said));
kernel.close();
