// Samples that show all processes of a machine, in a guest that has no others: what they write to a terminal goes to
// the second serial port as it is, each after a line `@@@ NAME`. test/pictures draws it.
import { spawn, spawnSync } from "node:child_process";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

const [COLUMNS, ROWS] = [100, 20];
const tools = [
  "ls",
  "gzip",
  "date",
  "id",
  "sleep",
  "find",
  "wc",
  "grep",
  "head",
  "sha256sum",
  "touch",
  "tar",
];
for (const tool of tools) symlinkSync("/busybox", `/usr/bin/${tool}`);
spawnSync("/busybox", ["stty", "-F", "/dev/ttyS1", "rows", `${ROWS}`, "cols", `${COLUMNS}`]);

/** A program whose functions the flame graph knows by name. */
const program = `
function makeRows(n) { return Array.from({ length: n }, (_, id) => ({ id, name: "row" + (id * 7919) % n })); }
function sortByName(rows) { return rows.sort((a, b) => (a.name < b.name ? -1 : 1)); }
function serialize(rows) { return JSON.stringify(rows); }
function countDigits(text) { let n = 0; for (const letter of text) if (letter >= "0" && letter <= "9") n++; return n; }
function handleRequest() { return countDigits(serialize(sortByName(makeRows(500)))); }
for (const until = Date.now() + 12000; Date.now() < until; ) handleRequest();
`;

/** Has a shell do what somebody who works does, one after the other. */
async function work(commands: readonly string[]): Promise<void> {
  const shell = spawn("bash", { stdio: ["pipe", "ignore", "ignore"], cwd: "/tmp" });
  for (const command of commands) {
    shell.stdin.write(`${command}\n`);
    await setTimeout(700);
  }
}

/** Whether a process has attached something. Its descriptors come and go meanwhile. */
function hasLink(pid: number): boolean {
  return spawnSync("sh", ["-c", `grep -qs ^link_id: /proc/${pid}/fdinfo/*`]).status === 0;
}

async function take(name: string, commands: readonly string[], ...args: string[]): Promise<void> {
  process.stdout.write(`@@@ ${name}\n`);
  const sample = spawn(process.execPath, [`samples/${name}/${name}.js`, ...args], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, TERM: "xterm-256color" },
  });
  const ended = new Promise((resolve) => sample.once("close", resolve));
  while (!hasLink(sample.pid!)) await setTimeout(100);
  await setTimeout(1500);
  await work(commands);
  if (args.length > 0) await ended;
  sample.kill("SIGINT");
  await ended;
  process.stdout.write("\n");
}

writeFileSync("/tmp/notes.txt", "some text");
const everyday = ["ls /usr", "sleep 0.3", "sh -c 'exit 3'", "gzip -kf notes.txt", "date", "id -u"];
await take("bootstrap", everyday);
await take("bootstrap-raw", [...everyday, "rm notes.txt.gz"]);
await take("execsnoop", [
  ...["ls -la /usr", "find /suite -name '*.md'", "grep -r license /suite/samples", "sh -c 'date; id -u'"],
  ...["ls /etc", "tar -cf all.tar /suite/samples", "gzip -k all.tar", "ls -l all.tar.gz", "sleep 0.2"],
]);
await take("kprobe", [
  ...["rm notes.txt", "rm nowhere.txt", "touch draft.md todo.md", "rm draft.md todo.md", "rm /proc/version"],
  ...["touch build.log", "rm -f build.log", "rm all.tar all.tar.gz"],
]);
writeFileSync("/tmp/app.js", program);
await take(
  "profile",
  [
    "head -c 20000000 /dev/urandom | gzip | sha256sum &",
    "for i in 1 2 3 4 5 6 7 8 9; do find /suite -type f | wc -l; done &",
    "node --perf-basic-prof --interpreted-frames-native-stack app.js &",
  ],
  ...["20", "/tmp/profile.svg"],
);
process.stdout.write(`@@@ profile.svg\n${readFileSync("/tmp/profile.svg", "utf8")}\n@@@ end\n`);
// Shells may be left.
process.exit();
