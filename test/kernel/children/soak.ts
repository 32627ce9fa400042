// Bursts of a million events a second into a ring buffer that is read all the time, and skeletons that are opened,
// loaded, attached, refused and closed beside it. Prints what was sent and received, and what the process held.
import { readdirSync, readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Bench } from "../../bench/bench.skel.js";
import { Kernel } from "../../fixtures/kernel.skel.js";
import { Refusals } from "../../fixtures/refusals.skel.js";
import { only, trigger } from "../child.js";

const [name, seconds] = process.argv.slice(2) as [string, string];
/** A burst: for a second, this many events every 10 ms. */
const SLICE = 10_000;
const CALLS = 5;
/** Seconds from the start of one burst to that of the next. */
const PERIOD = 5;

interface Holding {
  readonly second: number;
  readonly fds: number;
  readonly mappings: number;
  readonly rss: number;
}

const started = performance.now();
const elapsed = (): number => (performance.now() - started) / 1000;

function holding(): Holding {
  globalThis.gc?.();
  return {
    second: Math.round(elapsed()),
    fds: readdirSync("/proc/self/fd").length,
    mappings: readFileSync("/proc/self/maps", "utf8")
      .split("\n")
      .filter((line) => line.includes("bpf")).length,
    rss: Math.round(process.memoryUsage().rss / 2 ** 20),
  };
}

const bench = Bench.attach(undefined, { name });
bench.bss.producer = process.pid;
bench.data.burst = SLICE / CALLS;

let received = 0;
let disorder = 0;
async function read(): Promise<void> {
  let last = -1;
  for await (const batch of bench.maps.events.batches()) {
    for (const { number } of batch) {
      // Numbers start again with each call; inside of one they only rise.
      if (number !== 0 && number <= last) disorder++;
      last = number;
    }
    received += batch.length;
  }
}
const reading = read();

let sent = 0;
let inBurst = 0;
let burstSeconds = 0;
const sending = setInterval(() => {
  if (elapsed() % PERIOD >= 1) return;
  // As many as belong to the time since the last, at most a tenth of a second's.
  const now = elapsed();
  const due = Math.min(10, Math.max(1, Math.round((now - inBurst) * 100)));
  burstSeconds += due / 100;
  inBurst = now;
  for (let i = 0; i < due; i++) {
    trigger(CALLS);
    sent += SLICE;
  }
}, 10);

let cycles = 0;
let refused = 0;
const cycling = setInterval(() => {
  const kernel = Kernel.load(only("reflect"), { name });
  kernel.bss.target = process.pid;
  if (cycles % 10 === 0) kernel.attach();
  kernel.maps.small.set(1n, 2n);
  kernel.close();
  cycles++;
  if (cycles % 10 !== 0) return;
  try {
    Refusals.load(
      (opened) => {
        for (const [each, config] of Object.entries(opened.programs))
          config.autoload = each === "leaked_reference";
      },
      { name },
    );
  } catch {
    refused++;
  }
}, 50);

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
const total = Number(seconds);
const held: Holding[] = [];
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
await pause(Math.min(3000, (total / 3) * 1000));
for (held.push(holding()); elapsed() < total; held.push(holding()))
  await pause(Math.min(60, Math.max(1, total / 5)) * 1000);
clearInterval(sending);
clearInterval(cycling);
await pause(300);
const { submitted, dropped } = bench.bss;
bench.close();
await reading;
console.log(
  JSON.stringify({
    ...{ seconds: Math.round(elapsed()), sent, burstSeconds: Math.round(burstSeconds), received, disorder },
    ...{ submitted: Number(submitted), dropped: Number(dropped), cycles, refused, held },
    delay: { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 },
  }),
);
