// What libbpf says, and who hears it: one case each, named by the first argument; prints what was seen, as JSON.
import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type BpfError, BpfObject, LogLevel, setLogger } from "../../../runtime/index.js";
import { fixture } from "../../fixtures/fixtures.js";
import { Kernel } from "../../fixtures/kernel.skel.js";
import { Refusals } from "../../fixtures/refusals.skel.js";
import { only } from "../child.js";

const [what, name] = (isMainThread ? process.argv.slice(2) : (workerData as string[])) as [string, string];

type Program = Parameters<typeof refuse>[0];

/** Loads a program that is refused, and gives the error. */
function refuse(program: keyof ReturnType<typeof Refusals.open>["programs"]): BpfError {
  const opened = Refusals.open({ name });
  for (const [each, config] of Object.entries(opened.programs)) config.autoload = each === program;
  try {
    opened.load();
  } catch (error) {
    return error as BpfError;
  }
  throw new Error("was not refused");
}

/** Loads programs over and over, and counts the errors that do not tell of the program in question. */
function loadMany(programs: readonly Program[], times: number): number {
  let wrong = 0;
  for (let i = 0; i < times; i++) {
    const program = programs[i % programs.length]!;
    const { program: said, log = "", source } = refuse(program);
    if (said !== program || !log.includes("processed") || !source) wrong++;
    Kernel.load(only("reflect"), { name }).close();
  }
  return wrong;
}

const threads: readonly (readonly Program[])[] = [
  ["null_pointer", "unchecked_packet"],
  ["leaked_reference", "missing_field"],
  ["in_subprogram", "endless_loop"],
];

function startWorker(how: string): Worker {
  return new Worker(new URL("logging-worker.mjs", import.meta.url), {
    workerData: [how, name],
    execArgv: [],
  });
}

const cases: Record<string, () => unknown> = {
  /** Levels and texts, in order; silent again afterwards. */
  levels() {
    const heard: [number, string][] = [];
    setLogger((level, text) => heard.push([level, text]));
    Kernel.load(only("reflect"), { name }).close();
    const debug = heard.filter(([level]) => level === LogLevel.DEBUG).length;
    const odd = heard.filter(
      ([level, text]) => ![0, 1, 2].includes(level) || !text.startsWith("libbpf: ") || text.endsWith("\n"),
    );
    heard.length = 0;
    refuse("null_pointer");
    const warned = heard.filter(([level]) => level === LogLevel.WARN).map(([, text]) => text);
    setLogger(null);
    heard.length = 0;
    refuse("null_pointer");
    return {
      debug: debug > 20,
      odd,
      log: warned.some((text) => text.includes("invalid mem access")),
      after: heard.length,
    };
  },

  /** What a logger throws is an uncaught exception, and nothing else is disturbed. */
  async throwing() {
    const uncaught: string[] = [];
    process.on("uncaughtException", ({ message }) => uncaught.push(message));
    setLogger(() => {
      throw new Error("out of the logger");
    });
    const { program, log = "" } = refuse("null_pointer");
    const kernel = Kernel.load(only("reflect"), { name });
    kernel.attach();
    const attached = kernel.links.reflect !== undefined;
    setLogger(null);
    kernel.close();
    await new Promise((resolve) => setTimeout(resolve, 10));
    return { program, log: log.includes("processed"), attached, uncaught: [...new Set(uncaught)] };
  },

  /** A logger closes what is being loaded or attached, and makes more of it. */
  closing() {
    const codes: string[] = [];
    const note = (action: () => unknown): void => {
      try {
        action();
        codes.push("nothing");
      } catch (error) {
        codes.push((error as BpfError).code);
      }
    };
    const opened = Kernel.open({ name });
    only("reflect")(opened);
    setLogger(() => opened.close());
    note(() => opened.load());
    const object = BpfObject.open(fixture("kernel.bpf.o"), { name });
    setLogger(() => object.close());
    note(() => object.load());
    setLogger(null);
    const kernel = Kernel.load(only("reflect", "emit"), { name });
    setLogger(() => kernel.close());
    note(() => kernel.programs.reflect.attach());
    note(() => kernel.attach());
    setLogger(null);
    let nested = 0;
    setLogger(() => {
      if (nested++ < 20) Kernel.open({ name }).close();
    });
    note(() => Kernel.load(only("reflect"), { name }).close());
    setLogger(null);
    for (const wrong of [undefined, 1, "x", {}]) note(() => setLogger(wrong as never));
    return codes;
  },

  /** Two copies of the runtime, turn by turn: each hears what is its own. */
  async copies() {
    const other = (await import(
      "../../../runtime/dist/index.js"
    )) as unknown as typeof import("../../../runtime/index.js");
    const heard: [own: number, others: number] = [0, 0];
    setLogger(() => heard[0]++);
    const own = refuse("null_pointer");
    await null;
    const first = [...heard];
    setLogger(null);
    other.setLogger(() => heard[1]++);
    const object = other.BpfObject.open(fixture("kernel-refused.bpf.o"), { name });
    let error: BpfError | undefined;
    try {
      object.load();
    } catch (thrown) {
      error = thrown as BpfError;
    }
    await null;
    other.setLogger(null);
    const second = [...heard];
    const again = refuse("unchecked_packet");
    return {
      first: first.map((count) => count > 0),
      second: [second[0] === first[0], second[1]! > 0],
      programs: [own.program, error?.program, again.program],
      logs: [own, error, again].map((each) => each?.log?.includes("processed")),
      mixed: error instanceof other.BpfError && !(own instanceof other.BpfError),
    };
  },

  /** Threads that load at the same time each get their own logs. */
  async threads() {
    const workers = threads.slice(1).map((_, i) => startWorker(`thread ${i + 1}`));
    const ended = workers.map((worker) => once(worker, "message"));
    const own = loadMany(threads[0]!, 40);
    const others = (await Promise.all(ended)).map(([wrong]) => wrong as number);
    return [own, ...others];
  },

  /** Workers that end, in the middle of libbpf's work or not, leave the others in peace. */
  async terminated() {
    let wrong = 0;
    for (let i = 0; i < 6; i++) {
      const worker = startWorker("for ever");
      await once(worker, "message");
      const ended = i % 2 === 0 ? worker.terminate() : undefined;
      wrong += loadMany(threads[0]!, 4);
      await (ended ?? worker.terminate());
      wrong += loadMany(threads[0]!, 2);
    }
    return wrong;
  },
};

if (isMainThread) {
  console.log(JSON.stringify(await cases[what]!()));
  process.exit(0);
} else if (what === "for ever") {
  parentPort!.postMessage("loading");
  setLogger(() => undefined);
  for (;;) loadMany(threads[1]!, 1);
} else {
  parentPort!.postMessage(loadMany(threads[Number(what.split(" ")[1])]!, 40));
}
