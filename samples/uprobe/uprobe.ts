// Prints which host names the processes of this machine look up, for how long, and with which result.
import { clock, paint, stop, usage } from "../terminal.js";
import { Uprobe } from "./uprobe.skel.js";

const [path, ...rest] = process.argv.slice(2);
if (rest.length > 0 || path?.includes(" "))
  usage("uprobe [LIBC] (the path of the C library, where libc.so.6 is not the one)");

using uprobe = Uprobe.load();
if (path === undefined) uprobe.attach();
else {
  uprobe.programs.enter.attach({ path, symbol: "getaddrinfo" });
  uprobe.programs.leave.attach({ path, symbol: "getaddrinfo" });
}

/** `EAI_*` of <netdb.h>. */
const results: Record<number, string> = {
  0: "ok",
  [-2]: "unknown",
  [-3]: "try again",
  [-4]: "failed",
  [-5]: "no address",
  [-11]: "system",
};
/** What a lookup of another machine takes, and more, is worth a look. */
const SLOW_MS = 20;

console.log(paint("bold", "TIME     COMM             PID            MS RESULT     HOST"));
for await (const event of uprobe.maps.lookups.records({ signal: stop })) {
  const { comm, pid, duration_ns, result, host } = event;
  const ms = Number(duration_ns) / 1e6;
  const took = ms.toFixed(2).padStart(9);
  const shown = ms > SLOW_MS ? paint("yellow", took) : took;
  const outcome = (results[result] ?? String(result)).padEnd(10);
  const coloured = paint(result === 0 ? "green" : "red", outcome);
  console.log(`${clock()} ${comm.padEnd(16)} ${String(pid).padEnd(7)} ${shown} ${coloured} ${host}`);
}
console.log("Detached.");
