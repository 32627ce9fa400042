// Prints each TCP connection that this machine opens: by whom, whereto, and how long the answer took.
import { clock, paint, stop, usage } from "../terminal.js";
import { Tcpconnect } from "./tcpconnect.skel.js";

if (process.argv.length > 2) usage("tcpconnect");

/** `[2001:db8:0:0:0:0:0:1]:443`, in the short form that URLs have. */
function v6(address: Uint8Array, port: number): string {
  const words = Array.from({ length: 8 }, (_, i) =>
    ((address[2 * i]! << 8) | address[2 * i + 1]!).toString(16),
  );
  return `${new URL(`http://[${words.join(":")}]`).hostname}:${port}`;
}

using tcpconnect = Tcpconnect.attach();
let count = 0;
console.log(paint("bold", "TIME     COMM             PID            MS RESULT    TO"));
for await (const event of tcpconnect.maps.connections.records({ signal: stop })) {
  const { comm, pid, port, refused, address, duration_ns } = event;
  const took = (Number(duration_ns) / 1e6).toFixed(2).padStart(9);
  const result = refused ? paint("red", "failed   ") : paint("green", "connected");
  const to = event.v6 ? v6(address, port) : `${address.subarray(0, 4).join(".")}:${port}`;
  console.log(`${clock()} ${comm.padEnd(16)} ${String(pid).padEnd(7)} ${took} ${result} ${to}`);
  count++;
}
console.log(`Detached after ${count} connections.`);
