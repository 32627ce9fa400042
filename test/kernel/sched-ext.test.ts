import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { KernelSchedExt } from "../fixtures/kernel-sched-ext.skel.js";
import { describeKernel, libbpfHas } from "./kernel.js";

const folder = "/sys/kernel/sched_ext";
const state = (): string => readFileSync(`${folder}/state`, "utf8").trim();
const able = existsSync(folder) && libbpfHas("bpf_link__update_map");
/** `SCX_OPS_SWITCH_PARTIAL`: only tasks that ask for it. */
const SWITCH_PARTIAL = 8n;
/** `SCX_EXIT_UNREG`: user space took the scheduler out. */
const EXIT_UNREG = 64;

/** Sleeps and wakes up often. */
async function work(): Promise<void> {
  for (let i = 0; i < 50; i++) await sleep(1);
}

describeKernel("sched_ext", () => {
  test.skipIf(!able)(
    "a scheduler takes over, has every task run, and leaves (a kernel with CONFIG_SCHED_CLASS_EXT, libbpf 1.3)",
    async () => {
      expect(state()).toBe("disabled");
      using kernel = KernelSchedExt.load(({ maps, bss }) => {
        maps.fifo.shadow.timeout_ms = 10_000;
        bss.target = process.pid;
      });
      const link = kernel.maps.fifo.attach();
      expect(state()).toBe("enabled");
      expect(readFileSync(`${folder}/root/ops`, "utf8").trim()).toBe("bpf_tsgen_fifo");
      expect(link.info().kind).toBe("struct_ops");
      await work();
      const { bss } = kernel;
      expect(bss.initialized).toBe(1n);
      expect(bss.enqueued).toBeGreaterThan(0n);
      expect(bss.target_ran).toBeGreaterThan(0n);
      link.destroy();
      // The kernel moves the tasks back behind the back of close(2).
      await expect.poll(state).toBe("disabled");
      expect(bss.exit_kind).toBe(EXIT_UNREG);
      const seen = bss.target_ran;
      await work();
      expect(bss.target_ran).toBe(seen);
    },
  );

  test.skipIf(!able)("a scheduler of only those that ask for it leaves others alone", async () => {
    using kernel = KernelSchedExt.attach(({ maps, bss }) => {
      maps.fifo.shadow.flags = SWITCH_PARTIAL;
      maps.fifo.shadow.name = "bpf_tsgen_part";
      bss.target = process.pid;
    });
    expect(readFileSync(`${folder}/root/ops`, "utf8").trim()).toBe("bpf_tsgen_part");
    await work();
    expect([kernel.bss.initialized, kernel.bss.target_ran]).toEqual([1n, 0n]);
    kernel.close();
    await expect.poll(state).toBe("disabled");
  });
});
