// Prints which host names the processes of this machine look up, for how long, and with which result.
import { Uprobe } from "./uprobe.skel.js";

process.on("uncaughtException", ({ message }) => {
  console.error(message);
  process.exit(1);
});
const [path, ...rest] = process.argv.slice(2);
if (rest.length > 0 || path?.includes(" ")) {
  console.error("usage: uprobe [LIBC] (the path of the C library, where libc.so.6 is not the one)");
  process.exit(2);
}
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

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

console.log("TIME     COMM             PID            MS RESULT     HOST");
for await (const { comm, pid, duration_ns, result, host } of uprobe.maps.lookups.records({
  signal: stop.signal,
})) {
  const time = new Date().toTimeString().slice(0, 8);
  const ms = Number(duration_ns) / 1e6;
  const took = ms.toFixed(2).padStart(9);
  const shown = process.stdout.isTTY && ms > SLOW_MS ? `\x1b[31m${took}\x1b[0m` : took;
  const outcome = (results[result] ?? String(result)).padEnd(10);
  console.log(`${time} ${comm.padEnd(16)} ${String(pid).padEnd(7)} ${shown} ${outcome} ${host}`);
}
console.log("Detached.");
