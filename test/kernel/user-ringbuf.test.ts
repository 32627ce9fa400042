import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { libc } from "../../runtime/ffi/native.js";
import { BpfMap, codecs, MapType, probe, UserRingBuf } from "../../runtime/index.js";
import { KernelMaps } from "../fixtures/kernel-maps.skel.js";
import { openFds, reasons, run, thrown, trigger } from "./kernel.js";

const without = reasons.length > 0 || !probe.mapType(MapType.USER_RINGBUF);

/** Nothing attached but the program that takes commands out of the buffer, whenever this process calls `trigger()`. */
function attached(): ReturnType<typeof KernelMaps.attach> {
  const kernel = KernelMaps.attach(({ programs }) => {
    for (const [name, program] of Object.entries(programs)) program.autoload = name === "take_commands";
  });
  kernel.bss.target = process.pid;
  return kernel;
}

/** Of 16 bytes and a header of 8. In the end there is room for 16 more bytes, so the kernel says "writable" always. */
const MOST = Math.floor(4096 / 24);

function fill(commands: UserRingBuf<{ x: number; y: bigint }>): void {
  for (let x = 1; x <= MOST; x++) expect(commands.submit({ x, y: 0n })).toBe(true);
  expect(commands.submit({ x: 0, y: 0n })).toBe(false);
}

/** What a promise has come to by the end of some turns of the event loop. */
const soon = (promise: Promise<boolean>): Promise<boolean | "waits"> =>
  Promise.race([promise, sleep(50, "waits" as const)]);

describe.skipIf(without)("user ring buffers (kernel 6.1)", () => {
  test("take records until they are full, and BPF reads them", () => {
    using kernel = attached();
    const { commands } = kernel.maps;
    for (let lap = 0; lap < 5; lap++) {
      fill(commands);
      trigger();
    }
    expect(kernel.bss.drained).toBe(BigInt(5 * MOST));
    expect(kernel.bss.drained_sum).toBe(BigInt((5 * MOST * (MOST + 1)) / 2));
    expect(() => commands.submit({ x: -1, y: 0n })).toThrow(RangeError);
    expect(commands.submit({ x: 1, y: 1n })).toBe(true);
    const big = new UserRingBuf({ ...commands, fd: commands.fd }, codecs.bytes(4089));
    expect(() => big.submit(new Uint8Array(4089))).toThrow(/4089 bytes never fits its 4096 — raise/);
    BpfMap.release(big);
  });

  test("a value may itself submit while it is read, or close the map", () => {
    using kernel = attached();
    const { commands } = kernel.maps;
    const nested = {
      x: 10,
      get y() {
        commands.submit({ x: 1, y: 0n });
        return 0n;
      },
    };
    expect(commands.submit(nested)).toBe(true);
    trigger();
    expect([kernel.bss.drained, kernel.bss.drained_sum]).toEqual([2n, 11n]);
    const closing = {
      x: 1,
      get y() {
        BpfMap.release(commands);
        return 0n;
      },
    };
    expect(thrown(() => commands.submit(closing))).toMatchObject({ code: "ERR_BPF_CLOSED" });
  });

  test("submitAsync waits until there is room, and records go in in the order of the calls", async () => {
    using kernel = attached();
    const { commands } = kernel.maps;
    expect(await commands.submitAsync({ x: 0, y: 0n })).toBe(true);
    trigger();
    fill(commands);
    const later = { x: 1000, y: 0n };
    const waiting = [commands.submitAsync(later), commands.submitAsync({ x: 2000, y: 0n })];
    later.x = 1; // it has been read
    expect(await soon(waiting[0]!)).toBe("waits");
    trigger();
    // There is room, but not for those who come later.
    expect(commands.submit({ x: 7, y: 0n })).toBe(false);
    expect(await Promise.all(waiting)).toEqual([true, true]);
    expect(kernel.bss.drained).toBe(BigInt(1 + MOST));
    expect(commands.submit({ x: 4000, y: 0n })).toBe(true);
    trigger();
    expect(kernel.bss.drained).toBe(BigInt(1 + MOST + 3));
    expect(kernel.bss.drained_sum).toBe(BigInt((MOST * (MOST + 1)) / 2 + 7000));
    // More than it holds at once.
    const many = Array.from({ length: 3 * MOST }, (_, x) => commands.submitAsync({ x, y: 0n }));
    const timer = setInterval(trigger, 1, 1);
    expect(new Set(await Promise.all(many))).toEqual(new Set([true]));
    clearInterval(timer);
  });

  test("waiting does nothing, also where the kernel says that there is a little room", async () => {
    using kernel = attached();
    const { commands } = kernel.maps;
    fill(commands);
    const looks = vi.spyOn(libc, "epoll_wait");
    const waiting = commands.submitAsync({ x: 1, y: 0n });
    await sleep(300);
    expect(looks.mock.calls.length).toBeLessThan(5);
    looks.mockRestore();
    trigger();
    expect(await waiting).toBe(true);
  });

  test("abort ends a wait without an error, and those behind it go on", async () => {
    using kernel = attached();
    const { commands } = kernel.maps;
    expect(await commands.submitAsync({ x: 1, y: 0n }, { signal: AbortSignal.abort() })).toBe(false);
    trigger();
    expect(kernel.bss.drained).toBe(0n);
    fill(commands);
    const controller = new AbortController();
    const { signal } = controller;
    const [first, second] = [
      commands.submitAsync({ x: 1, y: 0n }, { signal }),
      commands.submitAsync({ x: 2, y: 0n }),
    ];
    expect(await soon(first!)).toBe("waits");
    controller.abort();
    // Before the aborted wait has come to its end.
    const third = commands.submitAsync({ x: 3, y: 0n }, { signal: AbortSignal.timeout(20) });
    expect([await first, await third, await soon(second!)]).toEqual([false, false, "waits"]);
    expect(await commands.submitAsync({ x: 4, y: 0n }, { signal: AbortSignal.timeout(20) })).toBe(false);
    trigger();
    expect(await second).toBe(true);
    await expect(commands.submitAsync({ x: 1, y: 0n }, { signal: "now" as never })).rejects.toThrow(
      'map "commands": signal is an AbortSignal',
    );
    await expect(commands.submitAsync({ x: -1, y: 0n })).rejects.toThrow(RangeError);
  });

  test("close ends a wait without an error, and leaves nothing open", async () => {
    const fds = openFds();
    const kernel = attached();
    const { commands } = kernel.maps;
    fill(commands);
    const waiting = [1, 2].map((x) => commands.submitAsync({ x, y: 0n }));
    expect(await soon(waiting[0]!)).toBe("waits");
    kernel.close();
    expect(await Promise.all(waiting)).toEqual([false, false]);
    await expect(commands.submitAsync({ x: 1, y: 0n })).rejects.toMatchObject({ code: "ERR_BPF_CLOSED" });
    expect(openFds()).toBe(fds);
  });

  test.each(["process", "worker"])("waiting keeps a %s alive, and having waited does not", async (where) => {
    expect(await run("submitting", [where], 30_000)).toMatchObject({ code: 0, out: "waits\nin\n", err: "" });
  });
});
