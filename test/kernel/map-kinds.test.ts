import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmdirSync } from "node:fs";
import { expect, test } from "vitest";
import { cidr, codecs, MapType, possibleCpus, probe, RingBuf, UserRingBuf } from "../../runtime/index.js";
import { KernelMaps } from "../fixtures/kernel-maps.skel.js";
import { describeKernel, openFds, openPidfd, reasons, run, thrown, trigger } from "./kernel.js";

const has = (type: MapType): boolean => reasons.length === 0 && probe.mapType(type);
const [blooms, taskStorage, userRings] = [
  has(MapType.BLOOM_FILTER),
  has(MapType.TASK_STORAGE),
  has(MapType.USER_RINGBUF),
];

/** Everything that the kernel has attached, with the calls of this process counting. */
function attached(): ReturnType<typeof KernelMaps.attach> {
  const kernel = KernelMaps.attach(({ maps, programs }) => {
    maps.bloom.autocreate = blooms;
    maps.per_task.autocreate = taskStorage;
    maps.commands.autocreate = userRings;
    programs.take_commands.autoload = userRings;
  });
  kernel.bss.target = process.pid;
  return kernel;
}

describeKernel("maps of every kind", () => {
  test("per-CPU maps hold a value for each possible CPU, and BPF changes that of the CPU it runs on", () => {
    using kernel = attached();
    const { percpu_hash, lru_percpu_hash, percpu_array } = kernel.maps;
    const cpus = possibleCpus();
    percpu_hash.set(
      1,
      Array.from({ length: cpus }, (_, x) => ({ x, y: -5n })),
    );
    percpu_array.set(1, Array(cpus).fill(0));
    trigger(10);
    const before = (cpus * (cpus - 1)) / 2;
    expect(percpu_hash.get(1)!.reduce((sum, { x }) => sum + x, 0)).toBe(before + 10);
    expect(percpu_array.get(1).reduce((sum, n) => sum + n, 0)).toBe(10);
    expect([...percpu_hash]).toEqual([[1, percpu_hash.get(1)]]);
    expect([...percpu_array].map(([index]) => index)).toEqual([0, 1, 2]);
    lru_percpu_hash.set(3, Array(cpus).fill(4));
    expect(lru_percpu_hash.take(3)).toEqual(Array(cpus).fill(4));
    expect(() => percpu_array.set(0, Array(cpus + 1).fill(0))).toThrow(RangeError);
    expect(() => percpu_array.get(3)).toThrow(RangeError);
    expect(percpu_hash.raw.get(new Uint8Array([1, 0, 0, 0]))).toHaveLength(16 * cpus);
  });

  test("LPM tries match the longest prefix, with struct keys and with cidr()", () => {
    using kernel = attached();
    const { routes, routes6 } = kernel.maps;
    routes.set({ length: 8, address: [10, 0, 0, 0] }, 8);
    routes.set(cidr("10.1.0.0/16"), 16);
    trigger();
    expect(kernel.bss.route).toBe(16);
    expect(routes.get(cidr("10.9.9.9"))).toBe(8);
    expect(routes.get(cidr("11.0.0.0/8"))).toBeUndefined();
    expect([...routes.keys()].map(({ length }) => length).sort()).toEqual([16, 8]);
    expect(routes.delete(cidr("10.1.0.0/16"))).toBe(true);
    expect(routes.delete(cidr("10.1.0.0/16"))).toBe(false);
    routes6.set(cidr("2001:db8::/32"), 32);
    routes6.set(cidr("::ffff:10.0.0.0/104"), 104);
    expect(routes6.get(cidr("2001:db8:1::7"))).toBe(32);
    expect(routes6.get(cidr("::ffff:10.1.2.3"))).toBe(104);
    expect(() => routes.set(cidr("::1"), 1)).toThrow(/16 bytes does not fit/);
    expect(() => cidr("10.0.0.0/33")).toThrow(RangeError);
    for (const text of ["", "10.0.0", "10.0.0.0/", "10.0.0.0/-1", "fe80::1%lo", "x"])
      expect(() => cidr(text)).toThrow(TypeError);
  });

  test("queues, stacks and Bloom filters", () => {
    using kernel = attached();
    const { queue, stack } = kernel.maps;
    for (const x of [1, 2, 3]) queue.push({ x, y: 0n });
    expect(thrown(() => queue.push({ x: 4, y: 0n }))).toMatchObject({ code: "E2BIG" });
    queue.push({ x: 4, y: 0n }, { evict: true });
    expect(queue.peek()).toEqual({ x: 2, y: 0n });
    trigger();
    expect(kernel.bss.popped).toBe(2n);
    expect([queue.pop(), queue.pop(), queue.pop()]).toEqual([{ x: 3, y: 0n }, { x: 4, y: 0n }, undefined]);
    stack.push(5n);
    expect([stack.pop(), stack.peek(), stack.pop(), stack.pop()]).toEqual([5n, 77n, 77n, undefined]);
    expect(() => stack.push(5 as never)).toThrow(TypeError);
    if (!blooms) {
      expect(thrown(() => KernelMaps.load()).message).toMatch(
        /map 'bloom': .* — this kernel has no maps of type bloom_filter: Linux 5\.16 or newer has them; autocreate/,
      );
      return;
    }
    const { bloom } = kernel.maps;
    expect([bloom.has(77n), kernel.bss.bloom_had]).toEqual([false, false]);
    bloom.add(77n);
    trigger();
    expect([bloom.has(77n), kernel.bss.bloom_had]).toEqual([true, true]);
  });

  test("program arrays take programs, and tail calls reach them", () => {
    using kernel = attached();
    const { jumps } = kernel.maps;
    trigger();
    expect(kernel.bss.tail_calls).toBe(0n);
    jumps.set(1, kernel.programs.jumped_to);
    trigger();
    expect(kernel.bss.tail_calls).toBe(1n);
    expect([jumps.delete(1), jumps.delete(1)]).toEqual([true, false]);
    trigger();
    expect(kernel.bss.tail_calls).toBe(1n);
    expect(thrown(() => jumps.set(2, kernel.programs.jumped_to))).toMatchObject({ code: "E2BIG" });
  });

  test("stack traces", () => {
    using kernel = attached();
    trigger();
    const id = Number(kernel.data.stack_id);
    expect(id).toBeGreaterThanOrEqual(0);
    const addresses = kernel.maps.stacks.get(id)!;
    expect(addresses.length).toBeGreaterThan(0);
    expect(addresses.every((address) => address > 0n)).toBe(true);
    expect([kernel.maps.stacks.delete(id), kernel.maps.stacks.delete(id)]).toEqual([true, false]);
    expect(kernel.maps.stacks.get(id)).toBeUndefined();
  });

  test.skipIf(!taskStorage)("task storage by pidfd (kernel 5.11)", () => {
    using kernel = attached();
    const pidfd = openPidfd(process.pid);
    try {
      expect(kernel.maps.per_task.get(pidfd)).toBeUndefined();
      kernel.maps.per_task.set(pidfd, 40n);
      trigger(2);
      expect(kernel.bss.task_value).toBe(41n);
      expect(kernel.maps.per_task.get(pidfd)).toBe(42n);
      expect([kernel.maps.per_task.delete(pidfd), kernel.maps.per_task.delete(pidfd)]).toEqual([true, false]);
      expect(thrown(() => kernel.maps.per_task.get(999_999))).toMatchObject({ code: "EBADF" });
    } finally {
      closeSync(pidfd);
    }
  });

  test("maps of maps: static contents, set, get, create, delete; handles are closed by their owner", () => {
    using kernel = attached();
    const { slots, by_key, first } = kernel.maps;
    const fds = openFds();
    first.set(9, { x: 1, y: 1n });
    {
      using inner = slots.get(0)!;
      expect(inner.get(9)).toEqual({ x: 1, y: 1n });
    }
    expect(slots.get(1)).toBeUndefined();
    const made = by_key.create();
    made.set(0, { x: 123, y: 0n });
    by_key.set(1n, made);
    made.close();
    made.close();
    trigger();
    expect(kernel.bss.inner_value).toBe(123n);
    using again = by_key.get(1n)!;
    expect(again.get(0)).toEqual({ x: 123, y: 0n });
    again.close();
    expect(thrown(() => again.get(0))).toMatchObject({ code: "ERR_BPF_CLOSED" });
    expect([by_key.delete(1n), by_key.delete(1n)]).toEqual([true, false]);
    expect(() => slots.create({ maxEntries: 0 })).toThrow(RangeError);
    expect(openFds()).toBe(fds);
  });

  test("packets reach an AF_XDP socket that is in an XSKMAP", async () => {
    const { out, err } = await run("af-xdp", [], 30_000, ["unshare", "--net"]);
    expect({ out, err }).toEqual({ out: "received\n", err: "" });
  });

  test("a map is of the kind of its class", () => {
    using kernel = attached();
    const { devices, by_size } = kernel.maps;
    const handle = { ...devices, fd: devices.fd };
    expect(thrown(() => new RingBuf(handle, codecs.u32))).toMatchObject({ code: "ERR_BPF_LAYOUT" });
    expect(thrown(() => new UserRingBuf({ ...by_size, fd: by_size.fd }, codecs.u32)).message).toBe(
      'map "by_size": is a ringbuf, not a user_ringbuf — regenerate the skeleton from this object',
    );
  });

  test("perf buffers: records of all CPUs, and how many were lost", async () => {
    using kernel = attached();
    const { perf } = kernel.maps;
    expect(perf.drain(() => undefined)).toBe(0);
    kernel.bss.send_records = true;
    trigger(3);
    const comm = execFileSync("cat", [`/proc/${process.pid}/comm`], { encoding: "utf8" }).trim();
    const seen: unknown[] = [];
    expect(perf.drain((record) => seen.push(record))).toBe(3);
    expect(seen).toEqual(Array(3).fill({ pid: 5, comm }));
    trigger(2);
    let views = 0;
    perf.drainViews((record, size) => {
      expect([record.pid, record.comm, size]).toEqual([5, comm, 20]);
      views++;
    });
    expect(views).toBe(2);
    setTimeout(() => trigger(1), 20);
    for await (const record of perf) {
      expect(record.pid).toBe(5);
      break;
    }
    // Many laps of every ring, a record that goes over the end among them.
    let total = 0;
    for (let i = 0; i < 200; i++) {
      trigger(100);
      perf.drain(({ pid }) => {
        if (pid === 5) total++;
      });
    }
    expect(total).toBe(20_000);
    expect(perf.lost).toBe(0n);
    trigger(20_000);
    const kept = perf.drain(() => undefined);
    trigger(1);
    perf.drain(() => undefined);
    expect(BigInt(kept) + perf.lost).toBe(20_000n);
    expect(perf.lost).toBeGreaterThan(0n);
  });

  test("perf buffers: a record that comes between the last look and the event loop's first is not waited for", async () => {
    for (let i = 0; i < 10; i++) {
      using kernel = attached();
      kernel.bss.send_records = true;
      const next = kernel.maps.perf.records().next();
      await new Promise<void>((resolve) => process.nextTick(resolve));
      trigger(1);
      expect((await next).value).toMatchObject({ pid: 5 });
    }
  });

  test("several types on one ring buffer, by size and by field", () => {
    using kernel = attached();
    kernel.bss.send_records = true;
    trigger();
    const seen: unknown[] = [];
    kernel.maps.by_size.drain((event) => seen.push(event.type === "started" ? event.value.pid : event));
    expect(seen).toEqual([5, { type: "ended", value: { pid: 6, code: 7, at: 8n } }]);
    seen.length = 0;
    kernel.maps.by_field.drainViews((event) => seen.push([event.type, event.value.number]));
    expect(seen).toEqual([
      ["tagged", 9],
      ["tagged_too", 1.5],
    ]);
  });

  test("maps of descriptors refuse what they cannot take", () => {
    using kernel = attached();
    const { cgroups, socks, sock_hash, devices, cpus } = kernel.maps;
    expect(thrown(() => cgroups.set(0, 999_999))).toMatchObject({ code: "EBADF" });
    expect(cgroups.delete(0)).toBe(false);
    expect(thrown(() => socks.set(0, 999_999)).message).toMatch(/^map "socks": bpf_map_update_elem: /);
    expect(thrown(() => sock_hash.set({ length: 1, address: [0, 0, 0, 0] }, 999_999)).message).toMatch(
      /sock_hash/,
    );
    devices.set(0, 1);
    expect(devices.get(0)).toBe(1);
    expect(thrown(() => devices.set(1, 999_999))).toMatchObject({ code: "EINVAL" });
    cpus.set(0, 192);
    expect(cpus.get(0)).toBe(192);
    expect([...devices]).toEqual([[0, 1]]);
  });

  test("cgroup arrays take a cgroup's folder", () => {
    using kernel = attached();
    const root = execFileSync("findmnt", ["-nt", "cgroup2", "-o", "TARGET"], { encoding: "utf8" }).split(
      "\n",
    )[0]!;
    const folder = `${root}/bpf-tsgen-${process.pid}`;
    mkdirSync(folder);
    const fd = openSync(folder, "r");
    try {
      kernel.maps.cgroups.set(1, fd);
      expect(kernel.maps.cgroups.delete(1)).toBe(true);
    } finally {
      closeSync(fd);
      rmdirSync(folder);
    }
  });
});
