// Runs one file of tests in this process, and tells the parent of each test how it went.
import { type File, startTests, type Test, type VitestRunner } from "@vitest/runner";
import { slower } from "../../machine.js";
import type { Result } from "./result.js";

const [file] = process.argv.slice(2) as [string];

/** A test's name with those of the groups around it. */
function fullName(test: Test): string {
  const names = [test.name];
  for (let suite = test.suite; suite && suite.name !== ""; suite = suite.suite) names.unshift(suite.name);
  return names.join(" > ");
}

function tell(test: Test): void {
  const { state = "skip", errors, duration = 0 } = test.result ?? {};
  const error = errors?.map(({ stack, message }) => stack ?? message).join("\n");
  const result: Result = {
    file,
    name: fullName(test),
    state: state === "pass" ? "pass" : state === "fail" ? "fail" : "skip",
    ms: Math.round(duration),
    ...(error !== undefined && { error: error.slice(0, 2000) }),
  };
  process.send!(result);
}

const runner: VitestRunner = {
  config: {
    root: process.cwd(),
    setupFiles: [],
    passWithNoTests: true,
    testNamePattern: process.env.BPF_TSGEN_TEST ? new RegExp(process.env.BPF_TSGEN_TEST) : undefined,
    allowOnly: true,
    sequence: { shuffle: false, concurrent: false, seed: 1, hooks: "stack", setupFiles: "list" },
    chaiConfig: undefined,
    maxConcurrency: 1,
    testTimeout: 60_000 * slower,
    hookTimeout: 60_000 * slower,
    retry: 0,
    includeTaskLocation: false,
    tags: [],
    tagsFilter: undefined,
    strictTags: false,
    mergeReportsLabel: undefined,
  } as never,
  importFile: (path) => import(path),
  onAfterRunTask: (test) => tell(test),
};

const files: File[] = await startTests(
  [new URL(`../../kernel/${file}.test.js`, import.meta.url).pathname],
  runner,
);
const each = (tasks: File["tasks"]): void => {
  for (const task of tasks)
    if (task.type === "suite") each(task.tasks);
    else if (!task.result || task.mode === "skip" || task.mode === "todo") tell(task);
};
for (const { tasks, result } of files) {
  each(tasks);
  for (const { message, stack } of result?.errors ?? [])
    process.send!({
      file,
      name: "(the file)",
      state: "fail",
      ms: 0,
      error: stack ?? message,
    } satisfies Result);
}
process.exit(0);
