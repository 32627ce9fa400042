// What child processes share with the tests. It does not know vitest, which runs in tests only.
import { readFileSync } from "node:fs";
import type { Opened } from "../../runtime/index.js";
import type { Kernel } from "../fixtures/kernel.skel.js";

/** Has only the named programs loaded, so that a test loads what it needs. */
export function only(...programs: (keyof Kernel["programs"])[]): (opened: Opened<Kernel>) => void {
  return (opened) => {
    for (const [name, program] of Object.entries(opened.programs))
      program.autoload = programs.includes(name as keyof Kernel["programs"]);
  };
}

/** Calls getppid(2), to which the programs of `kernel.bpf.c` are attached, `times` times. */
export function trigger(times = 1): void {
  for (let i = 0; i < times; i++) void process.ppid;
}

/** The C library that this process uses. */
export function libcPathOfThis(): string {
  return /\/\S*libc[.-]\S*so\S*/.exec(readFileSync("/proc/self/maps", "utf8"))![0];
}

/** What an action throws, in one line; "nothing" when it does not. */
export function complain(action: () => unknown): string {
  try {
    action();
    return "nothing";
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string };
    return `${name} ${code} ${message}`;
  }
}
