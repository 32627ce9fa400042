// Takes the pictures of samples that show all processes, in a virtual machine that has no others.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { boot, ensureQemu } from "../vm/guest.js";
import { stageSuite, writeInitramfs } from "../vm/initramfs.js";
import { kernel } from "../vm/kernels.js";
import { libbpfPath } from "../vm/libbpf.js";
import { nodePath } from "../vm/node.js";

/** What the guest's terminal has shown, by the names of samples; and the file that `profile` has written. */
export async function record(): Promise<ReadonlyMap<string, string>> {
  ensureQemu();
  const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-pictures-"));
  try {
    stageSuite(join(folder, "suite"));
    const booted = kernel("6.1");
    const archive = join(folder, "guest.cpio");
    writeInitramfs(archive, join(folder, "suite"), booted, libbpfPath("1.1"), nodePath(20));
    const log = join(folder, "log");
    const { status } = await boot(booted, archive, log, 600, { BPF_TSGEN_RUN: "pictures" });
    if (status !== 0) throw new Error(`the guest ended with ${status}:\n${readFileSync(log, "utf8")}`);
    const said = readFileSync(`${log}.results`, "utf8");
    return new Map(
      said
        .split("@@@ ")
        .slice(1, -1)
        .map((part) => {
          const end = part.indexOf("\n");
          return [part.slice(0, end), part.slice(end + 1).trimEnd()] as const;
        }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
