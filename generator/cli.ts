#!/usr/bin/env node
/** The command. Only this file and `commands/` touch files and the process. */
import module from "node:module";
import { type Command, Failure, parseCommand } from "./command.js";
import { say } from "./commands/say.js";
import { helpOf } from "./help.js";
import { version } from "./version.js";

/** Does what is asked for; each import is late, so that nothing is loaded that is not needed. */
async function run(command: Command): Promise<number> {
  switch (command.do) {
    case "help":
      process.stdout.write(helpOf(command.of));
      return 0;
    case "version":
      process.stdout.write(`${version}\n`);
      return 0;
    case "generate": {
      const { generate } = await import("./commands/generate.js");
      generate(command);
      return 0;
    }
    case "check": {
      const { check } = await import("./commands/check.js");
      return check(command);
    }
    case "watch": {
      const { watch } = await import("./commands/watch.js");
      await watch(command);
      return 0;
    }
    case "inspect": {
      const { inspect } = await import("./commands/inspect.js");
      inspect(command.object, command.options, command.json);
      return 0;
    }
    case "diff": {
      const { diff } = await import("./commands/inspect.js");
      return diff(command.before, command.after, command.options, command.json);
    }
    case "init": {
      const { init } = await import("./commands/init.js");
      init(command.folder);
      return 0;
    }
  }
}

// A reader that goes away early (`| head`) is no error of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

try {
  const command = parseCommand(process.argv.slice(2));
  // Compiled code is kept for the next run where Node can: ts-morph carries a whole compiler.
  (module as { enableCompileCache?: () => void }).enableCompileCache?.();
  process.exitCode = await run(command);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  say(error.message);
  process.exitCode = error.status;
}
