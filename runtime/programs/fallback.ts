import type { LinkBackend } from "./link.js";

/** Refusals of a kernel that has no link of a kind, and so calls for what was there before links. */
export const NO_SUCH_LINK: ReadonlySet<number> = new Set([-22, -95, -524]);

/** What is to be detached when the process exits, oldest first. */
const attachments = new Set<() => void>();

function detachAll(): void {
  for (const detach of [...attachments].reverse()) detach();
}

/** Detaches when destroyed, or when the process exits: for what the kernel does not detach by itself. */
export function atExit(detach: () => void): Pick<LinkBackend, "destroy" | "disconnect"> {
  if (attachments.size === 0) process.once("exit", detachAll);
  attachments.add(detach);
  let connected = true;
  return {
    destroy: () => {
      if (!connected) return;
      attachments.delete(detach);
      if (attachments.size === 0) process.removeListener("exit", detachAll);
      detach();
    },
    disconnect: () => {
      connected = false;
    },
  };
}
