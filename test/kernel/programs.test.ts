import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { closeSync, mkdirSync, openSync, rmdirSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { BpfMap, codecs, decode, encode, HashMap } from "../../runtime/index.js";
import { KernelExtra } from "../fixtures/kernel-extra.skel.js";
import { KernelKinds } from "../fixtures/kernel-kinds.skel.js";
import { KernelPrograms, TaskRecord } from "../fixtures/kernel-programs.skel.js";
import { describeKernel, openFds, since, thrown, trigger } from "./kernel.js";
import { datagrams } from "./table/world.js";

const RUNS = {
  TC_FIRST: 0,
  TC_SECOND: 1,
  CGROUP: 2,
  SK_LOOKUP: 3,
  NETFILTER: 4,
  SOCKET: 5,
  PERF: 6,
  TP_BTF: 8,
};

/** Loads only the named programs. */
function load(...names: (keyof KernelPrograms["programs"])[]): ReturnType<typeof KernelPrograms.load> {
  return KernelPrograms.load(({ programs, rodata }) => {
    rodata.with_cookies = Number(since(6, 10));
    for (const [name, program] of Object.entries(programs))
      program.autoload = names.includes(name as keyof KernelPrograms["programs"]);
  });
}

/** Sends a datagram to a port of this machine on which nobody listens, over the loopback interface. */
async function sendPacket(): Promise<void> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.send("x", 9, "127.0.0.1", () => resolve()));
  socket.close();
}

describeKernel("programs of every kind that this machine attaches", () => {
  test.skipIf(!since(6, 6))("traffic control: by tcx (kernel 6.6), in the order asked for", async () => {
    using kernel = load("tc_first", "tc_second");
    const first = kernel.programs.tc_first.attach("lo");
    expect(first.info()).toMatchObject({ type: 11, programId: expect.any(Number) });
    const second = kernel.programs.tc_second.attach({ interface: "lo", direction: "ingress", before: first });
    await sendPacket();
    await expect.poll(() => kernel.bss.runs[RUNS.TC_FIRST]).toBeGreaterThan(0n);
    expect(String(kernel.bss.order)).toMatch(/^(21)+$/);
    second.destroy();
    const seen = kernel.bss.runs[RUNS.TC_SECOND];
    await sendPacket();
    expect(kernel.bss.runs[RUNS.TC_SECOND]).toBe(seen);
    expect(thrown(() => kernel.programs.tc_first.attach("no-such-dev"))).toMatchObject({ code: "ENODEV" });
    expect(() => kernel.programs.tc_second.attach({ interface: "lo" } as never)).toThrow(/direction/);
  });

  test("cgroups, by folder and by descriptor", async () => {
    using kernel = load("on_cgroup");
    const root = execFileSync("findmnt", ["-nt", "cgroup2", "-o", "TARGET"], { encoding: "utf8" }).split(
      "\n",
    )[0]!;
    const folder = `${root}/bpf-tsgen-programs-${process.pid}`;
    mkdirSync(folder);
    try {
      writeFileSync(`${folder}/cgroup.procs`, String(process.pid));
      const link = kernel.programs.on_cgroup.attach({ cgroup: folder });
      await sendPacket();
      expect(kernel.bss.runs[RUNS.CGROUP]).toBe(1n);
      link.destroy();
      const fd = openSync(folder, "r");
      using again = kernel.programs.on_cgroup.attach({ cgroup: fd });
      closeSync(fd);
      await sendPacket();
      expect(kernel.bss.runs[RUNS.CGROUP]).toBe(2n);
      expect(again.info().type).toBe(3);
      expect(thrown(() => kernel.programs.on_cgroup.attach({ cgroup: "/no/such" }))).toMatchObject({
        code: "ENOENT",
      });
    } finally {
      writeFileSync(`${root}/cgroup.procs`, String(process.pid));
      kernel.close();
      rmdirSync(folder);
    }
  });

  test("network namespaces: sk_lookup", async () => {
    using kernel = load("on_lookup");
    using link = kernel.programs.on_lookup.attach({ netns: "/proc/self/ns/net" });
    await sendPacket();
    await expect.poll(() => kernel.bss.runs[RUNS.SK_LOOKUP]).toBeGreaterThan(0n);
    expect(link.info().type).toBe(5);
  });

  test.skipIf(!since(6, 4))("netfilter (kernel 6.4)", async () => {
    using kernel = load("on_netfilter");
    using _link = kernel.programs.on_netfilter.attach({ family: "ipv4", hook: "output", priority: 5 });
    await sendPacket();
    expect(kernel.bss.runs[RUNS.NETFILTER]).toBeGreaterThan(0n);
    expect(() =>
      kernel.programs.on_netfilter.attach({ family: "ipv4", hook: "toString" as never, priority: 0 }),
    ).toThrow(/hook is one of "prerouting", /);
    expect(() =>
      kernel.programs.on_netfilter.attach({ family: "ipx" as never, hook: "input", priority: 0 }),
    ).toThrow(TypeError);
  });

  test("sockets: a filter by setsockopt says that it is no link", () => {
    using kernel = load("on_socket");
    const { fd, receive, close } = datagrams();
    try {
      const link = kernel.programs.on_socket.attach({ socket: fd });
      expect(link.info()).toEqual({
        kind: "none",
        type: 0,
        id: 0,
        programId: 0,
        fallback: "setsockopt",
      });
      expect(thrown(() => link.fd)).toMatchObject({ code: "ERR_BPF_STATE" });
      receive();
      expect(kernel.bss.runs[RUNS.SOCKET]).toBe(1n);
      link.destroy();
    } finally {
      close();
    }
    const file = openSync("/dev/null", "r");
    expect(thrown(() => kernel.programs.on_socket.attach({ socket: file }))).toMatchObject({
      code: "ENOTSOCK",
    });
    closeSync(file);
    expect(() => kernel.programs.on_socket.attach({ socket: -1 })).toThrow(RangeError);
  });

  test("sockets of a map", () => {
    using kernel = load("on_stream");
    const link = kernel.programs.on_stream.attach({ map: kernel.maps.socks });
    expect(link.info()).toMatchObject(since(6, 10) ? { type: 14 } : { fallback: "bpf_prog_attach" });
    expect(thrown(() => kernel.programs.on_stream.attach({ map: kernel.maps.numbers })).message).toMatch(
      /on_stream/,
    );
  });

  test("performance events: the software clock of every CPU", async () => {
    using kernel = load("on_clock");
    const link = kernel.programs.on_clock.attach({ type: 1, config: 0, period: 1_000_000 });
    const until = Date.now() + 2_000;
    while (kernel.bss.runs[RUNS.PERF] === 0n && Date.now() < until) for (let i = 0; i < 1e6; i++);
    expect(kernel.bss.runs[RUNS.PERF]).toBeGreaterThan(0n);
    link.destroy();
    const seen = kernel.bss.runs[RUNS.PERF];
    for (let i = 0; i < 1e8; i++);
    expect(kernel.bss.runs[RUNS.PERF]).toBe(seen);
  });

  test("tracing programs attach by themselves, with a cookie by hand", () => {
    using kernel = load("on_enter");
    kernel.bss.target = process.pid;
    kernel.attach();
    trigger();
    expect(kernel.bss.runs[RUNS.TP_BTF]).toBeGreaterThan(0n);
    kernel.detach();
    if (!since(5, 15)) {
      expect(thrown(() => kernel.programs.on_enter.attach({ cookie: 99n })).message).toMatch(/kernel 5\.15/);
      return;
    }
    kernel.programs.on_enter.attach({ cookie: 99n });
    trigger();
    // Before 6.10 programs at tracepoints have no way to read it.
    expect(kernel.bss.cookie).toBe(since(6, 10) ? 99n : 0n);
  });

  test("iterators are read as lines, as records, as bytes, and over a map", () => {
    using kernel = load("dump_tasks", "dump_numbers");
    kernel.bss.target = -1;
    const mine = [...kernel.programs.dump_tasks.lines()].find((line) => line.startsWith(`${process.pid} `));
    expect(mine).toMatch(/^\d+ \S/);
    kernel.bss.target = 0;
    const records = [...kernel.programs.dump_tasks.records(TaskRecord)];
    expect(records.find(({ pid }) => pid === process.pid)?.comm).toBe(mine!.slice(mine!.indexOf(" ") + 1));
    const own = (): Uint8Array[] => [...kernel.programs.dump_tasks.bytes({ pid: process.pid })];
    if (since(6, 1)) expect(decode(TaskRecord, Buffer.concat(own())).pid).toBe(process.pid);
    else expect(thrown(own).message).toMatch(/need kernel 6\.1/);
    kernel.maps.numbers.set(3, 4);
    expect([...kernel.programs.dump_numbers.lines({ map: kernel.maps.numbers })]).toEqual(["3=4"]);
    expect(thrown(() => [...kernel.programs.dump_numbers.lines({} as never)]).message).toMatch(
      /dump_numbers/,
    );
    expect(() => [...kernel.programs.dump_tasks.records(codecs.bytes(0))]).toThrow(RangeError);
  });

  test("a reading of an iterator ends with the skeleton's links, also when nobody goes on with it", () => {
    using kernel = load("dump_tasks");
    kernel.bss.target = -1;
    const fds = openFds();
    const left = kernel.programs.dump_tasks.lines();
    const bytes = kernel.programs.dump_tasks.bytes();
    expect(left.next().done || bytes.next().done).toBe(false);
    expect(openFds()).toBe(fds + 4);
    kernel.detach();
    expect(openFds()).toBe(fds);
    expect([...bytes]).toEqual([]);
  });

  test.skipIf(!since(5, 14))(
    "testRun: a syscall program (kernel 5.14) with its context, a packet through a filter",
    () => {
      using kernel = load("add", "tc_second");
      const context = codecs.u32Array(4);
      const result = kernel.programs.add.testRun({ ctx: encode(context, [40, 2, 0, 0]) });
      expect([result.retval, ...decode(context, result.ctx)]).toEqual([7, 40, 2, 42, 0]);
      const packet = new Uint8Array(64).fill(1);
      const filtered = kernel.programs.tc_second.testRun({ data: packet, repeat: 10 });
      expect([filtered.retval, filtered.data]).toEqual([0xffff_ffff, packet]);
      expect(kernel.bss.runs[RUNS.TC_SECOND]).toBe(10n);
      expect(thrown(() => kernel.programs.tc_second.testRun({ data: new Uint8Array(3) }))).toMatchObject({
        code: "EINVAL",
      });
      expect(() => kernel.programs.add.testRun({ ctx: "x" as never })).toThrow(TypeError);
      expect(() => kernel.programs.add.testRun({ repeat: 0.5 })).toThrow(
        /testRun\(\): repeat 0.5 is outside/,
      );
      expect(() => kernel.programs.tc_second.testRun({ data: new Uint8Array(2 ** 24 + 1) })).toThrow(
        RangeError,
      );
    },
  );
});

describeKernel("testRun() with a context that the skeleton knows", () => {
  function kinds(...names: (keyof KernelKinds["programs"])[]): ReturnType<typeof KernelKinds.load> {
    return KernelKinds.load(({ programs }) => {
      for (const [name, program] of Object.entries(programs))
        program.autoload = names.includes(name as keyof KernelKinds["programs"]);
    });
  }

  test.skipIf(!since(5, 15))(
    "XDP (kernel 5.15), packets of the stack, lookups of sockets, and what an application made up",
    () => {
      using kernel = kinds("on_xdp", "on_tc_plain", "on_sk_lookup");
      const data = new Uint8Array(64);
      const { on_xdp, on_tc_plain, on_sk_lookup } = kernel.programs;
      // Where the packet ends goes without saying.
      expect(on_xdp.testRun({ data, ctx: { ingress_ifindex: 1 } })).toMatchObject({
        retval: 2,
        ctx: { data_end: 64, ingress_ifindex: 1 },
      });
      const { ctx } = on_tc_plain.testRun({ data, ctx: { mark: 5, cb: [1, 2, 3, 4, 5] } });
      expect([ctx.mark, [...ctx.cb], ctx.tstamp]).toEqual([5, [1, 2, 3, 4, 5], 0n]);
      expect(on_sk_lookup.testRun({ ctx: { family: 2, protocol: 17 } })).toMatchObject({
        retval: 1,
        ctx: { family: 2 },
      });
      using programs = load("add");
      expect(programs.programs.add.testRun({ ctx: { a: 40, b: 2 } })).toMatchObject({
        retval: 7,
        ctx: { sum: 42n },
      });
      expect(() => on_xdp.testRun({ data, ctx: { ingress_ifindex: -1 } })).toThrow(RangeError);
      expect(thrown(() => on_xdp.testRun({ data, ctx: { data_end: 1000 } }))).toMatchObject({
        code: "EINVAL",
      });
      expect(on_xdp.testRun({ data }).ctx).toEqual(new Uint8Array(0));
    },
  );

  test("a descriptor of something else, or of nothing, is refused, and nothing stays", () => {
    using kinds = KernelKinds.load(({ programs }) => {
      for (const [name, program] of Object.entries(programs))
        program.autoload =
          /^on_(socket_filter|sk_reuseport|sk_skb_verdict|sk_msg|sk_lookup|flow_dissector|cgroup_connect4|perf_event|xdp)$/.test(
            name,
          );
    });
    const foreign = openSync("/dev/null", "r");
    const fds = openFds();
    const { programs } = kinds;
    for (const fd of [foreign, 0x7fff_fff0]) {
      const attempts: readonly (() => unknown)[] = [
        () => programs.on_socket_filter.attach({ socket: fd }),
        () => programs.on_sk_reuseport.attach({ socket: fd }),
        () => programs.on_sk_skb_verdict.attach({ map: { fd } }),
        () => programs.on_sk_skb_verdict.attach({ map: { fd }, fallback: "always" }),
        () => programs.on_sk_msg.attach({ map: { fd } }),
        () => programs.on_sk_lookup.attach({ netns: fd }),
        () => programs.on_flow_dissector.attach({ netns: fd }),
        () => programs.on_cgroup_connect4.attach({ cgroup: fd }),
        () => programs.on_perf_event.attach({ fd }),
        () => kinds.maps.socks.set(0, fd),
      ];
      for (const attempt of attempts) {
        const error = thrown(attempt);
        expect(error, String(attempt)).toMatchObject({
          name: "BpfError",
          code: expect.stringMatching(/^(EBADFD?|EINVAL|ENOTSOCK|EOPNOTSUPP|ENOTSUPP)$/),
        });
        expect(error.message, String(attempt)).toMatch(/^(program|map) "/);
      }
    }
    // The loopback's driver has no XDP of its own, and there is no card.
    for (const [mode, todo] of [
      ["native", 'the driver of the interface has no XDP: mode "generic" does without'],
      ["offload", "the card of the interface takes no programs: leave mode out"],
    ] as const)
      expect(thrown(() => programs.on_xdp.attach({ interface: "lo", mode })).message).toContain(todo);
    expect(
      thrown(() => programs.on_perf_event.attach({ type: 1, config: 0, period: 1, pid: 0x7fff_fffe })),
    ).toMatchObject({ name: "BpfError", code: "ESRCH" });
    expect(openFds()).toBe(fds);
    closeSync(foreign);
  });

  test("a map that is bound to a program lives as long, though the program does not use it", () => {
    using kernel = KernelExtra.load();
    const { write_lines } = kernel.programs;
    let id: number;
    {
      using notes = BpfMap.create({ name: "notes", maxEntries: 1 }, HashMap, codecs.u32, codecs.u64);
      id = notes.info().id;
      notes.set(1, 2n);
      expect(write_lines.info().mapIds).not.toContain(id);
      write_lines.bindMap(notes);
      expect(thrown(() => write_lines.bindMap({ fd: 0x7fff_fff0 }))).toMatchObject({ code: "EBADF" });
    }
    expect(write_lines.info().mapIds).toContain(id);
    using again = BpfMap.open({ id }, HashMap, codecs.u32, codecs.u64);
    expect(again.get(1)).toBe(2n);
    expect(() => write_lines.bindMap({} as never)).toThrow(TypeError);
    expect(() => write_lines.bindMap({ fd: -1 })).toThrow(RangeError);
  });

  test("runs that nothing could end are refused", () => {
    using kernel = kinds("on_xdp");
    expect(() => kernel.programs.on_xdp.testRun({ data: new Uint8Array(64), repeat: 0xffff_ffff })).toThrow(
      /repeat 4294967295 is more than 10000000/,
    );
  });
});
