import { closeSync, existsSync, openSync } from "node:fs";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import {
  ArrayMap,
  BloomFilter,
  BpfMap,
  codecs,
  FdArray,
  HashMap,
  HashOfMaps,
  Link,
  LpmTrie,
  MapType,
  PerCpuArrayMap,
  PerCpuHashMap,
  possibleCpus,
  probe,
  Queue,
  RawMap,
  RingBuf,
  StackTraceMap,
  StorageMap,
  UserRingBuf,
} from "../../runtime/index.js";
import { KernelMapKinds } from "../fixtures/kernel-map-kinds.skel.js";
import { describeKernel, openFds, openPidfd, since, thrown, uniqueName } from "./kernel.js";

const { u32, u64 } = codecs;

describeKernel("maps without an object", () => {
  test("are made, pinned, opened by id and pin as the class that they are, and listed", async () => {
    const fds = openFds();
    const pin = `/sys/fs/bpf/${uniqueName()}`;
    const name = uniqueName();
    {
      using map = BpfMap.create({ name, maxEntries: 8 }, HashMap, u32, u64);
      map.set(1, 10n);
      expect(map.info()).toMatchObject({ name, type: MapType.HASH, keySize: 4, valueSize: 8, maxEntries: 8 });
      expect(map.info()).toMatchObject({ extra: 0n, btfId: 0 });
      using byId = BpfMap.open({ id: map.info().id }, HashMap, u32, u64);
      byId.set(2, 20n);
      expect(byId.name).toBe(name);
      map.pin(pin);
      const listed = [...BpfMap.list()].filter((info) => info.name === name);
      expect(listed).toEqual([map.info()]);
    }
    {
      using map = BpfMap.open({ pin }, HashMap, u32, u64);
      expect(new Map(map)).toEqual(
        new Map([
          [1, 10n],
          [2, 20n],
        ]),
      );
      using raw = BpfMap.open({ pin }, RawMap);
      expect(raw.count()).toBe(2);
      map.close();
      map.close();
      expect(thrown(() => map.get(1))).toMatchObject({ code: "ERR_BPF_CLOSED" });
      raw.unpin(pin);
      expect(existsSync(pin)).toBe(false);
    }
    expect(openFds()).toBe(fds);
    // The kernel frees behind the back of close(2).
    await expect
      .poll(() => [...BpfMap.list()].some((info) => info.name === name), { timeout: 5_000 })
      .toBe(false);
    // A loop that is left early leaves nothing open.
    for (const info of BpfMap.list()) if (info.id > 0) break;
    expect(openFds()).toBe(fds);
  });

  test("are opened for reading or writing alone", () => {
    const pin = `/sys/fs/bpf/${uniqueName()}`;
    using map = BpfMap.create({ maxEntries: 8 }, HashMap, u32, u64);
    map.set(1, 10n);
    map.pin(pin);
    const { id } = map.info();
    for (const target of [{ pin }, { id }]) {
      using reader = BpfMap.open({ ...target, access: "read" }, HashMap, u32, u64);
      expect([...reader]).toEqual([[1, 10n]]);
      expect(thrown(() => reader.set(2, 20n))).toMatchObject({ name: "BpfError", code: "EPERM" });
      expect(thrown(() => reader.delete(1))).toMatchObject({ code: "EPERM" });
      using writer = BpfMap.open({ ...target, access: "write" }, HashMap, u32, u64);
      writer.set(1, 10n);
      expect(thrown(() => writer.get(1))).toMatchObject({ name: "BpfError", code: "EPERM" });
    }
    map.unpin();
    for (const access of ["none", 8, null])
      expect(() => BpfMap.open({ id, access: access as never }, HashMap, u32, u64)).toThrow(TypeError);
    expect(() => Link.open({ id: 1, access: "read" } as never)).toThrow(
      /access is "read" or "write", of a map/,
    );
  });

  test("a map of another type or size is not opened, and what is nonsense not made", () => {
    const fds = openFds();
    using map = BpfMap.create({ name: "other", maxEntries: 8 }, HashMap, u32, u64);
    const { id } = map.info();
    const open = openFds();
    const wrongType = thrown(() => BpfMap.open({ id }, Queue, u64));
    expect(wrongType).toMatchObject({ name: "BpfError", code: "ERR_BPF_LAYOUT" });
    expect(wrongType.message).toBe(
      'map "other": is a hash, not a queue — open it as its own class, or as RawMap',
    );
    const wrongSize = thrown(() => BpfMap.open({ id }, HashMap, u64, u64));
    expect(wrongSize).toMatchObject({ code: "ERR_BPF_LAYOUT" });
    expect(wrongSize.message).toMatch(
      /keys of 4 and values of 8 bytes, not 8 and 8 — use codecs of its sizes/,
    );
    expect(thrown(() => BpfMap.open({ id: 2 ** 32 - 1 }, RawMap))).toMatchObject({ code: "ENOENT" });
    expect(thrown(() => BpfMap.open({ pin: "/sys/fs/bpf/no/such" }, RawMap))).toMatchObject({
      code: "ENOENT",
    });
    for (const bad of [{}, { id: 1, pin: "x" }, undefined, { pin: "a\0b" }, { id: "1" }, { pin: 1 }])
      expect(() => BpfMap.open(bad as never, RawMap)).toThrow(TypeError);
    for (const bad of [-1, 0.5, Number.NaN])
      expect(() => BpfMap.open({ id: bad }, RawMap)).toThrow(RangeError);

    expect(() => BpfMap.create({} as never, HashMap, u32, u64)).toThrow(/how large\? — create\({ maxEntries/);
    expect(() => BpfMap.create({ maxEntries: 1 }, RawMap)).toThrow(/which type of map\? — /);
    expect(() => BpfMap.create({ type: MapType.ARRAY, maxEntries: 1 }, HashMap, u32, u64)).toThrow(
      /array has another class/,
    );
    expect(() => BpfMap.create({ name: "no spaces", maxEntries: 1 }, HashMap, u32, u64)).toThrow(TypeError);
    expect(() => BpfMap.create({ name: "sixteen_letters_", maxEntries: 1 }, HashMap, u32, u64)).toThrow(
      TypeError,
    );
    for (const bad of [-1, 0.5, 2 ** 32])
      for (const option of ["maxEntries", "flags", "numaNode", "keySize", "type"])
        expect(() => BpfMap.create({ maxEntries: 1, [option]: bad }, HashMap, u32, u64), option).toThrow(
          option === "type" ? RangeError : RangeError,
        );
    expect(() => BpfMap.create({ maxEntries: 1, extra: 1 as never }, HashMap, u32, u64)).toThrow(TypeError);
    expect(() => BpfMap.create(undefined as never, HashMap, u32, u64)).toThrow(TypeError);
    expect(thrown(() => BpfMap.create({ maxEntries: 0 }, HashMap, u32, u64))).toMatchObject({
      code: "EINVAL",
    });
    expect(thrown(() => BpfMap.create({ maxEntries: 1, numaNode: 1000 }, HashMap, u32, u64))).toMatchObject({
      code: "EINVAL",
    });
    if (!probe.mapType(MapType.INSN_ARRAY)) {
      const missing = thrown(() =>
        BpfMap.create({ type: MapType.INSN_ARRAY, maxEntries: 1, keySize: 4, valueSize: 16 }, RawMap),
      );
      expect(missing.message).toBe(
        'map "": bpf_map_create: this kernel has no maps of type insn_array (EINVAL) — Linux 6.19 or newer has them',
      );
    }
    const bpffs = `/sys/fs/bpf/${uniqueName()}`;
    using kinds = KernelMapKinds.load((opened) => {
      for (const program of Object.values(opened.programs)) program.autoload = false;
      for (const each of Object.values(opened.maps)) each.autocreate = false;
      opened.programs.in_prog_array.autoload = true;
    });
    kinds.programs.in_prog_array.pin(bpffs);
    expect(thrown(() => BpfMap.open({ pin: bpffs }, RawMap)).message).toMatch(
      /is no map — is the path that of another/,
    );
    kinds.programs.in_prog_array.unpin(bpffs);
    kinds.close();
    expect(openFds()).toBe(open);
    map.close();
    expect(openFds()).toBe(fds);
  });

  test.skipIf(!since(6, 1))("every class makes the type that it is for (kernel 6.1 has them all)", () => {
    const fds = openFds();
    {
      using lru = BpfMap.create({ type: MapType.LRU_HASH, maxEntries: 64 }, HashMap, u32, u64);
      using trie = BpfMap.create({ maxEntries: 4 }, LpmTrie, codecs.bytes(8), u64);
      using bloom = BpfMap.create({ maxEntries: 4, extra: 5n }, BloomFilter, u64);
      using ring = BpfMap.create({ maxEntries: 4096 }, RingBuf, u64);
      using commands = BpfMap.create({ maxEntries: 4096 }, UserRingBuf, u64);
      using storage = BpfMap.create({ type: MapType.TASK_STORAGE }, StorageMap, u64);
      using stacks = BpfMap.create({ maxEntries: 4 }, StackTraceMap);
      using slots = BpfMap.create({ maxEntries: 4, flags: 0x400 }, ArrayMap, u64);
      using cgroups = BpfMap.create({ maxEntries: 4, numaNode: 0 }, FdArray);
      const types = [lru, trie, bloom, ring, commands, storage, stacks, slots, cgroups].map(
        (map) => map.info().type,
      );
      expect(types).toEqual([9, 11, 30, 27, 31, 29, 7, 2, 8]);
      expect(bloom.info().extra).toBe(5n);
      expect(cgroups.info().flags & 4).toBe(4);
      slots.view(1);
      slots.set(1, 7n);
      expect(slots.get(1)).toBe(7n);
      const pidfd = openPidfd(process.pid);
      storage.set(pidfd, 3n);
      expect(storage.get(pidfd)).toBe(3n);
      closeSync(pidfd);
      expect(commands.submit(1n)).toBe(true);
      expect(ring.drain(() => undefined)).toBe(0);
    }
    expect(openFds()).toBe(fds);
  });

  test("maps of maps take maps that were made by themselves", () => {
    using inner = BpfMap.create({ maxEntries: 4 }, HashMap, u32, u64);
    const spec = { auto: false, create: (handle: never) => new HashMap(handle, u32, u64) };
    using outer = BpfMap.create(
      { maxEntries: 4, inner },
      HashOfMaps,
      u64 as never,
      spec as never,
    ) as unknown as HashOfMaps<bigint, HashMap<number, bigint>> & Disposable;
    outer.set(5n, inner);
    inner.set(1, 2n);
    using got = outer.get(5n)!;
    expect(got.get(1)).toBe(2n);
    expect([...outer.keys()]).toEqual([5n]);
    using other = BpfMap.create({ maxEntries: 4 }, HashMap, u64, u64);
    expect(thrown(() => outer.set(6n, other))).toMatchObject({ code: "EINVAL" });
  });

  test("made inner maps are what the definition says: with its BTF, which locks in values take", () => {
    const load = (): ReturnType<typeof KernelMapKinds.load> =>
      KernelMapKinds.load((opened) => {
        for (const program of Object.values(opened.programs)) program.autoload = false;
        for (const [name, map] of Object.entries(opened.maps)) map.autocreate = name === "hash_of_locked";
      });
    if (!since(6, 2)) {
      expect(thrown(load).message).toMatch(/bpf_spin_lock go into maps of maps on Linux 6\.2 or newer/);
      return;
    }
    using kinds = load();
    using inner = kinds.maps.hash_of_locked.create({ maxEntries: 2 });
    expect(inner.info()).toMatchObject({ maxEntries: 2 });
    expect(inner.info().btfId).toBeGreaterThan(0);
    inner.set(1, { lock: { val: 0 }, n: 5n }, { lock: true });
    expect(inner.get(1, { lock: true })!.n).toBe(5n);
    kinds.maps.hash_of_locked.set(1, inner);
  });

  test("console.log says what a map is, and when it is closed", () => {
    using map = BpfMap.create({ name: "shown", maxEntries: 8 }, HashMap, u32, u64);
    expect(inspect(map)).toBe(`HashMap "shown": hash, 8 entries of 4 and 8 bytes, fd ${map.fd}`);
    using ring = BpfMap.create({ name: "ring", maxEntries: 4096 }, RingBuf, u64);
    expect(inspect([ring])).toBe(`[ RingBuf "ring": ringbuf, 4096 bytes, fd ${ring.fd} ]`);
    map.close();
    expect(inspect(map)).toBe('HashMap "shown": hash, 8 entries of 4 and 8 bytes, closed');
  });
});

describeKernel("many entries at once", () => {
  test("setMany, deleteMany and takeAll of more than a batch", () => {
    using map = BpfMap.create({ maxEntries: 20_000 }, HashMap, u32, u64);
    const entries = Array.from({ length: 10_000 }, (_, i): [number, bigint] => [i, BigInt(i) ** 2n]);
    map.setMany(entries);
    expect(map.count()).toBe(10_000);
    expect(map.get(9_999)).toBe(9_999n ** 2n);
    map.setMany(new Map([[1, 0n]]), { mode: "replace" });
    expect(map.get(1)).toBe(0n);
    map.set(1, 1n);
    // Every third key is not there: a batch goes on behind it.
    const gone = function* (): Generator<number> {
      for (let i = 0; i < 3000; i++) yield i % 3 === 0 ? 100_000 + i : i;
    };
    expect(map.deleteMany(gone())).toBe(2000);
    expect(map.count()).toBe(8_000);
    const taken = new Map(map.takeAll());
    expect(taken.size).toBe(8_000);
    for (const [key, value] of taken) expect(value).toBe(BigInt(key) ** 2n);
    expect(map.count()).toBe(0);
    map.setMany(entries);
    for (const [key] of map.takeAll()) if (key >= 0) break;
    expect(map.count()).toBeLessThan(10_000);
    map.clear();
    expect(map.count()).toBe(0);
  });

  test("those before a failing one stay, whether it does not fit its type or the map", () => {
    using map = BpfMap.create({ maxEntries: 4 }, HashMap, u32, u64);
    const bad: [number, bigint][] = [
      [1, 1n],
      [2, 2n],
      [3, -1n],
      [4, 4n],
    ];
    expect(() => map.setMany(bad)).toThrow(/value: -1 does not fit __u64/);
    expect([...map.keys()].sort()).toEqual([1, 2]);
    const many = Array.from({ length: 9 }, (_, i): [number, bigint] => [i, 0n]);
    const full = thrown(() => map.setMany(many));
    expect(full).toMatchObject({ code: "E2BIG", syscall: "bpf_map_update_batch" });
    expect(full.message).toMatch(/it holds at most 4: raise/);
    expect(map.count()).toBe(4);
    expect(thrown(() => map.setMany([[5, 1n]], { mode: "replace" }))).toMatchObject({ code: "ENOENT" });
    expect(() => map.setMany(5 as never)).toThrow(TypeError);
    expect(() => map.deleteMany(5 as never)).toThrow(TypeError);
    expect(() => map.setMany([[1, 1n]], { lock: 1 as never })).toThrow(TypeError);
    expect(thrown(() => map.get(1, { lock: true })).message).toMatch(
      /lock takes a value with a struct bpf_spin_lock/,
    );
    expect(thrown(() => map.set(1, 1n, { lock: true })).message).toMatch(/lock takes a value with/);
  });

  test("arrays are read and written in batches, in order", () => {
    using map = BpfMap.create({ maxEntries: 10_000 }, ArrayMap, u32);
    map.setMany(Array.from({ length: 10_000 }, (_, i): [number, number] => [9_999 - i, i]));
    expect([...map.values()]).toEqual(Array.from({ length: 10_000 }, (_, i) => 9_999 - i));
    expect(() => map.setMany([[10_000, 1]])).toThrow(RangeError);
    expect(() =>
      map.setMany([
        [0, 5],
        [1, 2 ** 32],
      ]),
    ).toThrow(RangeError);
    expect(map.get(0)).toBe(5);
    using percpu = BpfMap.create({ maxEntries: 1000 }, PerCpuArrayMap, u64);
    percpu.fill(999, 7n);
    percpu.setMany([[998, Array<bigint>(possibleCpus()).fill(3n)]]);
    const all = [...percpu];
    expect(all.length).toBe(1000);
    expect(all[999]).toEqual([999, Array<bigint>(possibleCpus()).fill(7n)]);
    expect(all[998]![1]).toEqual(new Array<bigint>(possibleCpus()).fill(3n));
    using hash = BpfMap.create({ maxEntries: 1000 }, PerCpuHashMap, u32, u32);
    hash.fill(5, 6);
    expect(hash.get(5)).toEqual(new Array(possibleCpus()).fill(6));
    // Kernels before 7.0 say so.
    for (const setCpu of [() => percpu.setCpu(999, 0, 8n), () => hash.setCpu(5, 0, 8)]) {
      try {
        setCpu();
      } catch (error) {
        expect(String(error)).toMatch(/EINVAL.* — Linux 7.0 or newer stores that of one CPU/);
        continue;
      }
      expect(percpu.get(999)).toEqual([8n, ...Array<bigint>(possibleCpus() - 1).fill(7n)]);
    }
    for (const cpu of [-1, 0.5, possibleCpus()]) expect(() => hash.setCpu(5, cpu, 8)).toThrow(RangeError);
    expect(() => hash.setCpu(5, 0, -1)).toThrow(RangeError);
  });

  test("values of any size: batches shrink with them", () => {
    using map = BpfMap.create({ maxEntries: 8, flags: 1 }, HashMap, u32, codecs.bytes(1 << 20));
    map.setMany([1, 2, 3].map((n): [number, Uint8Array] => [n, new Uint8Array(1 << 20).fill(n)]));
    expect([...map.values()].map((value) => value[12_345]).sort()).toEqual([1, 2, 3]);
  });

  test("storage maps do not say that they are empty: the kernel does not list them", () => {
    using storage = BpfMap.create({ type: MapType.INODE_STORAGE }, StorageMap, u64);
    const fd = openSync("/proc/self/exe", "r");
    storage.set(fd, 1n);
    const error = thrown(() => storage.raw.count());
    closeSync(fd);
    expect(error).toMatchObject({ name: "BpfError", code: "ENOTSUPP" });
    expect(error.message).toMatch(
      /the kernel does not list what is in a map of this type .* — look entries up/,
    );
  });
});
