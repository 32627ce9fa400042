// Samples what this machine is doing, 99 times a second on each CPU, and draws it as a flame graph.
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { stop, usage } from "../terminal.js";
import { Profile } from "./profile.skel.js";

const [seconds = "5", file = "profile.svg", ...rest] = process.argv.slice(2);
if (!/^[1-9]\d{0,3}$/.test(seconds) || rest.length > 0) usage("profile [SECONDS [FILE.svg]]");

/** Names addresses by the lines of a file: where something starts, where it ends or its size, and its name. */
function places(path: string, line: RegExp): (at: bigint) => string {
  let text = "";
  try {
    text = readFileSync(path, "utf8");
  } catch {} // The process has ended, or there is no such file.
  const found = [...text.matchAll(line)].map(({ groups: { start, end, size, name } = {} }) => {
    const at = BigInt(`0x${start}`);
    return { at, end: end ? BigInt(`0x${end}`) : at + BigInt(`0x${size ?? 100000}`), name };
  });
  found.sort((a, b) => (a.at < b.at ? -1 : 1));
  const known = new Map<bigint, string>();
  const name = (at: bigint) => found.findLast((place) => place.at <= at && at < place.end)?.name ?? "";
  return (at) => known.get(at) ?? known.set(at, name(at)).get(at)!;
}

using profile = Profile.load();
// PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK: in nanoseconds, on every CPU.
const link = profile.programs.sample.attach({ type: 1, config: 0, period: Math.round(1e9 / 99) });
console.log(`Sampling for ${seconds} seconds; Ctrl-C ends it now.`);
/** Of each process, the files that it has mapped: they can be read while it is there. */
const files = new Map<number, ReturnType<typeof places>>();
const MAPPED = /^(?<start>\w+)-(?<end>\w+) ..x.*? \d+ +(?:\/(?:.*\/)?)?(?<name>\S+)$/gm;
for (const until = Date.now() + 1000 * Number(seconds); Date.now() < until && !stop.aborted; ) {
  await setTimeout(200, undefined, { signal: stop }).catch(() => undefined);
  for (const { pid } of profile.maps.counts.keys())
    if (!files.has(pid)) files.set(pid, places(`/proc/${pid}/maps`, MAPPED));
}
link.destroy();

const kernel = places("/proc/kallsyms", /^(?<start>\w+) [tT] (?<name>\S+)/gm);
// Programs that compile themselves may say where their functions are: Node.js does with --perf-basic-prof.
const COMPILED = /^(?<start>\w+) (?<size>\w+) (?:\w+:[*~^+']*)? *(?:\S*\/)?(?<name>\S+)/gm;
const functions = new Map([...files.keys()].map((pid) => [pid, places(`/tmp/perf-${pid}.map`, COMPILED)]));
/** How often each stack was seen: outermost first, a NUL between any two, so that sorting keeps what is alike together. */
const stacks = new Map<string, number>();
for (const [{ pid, comm, ...ids }, count] of profile.maps.counts) {
  const stack = (id: number): bigint[] => (id < 0 ? [] : (profile.maps.stacks.get(id)?.reverse() ?? []));
  const user = (at: bigint) => functions.get(pid)?.(at) || files.get(pid)?.(at) || "[unknown]";
  const frames = [comm, ...stack(ids.user).map(user), ...stack(ids.kernel).map((at) => `${kernel(at)} [k]`)];
  const path = ["all", ...frames.filter((each, i) => each !== frames[i - 1])].join("\0");
  stacks.set(path, (stacks.get(path) ?? 0) + Number(count));
}
const samples = [...stacks.values()].reduce((a, b) => a + b, 0);
const boxes = new Map<string, { name: string; level: number; x: number; count: number }>();
let x = 0;
for (const [path, count] of [...stacks].sort(([a], [b]) => (a < b ? -1 : 1))) {
  for (const [level, name] of path.split("\0").entries()) {
    const below = path.split("\0", level + 1).join("\0");
    if (!boxes.has(below)) boxes.set(below, { name, level, x, count: 0 });
    boxes.get(below)!.count += count;
  }
  x += count;
}
const [WIDTH, ROW, LETTER] = [1200, 18, 6.7];
const seen = [...boxes.values()].filter(({ count }) => count / samples > 0.001);
const height = ROW * (1 + Math.max(0, ...seen.map(({ level }) => level)));
const safe = (text: string) => text.replace(/[<>&"]|\p{Cc}/gu, (c) => `&#${c < " " ? 63 : c.charCodeAt(0)};`);
const drawn = seen.map(({ name, level, x, count }) => {
  const [left, top, width] = [(WIDTH * x) / samples, height - (level + 1) * ROW, (WIDTH * count) / samples];
  const colour = `hsl(${name.endsWith("[k]") ? 20 : level < 2 ? 205 : 48} 85% ${62 + (name.length % 4) * 4}%)`;
  const fits = Math.floor((width - 4) / LETTER);
  const label = name.length <= fits ? name : fits < 3 ? "" : `${name.slice(0, fits - 1)}…`;
  const text = label && `<text x="${(left + 3).toFixed(1)}" y="${top + 13}">${safe(label)}</text>`;
  const box = `x="${left.toFixed(1)}" y="${top}" width="${(width - 0.5).toFixed(1)}" height="${ROW - 1}"`;
  return `<g><title>${safe(name)}: ${count} of ${samples} samples</title><rect ${box} fill="${colour}"/>${text}</g>\n`;
});
const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-size="11" role="img" aria-label="Flame graph">\n`;
writeFileSync(file, `${svg}<g font-family="monospace">\n${drawn.join("")}</g></svg>\n`);
console.log(`${samples} samples of ${files.size} processes are in ${file}: open it in a browser.`);
