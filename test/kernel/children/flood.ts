/** A producer for `kernel-flood.bpf.c`: calls getppid(2), which is what `process.ppid` does, until its stdin ends. */
process.stdin.on("end", () => process.exit()).resume();
console.log("ready");

function turn(): void {
  for (let i = 0; i < 1000; i++) void process.ppid;
  setImmediate(turn);
}
turn();
