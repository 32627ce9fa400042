// Shows how much a network interface receives, by protocol, every second.
import { setTimeout } from "node:timers/promises";
import { XdpCounter } from "./xdp-counter.skel.js";

process.on("uncaughtException", ({ message }) => {
  console.error(message);
  process.exit(1);
});
const [device, ...rest] = process.argv.slice(2);
if (device === undefined || rest.length > 0) {
  console.error("usage: xdp-counter INTERFACE");
  process.exit(2);
}
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

using counter = XdpCounter.load();
counter.programs.count.attach(device);

const protocols: Record<number, string> = { 1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 255: "not IP" };
const BAR = 30;
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
    const rate = packets - (before.get(protocol) ?? 0n);
    const numbers = [packets, rate, bytes].map((each) => String(each).padStart(12)).join("");
    const bar = "█".repeat(Math.max(1, Math.round((BAR * Number(bytes)) / all)));
    return `${(protocols[protocol] ?? `protocol ${protocol}`).padEnd(12)}${numbers}  ${bar}`;
  });
  before = new Map(rows.map(({ protocol, packets }) => [protocol, packets]));
  return lines;
}

while (!stop.signal.aborted) {
  if (process.stdout.isTTY) process.stdout.write("\x1b[H\x1b[J"); // home, and clear
  console.log(`${device} at ${new Date().toTimeString().slice(0, 8)}; Ctrl-C ends it`);
  console.log(`${"PROTOCOL".padEnd(12)}     PACKETS       A SEC.       BYTES  SHARE`);
  console.log(table().join("\n") || "nothing yet");
  await setTimeout(1000, undefined, { signal: stop.signal }).catch(() => undefined);
}
console.log("Detached.");
