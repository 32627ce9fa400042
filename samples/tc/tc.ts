// Prints each IPv4 packet that a network interface receives or sends.
import { clock, paint, stop, usage } from "../terminal.js";
import { Tc } from "./tc.skel.js";

const [device, ...rest] = process.argv.slice(2);
if (device === undefined || rest.length > 0) usage("tc INTERFACE");

using tc = Tc.load();
const links = [tc.programs.receive.attach(device), tc.programs.transmit.attach(device)];
// Links (tcx) since Linux 6.6, and clsact before.
console.log(`Attached to ${device} by ${links[0]?.info().fallback ?? "tcx"}; Ctrl-C ends it.`);

const protocols: Record<number, string> = { 1: "ICMP", 6: "TCP", 17: "UDP" };
const endpoint = (address: Uint8Array, port: number): string =>
  `${address.join(".")}${port ? `:${port}` : ""}`;

console.log(paint("bold", "TIME     DIR PROTO SOURCE                DESTINATION           BYTES TTL"));
let count = 0;
for await (const packet of tc.maps.packets.records({ signal: stop })) {
  const direction = packet.egress ? paint("yellow", "out") : paint("cyan", "in ");
  const from = endpoint(packet.source, packet.source_port).padEnd(21);
  const to = endpoint(packet.destination, packet.destination_port).padEnd(21);
  const protocol = (protocols[packet.protocol] ?? String(packet.protocol)).padEnd(5);
  const numbers = `${String(packet.length).padStart(5)} ${String(packet.ttl).padStart(3)}`;
  console.log(`${clock()} ${direction} ${protocol} ${from} ${to} ${numbers}`);
  count++;
}
console.log(`Detached after ${count} packets; ${tc.bss.dropped} more found the ring buffer full.`);
