import { execFileSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { release } from "node:os";
import { expect, test } from "vitest";
import {
  BpfMap,
  BpfObject,
  codecs,
  encode,
  HashMap,
  libbpfVersion,
  MapType,
  type Opened,
  PerfEventArray,
  possibleCpus,
  u32,
  u64,
  withObject,
} from "../../runtime/index.js";
import { fixture } from "../fixtures/fixtures.js";
import { Kernel } from "../fixtures/kernel.skel.js";
import { KernelExtra } from "../fixtures/kernel-extra.skel.js";
import { KernelMaps, Point } from "../fixtures/kernel-maps.skel.js";
import { KernelStructOps } from "../fixtures/kernel-struct-ops.skel.js";
import {
  describeKernel,
  expectNothingLeft,
  only,
  openFds,
  reasons,
  thrown,
  trigger,
  uniqueName,
} from "./kernel.js";

const { minor } = reasons.length === 0 ? libbpfVersion() : { minor: 0 };
const [major = 0, second = 0] = release().split(".").map(Number);
const BPF_F_NO_PREALLOC = 1;

describeKernel("what is set before load", () => {
  test("a map's type, flags, sizes and extra are those that the kernel then tells", () => {
    using kernel = KernelMaps.load(({ maps }) => {
      const { percpu_hash, lru_percpu_hash, stacks, bloom } = maps;
      expect(percpu_hash).toMatchObject({ type: MapType.PERCPU_HASH, keySize: 4, flags: 0, ifindex: 0 });
      percpu_hash.type = MapType.LRU_PERCPU_HASH;
      lru_percpu_hash.type = MapType.PERCPU_HASH;
      lru_percpu_hash.flags = BPF_F_NO_PREALLOC;
      lru_percpu_hash.maxEntries = 100;
      stacks.valueSize = 8 * 10;
      expect(bloom.extra).toBe(0n);
      bloom.extra = 3n;
      expect([percpu_hash.type, lru_percpu_hash.flags, stacks.valueSize, bloom.extra]).toEqual([
        MapType.LRU_PERCPU_HASH,
        BPF_F_NO_PREALLOC,
        80,
        3n,
      ]);
    });
    const { percpu_hash, lru_percpu_hash, stacks, bloom } = kernel.maps;
    expect(percpu_hash.info()).toMatchObject({ type: MapType.LRU_PERCPU_HASH });
    expect(lru_percpu_hash.info()).toMatchObject({ flags: BPF_F_NO_PREALLOC, maxEntries: 100 });
    expect(stacks.info()).toMatchObject({ valueSize: 80 });
    expect(bloom.info()).toMatchObject({ extra: 3n });
    // Used as the types that they have become.
    const values = (value: number): number[] => Array(possibleCpus()).fill(value);
    for (let i = 0; i < 100; i++) lru_percpu_hash.set(i, values(i));
    expect(thrown(() => lru_percpu_hash.set(100, values(1)))).toMatchObject({ code: "E2BIG" });
  });

  test("what cannot be is refused where it is set, and changes nothing", () => {
    const fds = openFds();
    using opened = KernelMaps.open();
    const { maps } = opened;
    const wrong = (action: () => unknown, kind: typeof Error, what: RegExp): void => {
      expect(action).toThrow(kind);
      expect(thrown(action).message).toMatch(what);
    };
    wrong(
      () => (maps.first.type = MapType.ARRAY),
      TypeError,
      /^map "first": type: a hash cannot become a array, /,
    );
    wrong(() => (maps.slots.type = MapType.ARENA), TypeError, /define it so in C$/);
    wrong(() => (maps.jumps.type = MapType.ARRAY), TypeError, /define it so in C$/);
    wrong(() => (maps.first.type = 2 ** 31), RangeError, /does not fit an enum/);
    wrong(() => (maps.first.flags = -1), RangeError, /^map "first": flags: -1 does not fit __u32$/);
    wrong(() => (maps.first.flags = "1" as never), TypeError, /a number is needed, not string/);
    wrong(() => (maps.first.extra = 1 as never), TypeError, /a bigint is needed, not number/);
    wrong(() => (maps.first.extra = -1n), RangeError, /does not fit __u64/);
    wrong(() => (maps.first.keySize = 0.5), RangeError, /does not fit __u32/);
    wrong(() => (maps.first.bufferPages = 8), TypeError, /is of perf event arrays only/);
    for (const pages of [0, 3, 2 ** 17, -1])
      wrong(() => (maps.perf.bufferPages = pages), RangeError, /bufferPages: /);
    wrong(() => maps.first.setInnerMap(null as never), TypeError, /^map "first": setInnerMap\(\): a number/);
    wrong(() => maps.first.setExclusiveProgram({} as never), TypeError, /takes a program's configuration/);
    wrong(() => (opened.programs.on_getppid.ifindex = -1), RangeError, /does not fit __u32/);
    using own = BpfMap.create({ maxEntries: 1 }, HashMap, u32, u64);
    expect(thrown(() => maps.first.setInnerMap(own))).toMatchObject({ name: "BpfError", code: "EINVAL" });
    expect(maps.first).toMatchObject({ type: MapType.HASH, flags: 0, keySize: 4, extra: 0n });
    const foreign = openSync("/dev/null", "r");
    for (const fd of [foreign, 0x7fff_fff0])
      for (const attempt of [() => maps.first.reuse(fd), () => maps.slots.setInnerMap({ fd })])
        expect(thrown(attempt)).toMatchObject({ name: "BpfError", code: "EINVAL" });
    expect(thrown(() => maps.first.reuse(foreign)).message).toMatch(/is of no map — is it still open\?$/);
    closeSync(foreign);
    expect(thrown(() => maps.first.reuse("/sys/fs/bpf/none"))).toMatchObject({ code: "ENOENT" });
    wrong(() => maps.first.reuse(-1), RangeError, /^map "first": reuse\(\): -1 does not fit __u32$/);
    own.close();
    opened.close();
    expect(openFds()).toBe(fds);
    expect(thrown(() => maps.first.flags)).toMatchObject({ code: "ERR_BPF_CLOSED" });
    expect(thrown(() => (maps.perf.bufferPages = 8))).toMatchObject({ code: "ERR_BPF_CLOSED" });
    expect(thrown(() => maps.slots.setInnerMap({ fd: 1 }))).toMatchObject({ code: "ERR_BPF_CLOSED" });
  });

  test("a map of another size than its codecs is not handed out", () => {
    using kernel = KernelMaps.load(({ maps }) => {
      maps.lru_percpu_hash.keySize = 8;
    });
    expect(thrown(() => kernel.maps.lru_percpu_hash)).toMatchObject({ code: "ERR_BPF_LAYOUT" });
  });

  test("a map of maps takes what is like another map", () => {
    using like = BpfMap.create({ maxEntries: 7 }, HashMap, codecs.u32, Point);
    using kernel = KernelMaps.load(({ maps }) => maps.by_key.setInnerMap(like));
    using made = kernel.maps.by_key.create();
    expect(made.info()).toMatchObject({ type: MapType.HASH, maxEntries: 7, keySize: 4 });
    kernel.maps.by_key.set(1n, made);
    using got = kernel.maps.by_key.get(1n)!;
    expect(got.info().id).toBe(made.info().id);
    expect(() =>
      KernelMaps.load(({ maps }) => {
        maps.by_key.setInnerMap(like);
        maps.by_key.setInnerMap(like);
      }),
    ).toThrow(/bpf_map__set_inner_map_fd/);
  });

  test("perf event arrays have rings of as many pages as asked for", () => {
    using kernel = KernelMaps.load(({ maps }) => {
      expect(maps.perf.bufferPages).toBe(64);
      maps.perf.bufferPages = 1;
    });
    kernel.attach();
    kernel.bss.target = process.pid;
    kernel.bss.send_records = true;
    expect(kernel.maps.perf.drain(() => undefined)).toBe(0);
    // A page holds about a hundred records.
    trigger(1000);
    const kept = kernel.maps.perf.drain(() => undefined);
    expect(kept).toBeGreaterThan(50);
    expect(kept).toBeLessThan(600);
    trigger(1);
    kernel.maps.perf.drain(() => undefined);
    expect(kernel.maps.perf.lost).toBeGreaterThan(300n);
    using own = BpfMap.create({}, PerfEventArray, Point, { pages: 2 });
    expect(own.drain(() => undefined)).toBe(0);
    expect(() => BpfMap.create({}, PerfEventArray, Point, { pages: 3 })).toThrow(RangeError);
  });

  test("a map that is exclusive to a program is refused to all others", () => {
    const load = (configure: (opened: Opened<KernelExtra>) => void) => KernelExtra.load(configure);
    if (minor < 7) {
      const error = thrown(() =>
        load(({ maps, programs }) => maps.own.setExclusiveProgram(programs.count_up)),
      );
      expect(error).toMatchObject({ code: "ERR_BPF_LIBRARY" });
      expect(error.message).toMatch(/install libbpf 1\.7 or newer$/);
      return;
    }
    const known = major > 6 || second >= 18;
    if (!known) {
      expect(() => load(({ maps, programs }) => maps.own.setExclusiveProgram(programs.count_up))).toThrow();
      return;
    }
    using kernel = load(({ maps, programs }) => maps.own.setExclusiveProgram(programs.count_up));
    kernel.programs.count_up.testRun({ ctx: new Uint8Array(new Uint32Array([3]).buffer) });
    expect([...kernel.maps.own]).toEqual([[3, 1n]]);
    expect(() => load(({ maps, programs }) => maps.own.setExclusiveProgram(programs.write_lines))).toThrow(
      /count_up/,
    );
  });

  test("struct_ops maps are attached by hand when that is asked for", () => {
    using kernel = KernelStructOps.load(({ maps }) => {
      maps.bare.autocreate = false;
      expect(maps.nothing.autoattach).toBe(true);
      maps.nothing.autoattach = false;
      expect(() => (maps.nothing.autoattach = 1 as never)).toThrow(TypeError);
      expect(() => (maps.nothing.valueSize = 4096)).toThrow(/is of its struct's size$/);
      expect(() => (maps.nothing.keySize = 8)).toThrow(TypeError);
      expect(maps.nothing.autoattach).toBe(false);
    });
    kernel.attach();
    expect(kernel.links.nothing).toBeUndefined();
    using link = kernel.maps.nothing.attach();
    expect(link.info().kind).toBeDefined();
  });

  test.skipIf(major < 6 || (major === 6 && second < 3))(
    "a program that is bound to a device attaches to that alone (kernel 6.3)",
    () => {
      const BPF_F_XDP_DEV_BOUND_ONLY = 64;
      const index = (name: string): number =>
        Number(execFileSync("ip", ["-o", "link", "show", name], { encoding: "utf8" }).split(":")[0]);
      execFileSync("ip", ["link", "add", "config0", "type", "veth", "peer", "name", "config1"]);
      try {
        using kernel = Kernel.load((opened) => {
          only("by_xdp")(opened);
          opened.programs.by_xdp.ifindex = index("config0");
          opened.programs.by_xdp.flags |= BPF_F_XDP_DEV_BOUND_ONLY;
          expect(opened.programs.by_xdp.ifindex).toBe(index("config0"));
        });
        kernel.programs.by_xdp.attach("config0").destroy();
        expect(thrown(() => kernel.programs.by_xdp.attach("config1"))).toMatchObject({ code: "EINVAL" });
      } finally {
        execFileSync("ip", ["link", "del", "config0"]);
      }
    },
  );
});

describeKernel("what is set before load, without a skeleton", () => {
  test("programs, maps and the bytes of data sections", async () => {
    const name = uniqueName();
    {
      using object = BpfObject.open(fixture("kernel.bpf.o"), { name });
      for (const program of object.programs()) object.programConfig(program.name).autoload = false;
      const reflect = object.programConfig("reflect");
      reflect.autoload = true;
      reflect.logLevel = 0;
      expect([reflect.type, reflect.autoload, object.programConfig("by_xdp").autoload]).toEqual([
        5,
        true,
        false,
      ]);
      object.mapConfig("samples").maxEntries = 77;
      const rodata = object.mapConfig(".rodata");
      const bytes = rodata.initialValue!;
      expect(new DataView(bytes.buffer).getUint32(0, true)).toBe(10);
      bytes.set(encode(u32, 20), 0);
      // A copy: it changes when it is set.
      expect(rodata.initialValue![0]).toBe(10);
      rodata.initialValue = bytes;
      expect(rodata.initialValue![0]).toBe(20);
      expect(object.mapConfig("samples").initialValue).toBeUndefined();
      object.load();
      expect(object.map("samples").info().maxEntries).toBe(77);
      expect(object.map(".rodata").get(new Uint8Array(4))![0]).toBe(20);
      expect(thrown(() => object.mapConfig("samples").maxEntries)).toMatchObject({ code: "ERR_BPF_STATE" });
      expect(thrown(() => (reflect.autoload = false))).toMatchObject({ code: "ERR_BPF_STATE" });
      expect(thrown(() => rodata.initialValue)).toMatchObject({ code: "ERR_BPF_STATE" });
    }
    await expectNothingLeft(name);
  });

  test("what would have libbpf write where it must not is refused", () => {
    using object = BpfObject.open(fixture("kernel.bpf.o"));
    const bss = object.mapConfig(".bss");
    const before = bss.initialValue!;
    for (const action of [
      () => (bss.maxEntries = 1000),
      () => (bss.keySize = 8),
      () => (bss.flags = 0),
      () => (bss.type = MapType.HASH),
      () => (bss.extra = 1n),
      () => (bss.ifindex = 1),
      () => (bss.initialValue = "x" as never),
      () => (bss.initialValue = undefined),
      () => (object.mapConfig("samples").initialValue = new Uint8Array(4)),
    ])
      expect(action).toThrow(TypeError);
    expect(() => (bss.initialValue = new Uint8Array(4))).toThrow(RangeError);
    expect(thrown(() => (bss.initialValue = new Uint8Array(4))).message).toMatch(
      new RegExp(`^map ".bss": initialValue: takes ${before.length} bytes, not 4$`),
    );
    if (minor < 3) expect(thrown(() => (bss.valueSize = 2 ** 20))).toMatchObject({ code: "ERR_BPF_LIBRARY" });
    expect(thrown(() => object.mapConfig("none"))).toMatchObject({ code: "ENOENT" });
    expect(thrown(() => object.programConfig("none"))).toMatchObject({ code: "ENOENT" });
    expect(bss.initialValue).toEqual(before);
    object.load();
  });

  test("withObject configures in beforeLoad", () => {
    const path = new URL("../fixtures/parity.bpf.o", import.meta.url).pathname;
    const entries = withObject(
      {
        path,
        programs: ["on_getppid"],
        beforeLoad: (object) => {
          object.mapConfig("calls").maxEntries = 9;
          for (const name of ["nowhere", "by_xdp"]) object.programConfig(name).autoload = false;
        },
      },
      (object) => {
        expect(thrown(() => object.program("by_xdp").fd)).toMatchObject({ code: "ERR_BPF_STATE" });
        return object.map("calls").info().maxEntries;
      },
    );
    expect(entries).toBe(9);
    const refused = (beforeLoad: unknown): Error =>
      thrown(() => withObject({ path, programs: ["on_getppid"], beforeLoad: beforeLoad as never }, () => 1));
    expect(refused(async () => undefined).message).toMatch(/beforeLoad must not be async/);
    expect(refused(1)).toBeInstanceOf(TypeError);
    const fds = openFds();
    expect(
      refused(() => {
        throw new RangeError("mine");
      }),
    ).toMatchObject({ message: "mine" });
    expect(openFds()).toBe(fds);
  });
});
