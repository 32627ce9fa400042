import { expect, test } from "vitest";
import { copy, type Loaded, toJson } from "../../runtime/index.js";
import { Kernel } from "../fixtures/kernel.skel.js";
import { aim, bpfMappings, describeKernel, only, thrown, trigger } from "./kernel.js";
import { sample, sampleJson } from "./values.js";

const closed = expect.objectContaining({ name: "BpfError", code: "ERR_BPF_CLOSED" });
const wrongState = expect.objectContaining({ name: "BpfError", code: "ERR_BPF_STATE" });

function json(value: unknown): unknown {
  return JSON.parse(JSON.stringify(toJson(value)));
}

/** A skeleton whose `reflect` is attached, and runs when asked to. */
function reflecting(configure?: Parameters<typeof Kernel.load>[0]): Loaded<Kernel> {
  const kernel = Kernel.attach((opened) => {
    only("reflect")(opened);
    configure?.(opened);
  });
  aim(kernel);
  return kernel;
}

describeKernel("globals", () => {
  test("what C initialised is there before load; what is written then is what BPF reads", () => {
    using kernel = reflecting((opened) => {
      expect(opened.rodata.limit).toBe(10);
      expect(opened.rodata.title).toBe("unset");
      expect(opened.rodata_extra.extra).toBe(7);
      expect(opened.data_custom.custom).toBe(5n);
      expect(opened.data.settings.text).toBe("initial");
      expect(json(opened.data.grid)).toEqual([
        [1, 2, 3],
        [4, 5, 6],
      ]);
      opened.rodata.limit = 0xffff_ffff;
      opened.rodata.on = true;
      opened.rodata.title = "sixteen bytes ok";
      opened.rodata.config = sample(3);
      opened.rodata.config.pairs[1]!.tag = "x";
      opened.rodata_extra.extra = 8;
      opened.data.settings = sample(5);
      opened.data_custom.custom = 1n << 63n;
      opened.bss.seen_extra = 99;
    });
    expect(kernel.bss.seen_extra).toBe(99);
    trigger();
    const { bss } = kernel;
    expect(bss.runs).toBe(1n);
    expect(bss.seen_limit).toBe(0xffff_ffff);
    expect(bss.seen_on).toBe(true);
    expect(bss.seen_title).toBe("sixteen bytes ok");
    expect(bss.seen_extra).toBe(8);
    expect(json(copy(bss.seen_settings))).toEqual(sampleJson(5));
    const config = sampleJson(3) as { pairs: { tag: string }[] };
    config.pairs[1]!.tag = "x";
    expect(json(copy(bss.seen_config))).toEqual(config);
    expect(json(kernel.rodata.config)).toEqual(config);
    expect(kernel.data_custom.custom).toBe((1n << 63n) + 1n);
    expect(kernel.data.counter).toBe(1001n);
  });

  test("a value that is refused changes nothing, before and after load", () => {
    const opened = Kernel.open();
    only("reflect")(opened);
    const before = json(opened.data.settings);
    for (const wrong of [
      () => (opened.rodata.limit = -1),
      () => (opened.rodata.limit = Number.NaN),
      () => (opened.rodata.limit = 2 ** 32),
      () => (opened.rodata.limit = "1" as never),
      () => (opened.rodata.title = "seventeen bytes !"),
      () => (opened.data.counter = 1 as never),
      () => (opened.data.settings = { ...sample(1), pointer: 1 } as never),
      () => (opened.data.settings.pairs = [{ port: 1, delta: 1, tag: "ok" }] as never),
      () => (opened.data.settings.words[4] = 1),
      () => (opened.data.settings.words[0] = 2 ** 32),
      () =>
        (opened.data.grid = [
          [1, 2, 3],
          [4, 5, 65536],
        ]),
      () => (opened.data.settings.value = { whole: 1n, halves: [1, 2] } as never),
      () => ((opened.rodata as unknown as Record<string, unknown>).unknown = 1),
    ])
      expect(["RangeError", "TypeError"], wrong.toString()).toContain(thrown(wrong).name);
    expect(json(opened.data.settings)).toEqual(before);
    expect(json(opened.data.grid)).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    using kernel = opened.load();
    const live = json(kernel.data.settings);
    expect(live).toEqual(before);
    for (const wrong of [
      () => (kernel.data.settings = { ...sample(1), huge: 1n << 127n }),
      () => (kernel.data.settings.text = "thirteen byte"),
      () =>
        (kernel.data.grid = [
          [9, 9, 9],
          [9, 9, -1],
        ]),
    ])
      expect(thrown(wrong).name).toBe("RangeError");
    expect(json(kernel.data.settings)).toEqual(live);
    expect(json(kernel.data.grid)).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
  });

  test("rodata and its copies are read-only after load, and say so", () => {
    using kernel = reflecting((opened) => {
      opened.rodata.config = sample(1);
    });
    const rodata = kernel.rodata as unknown as ReturnType<typeof Kernel.open>["rodata"];
    const extra = kernel.rodata_extra as { extra: number };
    for (const write of [
      () => (rodata.limit = 1),
      () => (rodata.title = "no"),
      () => (rodata.config = sample(2)),
      () => (rodata.config.u8 = 1),
      () => (rodata.config.text = "no"),
      () => (rodata.config.words[0] = 1),
      () => (rodata.config.pairs[0]!.port = 1),
      () => (rodata.config.low = 1),
      () => (rodata.config.value.whole = 1n),
      () => (rodata.config.value.halves[0] = 1),
      () => (extra.extra = 1),
    ])
      expect(thrown(write), write.toString()).toEqual(wrongState);
    expect(thrown(() => (rodata.limit = 1)).message).toMatch(
      /^kernel: \.rodata: .* — write it between open\(\) and load\(\)$/,
    );
    expect(json(kernel.rodata.config)).toEqual(sampleJson(1));
    trigger();
    expect(json(kernel.bss.seen_config)).toEqual(sampleJson(1));
    // A copy is an ordinary object.
    const mine = copy(rodata.config);
    mine.u8 = 1;
    mine.value.whole = 7n;
    expect(mine.value.halves[0]).toBe(7);
  });

  test("data and bss are live both ways, through views kept and made anew", () => {
    using kernel = reflecting();
    const { bss, data } = kernel;
    const { settings } = data;
    const { value } = settings;
    settings.text = "from JS";
    settings.pairs[1]!.delta = -5;
    settings.low = 5;
    settings.middle = -64;
    settings.wide = 0xff_ffff_ffffn;
    value.halves[1] = 0x8000_0000;
    data.settings.words[3] = 42;
    data.grid[1]![2] = 65_534;
    bss.live.whole = 0xffff_fffen;
    trigger();
    expect(bss.seen_settings.text).toBe("from JS");
    expect(bss.seen_settings.pairs[1]!.delta).toBe(-5);
    expect([bss.seen_settings.low, bss.seen_settings.middle, bss.seen_settings.wide]).toEqual([
      5,
      -64,
      0xff_ffff_ffffn,
    ]);
    expect(bss.seen_settings.value.whole).toBe(0x8000_0000_0000_0000n);
    expect([...bss.seen_settings.words]).toEqual([0, 0, 0, 42]);
    expect([...data.grid[1]!]).toEqual([4, 5, 65_535]);
    expect([...data.grid].map((row) => row.length)).toEqual([3, 3]);
    const { live } = bss;
    expect([...live.halves]).toEqual([0xffff_ffff, 0]);
    trigger(2);
    expect([...live.halves]).toEqual([1, 1]);
    expect([...live.bytes]).toEqual([1, 0, 0, 0, 1, 0, 0, 0]);
    expect(data.grid[1]![2]).toBe(1);
    expect(bss.runs).toBe(3n);

    // Whole assignment: from a plain object, from a view, from itself.
    data.settings = sample(9);
    trigger();
    expect(json(bss.seen_settings)).toEqual(sampleJson(9));
    bss.store = copy(settings);
    bss.store = bss.store as never;
    settings.u8 = 1;
    expect(json(bss.store)).toEqual(sampleJson(9));
    const taken = copy(bss.store);
    bss.store.u8 = 2;
    expect(taken.u8).toBe((sampleJson(9) as { u8: number }).u8);
    // Out of an array's bounds nothing is there.
    expect((settings.words as unknown as Record<number, unknown>)[4]).toBeUndefined();
    expect((settings.words as unknown as Record<number, unknown>)[-1]).toBeUndefined();
  });

  test("views of a closed skeleton throw, whatever is done with them", () => {
    const mappings = bpfMappings();
    const kernel = reflecting();
    const { bss, data, data_custom, rodata } = kernel;
    const { seen_config, live, lengths } = bss;
    const { pairs, value } = seen_config;
    const elements = lengths[Symbol.iterator]();
    elements.next();
    kernel.close();
    expect(bpfMappings()).toBe(mappings);
    for (const use of [
      () => bss.runs,
      () => (bss.runs = 1n),
      () => bss.seen_title,
      () => (bss.seen_title = "x"),
      () => seen_config.huge,
      () => seen_config.low,
      () => (seen_config.low = 1),
      () => (seen_config.huge = 1n),
      () => seen_config.text,
      () => pairs[0]!.tag,
      () => (pairs[0]!.port = 1),
      () => value.bytes[0],
      () => (value.bytes[0] = 1),
      () => (live.whole = 1n),
      () => lengths[7],
      () => [...lengths],
      () => elements.next(),
      () => (bss.store = sample(1)),
      () => copy(seen_config),
      () => copy(lengths),
      () => toJson(live),
      () => JSON.stringify(seen_config),
      () => data.counter,
      () =>
        (data.grid = [
          [1, 1, 1],
          [1, 1, 1],
        ]),
      () => data_custom.custom,
      () => rodata.limit,
    ])
      expect(thrown(use), use.toString()).toEqual(closed);
  });
});
