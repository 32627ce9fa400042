import { existsSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { copy } from "../../runtime/index.js";
import { Kernel } from "../fixtures/kernel.skel.js";
import { KernelHalves } from "../fixtures/kernel-halves.skel.js";
import { KernelRefused } from "../fixtures/kernel-refused.skel.js";
import {
  aim,
  bpfMappings,
  describeKernel,
  expectNothingLeft,
  only,
  openFds,
  remaining,
  run,
  since,
  start,
  thrown,
  trigger,
  uniqueName,
} from "./kernel.js";

const closed = expect.objectContaining({ name: "BpfError", code: "ERR_BPF_CLOSED" });
const wrongState = expect.objectContaining({ name: "BpfError", code: "ERR_BPF_STATE" });

describeKernel("a skeleton's states", () => {
  test("open, load, attach, detach, attach again, close: programs run exactly while attached", async () => {
    const name = uniqueName();
    const fds = openFds();
    const mappings = bpfMappings();
    const opened = Kernel.open({ name });
    expect(remaining(name)).toEqual([]);
    only("reflect", "emit")(opened);
    opened.programs.emit.autoattach = false;
    const kernel = opened.load();
    aim(kernel);
    trigger(2);
    expect(kernel.bss.runs).toBe(0n);

    kernel.attach();
    expect(Object.keys(kernel.links)).toEqual(["reflect"]);
    trigger(3);
    expect(kernel.bss.runs).toBe(3n);
    kernel.attach();
    trigger(1);
    expect(kernel.bss.runs).toBe(4n);

    const byHand = kernel.programs.emit.attach();
    trigger(1);
    expect([kernel.bss.runs, kernel.bss.seq]).toEqual([5n, 1n]);
    expect(thrown(() => kernel.programs.emit.attach()).message).toMatch(/program "emit".* — /);

    kernel.detach();
    expect(kernel.links).toEqual({});
    expect(thrown(() => byHand.info())).toEqual(closed);
    trigger(5);
    expect([kernel.bss.runs, kernel.bss.seq]).toEqual([5n, 1n]);
    kernel.bss.runs = 10n;
    kernel.maps.recent.set(1, 2);
    expect(kernel.maps.recent.get(1)).toBe(2);

    kernel.attach();
    trigger(1);
    expect(kernel.bss.runs).toBe(11n);
    expect(remaining(name).sort()).toEqual([".bss", ".data", ".rodata"].map((s) => name.slice(0, 8) + s));
    kernel.close();
    kernel.close();
    kernel[Symbol.dispose]();
    await expectNothingLeft(name);
    expect(openFds()).toBe(fds);
    expect(bpfMappings()).toBe(mappings);
  });

  test("using closes both states, also on the way of an exception, and load() moves what is to be closed", async () => {
    const name = uniqueName();
    let kept: { close(): void; bss: { runs: bigint } } | undefined;
    const work = (): void => {
      using opened = Kernel.open({ name });
      only("reflect")(opened);
      using kernel = opened.load();
      kernel.attach();
      kept = kernel;
      opened.close();
      opened[Symbol.dispose]();
      expect(kernel.bss.runs).toBe(0n);
      throw new Error("out of here");
    };
    expect(work).toThrow("out of here");
    expect(thrown(() => kept!.bss.runs)).toEqual(closed);
    await expectNothingLeft(name);
  });

  test("the short forms configure before load, and close when anything fails", async () => {
    const name = uniqueName();
    const fds = openFds();
    {
      using loaded = Kernel.load(only("reflect"), { name });
      expect(loaded.links).toEqual({});
    }
    {
      using attached = Kernel.attach(
        (opened) => {
          only("reflect")(opened);
          opened.rodata.limit = 77;
        },
        { name },
      );
      aim(attached);
      trigger();
      expect(attached.bss.seen_limit).toBe(77);
    }
    const stop = new Error("configure failed");
    for (const form of [Kernel.load, Kernel.attach])
      expect(
        thrown(() =>
          form(
            () => {
              throw stop;
            },
            { name },
          ),
        ),
      ).toBe(stop);
    // Nobody waits for a promise, and nobody is left with its failure.
    const late: (() => Promise<void>) & (() => void) = async () => {
      await null;
      throw stop;
    };
    for (const form of [Kernel.load, Kernel.attach]) {
      const error = thrown(() => form(late as () => void, { name }));
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toBe("kernel: configure must not be async — use open(), wait, and then load()");
    }
    expect(thrown(() => KernelHalves.attach(undefined, { name })).code).toBe("ENOENT");
    expect(thrown(() => KernelRefused.attach(undefined, { name })).code).toBe("EACCES");
    await expectNothingLeft(name);
    expect(openFds()).toBe(fds);
  });

  test("after load() the opened skeleton is consumed: any use is ERR_BPF_STATE, close() does nothing", () => {
    const opened = Kernel.open();
    only("reflect")(opened);
    const { rodata, bss } = opened;
    const { settings } = opened.data;
    const map = opened.maps.samples;
    const program = opened.programs.reflect;
    using kernel = opened.load();
    opened.close();
    opened[Symbol.dispose]();
    for (const use of [
      () => opened.load(),
      () => opened.rodata.limit,
      () => opened.data_custom.custom,
      () => rodata.limit,
      () => (rodata.limit = 1),
      () => bss.runs,
      () => settings.u8,
      () => (settings.pairs[0]!.port = 1),
      () => map.maxEntries,
      () => (map.maxEntries = 1),
      () => (map.autocreate = false),
      () => (map.pinPath = "/sys/fs/bpf/never"),
      () => map.reuse(0),
      () => opened.maps.recent.maxEntries,
      () => program.autoload,
      () => (program.autoload = true),
      () => program.setTarget("x"),
      () => opened.programs.emit.flags,
    ])
      expect(thrown(use), use.toString()).toEqual(wrongState);
    expect(kernel.bss.runs).toBe(0n);
    kernel.close();
    expect(thrown(() => opened.load())).toEqual(wrongState);
  });

  test("a closed opened skeleton refuses everything; a failed load() closes it", async () => {
    const name = uniqueName();
    const fds = openFds();
    const opened = Kernel.open({ name });
    const { rodata } = opened;
    const map = opened.maps.samples;
    opened.close();
    opened.close();
    for (const use of [
      () => opened.load(),
      () => rodata.limit,
      () => opened.rodata.limit,
      () => opened.bss,
      () => map.maxEntries,
      () => opened.maps.names,
      () => opened.programs.emit,
    ])
      expect(thrown(use), use.toString()).toEqual(closed);

    const refused = KernelRefused.open({ name });
    expect(thrown(() => refused.load()).code).toBe("EACCES");
    expect(thrown(() => refused.load())).toEqual(closed);
    expect(thrown(() => refused.bss.sum)).toEqual(closed);
    refused.close();
    await expectNothingLeft(name);
    expect(openFds()).toBe(fds);
  });

  test("attach() is all or nothing, and can be tried again", async () => {
    const name = uniqueName();
    using halves = KernelHalves.load(undefined, { name });
    halves.bss.target = process.pid;
    const fds = openFds();
    for (let i = 0; i < 3; i++) {
      const error = thrown(() => halves.attach());
      expect(error).toMatchObject({ name: "BpfError", code: "ENOENT", program: "bad" });
      expect(halves.links).toEqual({});
      trigger(3);
      expect(halves.bss.good_runs).toBe(0n);
      expect(openFds()).toBe(fds);
    }
    // What was attached before stays.
    const good = halves.programs.good.attach();
    expect(thrown(() => halves.attach()).code).toBe("EEXIST");
    trigger(1);
    expect(halves.bss.good_runs).toBe(1n);
    good.destroy();
    trigger(1);
    expect(halves.bss.good_runs).toBe(1n);
  });

  test("a link that was destroyed by hand is attached again by attach()", () => {
    using kernel = Kernel.attach(only("reflect"));
    aim(kernel);
    kernel.links.reflect!.destroy();
    trigger();
    expect(kernel.bss.runs).toBe(0n);
    kernel.attach();
    trigger();
    expect(kernel.bss.runs).toBe(1n);
  });

  test("use after close is ERR_BPF_CLOSED on every member that there is", () => {
    const kernel = Kernel.attach(only("reflect", "emit"));
    const { maps, programs, bss } = kernel;
    const { samples, small, slots, mapped, records } = maps;
    const value = copy(bss.found);
    const view = mapped.view(3);
    const iterating = samples.entries();
    samples.set(1, value);
    iterating.next();
    const waiting = records.records();
    const raw = samples.raw;
    const { reflect } = programs;
    const link = kernel.links.reflect!;
    kernel.close();
    const one = { port: 1, delta: 1, tag: "x" };
    for (const use of [
      () => kernel.attach(),
      () => kernel.bss.runs,
      () => kernel.rodata,
      () => kernel.data,
      () => bss.runs,
      () => (bss.runs = 1n),
      () => bss.found.u8,
      () => view.port,
      () => (view.port = 1),
      () => samples.get(1),
      () => samples.set(1, value),
      () => samples.has(1),
      () => samples.delete(1),
      () => samples.take(1),
      () => samples.count(),
      () => samples.clear(),
      () => [...samples],
      () => [...samples.keys()],
      () => [...samples.values()],
      () => samples.fd,
      () => samples.info(),
      () => samples.pin("/sys/fs/bpf/never"),
      () => samples.unpin(),
      () => samples.freeze(),
      () => samples.raw.get(new Uint8Array(4)),
      () => raw.get(new Uint8Array(4)),
      () => raw.count(),
      () => small.set(1n, 1n),
      () => small.setMany([[1n, 1n]]),
      () => small.deleteMany([1n]),
      () => slots.get(0),
      () => mapped.get(0),
      () => mapped.set(0, one),
      () => mapped.view(0),
      () => [...slots],
      () => [...slots.values()],
      () => records.drain(() => undefined),
      () => records.drainViews(() => undefined),
      () => records.fd,
      () => maps.names,
      () => maps.blobs,
      () => reflect.fd,
      () => reflect.attach(),
      () => reflect.pin("/sys/fs/bpf/never"),
      () => reflect.unpin("/sys/fs/bpf/never"),
      () => programs.by_xdp,
      () => link.fd,
      () => link.info(),
      () => link.detach(),
      () => link.disconnect(),
      () => link.pin("/sys/fs/bpf/never"),
      () => link.unpin(),
      () => link.update(reflect),
    ])
      expect(thrown(use), use.toString()).toEqual(closed);
    kernel.detach();
    link.destroy();
    kernel.close();
    return expect(waiting.next()).rejects.toEqual(closed);
  });

  test("links: info, pin, unpin, update, disconnect, dispose", async () => {
    const pin = `/sys/fs/bpf/${uniqueName()}`;
    const name = uniqueName();
    {
      using kernel = Kernel.load(only("reflect", "emit"), { name });
      aim(kernel);
      const link = kernel.programs.reflect.attach();
      if (!since(5, 15)) {
        expect(link.info()).toEqual({ kind: "none", type: 0, id: 0, programId: 0, fallback: "perf_event" });
        expect(thrown(() => link.pin(pin))).toMatchObject({ code: "ERR_BPF_STATE" });
        return;
      }
      expect(link.info()).toMatchObject({ type: 7, programId: expect.any(Number) });
      expect(link.info().id).toBeGreaterThan(0);
      expect(link.fd).toBeGreaterThan(2);
      link.pin(pin);
      expect(existsSync(pin)).toBe(true);
      expect(thrown(() => link.pin(pin))).toMatchObject({ name: "BpfError" });
      link.destroy();
      trigger();
      expect(kernel.bss.runs).toBe(1n);
    }
    // Pinned, the program stays attached after everything was closed.
    expect(remaining(name).length).toBeGreaterThan(0);
    const { unlinkSync } = await import("node:fs");
    unlinkSync(pin);
    await expectNothingLeft(name);

    using kernel = Kernel.load(only("reflect", "emit", "by_xdp"), { name });
    aim(kernel);
    {
      using link = kernel.programs.reflect.attach();
      link.pin(pin);
      link.unpin();
      expect(existsSync(pin)).toBe(false);
      trigger();
      expect(kernel.bss.runs).toBe(1n);
    }
    trigger();
    expect(kernel.bss.runs).toBe(1n);

    const link = kernel.programs.reflect.attach();
    // Links of tracepoints cannot be updated; of XDP they can, see attach.test.ts.
    expect(thrown(() => link.update(kernel.programs.emit))).toMatchObject({
      name: "BpfError",
      code: "EINVAL",
    });
    for (const wrong of [undefined, null, 1, {}, { pointer: 1 }, { fd: "1" }])
      expect(thrown(() => link.update(wrong as never))).toBeInstanceOf(TypeError);
    link.destroy();
    expect(readdirSync("/sys/fs/bpf")).not.toContain(pin.split("/").at(-1));
  });

  test("await closed holds the process until close(), and nothing else does", async () => {
    const [held, idle] = await Promise.all([start("closed", ["held"]).ended, run("closed", ["idle"])]);
    expect(held).toMatchObject({ code: 0, signal: null, out: "loaded\nclosing\nclosed\nclosed again\n" });
    expect(idle).toMatchObject({ code: 0, signal: null, out: "loaded\n" });
  });
});
