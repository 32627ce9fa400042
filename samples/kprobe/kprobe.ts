// Prints which files are unlinked, by whom, and with which result.
import { getSystemErrorName } from "node:util";
import { BpfError } from "bpf-tsgen-runtime";
import { Kprobe } from "./kprobe.skel.js";

process.on("uncaughtException", ({ message }) => {
  console.error(message);
  process.exit(1);
});
if (process.argv.length > 2) {
  console.error("usage: kprobe");
  process.exit(2);
}
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

using kprobe = Kprobe.load();

/** Attaches to a function of the kernel, by the first of its names that this kernel knows. */
function attach(...functions: string[]): string {
  for (const name of functions)
    try {
      kprobe.programs.leave.attach({ function: name, retprobe: true });
      kprobe.programs.enter.attach({ function: name });
      return name;
    } catch (error) {
      if (!(error instanceof BpfError && error.code === "ENOENT")) throw error;
    }
  throw new Error(
    `kprobe: nothing to attach to: this kernel has none of ${functions.join(", ")}, or no kprobes ` +
      "(CONFIG_KPROBES, CONFIG_KPROBE_EVENTS) — see samples/bootstrap, which needs tracepoints only",
  );
}

// Up to Linux 6.x, and since 7.0.
console.log(`Attached to ${attach("do_unlinkat", "filename_unlinkat")}. Delete some files; Ctrl-C ends it.`);
console.log("TIME     COMM             PID     RESULT   PATH");
for await (const { comm, pid, result, path } of kprobe.maps.unlinks.records({ signal: stop.signal })) {
  const time = new Date().toTimeString().slice(0, 8);
  const shown = result === 0 ? "ok" : getSystemErrorName(result);
  console.log(`${time} ${comm.padEnd(16)} ${String(pid).padEnd(7)} ${shown.padEnd(8)} ${path}`);
}
console.log("Detached.");
