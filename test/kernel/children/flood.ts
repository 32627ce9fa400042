/**
 * Calls getppid(2), which is what `process.ppid` does, until its stdin ends: a producer for `kernel-flood.bpf.c`. Told
 * "getuid" it calls that: a taker.
 */
process.stdin.on("end", () => process.exit()).resume();
console.log("ready");
const call = process.argv[2] === "getuid" ? () => process.getuid?.() : () => process.ppid;

function turn(): void {
  for (let i = 0; i < 1000; i++) call();
  setImmediate(turn);
}
turn();
