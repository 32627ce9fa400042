// Samples what this machine is doing, 99 times a second on each CPU, and draws it as a flame graph.
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { Profile } from "./profile.skel.js";

process.on("uncaughtException", ({ message }) => {
  console.error(message);
  process.exit(1);
});
const [seconds = "5", file = "profile.svg", ...rest] = process.argv.slice(2);
if (!/^[1-9]\d{0,3}$/.test(seconds) || rest.length > 0) {
  console.error("usage: profile [SECONDS [FILE.svg]]");
  process.exit(2);
}
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

using profile = Profile.load();
// PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK: in nanoseconds, on every CPU.
const link = profile.programs.sample.attach({ type: 1, config: 0, period: Math.round(1e9 / 99) });
console.log(`Sampling for ${seconds} seconds; Ctrl-C ends it now.`);
await setTimeout(1000 * Number(seconds), undefined, { signal: stop.signal }).catch(() => undefined);
link.destroy();

/** What lies where: of the kernel its functions, of a process the files that it has mapped. */
function places(path: string, line: RegExp): (at: bigint) => string {
  const known = new Map<bigint, string>();
  let text = "";
  try {
    text = readFileSync(path, "utf8");
  } catch {} // The process has ended.
  const found = [...text.matchAll(line)]
    .map(([, start, name]) => [BigInt(`0x${start}`), name || "[anonymous]"] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return (at) => {
    if (!known.has(at)) known.set(at, found.findLast(([start]) => start <= at)?.[1] ?? "[unknown]");
    return known.get(at)!;
  };
}
const kernel = places("/proc/kallsyms", /^(\w+) [tT] (\S+)/gm);
const users = new Map<number, ReturnType<typeof places>>();
/** How often each stack was seen: outermost first, a NUL between any two, so that sorting keeps what is alike together. */
const stacks = new Map<string, number>();
let samples = 0;
for (const [{ pid, comm, ...ids }, count] of profile.maps.counts) {
  const stack = (id: number): bigint[] => (id < 0 ? [] : (profile.maps.stacks.get(id)?.reverse() ?? []));
  const user = users.get(pid) ?? places(`/proc/${pid}/maps`, /^(\w+)-\S+ ..x.*? \d+ +(?:\/.*\/)?(\S*)$/gm);
  users.set(pid, user);
  const frames = [comm, ...stack(ids.user).map(user), ...stack(ids.kernel).map((at) => `${kernel(at)} [k]`)];
  // The same file again and again says nothing more.
  const path = ["all", ...frames.filter((each, i) => each !== frames[i - 1])].join("\0");
  stacks.set(path, (stacks.get(path) ?? 0) + Number(count));
  samples += Number(count);
}

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
const [WIDTH, ROW] = [1200, 18];
const height = ROW * (2 + Math.max(0, ...[...boxes.values()].map(({ level }) => level)));
const safe = (text: string) =>
  text.replace(/[<>&"]|\p{Cc}/gu, (c) => (c < " " ? "?" : `&#${c.charCodeAt(0)};`));
const drawn = [...boxes.values()].map(({ name, level, x, count }) => {
  const [left, width] = [(WIDTH * x) / samples, (WIDTH * count) / samples];
  const colour = `hsl(${name.endsWith("[k]") ? 20 : level < 2 ? 205 : 48} 85% ${62 + (name.length % 4) * 4}%)`;
  const box = `x="${left.toFixed(1)}" y="${height - (level + 1) * ROW}" width="${width.toFixed(1)}" height="${ROW - 1}"`;
  const text = `<text x="${left + 3}" y="${height - level * ROW - 5}">${safe(name.slice(0, width / 7))}</text>`;
  const title = `<title>${safe(name)}: ${count} of ${samples} samples</title>`;
  return width < 0.5 ? "" : `<g>${title}<rect ${box} fill="${colour}" rx="2"/>${text}</g>\n`;
});
const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-size="11">\n`;
writeFileSync(file, `${svg}<g font-family="monospace">\n${drawn.join("")}</g></svg>\n`);
console.log(`${samples} samples of ${users.size} processes are in ${file}: open it in a browser.`);
