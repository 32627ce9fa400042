import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { View } from "../../runtime/index.js";
import { KernelFlood, type Numbered } from "../fixtures/kernel-flood.skel.js";
import { describeKernel, start } from "./kernel.js";

/** How many records are sent in all; fewer by the environment variable, on slow machines. */
const TOTAL = Number(process.env.FLOOD ?? 10_000_000);
/** Readers take turns; each has so many records. */
const TURN = Math.ceil(TOTAL / 40);

describeKernel("a flood", () => {
  test.each([
    ["a small ring", 0],
    ["a perf buffer", 1],
  ])(
    "ten million records of two processes, one on each CPU, through %s: each once, whole and in order",
    {
      timeout: 240_000,
    },
    async (_, byPerf) => {
      const producers = [0, 1].map((cpu) =>
        start("flood", [], 240_000, ["taskset", "-c", `${cpu % availableParallelism()}`]),
      );
      try {
        await Promise.all(producers.map((producer) => producer.says("ready")));
        using kernel = KernelFlood.load();
        const { samples } = kernel.maps;
        const flood = byPerf ? samples : kernel.maps.flood;
        kernel.bss.by_perf = byPerf;
        const next = new Map<number, bigint>();
        kernel.bss.wanted = BigInt(TOTAL / 2);
        for (const { process } of producers) {
          next.set(process.pid!, 0n);
          kernel.maps.producers.set(process.pid!, { taken: 0n, lost: 0n });
        }
        let seen = 0;
        const check = (record: Numbered | View<Numbered>): void => {
          const { producer, words, seq } = record;
          const expected = next.get(producer);
          if (seq !== expected || words !== Number(seq & 7n))
            throw new Error(`record ${expected} of ${producer}: ${seq} with ${words} words`);
          next.set(producer, seq + 1n);
          seen++;
        };
        const whole = (record: Numbered): void => {
          check(record);
          const { seq, words, rest } = record;
          for (let i = 0; i < words; i++)
            if (rest[i] !== seq * 7n + BigInt(i))
              throw new Error(`record ${seq} is torn at ${i}: ${rest[i]}`);
          if (rest.length !== words) throw new Error(`record ${seq} of ${words} words has ${rest.length}`);
        };
        const readers: ((until: number) => Promise<void>)[] = [
          async (until) => {
            for await (const batch of flood.batches()) {
              batch.forEach(whole);
              if (seen >= until || seen >= TOTAL) break;
            }
          },
          async (until) => {
            for await (const record of flood) {
              whole(record);
              if (seen >= until || seen >= TOTAL) break;
            }
          },
          async (until) => {
            while (seen < until && seen < TOTAL) {
              flood.drainViews((view) => check(view));
              await sleep(0);
            }
          },
          async (until) => {
            const ended = new AbortController();
            const handed = await flood.forEachView(
              (view) => {
                check(view);
                if (seen >= until || seen >= TOTAL) ended.abort();
              },
              { signal: ended.signal },
            );
            expect(handed).toBeGreaterThan(0);
          },
          // Slow: the ring is full each time.
          async () => {
            for (let i = 0; i < 5 && seen < TOTAL; i++) {
              await sleep(5);
              flood.drain(whole);
            }
          },
          // One that throws has had its record, and no other.
          async () => {
            for (let i = 0; i < 3 && seen < TOTAL; i++) {
              await sleep(1);
              try {
                flood.drain((record) => {
                  whole(record);
                  if (record.seq % 100n === 0n) throw new RangeError("on purpose");
                });
              } catch (error) {
                if (!(error instanceof RangeError)) throw error;
              }
            }
          },
        ];
        kernel.attach();
        let settled: NodeJS.MemoryUsage | undefined;
        for (let turn = 0; seen < TOTAL; turn++) {
          await readers[turn % readers.length]!(seen + TURN);
          if (seen > TOTAL / 4) settled ??= process.memoryUsage();
        }
        expect(flood.drain(whole)).toBe(0);
        expect(seen).toBe(TOTAL);
        let lost = 0n;
        for (const [producer, { taken, lost: dropped }] of kernel.maps.producers) {
          expect(taken).toBe(next.get(producer));
          lost += dropped;
        }
        // The ring was full at times, or the slow reader was none.
        expect(lost).toBeGreaterThan(0n);
        // The kernel tells of what was lost before the next record that fits, and each producer's last one did.
        if (byPerf) expect(samples.lost).toBe(lost);
        const now = process.memoryUsage();
        expect(now.external - settled!.external).toBeLessThan(2 ** 20);
        expect(now.rss - settled!.rss).toBeLessThan(100 * 2 ** 20);

        // Closing in the middle ends what waits and what drains, while both go on sending.
        kernel.bss.wanted = 2n ** 60n;
        const loop = (async () => {
          for await (const batch of flood.batches()) batch.forEach(whole);
        })();
        for (let open = true; open; ) {
          await sleep(1);
          flood.drain((record) => {
            whole(record);
            open = false;
            kernel.close();
          });
          if (!open) expect(() => flood.drain(whole)).toThrow("closed");
        }
        await loop;
      } finally {
        for (const { process } of producers) process.stdin!.end();
        await Promise.all(producers.map(({ ended }) => ended));
      }
    },
  );

  test("a million orders to a program that takes them at the same time: each once, whole and in order", {
    timeout: 240_000,
  }, async () => {
    const taker = start("flood", ["getuid"], 240_000);
    try {
      await taker.says("ready");
      using kernel = KernelFlood.load();
      const { orders, producers } = kernel.maps;
      producers.set(taker.process.pid!, { taken: 0n, lost: 0n });
      kernel.attach();
      const all = BigInt(TOTAL / 10);
      let full = 0;
      for (let seq = 0n; seq < all; ) {
        const low = Number(seq & 0xffff_ffffn);
        const order = { seq, check: seq * 7n, more: [low, 0, ~low >>> 0] };
        seq++;
        if (orders.submit(order)) continue;
        full++;
        expect(await orders.submitAsync(order)).toBe(true);
      }
      await expect.poll(() => kernel.bss.received, { timeout: 10_000 }).toBe(all);
      expect(kernel.bss.wrong).toBe(0n);
      expect(full).toBeGreaterThan(0);
    } finally {
      taker.process.stdin!.end();
      await taker.ended;
    }
  });
});
