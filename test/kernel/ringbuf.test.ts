import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { BpfError, Loaded } from "../../runtime/index.js";
import { Kernel, type Message } from "../fixtures/kernel.skel.js";
import { aim, describeKernel, only, run, slower, thrown, trigger } from "./kernel.js";

const LENGTHS = [0, 1, 7, 8, 100, 1000, 33, 512];

/** A skeleton whose `emit` makes `burst` records a trigger, of the lengths above in turn. */
function emitting(bytes: number, burst = 1): Loaded<Kernel> {
  const kernel = Kernel.attach((opened) => {
    only("emit")(opened);
    opened.maps.records.maxEntries = bytes;
    opened.data.burst = burst;
    opened.bss.lengths = LENGTHS;
    opened.bss.out.payload = Uint8Array.from({ length: 1024 }, (_, i) => i * 7);
  });
  aim(kernel);
  return kernel;
}

/** Checks a record against its sequence number. Plain, because it runs a million times. */
function check(record: Message, seq: number, length = LENGTHS[seq & 7]!): void {
  if (
    record.seq !== BigInt(seq) ||
    record.length !== length ||
    record.pid !== process.pid ||
    record.payload.length !== length
  )
    throw new Error(
      `record ${seq}: ${record.seq}, ${record.length} bytes, ${record.payload.length} there, of ${record.pid}`,
    );
  for (let i = 0; i < length; i++)
    if (record.payload[i] !== ((i * 7) & 255)) throw new Error(`record ${seq} differs at ${i}`);
}

const tick = (ms = 0): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describeKernel("ring buffers", () => {
  test("records of several sizes and discarded ones, over many laps of a ring, by every reader in turn", async () => {
    using kernel = emitting(8192);
    kernel.bss.discard_every = 3;
    const { records } = kernel.maps;
    let seq = 0;
    const readers: (() => Promise<void> | void)[] = [
      async () => {
        const most = seq + 5;
        for await (const record of records) {
          check(record, seq++);
          if (seq === most) break;
        }
      },
      () => {
        records.drain((record) => check(record, seq++));
      },
      async () => {
        for await (const batch of records.batches()) {
          for (const record of batch) check(record, seq++);
          break;
        }
      },
      () => {
        records.drainViews((view, size) => {
          expect([Number(view.seq), size]).toEqual([seq, 16 + LENGTHS[seq & 7]!]);
          seq++;
        });
      },
    ];
    for (let lap = 0; lap < 1000; lap++) {
      trigger(8);
      await readers[lap % readers.length]!();
    }
    records.drain((record) => check(record, seq++));
    expect(kernel.bss.lost).toBe(0n);
    expect(kernel.bss.seq).toBe(8000n);
    expect(seq).toBe(8000);
    expect(records.drain(() => undefined)).toBe(0);
  });

  test("what found the ring full is lost and counted; what the kernel took comes once and in order", () => {
    using kernel = emitting(4096, 64);
    let seq = 0;
    for (let round = 0; round < 50; round++) {
      expect(kernel.maps.records.available).toBe(0);
      trigger(2);
      // The next record has no room: none is longer than 1024 bytes and what goes before it.
      expect(kernel.maps.records.available).toBeGreaterThan(4096 - 1024 - 24);
      expect(kernel.maps.records.available).toBeLessThanOrEqual(4096);
      const there = kernel.maps.records.drain((record) => check(record, seq++));
      expect(there).toBeGreaterThan(0);
    }
    expect(kernel.bss.lost).toBeGreaterThan(0n);
    expect(Number(kernel.bss.seq)).toBe(seq);
  });

  test("a million records in a flood: none lost or twice, while the event loop goes on turning", async () => {
    using kernel = emitting(1024 * 1024, 64);
    kernel.bss.lengths = new Uint32Array(8);
    const { records } = kernel.maps;
    const total = 1_000_000;
    let ticks = 0;
    let longest = 0;
    let last = performance.now();
    const ticking = setInterval(() => {
      ticks++;
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    let seq = 0;
    let batches = 0;
    const started = performance.now();
    trigger(8);
    for await (const batch of records.batches()) {
      batches++;
      for (const record of batch) check(record, seq++, 0);
      // The producer is this process: there is always more than one batch to come.
      while (kernel.bss.seq - BigInt(seq) < 8192n && kernel.bss.seq < BigInt(total)) trigger(16);
      if (seq >= total) break;
    }
    const ms = performance.now() - started;
    clearInterval(ticking);
    expect(Number(kernel.bss.seq)).toBe(seq);
    expect(kernel.bss.lost).toBe(0n);
    expect(batches).toBeGreaterThan(100);
    expect(ticks).toBeGreaterThan(ms / 60 / slower);
    expect(longest).toBeLessThan(1000 * slower);

    // The same, record by record: the loop is not left for a flood either.
    ticks = 0;
    const again = setInterval(() => ticks++, 1);
    const from = seq;
    trigger(8);
    for await (const record of records) {
      check(record, seq++, 0);
      if (seq % 1024 === 0) trigger(16);
      if (seq - from >= 100_000) break;
    }
    clearInterval(again);
    expect(ticks).toBeGreaterThan(3);
    records.drain((record) => check(record, seq++, 0));
    expect(Number(kernel.bss.seq)).toBe(seq);
  });

  test("a waiting loop wakes for records that come later, in both latencies, and after a flood of them", async () => {
    using kernel = emitting(65_536);
    kernel.bss.lengths = new Uint32Array(8);
    const { records } = kernel.maps;
    let seq = 0;
    for (const latency of ["auto", "low"] as const) {
      const from = seq;
      const delays: number[] = [];
      let sent = 0;
      const sender = setInterval(() => {
        if (delays.length > 200) return;
        sent = performance.now();
        trigger();
      }, 1);
      for await (const record of records.records({ latency })) {
        delays.push(performance.now() - sent);
        expect(Number(record.seq)).toBe(seq++);
        if (seq - from === 200) break;
      }
      clearInterval(sender);
      seq += records.drain(() => undefined);
      delays.sort((a, b) => a - b);
      expect(delays[100]).toBeLessThan(20 * slower);
    }
  });

  test("abort, break, return and close end a loop without an error, and the next goes on there", async () => {
    const kernel = emitting(65_536);
    kernel.bss.lengths = new Uint32Array(8);
    const { records } = kernel.maps;
    const seen: number[] = [];
    trigger(3);
    for await (const { seq } of records) {
      seen.push(Number(seq));
      break;
    }
    const controller = new AbortController();
    for await (const { seq } of records.records({ signal: controller.signal })) {
      seen.push(Number(seq));
      controller.abort();
    }
    // Aborted while it waits, and before it begins.
    const waiting = new AbortController();
    setTimeout(() => {
      waiting.abort();
    }, 20);
    for await (const { seq } of records.records({ signal: waiting.signal })) seen.push(Number(seq));
    for await (const _ of records.records({ signal: AbortSignal.abort() }))
      throw new Error("aborted before it began");
    trigger(2);
    const iterator = records.records();
    seen.push(Number((await iterator.next()).value.seq));
    expect(await iterator.return!()).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    for await (const batch of records.batches()) {
      seen.push(...batch.map(({ seq }) => Number(seq)));
      break;
    }
    expect(seen).toEqual([0, 1, 2, 3, 4]);

    // Closed while it waits.
    setTimeout(() => kernel.close(), 20);
    for await (const _ of records) throw new Error("nothing was sent");
    await expect(records.records().next()).rejects.toMatchObject({ code: "ERR_BPF_CLOSED" });
  });

  test("next() called again before it is answered: every call is answered, in order", async () => {
    using kernel = emitting(65_536);
    const iterator = kernel.maps.records.records();
    const results = Promise.all([iterator.next(), iterator.next(), iterator.next()]);
    await tick(5);
    trigger();
    await tick(5);
    trigger(2);
    expect((await results).map(({ value }) => Number(value!.seq))).toEqual([0, 1, 2]);
    const ends = Promise.all([iterator.next(), iterator.next(), iterator.return!()]);
    expect((await ends).map(({ done }) => done)).toEqual([true, true, true]);
  });

  test("one consumer at a time; a refused one is no harm to the first", async () => {
    using kernel = emitting(65_536);
    const { records } = kernel.maps;
    const first = records.records();
    const waiting = first.next();
    const second = records.batches();
    await expect(second.next()).rejects.toMatchObject({ name: "BpfError", code: "ERR_BPF_STATE" });
    trigger();
    expect(Number((await waiting).value!.seq)).toBe(0);
    await first.return!();
    trigger();
    expect((await second.next()).value!.length).toBe(1);
    await second.return!();
    expect(thrown(() => records.records({ latency: "fast" as never }))).toBeInstanceOf(TypeError);
    expect(thrown(() => records.records({ signal: {} as never }))).toBeInstanceOf(TypeError);
    trigger();
    for await (const record of records) {
      expect(Number(record.seq)).toBe(2);
      break;
    }
  });

  test("a handler that throws has consumed its record; draining from a handler is refused", () => {
    using kernel = emitting(65_536);
    const { records } = kernel.maps;
    trigger(5);
    const seen: number[] = [];
    const stop = new Error("stop");
    const draining = (): number =>
      records.drain(({ seq }) => {
        seen.push(Number(seq));
        if (seq === 1n || seq === 2n) throw stop;
      });
    expect(thrown(draining)).toBe(stop);
    expect(thrown(draining)).toBe(stop);
    expect(draining()).toBe(2);
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    trigger();
    expect(thrown(() => records.drain(() => records.drain(() => undefined)))).toMatchObject({
      code: "ERR_BPF_STATE",
    });
    trigger();
    expect(thrown(() => records.drainViews((view) => ((view as { pid: number }).pid = 1)))).toMatchObject({
      name: "BpfError",
    });
    expect(records.drain(() => undefined)).toBe(0);
  });

  test("closing inside a handler or a loop ends it there", async () => {
    for (const reader of ["drain", "drainViews"] as const) {
      const kernel = emitting(65_536);
      trigger(5);
      let calls = 0;
      let kept: { readonly pid: number } | undefined;
      const count = kernel.maps.records[reader]((record: { readonly pid: number }) => {
        calls++;
        kept = record;
        kernel.close();
      });
      expect([count, calls]).toEqual([1, 1]);
      if (reader === "drainViews") expect(thrown(() => kept!.pid)).toMatchObject({ code: "ERR_BPF_CLOSED" });
      else expect(kept!.pid).toBe(process.pid);
    }
    for (const reader of ["records", "batches"] as const) {
      const kernel = emitting(65_536);
      trigger(5);
      let calls = 0;
      for await (const _ of kernel.maps.records[reader]()) {
        calls++;
        kernel.close();
      }
      expect(calls).toBe(1);
    }
    const kernel = emitting(65_536);
    trigger(5);
    expect(await kernel.maps.records.forEachView(() => kernel.close())).toBe(1);
  });

  test("views as they come: until abort, one loop at a time, and what the handler throws is told", async () => {
    using kernel = emitting(65_536);
    const { records } = kernel.maps;
    const seen: number[] = [];
    const ended = new AbortController();
    const loop = records.forEachView(({ seq }, size) => seen.push(Number(seq), Math.min(size, 16)), {
      signal: ended.signal,
    });
    await expect(records.forEachView(() => undefined)).rejects.toMatchObject({ code: "ERR_BPF_STATE" });
    for (let i = 0; i < 3; i++) {
      trigger();
      while (seen.length < 2 * (i + 1)) await sleep(1);
    }
    ended.abort();
    expect(await loop).toBe(3);
    expect(seen).toEqual([0, 16, 1, 16, 2, 16]);
    trigger(2);
    const stop = new Error("stop");
    const throwing = records.forEachView(() => {
      throw stop;
    });
    await expect(throwing).rejects.toBe(stop);
    const nested = records.forEachView(() => records.drain(() => undefined));
    await expect(nested).rejects.toMatchObject({ code: "ERR_BPF_STATE" });
    expect(records.drain(() => undefined)).toBe(0);
    for (const wrong of [undefined, null, 5, {}])
      await expect(records.forEachView(wrong as never)).rejects.toThrow(TypeError);
    await expect(records.forEachView(() => undefined, { latency: "none" as never })).rejects.toThrow(
      TypeError,
    );
  });

  test("a record shorter than its type is ERR_BPF_RECORD, loses no other, and ends no stream", async () => {
    using kernel = emitting(65_536);
    const { records } = kernel.maps;
    const short = expect.objectContaining({ name: "BpfError", code: "ERR_BPF_RECORD" });
    const readers: ((seen: number[]) => Promise<unknown>)[] = [
      async (seen) => {
        for await (const { seq } of records) seen.push(Number(seq));
      },
      async (seen) => {
        for await (const batch of records.batches()) seen.push(...batch.map(({ seq }) => Number(seq)));
      },
      async (seen) => records.drain(({ seq }) => seen.push(Number(seq))),
      async (seen) => records.drainViews(({ seq }) => seen.push(Number(seq))),
      async (seen) => records.forEachView(({ seq }) => seen.push(Number(seq))),
    ];
    for (const reader of readers) {
      const base = Number(kernel.bss.seq);
      kernel.data.short_at = BigInt(base + 2);
      trigger(4);
      const seen: number[] = [];
      const error = await reader(seen).then(
        () => undefined,
        (cause: unknown) => cause as BpfError,
      );
      expect(error).toEqual(short);
      expect(error!.message).toMatch(/^map "records": a record of 12 bytes .* — /);
      expect(seen).toEqual([base, base + 1]);
      for await (const { seq } of records) {
        expect(Number(seq)).toBe(base + 3);
        break;
      }
    }
  });

  test("a ring buffer without a type hands out the bytes of each record", async () => {
    using kernel = emitting(65_536);
    kernel.bss.to_blobs = true;
    trigger(3);
    const { blobs } = kernel.maps;
    const sizes: number[] = [];
    const kept: Uint8Array[] = [];
    for await (const bytes of blobs) {
      sizes.push(bytes.length);
      kept.push(bytes);
      if (sizes.length === 3) break;
    }
    trigger(5);
    blobs.drain((bytes) => sizes.push(bytes.length));
    expect(sizes).toEqual(Array.from({ length: 8 }, (_, i) => 16 + LENGTHS[i]!));
    expect(kept.map((bytes) => bytes[0])).toEqual([0, 1, 2]);
    // What was handed out is a copy: it outlives the ring.
    kernel.close();
    expect(kept[2]![0]).toBe(2);
    kept[2]!.fill(1);
  });

  test("a waiting loop keeps the process alive, and nothing but waiting does", async () => {
    const [waiting, broken, drained, pending, aborted] = await Promise.all(
      ["waiting", "broken", "drained", "pending", "aborted"].map((what) => run("alive", [what], 30_000)),
    );
    expect(waiting).toMatchObject({ code: 0, out: "ready\nrecord 0\nrecord 1\nended\n", err: "" });
    for (const quiet of [broken, drained, aborted])
      expect(quiet).toMatchObject({ code: 0, out: "ready\ndone\n", err: "" });
    // next() was called and nobody sends: only that keeps it, until it is closed.
    expect(pending).toMatchObject({ code: 0, out: "ready\nclosing\nended true\n", err: "" });
  });
});
