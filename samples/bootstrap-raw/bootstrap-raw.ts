// As bootstrap, without a skeleton: the object is a file, programs and maps are found by name when it runs, and only
// the type of the records was generated: bpf-tsgen types --type event bootstrap.bpf.o > bootstrap.types.ts
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { decode, RingBuffer, s32, u64, withObject } from "bpf-tsgen-runtime";
import { clock, paint, stop, usage } from "../terminal.js";
import { Event } from "./bootstrap.types.js";

const [path = fileURLToPath(new URL("../bootstrap/bootstrap.bpf.o", import.meta.url)), ...rest] =
  process.argv.slice(2);
if (rest.length > 0) usage("bootstrap-raw [OBJECT]");

function show(record: Uint8Array): void {
  const event = decode(Event, record);
  const kind = event.exit_event ? paint("yellow", "EXIT ") : paint("green", "EXEC ");
  const pids = `${String(event.pid).padEnd(7)} ${String(event.ppid).padEnd(7)}`;
  const took = event.duration_ns > 0n ? ` (${event.duration_ns / 1_000_000n}ms)` : "";
  const what = event.exit_event ? `[${event.exit_code}]${took}` : event.filename;
  console.log(`${clock()} ${kind} ${event.comm.padEnd(16)} ${pids} ${what}`);
}

await withObject({ path, programs: ["handle_exec", "handle_exit"] }, async (object, links) => {
  using ring = new RingBuffer(object.map("rb"), show);
  console.log(paint("bold", "TIME     EVENT COMM             PID     PPID    FILENAME/EXIT CODE"));
  // poll() blocks: the handlers of signals run between two of them.
  while (!stop.aborted) {
    ring.poll(100);
    await setImmediate();
  }
  const started = object.map("exec_start").lookup(s32, u64, process.pid);
  console.log(
    `Detaching ${links.length} programs; this process itself was ${started ? "" : "not "}seen starting.`,
  );
});
