// Drops what an interface receives from the given networks, and shows how much that is.
import { cidr, copy } from "bpf-tsgen-runtime";
import { bar, everySecond, paint, show, usage } from "../terminal.js";
import { Firewall } from "./firewall.skel.js";

const [device, ...networks] = process.argv.slice(2);
if (device === undefined || networks.length === 0 || !networks.every((each) => /^[\d.]+(\/\d+)?$/.test(each)))
  usage("firewall INTERFACE NETWORK... (such as 10.0.0.0/8)");

using firewall = Firewall.load();
// Filled before it is attached: nothing gets through in between.
for (const network of networks) firewall.maps.blocked.set(cidr(network), { packets: 0n, bytes: 0n });
firewall.programs.firewall.attach(device);

const HEADER = "SOURCE                  PACKETS        BYTES";
function table(): string[] {
  const rules = [...firewall.maps.blocked]
    .map(([{ length, address }, traffic]) => ({ rule: `${address.join(".")}/${length}`, ...traffic }))
    .sort((a, b) => Number(b.packets - a.packets));
  const rows = [{ rule: "passed", ...copy(firewall.bss.passed) }, ...rules];
  const most = Math.max(1, ...rows.map(({ packets }) => Number(packets)));
  return rows.map(({ rule, packets, bytes }) => {
    const numbers = [packets, bytes].map((each) => String(each).padStart(13)).join("");
    const colour = rule === "passed" ? "green" : "red";
    return `${rule.padEnd(18)}${numbers}  ${paint(colour, bar(Number(packets) / most, 30))}`;
  });
}

for await (const time of everySecond())
  show([`Firewall of ${device} at ${time}; Ctrl-C takes it down`, paint("bold", HEADER), ...table()]);
console.log("Detached: everything passes again.");
