// Prints each IPv4 packet that a network interface receives or sends.
import { Tc } from "./tc.skel.js";

process.on("uncaughtException", ({ message }) => {
  console.error(message);
  process.exit(1);
});
const [device, ...rest] = process.argv.slice(2);
if (device === undefined || rest.length > 0) {
  console.error("usage: tc INTERFACE");
  process.exit(2);
}
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

using tc = Tc.load();
const links = [tc.programs.receive.attach(device), tc.programs.transmit.attach(device)];
// Links (tcx) since Linux 6.6, and clsact before.
console.log(`Attached to ${device} by ${links[0]?.info().fallback ?? "tcx"}; Ctrl-C ends it.`);

const protocols: Record<number, string> = { 1: "ICMP", 6: "TCP", 17: "UDP" };
const endpoint = (address: Uint8Array, port: number): string =>
  `${address.join(".")}${port ? `:${port}` : ""}`;

console.log("TIME     DIR PROTO SOURCE                DESTINATION           BYTES TTL");
let count = 0;
for await (const packet of tc.maps.packets.records({ signal: stop.signal })) {
  const time = new Date().toTimeString().slice(0, 8);
  const from = endpoint(packet.source, packet.source_port).padEnd(21);
  const to = endpoint(packet.destination, packet.destination_port).padEnd(21);
  const protocol = (protocols[packet.protocol] ?? String(packet.protocol)).padEnd(5);
  const numbers = `${String(packet.length).padStart(5)} ${String(packet.ttl).padStart(3)}`;
  console.log(`${time} ${packet.egress ? "out" : "in "} ${protocol} ${from} ${to} ${numbers}`);
  count++;
}
console.log(`Detached after ${count} packets; ${tc.bss.dropped} more found the ring buffer full.`);
