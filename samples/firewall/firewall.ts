// Drops what an interface receives from the given networks, and shows how much that is.
import { setTimeout } from "node:timers/promises";
import { cidr, copy } from "bpf-tsgen-runtime";
import { Firewall } from "./firewall.skel.js";

process.on("uncaughtException", ({ message }) => {
  console.error(message);
  process.exit(1);
});
const [device, ...networks] = process.argv.slice(2);
if (
  device === undefined ||
  networks.length === 0 ||
  !networks.every((each) => /^[\d.]+(\/\d+)?$/.test(each))
) {
  console.error("usage: firewall INTERFACE NETWORK... (such as 10.0.0.0/8)");
  process.exit(2);
}
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

using firewall = Firewall.load();
// Filled before it is attached: nothing gets through in between.
for (const network of networks) firewall.maps.blocked.set(cidr(network), { packets: 0n, bytes: 0n });
firewall.programs.firewall.attach(device);

const { isTTY } = process.stdout;
const BAR = 30;
function table(): string[] {
  const rules = [...firewall.maps.blocked]
    .map(([{ length, address }, { packets, bytes }]) => ({
      rule: `${address.join(".")}/${length}`,
      packets,
      bytes,
    }))
    .sort((a, b) => Number(b.packets - a.packets));
  const rows = [{ rule: "passed", ...copy(firewall.bss.passed) }, ...rules];
  const most = Math.max(1, ...rows.map(({ packets }) => Number(packets)));
  return rows.map(({ rule, packets, bytes }) => {
    const bar = "█".repeat(Math.round((BAR * Number(packets)) / most));
    const colour = rule === "passed" ? "\x1b[32m" : "\x1b[31m";
    const numbers = [packets, bytes].map((each) => String(each).padStart(12)).join("");
    return `${rule.padEnd(18)}${numbers}  ${isTTY ? `${colour}${bar}\x1b[0m` : bar}`;
  });
}

while (!stop.signal.aborted) {
  if (isTTY) process.stdout.write("\x1b[H\x1b[J"); // home, and clear
  console.log(`Firewall of ${device} at ${new Date().toTimeString().slice(0, 8)}; Ctrl-C takes it down`);
  console.log([`${"SOURCE".padEnd(18)}     PACKETS       BYTES`, ...table()].join("\n"));
  await setTimeout(1000, undefined, { signal: stop.signal }).catch(() => undefined);
}
console.log("Detached: everything passes again.");
