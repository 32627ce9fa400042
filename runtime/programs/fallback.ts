import type { LinkBackend } from "./link.js";

/** What is to be detached when the process exits, oldest first. */
const attachments = new Set<() => void>();

/** Signals that end a process which does not say otherwise, and that it can see. */
const signals = ["SIGHUP", "SIGINT", "SIGTERM"] as const;

function detachAll(): void {
  for (const detach of [...attachments].reverse()) {
    attachments.delete(detach);
    try {
      detach();
    } catch {
      // The others are to be detached too, and nobody is left to be told.
    }
  }
}

/** Detaches, and lets the signal do what it would have done. Whoever handles it too decides what it does. */
function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  detachAll();
  forget();
  process.kill(process.pid, signal);
}

function remember(): void {
  process.on("exit", detachAll);
  for (const signal of signals) process.on(signal, onSignal);
}

function forget(): void {
  process.removeListener("exit", detachAll);
  for (const signal of signals) process.removeListener(signal, onSignal);
}

/**
 * Detaches when destroyed, or when the process ends in a way that it can see: for what the kernel does not detach by
 * itself.
 */
export function atExit(detach: () => void): Pick<LinkBackend, "destroy" | "disconnect"> {
  if (attachments.size === 0) remember();
  attachments.add(detach);
  let connected = true;
  return {
    destroy: () => {
      if (!connected) return;
      attachments.delete(detach);
      if (attachments.size === 0) forget();
      detach();
    },
    disconnect: () => {
      connected = false;
    },
  };
}
