// Prints how processes start and end. The argument is a minimum duration in milliseconds: shorter ones are left out.
import { clock, paint, stop, usage } from "../terminal.js";
import { Bootstrap } from "./bootstrap.skel.js";

const [argument = "0", ...rest] = process.argv.slice(2);
if (!/^\d{1,12}$/.test(argument) || rest.length > 0) usage("bootstrap [MINIMUM_MILLISECONDS]");

using bootstrap = Bootstrap.attach((opened) => {
  opened.rodata.min_duration_ns = BigInt(argument) * 1_000_000n;
});

console.log(paint("bold", "TIME     EVENT COMM             PID     PPID    FILENAME/EXIT CODE"));
for await (const event of bootstrap.maps.rb.records({ signal: stop })) {
  const kind = event.exit_event ? paint("yellow", "EXIT ") : paint("green", "EXEC ");
  const pids = `${String(event.pid).padEnd(7)} ${String(event.ppid).padEnd(7)}`;
  const took = event.duration_ns > 0n ? ` (${event.duration_ns / 1_000_000n}ms)` : "";
  const code = paint(event.exit_code === 0 ? "dim" : "red", `[${event.exit_code}]`);
  const what = event.exit_event ? code + took : event.filename;
  console.log(`${clock()} ${kind} ${event.comm.padEnd(16)} ${pids} ${what}`);
}
console.log(`Detached. ${bootstrap.bss.dropped} events found the ring buffer full.`);
