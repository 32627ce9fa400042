// Prints the table of maps of this machine as JSON, or with --markdown to be read; the exit status is 1 when something
// went wrong: `node --import tsx test/kernel/table/run-maps.ts [--markdown]`. It needs root.
import { render, wrong } from "./cells.js";
import { columns, run } from "./maps.js";
import { ip } from "./world.js";

// In a network namespace of its own it is down.
ip("link", "set", "lo", "up");
const outcomes = run();
const text =
  process.argv[2] === "--markdown"
    ? render(outcomes, columns, "BPF_MAP_TYPE_")
    : JSON.stringify(outcomes, undefined, 1);
console.log(text);
for (const each of wrong(outcomes)) console.error(each);
process.exitCode = wrong(outcomes).length > 0 ? 1 : 0;
