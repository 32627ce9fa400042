// As bootstrap, without a skeleton: the object is a file, programs and maps are found by name when it runs, and only
// the type of the records was generated: bpf-tsgen types --type event bootstrap.bpf.o > bootstrap.types.ts
import { fileURLToPath } from "node:url";
import { decode, RingBuffer, s32, u64, withObject } from "bpf-tsgen-runtime";
import { Event } from "./bootstrap.types.js";

process.on("uncaughtException", ({ message }) => {
  console.error(message);
  process.exit(1);
});
const [path = fileURLToPath(new URL("../bootstrap/bootstrap.bpf.o", import.meta.url)), ...rest] =
  process.argv.slice(2);
if (rest.length > 0) {
  console.error("usage: bootstrap-raw [OBJECT]");
  process.exit(2);
}
let stopped = false;
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    stopped = true;
  });

function show(record: Uint8Array): void {
  const event = decode(Event, record);
  const time = new Date().toTimeString().slice(0, 8);
  const kind = event.exit_event ? "EXIT" : "EXEC";
  const pids = `${String(event.pid).padEnd(7)} ${String(event.ppid).padEnd(7)}`;
  const took = event.duration_ns > 0n ? ` (${event.duration_ns / 1_000_000n}ms)` : "";
  const what = event.exit_event ? `[${event.exit_code}]${took}` : event.filename;
  console.log(`${time} ${kind.padEnd(5)} ${event.comm.padEnd(16)} ${pids} ${what}`);
}

await withObject({ path, programs: ["handle_exec", "handle_exit"] }, async (object, links) => {
  using ring = new RingBuffer(object.map("rb"), show);
  console.log("TIME     EVENT COMM             PID     PPID    FILENAME/EXIT CODE");
  // poll() blocks: the handlers of signals run between two of them.
  while (!stopped) {
    ring.poll(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const started = object.map("exec_start").lookup(s32, u64, process.pid);
  console.log(
    `Detaching ${links.length} programs; this process itself was ${started ? "" : "not "}seen starting.`,
  );
});
