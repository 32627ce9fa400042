import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  array,
  BpfObject,
  decode,
  encode,
  type Link,
  possibleCpus,
  type RawMap,
  RingBuffer,
  text,
  u8,
  u32,
  u64,
  withObject,
} from "../../runtime/index.js";
import { fixture } from "../fixtures/fixtures.js";
import { Kernel } from "../fixtures/kernel.skel.js";
import {
  aim,
  bpfMappings,
  describeKernel,
  expectNothingLeft,
  only,
  openFds,
  run,
  slower,
  start,
  thrown,
  trigger,
  uniqueName,
} from "./kernel.js";

const path = new URL("../fixtures/parity.bpf.o", import.meta.url).pathname;

/** The object, loaded, attached to getppid(2), and aimed at this process. */
function attached(): BpfObject {
  const object = BpfObject.open(path, { name: uniqueName() }).load();
  object.map("target").update(u32, u32, 0, process.pid);
  object.program("on_getppid").attach();
  return object;
}

/** What a record of the ring holds. */
function call(record: Uint8Array): { pid: number; number: number; comm: string } {
  const [pid, number] = decode(array(u32, 2), record) as [number, number];
  return { pid, number, comm: decode(text(16), record.subarray(8)) };
}

describeKernel("objects without a skeleton", () => {
  test("open, load, find, attach, close: programs and maps by name", async () => {
    const name = uniqueName();
    const object = BpfObject.open(fixture("parity.bpf.o"), { name });
    expect(object.state).toBe("open");
    expect(thrown(() => object.map("calls"))).toMatchObject({ code: "ERR_BPF_STATE" });
    expect(thrown(() => object.program("on_getppid").attach())).toMatchObject({ code: "ERR_BPF_STATE" });
    expect(thrown(() => object.pinMaps("/sys/fs/bpf/never"))).toMatchObject({ code: "ERR_BPF_STATE" });
    expect(object.load()).toBe(object);
    expect(object.programs().map((program) => program.name)).toEqual(
      ["on_getppid", "nowhere", "nowhere_either", "configured", "by_xdp", "by_xdp_too", "by_tc"].concat(
        "by_tc_too",
      ),
    );
    expect(object.maps().map((map) => map.name)).toEqual(
      expect.arrayContaining(["target", "calls", "by_cpu", "rb", "packets"]),
    );
    const { fd, type } = object.program("by_xdp");
    expect([fd > 2, type]).toEqual([true, 6]);
    expect(object.map("calls")).toBe(object.map("calls"));
    expect(thrown(() => object.program("absent"))).toMatchObject({
      code: "ENOENT",
      message: expect.stringMatching(/has no program "absent" — it has: on_getppid, nowhere, /),
    });
    expect(thrown(() => object.map("absent"))).toMatchObject({
      code: "ENOENT",
      message: expect.stringMatching(/has no map "absent" — it has: .*calls/),
    });
    const calls = object.map("calls");
    object.close();
    object.close();
    for (const use of [
      () => object.programs(),
      () => object.maps(),
      () => object.map("calls"),
      () => object.pinPrograms("/sys/fs/bpf/never"),
      () => calls.lookup(u32, u64, 1),
      () => calls.update(u32, u64, 1, 1n),
      () => calls.remove(u32, 1),
    ])
      expect(thrown(use)).toMatchObject({ code: "ERR_BPF_CLOSED" });
    await expectNothingLeft(name);
  });

  test("lookup, update and remove by codecs, with flags", () => {
    using object = attached();
    const calls = object.map("calls");
    expect(calls.lookup(u32, u64, process.pid)).toBeUndefined();
    trigger(3);
    expect(calls.lookup(u32, u64, process.pid)).toBe(3n);
    calls.update(u32, u64, process.pid, 100n);
    trigger();
    expect(calls.lookup(u32, u64, process.pid)).toBe(101n);
    expect(calls.remove(u32, process.pid)).toBe(true);
    expect(calls.remove(u32, process.pid)).toBe(false);
    calls.update(u32, u64, 1, 1n, 1);
    expect(thrown(() => calls.update(u32, u64, 1, 2n, 1n))).toMatchObject({ code: "EEXIST" });
    expect(thrown(() => calls.update(u32, u64, 2, 2n, 2))).toMatchObject({ code: "ENOENT" });
    for (let key = 2; key <= 4; key++) calls.update(u32, u64, key, 0n);
    expect(thrown(() => calls.update(u32, u64, 5, 0n))).toMatchObject({
      code: "E2BIG",
      message: expect.stringContaining("raise its max_entries"),
    });
    // A codec put together by hand, of a key that C would call __u8[4].
    expect(calls.lookup(array(u8, 4), array(u32, 2), [1, 0, 0, 0])).toEqual([1, 0]);
  });

  test("values of a per-CPU map: one for each possible CPU", () => {
    using object = attached();
    trigger(5);
    const each = object.map("by_cpu").lookup(u32, array(u64, possibleCpus()), 0)!;
    expect(each.length).toBe(possibleCpus());
    expect(each.reduce((sum, count) => sum + count, 0n)).toBe(5n);
  });

  test("codecs of other sizes, values that do not fit and flags that are none are refused", () => {
    using object = attached();
    const calls = object.map("calls");
    calls.update(u32, u64, 1, 1n);
    for (const [action, kind, message] of [
      [
        () => calls.lookup(u64, u64, 1n),
        RangeError,
        /map "calls": its keys have 4 bytes, not the codec's 8 —/,
      ],
      [() => calls.lookup(u32, u32, 1), RangeError, /its values have 8 bytes, not the codec's 4/],
      [() => calls.update(u8, u64, 1, 1n), RangeError, /keys have 4 bytes/],
      [() => calls.update(u32, u64, 2 ** 32, 1n), RangeError, /4294967296 does not fit __u32/],
      [() => calls.update(u32, u64, 1, 1 as never), TypeError, /__u64 takes a bigint/],
      [() => calls.update(u32, u64, 1, 1n, -1), RangeError, /flags are an integer of 64 bits, not -1/],
      [() => calls.update(u32, u64, 1, 1n, 0.5), RangeError, /flags/],
      [() => calls.update(u32, u64, 1, 1n, "any" as never), RangeError, /flags/],
      [() => calls.remove(u64, 1n), RangeError, /keys have 4 bytes/],
      [() => calls.lookup(undefined as never, u64, 1), TypeError, /key: a codec such as u32 is needed/],
      [() => calls.lookup(u32, {} as never, 1), TypeError, /value: a codec such as u32 is needed/],
      [() => object.map("by_cpu").lookup(u32, u64, 0), RangeError, /its values have \d+ bytes/],
    ] as const) {
      // One possible CPU makes a per-CPU value an ordinary one.
      if (possibleCpus() === 1 && String(action).includes("by_cpu")) continue;
      const error = thrown(action);
      expect(error).toBeInstanceOf(kind);
      expect(error.message).toMatch(message);
    }
    expect(thrown(() => calls.update(u32, u64, 1, 1n, 64)).message).toMatch(/EINVAL/);
    expect(calls.lookup(u32, u64, 1)).toBe(1n);
  });

  test("decode and encode: values as bytes", () => {
    expect(encode(u32, 0x01020304)).toEqual(new Uint8Array([4, 3, 2, 1]));
    expect(decode(u32, new Uint8Array([4, 3, 2, 1]))).toBe(0x01020304);
    expect(decode(text(4), encode(text(4), "abc"))).toBe("abc");
    expect(() => decode(u64, new Uint8Array(7))).toThrow(RangeError);
    expect(() => encode(u32, -1)).toThrow(RangeError);
  });

  test("a program that has nothing to attach to by its section says what to do", () => {
    using object = attached();
    expect(thrown(() => object.program("by_xdp").attach()).message).toBe(
      'program "by_xdp" (SEC("xdp")): bpf_program__attach: its section does not say what to attach to (EOPNOTSUPP) ' +
        "— attach it as its kind: program.as(Xdp).attach(target)",
    );
  });

  test("links are destroyed by hand, by detach() and by close()", () => {
    const object = attached();
    const calls = object.map("calls");
    object.detach();
    trigger();
    expect(calls.lookup(u32, u64, process.pid)).toBeUndefined();
    const link = object.program("on_getppid").attach();
    trigger();
    link.destroy();
    trigger();
    expect(calls.lookup(u32, u64, process.pid)).toBe(1n);
    object.close();
    expect(thrown(() => link.fd)).toMatchObject({ code: "ERR_BPF_CLOSED" });
  });

  test("kconfig: text in place of the running kernel's", () => {
    const answer = (kconfig?: string): number => {
      using object = BpfObject.open(path, { kconfig }).load();
      return object.program("configured").testRun({ data: new Uint8Array(64) }).retval;
    };
    expect(answer()).toBe(0);
    expect(answer("CONFIG_OF_THE_TEST=4711\n")).toBe(4711);
    expect(thrown(() => answer("CONFIG_OF_THE_TEST=text\n"))).toMatchObject({ name: "BpfError" });
    expect(() => BpfObject.open(path, { kconfig: 1 as never })).toThrow(TypeError);
  });

  test("btfPath: relocates against a file, and says so when it is none", () => {
    const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-btf-"));
    try {
      const copy = join(folder, "vmlinux.btf");
      copyFileSync("/sys/kernel/btf/vmlinux", copy);
      using object = BpfObject.open(path, { btfPath: copy }).load();
      object.map("target").update(u32, u32, 0, process.pid);
      object.program("on_getppid").attach();
      trigger();
      expect(object.map("calls").lookup(u32, u64, process.pid)).toBe(1n);
      writeFileSync(copy, "no BTF");
      for (const btfPath of [copy, join(folder, "absent")])
        expect(thrown(() => BpfObject.open(path, { btfPath }).load())).toMatchObject({ name: "BpfError" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("pins all maps and all programs in a folder, and removes the pins", () => {
    const folder = `/sys/fs/bpf/bpf-tsgen-pins-${process.pid}`;
    using object = attached();
    try {
      object.pinMaps(folder);
      object.pinPrograms(folder);
      expect(readdirSync(folder)).toEqual(expect.arrayContaining(["calls", "rb", "on_getppid", "by_xdp"]));
      using other = BpfObject.open(path).load();
      expect(thrown(() => other.pinMaps(folder))).toMatchObject({ code: "EEXIST" });
      object.unpinPrograms(folder);
      object.unpinMaps(folder);
      expect(readdirSync(folder)).toEqual([]);
      expect(thrown(() => object.unpinPrograms(folder))).toMatchObject({ code: "ENOENT" });
      expect(thrown(() => object.pinMaps(tmpdir()))).toMatchObject({
        name: "BpfError",
        message: expect.stringContaining("is not on bpffs — use a folder of /sys/fs/bpf"),
      });
      expect(thrown(() => object.pinMaps("/no/such/folder"))).toMatchObject({ code: "ENOENT" });
      for (const wrong of [undefined, "maps", "/sys/fs/bpf/a\0b"])
        expect(() => object.pinMaps(wrong as never)).toThrow(TypeError);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    expect(existsSync(folder)).toBe(false);
  });

  test("programs, maps and links are pinned and unpinned by hand", () => {
    using object = attached();
    object.detach();
    const program = object.program("on_getppid");
    const link = program.attach();
    const pin = `/sys/fs/bpf/bpf-tsgen-pin-${process.pid}`;
    // Before 5.15 the kernel has no link for a tracepoint.
    const isLink = readFileSync(`/proc/self/fdinfo/${link.fd}`, "utf8").includes("link_id");
    for (const pinnable of [program, object.map("calls"), ...(isLink ? [link] : [])]) {
      pinnable.pin(pin);
      expect(existsSync(pin)).toBe(true);
      expect(thrown(() => pinnable.pin(pin))).toMatchObject({ code: "EEXIST" });
      pinnable.unpin(pin);
      expect(existsSync(pin)).toBe(false);
      expect(() => pinnable.pin(undefined as never)).toThrow(TypeError);
    }
  });

  test("logLevel: a number, or else refused", () => {
    using object = BpfObject.open(path, { logLevel: 4 }).load();
    expect(object.state).toBe("loaded");
    expect(() => BpfObject.open(path, { logLevel: "4" as never })).toThrow(TypeError);
    expect(() => BpfObject.open(path, { logLevel: -1 })).toThrow(RangeError);
  });
});

describeKernel("RingBuffer", () => {
  test("poll and consume: each record in order, as bytes", () => {
    using object = attached();
    const seen: ReturnType<typeof call>[] = [];
    using ring = new RingBuffer(object.map("rb"), (record) => void seen.push(call(record)));
    expect(ring.consume()).toBe(0);
    trigger(3);
    expect(ring.poll(1000)).toBe(3);
    trigger(2);
    expect(ring.consume()).toBe(2);
    expect(seen.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5]);
    expect(seen[0]).toMatchObject({ pid: process.pid, comm: expect.stringMatching(/./) });
  });

  test("poll waits its time, and no longer", () => {
    using object = attached();
    using ring = new RingBuffer(object.map("rb"), () => undefined);
    const started = performance.now();
    expect(ring.poll(50)).toBe(0);
    expect(performance.now() - started).toBeGreaterThan(45);
    expect(ring.poll(0)).toBe(0);
    trigger();
    const ready = performance.now();
    expect(ring.poll(-1)).toBe(1);
    expect(performance.now() - ready).toBeLessThan(1000 * slower);
  });

  test("so many records at most are consumed, and the rest the next time", () => {
    using object = attached();
    const seen: number[] = [];
    using ring = new RingBuffer(object.map("rb"), (bytes) => void seen.push(call(bytes).number));
    trigger(5);
    expect([ring.consume(2), ring.consume(2), ring.consume(2), ring.consume(2)]).toEqual([2, 2, 1, 0]);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    for (const bad of [0, -1, 0.5, Number.NaN]) expect(() => ring.consume(bad)).toThrow(RangeError);
    expect(() => ring.consume("1" as never)).toThrow(TypeError);
  });

  test("a number below 0 stops behind its record and is returned; what is thrown is thrown", () => {
    using object = attached();
    const seen: number[] = [];
    let failing = false;
    using ring = new RingBuffer(object.map("rb"), (record) => {
      const { number } = call(record);
      seen.push(number);
      if (failing) throw new Error(`at ${number}`);
      return number % 2 === 0 ? -number : number;
    });
    trigger(5);
    expect(ring.poll(100)).toBe(-2);
    expect(ring.consume()).toBe(-4);
    expect(ring.consume()).toBe(1);
    failing = true;
    trigger(2);
    expect(() => ring.consume()).toThrow("at 6");
    expect(() => ring.poll(0)).toThrow("at 7");
    expect(ring.consume()).toBe(0);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test("bytes are a copy of the callback's own; a ring is read over and over, from where it was left", () => {
    using object = attached();
    const kept: Uint8Array[] = [];
    for (let round = 0; round < 200; round++) {
      trigger(50);
      // Each with a reader of its own, half of them given up with records unread.
      using ring = new RingBuffer(object.map("rb"), (record) => (kept.push(record) % 3 ? 0 : -1));
      while (ring.consume() !== 0 && round % 2);
    }
    using last = new RingBuffer(object.map("rb"), (record) => void kept.push(record));
    while (last.consume() !== 0);
    expect(kept.map((record) => call(record).number)).toEqual(kept.map((_, index) => index + 1));
    expect(kept.length).toBe(200 * 50);
  });

  test("beside a skeleton's own ring buffer there is one stream, whoever reads", () => {
    using kernel = Kernel.load(only("emit"));
    aim(kernel);
    kernel.programs.emit.attach();
    const seen: bigint[] = [];
    using ring = new RingBuffer(kernel.maps.records, (record) => void seen.push(decode(u64, record)));
    for (let round = 0; round < 4; round++) {
      trigger(2);
      if (round % 2) kernel.maps.records.drain(({ seq }) => seen.push(seq));
      else ring.consume();
    }
    expect(seen).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n]);
  });

  test("epollFd is readable when there are records; close() ends it, and so does closing the object", () => {
    const fds = openFds();
    const mappings = bpfMappings();
    const object = attached();
    const before = openFds();
    const ring = new RingBuffer(object.map("rb"), () => 0);
    expect(ring.epollFd).toBeGreaterThan(2);
    expect(openFds()).toBe(before + 1);
    ring.close();
    ring.close();
    expect(openFds()).toBe(before);
    for (const use of [() => ring.poll(0), () => ring.consume(), () => ring.epollFd])
      expect(thrown(use)).toMatchObject({ code: "ERR_BPF_CLOSED" });
    const left = new RingBuffer(object.map("rb"), () => 0);
    object.close();
    expect(thrown(() => left.poll(-1))).toMatchObject({ code: "ERR_BPF_CLOSED" });
    left.close();
    expect(openFds()).toBe(fds);
    expect(bpfMappings()).toBe(mappings);
  });

  test("the callback may close the ring or its object, but not read the ring again", () => {
    using object = attached();
    trigger(3);
    const errors: unknown[] = [];
    const ring: RingBuffer = new RingBuffer(object.map("rb"), () => {
      errors.push(thrown(() => ring.poll(0)));
      ring.close();
    });
    expect(ring.consume()).toBe(1);
    expect(errors).toMatchObject([{ code: "ERR_BPF_STATE" }]);
    const last = new RingBuffer(object.map("rb"), () => object.close());
    expect(last.consume()).toBe(1);
    expect(thrown(() => last.consume())).toMatchObject({ code: "ERR_BPF_CLOSED" });
  });

  test("other maps, other callbacks and other times are refused", () => {
    using object = attached();
    const rb = object.map("rb");
    expect(() => new RingBuffer(object.map("calls"), () => 0)).toThrow(/is of type hash, not ringbuf/);
    expect(() => new RingBuffer({ fd: 3 } as unknown as RawMap, () => 0)).toThrow(TypeError);
    expect(() => new RingBuffer(rb, undefined as never)).toThrow(TypeError);
    using ring = new RingBuffer(rb, () => 0);
    expect(() => ring.poll(-2)).toThrow(RangeError);
    expect(() => ring.poll(2 ** 31)).toThrow(RangeError);
    expect(() => ring.poll(Number.NaN)).toThrow(RangeError);
    expect(() => ring.poll("1" as never)).toThrow(TypeError);
  });
});

describeKernel("withObject", () => {
  const aimIt = (object: BpfObject): void => object.map("target").update(u32, u32, 0, process.pid);

  test("opens, loads, fills maps, attaches in order, runs, and cleans up", async () => {
    const name = uniqueName();
    let kept: readonly Link[] = [];
    const counted = withObject(
      { path, programs: ["on_getppid"], beforeAttach: aimIt, name },
      (object, links) => {
        kept = links;
        expect(object.state).toBe("loaded");
        trigger(2);
        return object.map("calls").lookup(u32, u64, process.pid);
      },
    );
    expect(counted).toBe(2n);
    expect(kept.length).toBe(1);
    expect(thrown(() => kept[0]!.fd)).toMatchObject({ code: "ERR_BPF_CLOSED" });
    await expectNothingLeft(name);
  });

  test("waits for a promise before it cleans up, whether it is kept or broken", async () => {
    const name = uniqueName();
    const options = { path, programs: ["on_getppid"], beforeAttach: aimIt, name };
    const counted = await withObject(options, async (object) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      trigger();
      return object.map("calls").lookup(u32, u64, process.pid);
    });
    expect(counted).toBe(1n);
    const broken = withObject(options, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      throw new Error("on the way");
    });
    await expect(broken).rejects.toThrow("on the way");
    await expectNothingLeft(name);
  });

  test("cleans up when beforeAttach or the function throws", async () => {
    const name = uniqueName();
    const fail = (): never => {
      throw new Error("on purpose");
    };
    const options = { path, programs: ["on_getppid"], name };
    expect(() => withObject(options, fail)).toThrow("on purpose");
    expect(() => withObject({ ...options, beforeAttach: fail }, () => 0)).toThrow("on purpose");
    const late = (async () => fail()) as () => never;
    expect(() => withObject({ ...options, beforeAttach: late }, () => 0)).toThrow(
      /beforeAttach must not be async/,
    );
    await expectNothingLeft(name);
  });

  test("names all programs that are missing, and loads nothing then", () => {
    const programs = ["on_getppid", "absent", "gone"];
    expect(thrown(() => withObject({ path, programs }, () => 0))).toMatchObject({
      code: "ENOENT",
      message: expect.stringMatching(
        /^parity: has no program "absent", "gone" — it has: on_getppid, nowhere/,
      ),
    });
  });

  test("names all programs that cannot be attached, and leaves none attached", async () => {
    const name = uniqueName();
    const attach = (...programs: string[]): Error & { code?: string } =>
      thrown(() => withObject({ path, programs, name }, () => 0));
    const error = attach("nowhere", "on_getppid", "nowhere_either");
    expect(error).toMatchObject({ name: "BpfError", code: "ENOENT" });
    expect(error.message).toMatch(
      /cannot attach "nowhere", "nowhere_either": .*no_such_call' .*no_such_call_either'/s,
    );
    expect((error.cause as AggregateError).errors.length).toBe(2);
    expect(attach("nowhere").message).toMatch(/^program "nowhere" .* — ./);
    await expectNothingLeft(name);
  });

  test("refuses what is wrong before anything is opened", () => {
    const ok = { path, programs: ["on_getppid"] };
    for (const [options, run, message] of [
      [undefined, () => 0, /path is the path of an object, not undefined/],
      [{ ...ok, path: 1 }, () => 0, /path is/],
      [{ path }, () => 0, /programs are names/],
      [{ ...ok, programs: "on_getppid" }, () => 0, /programs are names/],
      [{ ...ok, programs: ["on_getppid", "on_getppid"] }, () => 0, /"on_getppid" is named twice/],
      [{ ...ok, beforeAttach: 1 }, () => 0, /beforeAttach is a function/],
      [ok, undefined, /takes a function/],
    ] as [never, never, RegExp][]) {
      expect(() => withObject(options, run)).toThrow(TypeError);
      expect(() => withObject(options, run)).toThrow(message);
    }
  });
});

describeKernel("netlink, without links", () => {
  const inNamespace = async (what: string, after: string): Promise<[Record<string, unknown>, string]> => {
    // The shell stays in the namespace, and looks at what the process has left.
    const ended = await run("netlink", [what], 30_000, [
      "unshare",
      "-n",
      "sh",
      "-c",
      `"$@"; echo; ${after}`,
      "sh",
    ]);
    expect({ code: ended.code, err: ended.err }).toEqual({ code: 0, err: "" });
    const [line = "", ...rest] = ended.out.split("\n");
    return [JSON.parse(line), rest.join("\n")];
  };

  test("xdp: attach, query, detach, with what is expected there", async () => {
    const [said, left] = await inNamespace("xdp", "ip link show lo");
    expect(said).toMatchObject({
      none: "none",
      info: { type: 0, id: 0, programId: 0, fallback: "netlink" },
      state: { mode: "generic", nativeId: 0, offloadId: 0 },
      attached: "xdp",
      noexist: expect.stringMatching(/^BpfError EBUSY|^BpfError EEXIST/),
      other: expect.stringMatching(/^BpfError EEXIST .* — ./),
      replaced: "xdp_too",
      stillSecond: "xdp_too",
      detached: "none",
      nothingThere: expect.stringMatching(/^nothing/),
      byObject: "none",
      disconnected: "generic",
      wrongKind: expect.stringMatching(/^TypeError .*by_tc.* — only SEC\("xdp"\) is/),
      noDevice: expect.stringMatching(/^BpfError ENODEV .*there is no network interface "no-such-dev"/),
      noIndex: expect.stringMatching(/^BpfError ENODEV .*this network namespace has lo/),
      badFlags: expect.stringMatching(/^RangeError .*flags -1 is outside/),
    });
    const { state } = said as { state: { programId: number; genericId: number } };
    expect(state.programId).toBeGreaterThan(0);
    expect(state.genericId).toBe(state.programId);
    expect(left).not.toContain("xdp");
  });

  test("a handler of the application's decides what a signal does, however it is registered", async () => {
    const child = start("netlink", ["signal"], 30_000, ["unshare", "-n"]);
    await child.says("attached");
    child.process.kill("SIGINT");
    expect(await child.ended).toMatchObject({
      code: 3,
      signal: null,
      out: "attached\nhandled: generic\nclosed: none\n",
      err: "",
    });
  });

  test("tc: hooks, filters by handle and priority, replaced and flushed", async () => {
    const [said, left] = await inNamespace("tc", "tc filter show dev lo ingress; tc qdisc show dev lo");
    expect(said).toMatchObject({
      noHook: expect.stringMatching(/^BpfError EINVAL/),
      created: [true, false],
      first: { handle: 7, priority: 3, info: { type: 0, fallback: "clsact" } },
      exists: expect.stringMatching(/^BpfError EEXIST .* — ./),
      chosen: true,
      attached: "tc tc_too",
      query: true,
      detached: "tc_too",
      gone: [null, expect.stringMatching(/^BpfError ENOENT/)],
      replaced: "tc",
      stillReplaced: "tc",
      byObject: "none",
      flushed: "none",
      destroyed: expect.stringMatching(/^BpfError /),
      parents: expect.stringMatching(/^BpfError /),
      wrongKind: expect.stringMatching(/^TypeError .*by_xdp.* — only SEC\("tc"\) is/),
      noHandle: expect.stringMatching(/^RangeError .*handle 0 is outside 1/),
      badPoint: expect.stringMatching(/^TypeError .*attachPoint is a number/),
    });
    // The hook stays, the filter does not.
    expect(left).toContain("clsact");
    expect(left).not.toContain("by_tc");
  });
});
