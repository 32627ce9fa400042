// Runs in a network namespace of its own.
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { Kernel } from "../../fixtures/kernel.skel.js";
import { complain, only } from "../child.js";

execFileSync("ip", ["link", "set", "lo", "up"]);
const kernel = Kernel.load(only("by_xdp", "by_xdp_too"));
const socket = createSocket("udp4");
const send = async (): Promise<string> => {
  const before = kernel.bss.packets;
  await new Promise((resolve) => socket.send("x", 9, "127.0.0.1", resolve));
  await new Promise((resolve) => setTimeout(resolve, 20));
  return String(kernel.bss.packets - before);
};
const said: Record<string, string> = {};
const { by_xdp, by_xdp_too } = kernel.programs;
said.unattached = await send();
const link = by_xdp.attach("lo");
// What a packet to nobody makes of ICMP comes on top: whole steps of one program, none of the other.
said.attached = await send();
said.again = complain(() => by_xdp_too.attach({ interface: "lo" }));
link.update(by_xdp_too);
said.updated = await send();
link.update(by_xdp);
said.back = await send();
link.detach();
said.detached = await send();
link.destroy();
using other = by_xdp.attach({ ifindex: 1 });
said.index = await send();
other.destroy();
said.destroyed = await send();
socket.close();
console.log(JSON.stringify(said));
kernel.close();
