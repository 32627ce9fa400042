// npm run pictures [NAME…]: takes a picture of each sample, as root: runs it in a terminal, does something for it to
// see, ends it as Ctrl-C does, and draws what is on the screen then as samples/NAME/NAME.svg.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { draw } from "./draw.js";
import { record } from "./guest.js";
import { type Screen, Terminal } from "./screen.js";
import { type Live, type Shot, shots } from "./shots.js";
import { here, inWorld, withWorld } from "./world.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** So often it is tried to have no other processes of this machine in a picture. */
const ATTEMPTS = 20;

/** Runs a sample on this machine. */
async function take(name: string, { columns, rows, args = [] }: Shot, live: Live): Promise<Screen> {
  const command = [process.execPath, "--import", "tsx", `samples/${name}/${name}.ts`, ...args];
  const terminal = new Terminal(columns, rows, [...(live.world ? inWorld : here), ...command].join(" "));
  try {
    await terminal.shows(live.ready);
    live.act?.();
    await terminal.shows(live.done);
    await setTimeout(live.after ?? 300);
    terminal.interrupt();
    await terminal.shows(/Detach/);
    return terminal.screen;
  } finally {
    terminal.close();
  }
}

/** Runs it until there is nothing else to be seen than what was done for it. */
async function takeClean(name: string, shot: Shot, live: Live): Promise<Screen> {
  for (let attempt = 1; ; attempt++) {
    const screen = await take(name, shot, live);
    const lines = screen.map((line) => line.map(({ text }) => text).join("  "));
    const foreign = lines.find((line) => live.foreign?.test(line));
    if (foreign === undefined) return screen;
    if (attempt === ATTEMPTS) throw new Error(`${name}: other processes are in the picture: ${foreign}`);
    console.log(`${name}: once more: ${foreign}`);
  }
}

/** What a terminal shows of what a guest's has been sent. */
async function replay(text: string, { columns, rows }: Shot): Promise<Screen> {
  const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-replay-"));
  const file = join(folder, "recording");
  writeFileSync(file, text);
  const terminal = new Terminal(columns, rows, `sleep 0.5; cat ${file}`);
  try {
    await terminal.shows(/Detach/);
    await setTimeout(300);
    return terminal.screen;
  } finally {
    terminal.close();
    rmSync(folder, { recursive: true });
  }
}

function write(name: string, text: string): void {
  writeFileSync(join(root, `samples/${name}/${name}.svg`), text);
  console.log(`${name}: ${text.length} bytes`);
}

function drawn(name: string, screen: Screen, { columns, args = [] }: Shot): string {
  return draw(screen, ["sudo npx tsx", `samples/${name}/${name}.ts`, ...args].join(" "), columns);
}

process.chdir(root);
if (spawnSync("tmux", ["-V"]).status !== 0) throw new Error("tmux is missing — apt-get install tmux");
const given = process.argv.slice(2);
const wanted = (given.length > 0 ? given : Object.keys(shots)).map((name) => {
  const shot = shots[name];
  if (!shot) throw new Error(`no sample ${name} — there are ${Object.keys(shots).join(", ")}`);
  return { name, shot };
});
if (wanted.some(({ shot }) => shot.live))
  await withWorld(async () => {
    for (const { name, shot } of wanted)
      if (shot.live) write(name, drawn(name, await takeClean(name, shot, shot.live), shot));
  });
if (wanted.some(({ shot }) => !shot.live)) {
  const recordings = await record();
  for (const { name, shot } of wanted) {
    const own = recordings.get(`${name}.svg`);
    if (own !== undefined) write(name, `${own}\n`);
    else if (!shot.live) write(name, drawn(name, await replay(recordings.get(name) ?? "", shot), shot));
  }
}
