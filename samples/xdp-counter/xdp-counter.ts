// Shows how much a network interface receives, by protocol, every second.
import { bar, everySecond, paint, show, usage } from "../terminal.js";
import { XdpCounter } from "./xdp-counter.skel.js";

const [device, ...rest] = process.argv.slice(2);
if (device === undefined || rest.length > 0) usage("xdp-counter INTERFACE");

using counter = XdpCounter.load();
counter.programs.count.attach(device);

const protocols: Record<number, string> = { 1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 255: "not IP" };
const HEADER = "PROTOCOL         PACKETS       A SEC.        BYTES  SHARE";
let before = new Map<number, bigint>();

/** One line a protocol that was seen, with its share of all bytes as a bar. */
function table(): string[] {
  const rows = [...counter.maps.traffic]
    .map(([protocol, cpus]) => ({
      protocol,
      packets: cpus.reduce((sum, { packets }) => sum + packets, 0n),
      bytes: cpus.reduce((sum, { bytes }) => sum + bytes, 0n),
    }))
    .filter(({ packets }) => packets > 0n)
    .sort((a, b) => Number(b.bytes - a.bytes));
  const all = Number(rows.reduce((sum, { bytes }) => sum + bytes, 0n));
  const lines = rows.map(({ protocol, packets, bytes }) => {
    const name = (protocols[protocol] ?? `protocol ${protocol}`).padEnd(12);
    const rate = packets - (before.get(protocol) ?? 0n);
    const numbers = [packets, rate, bytes].map((each) => String(each).padStart(12)).join(" ");
    const share = Number(bytes) / all;
    return `${name}${numbers}  ${paint("cyan", bar(share, 20))} ${(100 * share).toFixed(0)}%`;
  });
  before = new Map(rows.map(({ protocol, packets }) => [protocol, packets]));
  return lines.length > 0 ? lines : ["nothing yet"];
}

for await (const time of everySecond())
  show([`${device} at ${time}; Ctrl-C ends it`, paint("bold", HEADER), ...table()]);
console.log("Detached.");
