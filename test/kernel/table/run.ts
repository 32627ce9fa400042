// Prints the table of this machine as JSON, or with --markdown to be read; the exit status is 1 when there is a hole
// without a reason: `unshare --net node --import tsx test/kernel/table/run.ts [--markdown] [SECTION]`.
// It needs root; a network namespace of its own keeps it from everybody else's packets.
import { createRequire } from "node:module";
import type * as Koffi from "koffi";
import { runTable } from "./programs.js";
import { render, unexplained } from "./table.js";

const koffi = createRequire(import.meta.url)("koffi") as typeof Koffi;
const version = koffi
  .load(process.env.LIBBPF_PATH || "libbpf.so.1")
  .func("const char *libbpf_version_string()");
const [option, ...rest] = process.argv.slice(2);
const markdown = option === "--markdown";
const table = await runTable(version() as string, markdown ? rest[0] : option);
console.log(markdown ? render(table) : JSON.stringify(table, undefined, 1));
const holes = unexplained(table);
for (const hole of holes) console.error(`no reason for ${hole}`);
process.exitCode = holes.length > 0 ? 1 : 0;
