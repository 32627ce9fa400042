// Prints each TCP connection that this machine opens: by whom, whereto, and how long the answer took.
import { Tcpconnect } from "./tcpconnect.skel.js";

process.on("uncaughtException", ({ message }) => {
  console.error(message);
  process.exit(1);
});
if (process.argv.length > 2) {
  console.error("usage: tcpconnect");
  process.exit(2);
}
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

/** `[2001:db8:0:0:0:0:0:1]:443`, in the short form that URLs have. */
function v6(address: Uint8Array, port: number): string {
  const words = Array.from({ length: 8 }, (_, i) =>
    ((address[2 * i]! << 8) | address[2 * i + 1]!).toString(16),
  );
  return `${new URL(`http://[${words.join(":")}]`).hostname}:${port}`;
}

using tcpconnect = Tcpconnect.attach();
const { isTTY } = process.stdout;
let count = 0;
console.log("TIME     COMM             PID            MS RESULT    TO");
for await (const event of tcpconnect.maps.connections.records({ signal: stop.signal })) {
  const { comm, pid, port, refused, address, duration_ns } = event;
  const time = new Date().toTimeString().slice(0, 8);
  const took = (Number(duration_ns) / 1e6).toFixed(2).padStart(9);
  const to = event.v6 ? v6(address, port) : `${address.subarray(0, 4).join(".")}:${port}`;
  const result = (refused ? "failed" : "connected").padEnd(9);
  const shown = isTTY ? `\x1b[${refused ? 31 : 32}m${result}\x1b[0m` : result;
  console.log(`${time} ${comm.padEnd(16)} ${String(pid).padEnd(7)} ${took} ${shown} ${to}`);
  count++;
}
console.log(`Detached after ${count} connections.`);
