import { existsSync, rmSync } from "node:fs";
import { expect, test } from "vitest";
import { BpfObject, copy, toJson } from "../../runtime/index.js";
import { fixture } from "../fixtures/fixtures.js";
import { Kernel } from "../fixtures/kernel.skel.js";
import {
  aim,
  describeKernel,
  expectNothingLeft,
  only,
  since,
  thrown,
  trigger,
  uniqueName,
} from "./kernel.js";
import { sample, sampleJson } from "./values.js";

function json(value: unknown): unknown {
  return JSON.parse(JSON.stringify(toJson(value)));
}

const u32 = (n: number): Uint8Array => new Uint8Array(new Uint32Array([n]).buffer);

describeKernel("maps", () => {
  test("every type crosses both ways: what JavaScript sets BPF reads, what BPF sets JavaScript gets", () => {
    using kernel = Kernel.attach(only("reflect"));
    aim(kernel);
    const { bss } = kernel;
    const { samples, names } = kernel.maps;
    samples.set(11, sample(11));
    bss.lookup_key = 11;
    bss.store_key = 12;
    bss.store = sample(12);
    bss.name_key = { text: "bpf\xe9", port: 7 };
    bss.name_value = 700;
    trigger();
    expect(json(bss.found)).toEqual(sampleJson(11));
    const got = samples.get(12)!;
    expect(json(got)).toEqual(sampleJson(12));
    expect(got.value.halves).toEqual(new Uint32Array([12, 0xdead_beef]));
    expect(names.get({ text: "bpf\xe9", port: 7 })).toBe(700);
    expect([...names.keys()]).toEqual([{ text: "bpf\xe9", port: 7 }]);

    // A decoded value can be changed and set back; a union by one member.
    got.value.whole = 5n;
    samples.set(11, { ...got, text: "back" });
    trigger();
    expect(bss.found.text).toBe("back");
    expect([...bss.found.value.halves]).toEqual([5, 0]);
    samples.set(11, copy(bss.found));
    expect(json(samples.get(11))).toEqual(json(bss.found));
  });

  test("HashMap: get, set with its modes, has, delete, take, setMany, deleteMany, clear, count", () => {
    using kernel = Kernel.load(only("reflect"));
    const { small } = kernel.maps;
    expect(small.get(1n)).toBeUndefined();
    expect(small.has(1n)).toBe(false);
    expect(small.delete(1n)).toBe(false);
    expect(small.take(1n)).toBeUndefined();
    expect([...small]).toEqual([]);
    expect(small.set(-1n, 10n)).toBeUndefined();
    small.set(-1n, 11n, { mode: "any" });
    expect(thrown(() => small.set(-1n, 12n, { mode: "create" }))).toMatchObject({
      name: "BpfError",
      code: "EEXIST",
    });
    expect(thrown(() => small.set(2n, 12n, { mode: "replace" }))).toMatchObject({
      name: "BpfError",
      code: "ENOENT",
    });
    small.set(-1n, 13n, { mode: "replace" });
    small.set(2n, 14n, { mode: "create" });
    for (const mode of ["upsert", "", "constructor", "__proto__", 1, null])
      if (mode !== null)
        expect(
          thrown(() => small.set(9n, 1n, { mode: mode as never })),
          String(mode),
        ).toBeInstanceOf(TypeError);
    expect(small.has(9n)).toBe(false);
    small.setMany(
      new Map([
        [3n, 15n],
        [4n, 16n],
      ]),
    );
    expect(small.count()).toBe(4);
    expect(new Map(small)).toEqual(
      new Map([
        [-1n, 13n],
        [2n, 14n],
        [3n, 15n],
        [4n, 16n],
      ]),
    );

    const full = thrown(() => small.set(5n, 1n));
    expect(full).toMatchObject({ name: "BpfError", code: "E2BIG", errno: 7, syscall: "bpf_map_update_elem" });
    expect(full.message).toMatch(/^map "small": .* — it holds at most 4: /);
    small.set(4n, 17n);
    expect(
      thrown(() =>
        small.setMany([
          [4n, 18n],
          [6n, 1n],
          [3n, 0n],
        ]),
      ).code,
    ).toBe("E2BIG");
    expect([small.get(4n), small.get(3n)]).toEqual([18n, 15n]);

    expect(small.take(4n)).toBe(18n);
    expect(small.has(4n)).toBe(false);
    expect(small.deleteMany([2n, 2n, 77n, 3n])).toBe(2);
    expect([...small.entries()]).toEqual([[-1n, 13n]]);
    small.clear();
    expect(small.count()).toBe(0);
    expect(small.delete(-1n)).toBe(false);
  });

  test("wrong keys and values name the place, and set nothing", () => {
    using kernel = Kernel.load(only("reflect"));
    const { samples, small, names, slots } = kernel.maps;
    const say = (action: () => unknown): string => {
      const error = thrown(action);
      expect(["RangeError", "TypeError"]).toContain(error.name);
      return error.message;
    };
    for (const wrong of [
      -1,
      1.5,
      Number.NaN,
      2 ** 32,
      2 ** 53,
      "1",
      null,
      undefined,
      1n,
      {},
      [],
      Symbol("x"),
    ]) {
      expect(say(() => samples.get(wrong as never))).toMatch(/^map "samples": key: /);
      expect(say(() => samples.delete(wrong as never))).toMatch(/^map "samples": key: /);
    }
    expect(say(() => small.set(1 as never, 1n))).toMatch(/^map "small": key: (a )?__s64 takes a bigint/);
    expect(say(() => small.set(1n, -1n))).toMatch(/^map "small": value: -1 does not fit __u64/);
    expect(
      say(() =>
        samples.set(1, {
          ...sample(1),
          pairs: [
            { port: 1, delta: 1, tag: "" },
            { port: 70000, delta: 1, tag: "" },
          ],
        }),
      ),
    ).toBe('map "samples": value.pairs[1].port: 70000 does not fit __u16');
    expect(say(() => samples.set(1, { ...sample(1), text: "thirteen byte" }))).toMatch(
      /^map "samples": value\.text: .*13 bytes/,
    );
    expect(say(() => names.get({ text: "x" } as never))).toMatch(/^map "names": key\.port: /);
    expect(say(() => slots.set(0, null as never))).toMatch(/^map "slots": value: /);
    for (const bad of [-1, 3, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "0", null, undefined, 0n])
      for (const use of [() => slots.get(bad as never), () => slots.set(bad as never, sample(0))])
        expect(thrown(use), String(bad)).toBeInstanceOf(RangeError);
    expect(samples.count() + small.count() + names.count()).toBe(0);
    expect(say(() => samples.raw.get(new Uint8Array(3)))).toMatch(/key: 3 elements do not fit/);
    expect(say(() => samples.raw.set(u32(1), new Uint8Array(1)))).toMatch(/value: 1 elements do not fit/);
  });

  test("a call inside a call: getters of a key or value may use the map themselves", () => {
    using kernel = Kernel.load(only("reflect"));
    const { names, samples } = kernel.maps;
    names.set({ text: "inner", port: 1 }, 5);
    const key = {
      text: "outer",
      get port() {
        names.set({ text: "between", port: 9 }, names.get({ text: "inner", port: 1 })! + 1);
        return 2;
      },
    };
    names.set(key, 10);
    expect(new Map([...names].map(([k, v]) => [k.text, v]))).toEqual(
      new Map([
        ["inner", 5],
        ["between", 6],
        ["outer", 10],
      ]),
    );
    const value = {
      ...sample(1),
      get s32() {
        samples.set(2, sample(2));
        return 77;
      },
    };
    samples.set(1, value);
    expect(json(samples.get(1))).toEqual({ ...(sampleJson(1) as object), s32: 77 });
    expect(json(samples.get(2))).toEqual(sampleJson(2));
    expect(samples.count()).toBe(2);
  });

  test("more entries than a batch: all seen once, also while they are deleted", () => {
    using kernel = Kernel.load(only("reflect"));
    const { samples } = kernel.maps;
    const N = 12_000;
    for (let i = 0; i < N; i++) samples.raw.set(u32(i), new Uint8Array(samples.valueSize).fill(i & 255));
    expect(samples.count()).toBe(N);
    const keys = [...samples.keys()].sort((a, b) => a - b);
    expect(keys.length).toBe(N);
    expect(keys.every((key, i) => key === i)).toBe(true);
    let wrong = 0;
    for (const [key, value] of samples)
      if (value.u8 !== (key & 255) || value.u16 !== (key & 255) * 257) wrong++;
    expect(wrong).toBe(0);

    const seen = new Set<number>();
    for (const key of samples.keys()) {
      expect(seen.has(key)).toBe(false);
      seen.add(key);
      samples.delete(key);
      if (key % 2 === 0) samples.delete(key + 1);
    }
    for (let i = 0; i < N; i++) expect(seen.has(i) || seen.has(i - 1)).toBe(true);
    expect(samples.count()).toBe(0);

    for (let i = 0; i < 5000; i++) samples.raw.set(u32(i * 7), new Uint8Array(samples.valueSize));
    const iterator = samples.values();
    iterator.next();
    samples.clear();
    expect([...samples.keys()]).toEqual([]);
    let rest = 0;
    for (const _ of iterator) rest++;
    expect(rest).toBeLessThan(5000);
  });

  test("an LRU map never is full, and keeps what was used last", () => {
    using kernel = Kernel.load(only("reflect"));
    const { recent } = kernel.maps;
    for (let i = 0; i < 5000; i++) recent.set(i, i * 2);
    const left = new Map(recent);
    expect(left.size).toBeGreaterThan(0);
    expect(left.size).toBeLessThanOrEqual(64);
    expect(left.get(4999)).toBe(9998);
    for (const [key, value] of left) expect(value).toBe(key * 2);
    recent.clear();
    expect(recent.count()).toBe(0);
  });

  test("a key that holds text finds itself again, whatever its bytes", () => {
    using kernel = Kernel.load(only("reflect"));
    const { names } = kernel.maps;
    const raw = names.raw;
    const texts = ["", "plain", "ten bytes!", "\0first", "a\0b", "a\0c", "né", "\x01\0\0z"].map((text) =>
      Buffer.from(text),
    );
    texts.push(
      Buffer.from([0xff, 0xfe, 0x80]),
      Buffer.from([0xc3]),
      Buffer.from([0xed, 0xa0, 0x80]),
      Buffer.from([0xef, 0xbb, 0xbf, 65]),
    );
    for (const [i, text] of texts.entries()) {
      const key = new Uint8Array(names.keySize);
      key.set(text);
      key[10] = i;
      raw.set(key, u32(i));
    }
    const keys = [...names.keys()];
    expect(keys.length).toBe(texts.length);
    for (const key of keys) {
      expect(names.get(key)).toBe(key.port);
      expect(names.has(key)).toBe(true);
    }
    expect(names.deleteMany(keys)).toBe(texts.length);
    expect(names.count()).toBe(0);
  });

  test("ArrayMap: by system call and mapped alike", () => {
    using kernel = Kernel.attach(only("reflect"));
    aim(kernel);
    const { slots, mapped } = kernel.maps;
    expect([slots.length, mapped.length]).toEqual([3, 1000]);
    slots.set(0, sample(4));
    expect(json(slots.get(0))).toEqual(sampleJson(4));
    slots.set(0, { ...sample(4), u64: 41n });
    mapped.set(999, { port: 9, delta: -9, tag: "last" });
    const view = mapped.view(999);
    expect({ port: view.port, delta: view.delta, tag: view.tag }).toEqual({
      port: 9,
      delta: -9,
      tag: "last",
    });
    trigger();
    expect(slots.get(0).u64).toBe(42n);
    expect(view.port).toBe(10);
    view.port = 65_535;
    view.tag = "five5";
    trigger();
    expect(mapped.get(999)).toEqual({ port: 0, delta: -9, tag: "five5" });
    expect(mapped.raw.get(u32(999))![0]).toBe(0);
    expect(thrown(() => (view.port = 65_536)).name).toBe("RangeError");
    expect(copy(view)).toEqual(mapped.get(999));
    const all = [...mapped];
    expect(all.length).toBe(1000);
    expect(all[999]).toEqual([999, mapped.get(999)]);
    expect(all[0]).toEqual([0, { port: 0, delta: 0, tag: "" }]);
    expect([...slots.values()].length).toBe(3);
    expect(thrown(() => slots.view(0))).toMatchObject({ code: "ERR_BPF_STATE" });
    expect(thrown(() => slots.view(0)).message).toMatch(/BPF_F_MMAPABLE/);
    expect(thrown(() => mapped.view(1000))).toBeInstanceOf(RangeError);
  });

  test("info, raw, freeze, and pinning by hand and by configuration", async () => {
    const name = uniqueName();
    const pin = `/sys/fs/bpf/${uniqueName()}`;
    {
      using kernel = Kernel.load(
        (opened) => {
          only("reflect")(opened);
          opened.maps.small.maxEntries = 2;
          expect(opened.maps.small.maxEntries).toBe(2);
          opened.maps.recent.autocreate = false;
          opened.maps.names.pinPath = pin;
          expect(opened.maps.names.pinPath).toBe(pin);
        },
        { name },
      );
      const { small, names, samples } = kernel.maps;
      expect(small.info()).toMatchObject({ name: "small", type: 1, keySize: 8, valueSize: 8, maxEntries: 2 });
      expect(small.fd).toBe(small.raw.fd);
      small.raw.set(new Uint8Array(8).fill(255), new Uint8Array(8).fill(1));
      expect(small.get(-1n)).toBe(0x0101_0101_0101_0101n);
      small.set(0n, 0n);
      expect(thrown(() => small.set(1n, 0n)).code).toBe("E2BIG");
      expect(thrown(() => kernel.maps.recent)).toMatchObject({ code: "ERR_BPF_STATE" });
      expect(thrown(() => kernel.maps.recent).message).toMatch(/^map "recent": .* — /);

      expect(existsSync(pin)).toBe(true);
      names.set({ text: "kept", port: 1 }, 1);
      const byHand = `${pin}b`;
      samples.pin(byHand);
      expect(thrown(() => samples.pin(byHand))).toMatchObject({ name: "BpfError", code: "EEXIST" });
      samples.unpin();
      expect(existsSync(byHand)).toBe(false);
      expect(thrown(() => samples.unpin(byHand))).toMatchObject({ name: "BpfError", code: "ENOENT" });
      samples.freeze();
      expect(thrown(() => samples.set(1, sample(1)))).toMatchObject({ name: "BpfError", code: "EPERM" });
      expect(samples.get(1)).toBeUndefined();
    }
    try {
      // Taken from its pin: by path and by descriptor.
      using again = Kernel.load(
        (opened) => {
          only("reflect")(opened);
          opened.maps.names.reuse(pin);
        },
        { name },
      );
      expect(again.maps.names.get({ text: "kept", port: 1 })).toBe(1);
      using third = Kernel.load(
        (opened) => {
          only("reflect")(opened);
          opened.maps.names.reuse(again.maps.names.fd);
        },
        { name },
      );
      third.maps.names.set({ text: "third", port: 3 }, 3);
      expect(again.maps.names.count()).toBe(2);
      expect(thrown(() => Kernel.load((opened) => opened.maps.names.reuse(`${pin}-none`)))).toMatchObject({
        name: "BpfError",
        code: "ENOENT",
      });
      again.maps.names.unpin(pin);
      expect(existsSync(pin)).toBe(false);
      // What loading has pinned, unpin() knows.
      using fourth = Kernel.load(
        (opened) => {
          only("reflect")(opened);
          opened.maps.names.pinPath = pin;
        },
        { name },
      );
      expect(existsSync(pin)).toBe(true);
      fourth.maps.names.unpin();
      expect(existsSync(pin)).toBe(false);
    } finally {
      rmSync(pin, { force: true });
    }
    await expectNothingLeft(name);
  });

  test("without a skeleton: programs and maps by name, contents as bytes", () => {
    using object = BpfObject.open(fixture("kernel.bpf.o"), { name: uniqueName() });
    expect(thrown(() => object.maps())).toMatchObject({ code: "ERR_BPF_STATE" });
    object.load();
    expect(object.programs().map((program) => program.name)).toContain("reflect");
    expect(object.maps().map((map) => map.name)).toEqual(expect.arrayContaining(["samples", "records"]));
    using link = object.program("reflect").attach();
    const bss = object.map(".bss");
    const zero = u32(0);
    const before = bss.get(zero)!;
    expect(before.length).toBe(bss.valueSize);
    const slots = object.map("slots");
    expect(object.map("slots")).toBe(slots);
    expect([...slots.keys()].length).toBe(3);
    expect(thrown(() => slots.delete(zero))).toMatchObject({ name: "BpfError", code: "EINVAL" });
    expect(
      thrown(() => slots.get(u32(3)) ?? slots.set(u32(3), new Uint8Array(slots.valueSize))),
    ).toMatchObject({ name: "BpfError", code: "E2BIG" });
    expect(object.map("records").type).toBe(27);
    expect(thrown(() => object.map("records").get(new Uint8Array(0)))).toMatchObject({ name: "BpfError" });
    expect(thrown(() => object.map("records").count())).toMatchObject({ name: "BpfError" });
    expect(link.info().programId > 0).toBe(since(5, 15));
    object.close();
    expect(thrown(() => slots.get(zero))).toMatchObject({ code: "ERR_BPF_CLOSED" });
    expect(thrown(() => object.map("slots"))).toMatchObject({ code: "ERR_BPF_CLOSED" });
    expect(thrown(() => link.fd)).toMatchObject({ code: "ERR_BPF_CLOSED" });
  });
});
