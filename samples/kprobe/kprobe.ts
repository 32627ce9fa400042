// Prints which files are unlinked, by whom, and with which result.
import { getSystemErrorName } from "node:util";
import { BpfError } from "bpf-tsgen-runtime";
import { clock, paint, stop, usage } from "../terminal.js";
import { Kprobe } from "./kprobe.skel.js";

if (process.argv.length > 2) usage("kprobe");

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
console.log(paint("bold", "TIME     COMM             PID     RESULT   PATH"));
for await (const { comm, pid, result, path } of kprobe.maps.unlinks.records({ signal: stop })) {
  const shown = (result === 0 ? "ok" : getSystemErrorName(result)).padEnd(8);
  const outcome = paint(result === 0 ? "green" : "red", shown);
  console.log(`${clock()} ${comm.padEnd(16)} ${String(pid).padEnd(7)} ${outcome} ${path}`);
}
console.log("Detached.");
