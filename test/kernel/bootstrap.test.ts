import { spawn } from "node:child_process";
import { expect, test } from "vitest";
import { Bootstrap, type Event } from "../../samples/bootstrap/bootstrap.skel.js";
import { describeKernel } from "./kernel.js";

/** As many as the sample promises to follow; fewer are quicker where a machine is slow. */
const processes = Number(process.env.BPF_TSGEN_PROCESSES ?? 10_000);

/** Starts processes, two at a time, and says of each its id, its name and what it will exit with. */
const script = `
i=0
while [ $i -lt ${processes} ]; do
  code=$((i % 256)); next=$(((i + 1) % 256))
  sh -c "exit $code" & a=$!
  if [ $next -eq 0 ]; then /bin/true & else /bin/sh -c "exit $next" & fi; b=$!
  wait $a; got=$?; [ $got -eq $code ] || echo "WRONG $a $got"
  wait $b; got=$?; [ $got -eq $next ] || echo "WRONG $b $got"
  echo "$a sh $code"
  if [ $next -eq 0 ]; then echo "$b true 0"; else echo "$b sh $next"; fi
  i=$((i + 2))
done
echo "SHELL $$"
`;

describeKernel("the bootstrap sample", () => {
  test(`${processes} processes start and end: every event comes, and says what the shell says`, async () => {
    using bootstrap = Bootstrap.attach();
    const started = performance.now();
    const events: Event[] = [];
    const shell = spawn("/bin/sh", ["-c", script], { stdio: ["ignore", "pipe", "inherit"] });
    const controller = new AbortController();
    let out = "";
    shell.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    shell.on("close", () => setTimeout(() => controller.abort(), 100));
    for await (const event of bootstrap.maps.rb.records({ signal: controller.signal })) events.push(event);
    const ms = performance.now() - started;

    const lines = out.trimEnd().split("\n");
    expect(lines.pop()).toBe(`SHELL ${shell.pid}`);
    expect(lines.filter((line) => line.startsWith("WRONG"))).toEqual([]);
    const expected = lines.map((line) => line.split(" ") as [string, string, string]);
    expect(expected.length).toBe(processes);
    const mine = events.filter(({ ppid }) => ppid === shell.pid);
    const wanted = expected.flatMap(([pid, comm, code]) => [
      `${pid} ${comm} exec`,
      `${pid} ${comm} exit ${code}`,
    ]);
    const got = mine.map((event) =>
      event.exit_event
        ? `${event.pid} ${event.comm} exit ${event.exit_code}`
        : `${event.pid} ${event.comm} exec`,
    );
    const sorted = (list: string[]): string[] => [...list].sort();
    expect(sorted(got)).toEqual(sorted(wanted));
    // In order, too, for each process.
    const seen = new Map<number, Event>();
    for (const event of mine) {
      if (!event.exit_event) {
        expect(event.filename).toMatch(event.comm === "true" ? /\/true$/ : /\/sh$/);
        seen.set(event.pid, event);
        continue;
      }
      expect(seen.has(event.pid)).toBe(true);
      expect(event.duration_ns).toBeGreaterThan(0n);
      expect(event.duration_ns).toBeLessThan(60_000_000_000n);
    }
    expect(bootstrap.bss.dropped).toBe(0n);
    for (const [pid] of expected) expect(bootstrap.maps.exec_start.has(Number(pid))).toBe(false);
    console.log(`${processes} processes, ${mine.length} events, 0 lost, ${(ms / 1000).toFixed(1)} s`);
  }, 300_000);
});
