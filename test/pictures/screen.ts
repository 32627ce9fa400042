// A terminal to run things in, and what is on its screen. The terminal is tmux's, which knows all that one must.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";

/** How a text looks. Colours are those of SGR, 0 to 7. */
export interface Look {
  readonly bold: boolean;
  readonly dim: boolean;
  readonly colour: number | undefined;
}

/** Text that looks alike, and the column where it starts. */
export interface Run extends Look {
  readonly column: number;
  readonly text: string;
}

/** The lines of a screen. */
export type Screen = readonly (readonly Run[])[];

let terminals = 0;

/** A terminal of a size, with a command in it. Nothing is started to look at it: samples would see that. */
export class Terminal {
  readonly #socket: string;
  readonly #group: number;
  readonly #said: string;

  constructor(columns: number, rows: number, command: string) {
    this.#socket = `bpf-tsgen-pictures-${process.pid}-${terminals++}`;
    this.#said = join(mkdtempSync(join(tmpdir(), "bpf-tsgen-screen-")), "said");
    const size = ["-x", String(columns), "-y", String(rows)];
    // What is on the screen at its end stays there, to be looked at.
    const shell = `trap : INT; ${command}; sleep 60`;
    this.#tmux("-f", "/dev/null", "new-session", "-d", ...size, shell, ";", "set", "-g", "status", "off");
    this.#tmux("resize-window", ...size);
    this.#tmux("pipe-pane", `cat > ${this.#said}`);
    this.#group = Number(this.#tmux("display-message", "-p", "#{pane_pid}"));
  }

  #tmux(...args: string[]): string {
    const { status, stdout, stderr, error } = spawnSync("tmux", ["-L", this.#socket, ...args], {
      encoding: "utf8",
      env: { ...process.env, TMUX: "", LANG: "C.UTF-8" },
    });
    if (status !== 0) throw error ?? new Error(`tmux ${args[0]}: ${stderr}`);
    return stdout;
  }

  /** What is on the screen. */
  get screen(): Screen {
    return parse(this.#tmux("capture-pane", "-e", "-p", "-N").replace(/\n+$/, ""));
  }

  /** Waits until a text has been on the screen. */
  async shows(wanted: RegExp, seconds = 20): Promise<void> {
    for (const until = Date.now() + 1000 * seconds; ; await setTimeout(20)) {
      const said = existsSync(this.#said) ? readFileSync(this.#said, "utf8") : "";
      const text = stripVTControlCharacters(said).replace(/\r/g, "");
      if (wanted.test(text)) return;
      if (Date.now() > until) throw new Error(`${wanted} is not on the screen:\n${text}`);
    }
  }

  /** As Ctrl-C does. */
  interrupt(): void {
    process.kill(-this.#group, "SIGINT");
  }

  close(): void {
    spawnSync("tmux", ["-L", this.#socket, "kill-server"]);
    rmSync(dirname(this.#said), { recursive: true });
  }
}

const plain: Look = { bold: false, dim: false, colour: undefined };

/** Lines with SGR sequences, which may go on from one line to the next. */
export function parse(text: string): Screen {
  let look = plain;
  return text.split("\n").map((line) => {
    const runs: Run[] = [];
    let column = 0;
    for (const [index, part] of line.split("\x1b[").entries()) {
      const [, sgr, text = part] = (index > 0 && /^([\d;]*)m(.*)$/s.exec(part)) || [];
      if (sgr !== undefined) look = (sgr || "0").split(";").map(Number).reduce(after, look);
      // A wide gap is no text: so columns stay where they are, whatever the font.
      for (const { 0: word, index: at } of text.matchAll(/\S+(?: \S+)*/g))
        runs.push({ ...look, column: column + [...text.slice(0, at)].length, text: word });
      column += [...text].length;
    }
    return runs;
  });
}

function after(look: Look, code: number): Look {
  if (code === 0) return plain;
  if (code === 1) return { ...look, bold: true };
  if (code === 2) return { ...look, dim: true };
  if (code === 22) return { ...look, bold: false, dim: false };
  if (code >= 30 && code <= 37) return { ...look, colour: code - 30 };
  if (code === 39) return { ...look, colour: undefined };
  return look;
}
