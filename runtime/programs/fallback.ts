import type { LinkBackend } from "./link.js";

/** What is to be detached when the process ends, oldest first. */
const attachments = new Set<() => void>();

function detachAll(): void {
  for (const detach of [...attachments].reverse()) {
    attachments.delete(detach);
    try {
      detach();
    } catch {
      // The process is at its end, and the others are to be detached, too.
    }
  }
}

/** Signals that end a process unless it listens for them, and that it can listen for. */
const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Marks the listeners of every copy of the runtime that there is in the process. */
const mark = Symbol.for("bpf-tsgen: detaches, then lets the signal end the process");

/**
 * Nobody else listens, so the signal is to end the process: it does, once everything is detached, with the status
 * that it would have had. If somebody else listens, what happens is up to them, and they get to see a process that has
 * no further listener: some end it only then.
 */
const onSignal = Object.assign(
  (signal: NodeJS.Signals): void => {
    const others = process.listeners(signal).some((listener) => !(mark in listener));
    process.removeListener(signal, onSignal);
    if (others) {
      setImmediate(() => {
        if (attachments.size > 0 && !process.listeners(signal).includes(onSignal))
          process.prependListener(signal, onSignal);
      }).unref();
      return;
    }
    detachAll();
    process.kill(process.pid, signal);
  },
  { [mark]: true },
);

function listen(): void {
  process.once("exit", detachAll);
  for (const signal of signals) process.prependListener(signal, onSignal);
}

function stopListening(): void {
  process.removeListener("exit", detachAll);
  for (const signal of signals) process.removeListener(signal, onSignal);
}

/**
 * Detaches when destroyed, or when the process ends in a way that it can see: for what the kernel does not detach by
 * itself. That is not so for SIGKILL, nor for a worker thread that is terminated.
 */
export function atExit(detach: () => void): Pick<LinkBackend, "destroy" | "disconnect"> {
  if (attachments.size === 0) listen();
  attachments.add(detach);
  let connected = true;
  return {
    destroy: () => {
      if (!connected || !attachments.delete(detach)) return;
      if (attachments.size === 0) stopListening();
      detach();
    },
    disconnect: () => {
      connected = false;
    },
  };
}
