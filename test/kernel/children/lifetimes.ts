// What outlives what: one case each, named by the first argument; prints what was seen, as JSON.
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { closeSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { map } from "../../../runtime/codegen.js";
import { libc, perfEventOpen } from "../../../runtime/ffi/native.js";
import { ArrayOfMaps, BpfMap, HashMap, Link, Program, RawMap, u32 } from "../../../runtime/index.js";
import { KernelHalves } from "../../fixtures/kernel-halves.skel.js";
import { KernelMaps } from "../../fixtures/kernel-maps.skel.js";
import { KernelPrograms } from "../../fixtures/kernel-programs.skel.js";
import { trigger } from "../child.js";
import { datagrams } from "../table/world.js";

const [what, name] = process.argv.slice(2) as [string, string];
const SOCKET = 5;
const TP_BTF = 8;
const clock = { type: 1, config: 0, period: 1_000_000_000 };

function load(...programs: (keyof KernelPrograms["programs"])[]): ReturnType<typeof KernelPrograms.load> {
  const kernel = KernelPrograms.load(
    (opened) => {
      for (const [each, program] of Object.entries(opened.programs))
        program.autoload = programs.includes(each as keyof KernelPrograms["programs"]);
    },
    { name },
  );
  kernel.bss.target = process.pid;
  return kernel;
}

const openFds = (): number => readdirSync("/proc/self/fd").length;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function thrown(action: () => unknown): string {
  try {
    action();
    return "nothing";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** The leaks that the process is warned of, once there are so many, and whether they tell where that was opened. */
async function leaks(
  count: number,
): Promise<readonly { readonly message: string; readonly where: boolean }[]> {
  const warnings: { message: string; where: boolean }[] = [];
  process.on("warning", (warning) => {
    const { message, code, detail } = warning as Error & { code?: string; detail?: string };
    if (code === "BPF_LEAK")
      warnings.push({ message, where: /lifetimes\.[jt]s|^by get\(\) of map ""$/.test(detail ?? "") });
  });
  for (let i = 0; i < 100 && warnings.length < count; i++) {
    globalThis.gc!();
    await pause(10);
  }
  return warnings;
}

const cases: Record<string, () => unknown> = {
  /** Nobody refers to the skeleton any more: that is said, and nothing is detached. */
  async leaked() {
    const bss = (() => {
      const kernel = load("on_enter");
      kernel.attach();
      return kernel.bss;
    })();
    const warnings = await leaks(1);
    const before = bss.runs[TP_BTF]!;
    trigger();
    return { warnings, attached: bss.runs[TP_BTF]! > before };
  },

  /** What was opened by hand, and is not referred to any more: said of each that is open, and of nothing else. */
  async handles() {
    using kernel = load("on_enter");
    const [mapId, programId] = [kernel.maps.numbers.info().id, kernel.programs.on_enter.info().id];
    const linkId = kernel.programs.on_enter.attach().info().id;
    using inner = BpfMap.create({ name: "inner", maxEntries: 1 }, HashMap, u32, u32);
    using outer = BpfMap.create(
      { maxEntries: 1, inner },
      ArrayOfMaps,
      map(HashMap<number, number>, u32, u32),
    );
    outer.set(0, inner);
    const open = () => ({
      closable: [
        BpfMap.create({ name: "by_hand", maxEntries: 1 }, HashMap, u32, u32),
        BpfMap.open({ id: mapId }, RawMap),
        outer.get(0)!,
        Program.open({ id: programId }),
      ],
      link: Link.open({ id: linkId }),
    });
    const before = openFds();
    // What was closed, what was let go of on purpose, and what is a skeleton's.
    for (const end of ["destroy", "disconnect"] as const) {
      const { closable, link } = open();
      for (const each of closable) each.close();
      link[end]();
    }
    void [kernel.maps.numbers.raw, kernel.maps.socks];
    const warnings = leaks(5);
    open();
    const ended = openFds() - before;
    const told = (await warnings).map(({ message, where }) => [message.split(":")[0], where]);
    const runs = kernel.bss.runs[TP_BTF]!;
    trigger();
    const ids = { [mapId]: "MAP", [programId]: "PROGRAM", [linkId]: "LINK" };
    return {
      told: told
        .map(([name, where]) => [String(name).replace(/\d+/, (id) => ids[Number(id)] ?? id), where])
        .sort(),
      ended,
      attached: kernel.bss.runs[TP_BTF]! > runs,
    };
  },

  /** A map that cannot be let go of is no reason to keep the others, their descriptors, and the object. */
  async closers() {
    const before = openFds();
    const unwilling = (map: object): void =>
      void Object.defineProperty(map, "release", {
        value: () => {
          throw Object.assign(new Error(), { code: "MINE" });
        },
      });
    const kernel = load("on_enter");
    const { numbers, socks } = kernel.maps;
    const { bss } = kernel;
    // The newest is closed first.
    unwilling(socks);
    const closed = kernel.closed.then(() => "closed");
    const skeleton = [thrown(() => kernel.close()), thrown(() => kernel.close())];
    const byHand = BpfMap.create({ maxEntries: 1 }, HashMap, u32, u32);
    const other = byHand.raw;
    unwilling(byHand);
    return {
      skeleton,
      numbers: thrown(() => numbers.fd),
      bss: thrown(() => bss.target),
      closed: await closed,
      byHand: [thrown(() => byHand.close()), thrown(() => byHand.close())],
      other: thrown(() => other.fd),
      fds: openFds() - before,
    };
  },

  /** A link by libbpf, one by the kernel, one that stands for several: let go of, destroyed, and closed over. */
  async disconnected() {
    const kernel = load("on_enter", "on_lookup", "on_clock");
    const { on_enter, on_lookup, on_clock } = kernel.programs;
    const links = [
      on_enter.attach(),
      on_lookup.attach({ netns: "/proc/self/ns/net" }),
      on_clock.attach(clock),
    ];
    for (const link of links) {
      link.disconnect();
      link.destroy();
    }
    const before = kernel.bss.runs[TP_BTF]!;
    trigger();
    const attached = kernel.bss.runs[TP_BTF]! > before;
    kernel.close();
    console.log("closed");
    await new Promise((resolve) => process.stdin.once("end", resolve).resume());
    return { attached };
  },

  together() {
    const kernel = load("on_clock");
    const cpus = availableParallelism();
    const before = openFds();
    const link = kernel.programs.on_clock.attach(clock);
    const held = openFds() - before;
    const pinned = thrown(() => link.pin(`/sys/fs/bpf/${name}`));
    const type = link.info().type;
    const others = load("on_clock").programs.on_clock.attach({ ...clock, cpu: 0 });
    link.destroy();
    const left = openFds() - before;
    others.destroy();
    kernel.programs.on_clock.attach(clock);
    kernel.close();
    return {
      each: held / cpus,
      pinned: cpus > 1 ? pinned : "ERR_BPF_STATE",
      type,
      left: left > 0,
      after: thrown(() => link.fd),
    };
  },

  /** A link that cannot be ended is no reason to keep the others. */
  failing() {
    const before = openFds();
    const kernel = load("on_enter", "on_clock");
    kernel.programs.on_clock.attach(clock);
    const broken = kernel.programs.on_enter.attach();
    closeSync(broken.fd);
    const first = thrown(() => kernel.close());
    const fds = openFds() - before;
    return { first, fds, second: thrown(() => kernel.close()) };
  },

  /** The second program cannot be attached, and then the first cannot be taken back: the first failure is told. */
  halves() {
    const kernel = KernelHalves.load(undefined, { name });
    const { good } = kernel.programs;
    const attach = good.attach.bind(good);
    const value = (): ReturnType<typeof attach> => {
      const link = attach();
      closeSync(link.fd);
      return link;
    };
    Object.defineProperty(good, "attach", { value });
    const first = thrown(() => kernel.attach());
    const links = Object.keys(kernel.links);
    return { first, links, close: thrown(() => kernel.close()) };
  },

  /** The event is the caller's: it is there before and after. */
  event() {
    using kernel = load("on_clock");
    const fd = perfEventOpen({ type: 1, config: 0n, sample_period: 1_000_000_000n }, 0, -1);
    const before = openFds();
    kernel.programs.on_clock.attach({ fd }).destroy();
    const bad = thrown(() => kernel.programs.on_clock.attach({ fd: 9999 }));
    const fds = openFds() - before;
    // Throws when it was closed.
    closeSync(fd);
    return { mine: true, bad, fds };
  },

  /** The number of a closed socket soon is another's. */
  socket() {
    using kernel = load("on_socket");
    const { on_socket } = kernel.programs;
    const first = datagrams();
    const old = on_socket.attach({ socket: first.fd });
    first.close();
    const second = datagrams();
    const link = on_socket.attach({ socket: second.fd });
    old.destroy();
    second.receive();
    const kept = kernel.bss.runs[SOCKET];
    link.disconnect();
    link.destroy();
    second.receive();
    const disconnected = kernel.bss.runs[SOCKET];
    second.close();
    return { same: first.fd === second.fd, kept: String(kept), disconnected: String(disconnected) };
  },

  /** In a network namespace of its own, as on a kernel that has no links for these. */
  async fallbacks() {
    execFileSync("ip", ["link", "set", "lo", "up"]);
    const warnings: string[] = [];
    process.on("warning", ({ message, name: kind }) => {
      if (kind !== "DeprecationWarning") warnings.push(message);
    });
    const kernel = load("tc_second", "on_stream");
    const real = libc.syscall;
    // An unknown command of bpf(2): EINVAL, as of old kernels.
    const refused = (...[number]: Parameters<typeof real>): number => real(number, 9999, 0, 0, 0, 0);
    Object.defineProperty(libc, "syscall", { value: refused });
    const { tc_second, on_stream } = kernel.programs;
    const runs = async (): Promise<boolean> => {
      const before = kernel.bss.runs[1]!;
      const socket = createSocket("udp4");
      await new Promise<void>((resolve) => socket.send("x", 9, "127.0.0.1", () => resolve()));
      socket.close();
      await pause(20);
      return kernel.bss.runs[1]! > before;
    };
    const listeners = process.listenerCount("exit");
    const links = Array.from({ length: 15 }, () =>
      tc_second.attach({ interface: "lo", direction: "ingress" }),
    );
    const fds = openFds();
    const stream = on_stream.attach({ map: kernel.maps.socks });
    const said = { tc: links[0]!.info().fallback, stream: stream.info().fallback };
    stream.destroy();
    const leaked = openFds() - fds;
    const added = process.listenerCount("exit") - listeners;
    const attached = await runs();
    for (const link of links.slice(1)) link.destroy();
    const one = await runs();
    links[0]!.destroy();
    const none = await runs();
    const removed = process.listenerCount("exit") - listeners;
    const last = tc_second.attach({ interface: "lo", direction: "ingress" });
    last.disconnect();
    last.destroy();
    const disconnected = await runs();
    await pause(10);
    return { said, leaked, added, removed, attached, one, none, disconnected, warnings };
  },

  /** What could not be detached is not attached in the first place; of what was begun for it nothing is left. */
  undetachable() {
    using kernel = load("on_stream");
    const before = openFds();
    const real = libc.fcntl;
    const codes = [1, 2].map((failing) => {
      let calls = 0;
      const value = (...args: Parameters<typeof real>): number =>
        ++calls === failing ? real(-1, 1, 0) : real(...args);
      Object.defineProperty(libc, "fcntl", { configurable: true, value });
      return thrown(() => kernel.programs.on_stream.attach({ map: kernel.maps.socks, fallback: "always" }));
    });
    Object.defineProperty(libc, "fcntl", { configurable: true, value: real });
    return { codes, fds: openFds() - before };
  },

  /** Records of a CPU that never stops do not hold up those of another. */
  fair() {
    using kernel = KernelMaps.attach(undefined, { name });
    kernel.bss.target = process.pid;
    kernel.bss.send_records = true;
    const { perf } = kernel.maps;
    const on = (cpu: number, times: number): void => {
      execFileSync("taskset", ["-cp", String(cpu), String(process.pid)]);
      perf.drain(() => undefined);
      process.title = `on-${cpu}`;
      trigger(times);
    };
    const first: number[] = [];
    for (const flooding of [0, 1]) {
      on(flooding, 0);
      on(1 - flooding, 0);
      trigger(3);
      execFileSync("taskset", ["-cp", String(flooding), String(process.pid)]);
      process.title = `on-${flooding}`;
      trigger(5);
      let seen = 0;
      let found = 0;
      perf.drain(({ comm }) => {
        seen++;
        if (comm === `on-${1 - flooding}` && found === 0) found = seen;
        if (seen < 1000) trigger(1);
      });
      first.push(found);
    }
    return { first };
  },
};

console.log(JSON.stringify(await cases[what]!()));
process.exit(0);
