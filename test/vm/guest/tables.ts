// The tables of program kinds and of map kinds in a guest: one line of JSON for each row.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Outcomes } from "../../kernel/table/cells.js";
import type { Outcome, Table } from "../../kernel/table/programs.js";
import { reasonOf } from "../../kernel/table/table.js";
import { slower } from "../../machine.js";
import type { Cell, Result, TableRow } from "./result.js";

function runScript(name: string, args: readonly string[] = []): { out: string; error: string | undefined } {
  const script = fileURLToPath(new URL(`../../kernel/table/${name}.js`, import.meta.url));
  const run = spawnSync("unshare", ["--net", process.execPath, script, ...args], {
    encoding: "utf8",
    timeout: 60_000 * slower,
    maxBuffer: 1 << 24,
  });
  const error = run.signal ? `ended by ${run.signal}` : run.stderr || `ended with ${run.status}`;
  return { out: run.stdout, error: run.stdout.startsWith("{") ? undefined : error };
}

const short = (text: string): string => text.replace(/\s+/g, " ").slice(0, 300);

/** How far a program came: the last step that came off. */
function reached(row: Table["rows"][number]): Cell {
  const { loads, attaches, fires } = row;
  const failed = [loads, attaches, fires].find(
    (each): each is Exclude<Outcome, string> => typeof each === "object",
  );
  const got = fires === "yes" ? "fires" : attaches === "yes" ? "attaches" : loads === "yes" ? "loads" : "-";
  const why = reasonOf(row);
  return { got, ...(failed && { says: short(`${failed.error}: ${failed.says}`) }), ...(why && { why }) };
}

/** Runs both tables and hands out each row, or one result that says why a table could not be made. */
export function runTables(say: (line: TableRow | Result) => void): void {
  const broken = (file: string, error: string): void =>
    say({ file, name: "(the process)", state: "fail", ms: 0, error: error.slice(0, 2000) });
  const programs = runScript("run");
  if (programs.error) broken("table/programs", programs.error);
  else
    for (const row of (JSON.parse(programs.out) as Table).rows)
      say({ table: "programs", row: row.section, cells: { is: reached(row) } });
  const maps = runScript("run-maps", ["--json"]);
  if (maps.error) broken("table/maps", maps.error);
  else
    for (const [row, cells] of Object.entries(JSON.parse(maps.out) as Outcomes))
      say({
        table: "maps",
        row,
        cells: Object.fromEntries(
          Object.entries(cells).map(([column, cell]) => [
            column,
            cell === "ok"
              ? { got: "ok" }
              : { got: "-", says: short(cell), ...(!cell.startsWith("WRONG") && { why: short(cell) }) },
          ]),
        ),
      });
}
