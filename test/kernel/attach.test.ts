import { openSync, readSync } from "node:fs";
import { expect, test } from "vitest";
import { Kernel } from "../fixtures/kernel.skel.js";
import { aim, describeKernel, libcPath, only, run, since, thrown, trigger } from "./kernel.js";

/** Where in its file a function of a library lies, from the symbols for the dynamic linker. */
function offsetOf(path: string, symbol: string): number {
  const fd = openSync(path, "r");
  const read = (at: number, size: number): Buffer => {
    const bytes = Buffer.alloc(size);
    readSync(fd, bytes, 0, size, at);
    return bytes;
  };
  const header = read(0, 64);
  const table = (at: number, count: number, size: number): Buffer[] =>
    Array.from({ length: count }, (_, i) => read(at + i * size, size));
  const sections = table(Number(header.readBigUInt64LE(40)), header.readUInt16LE(60), 64);
  const segments = table(Number(header.readBigUInt64LE(32)), header.readUInt16LE(56), 56);
  const contents = (section: Buffer): Buffer =>
    read(Number(section.readBigUInt64LE(24)), Number(section.readBigUInt64LE(32)));
  const dynsym = sections.find((section) => section.readUInt32LE(4) === 11)!;
  const symbols = contents(dynsym);
  const names = contents(sections[dynsym.readUInt32LE(40)]!);
  for (let at = 0; at < symbols.length; at += 24) {
    const start = symbols.readUInt32LE(at);
    if (names.toString("latin1", start, names.indexOf(0, start)) !== symbol) continue;
    const address = Number(symbols.readBigUInt64LE(at + 8));
    const inside = segments.find((segment) => {
      const from = Number(segment.readBigUInt64LE(16));
      return (
        segment.readUInt32LE(0) === 1 &&
        address >= from &&
        address < from + Number(segment.readBigUInt64LE(32))
      );
    })!;
    return address - Number(inside.readBigUInt64LE(16)) + Number(inside.readBigUInt64LE(8));
  }
  throw new Error(`no ${symbol} in ${path}`);
}

/** Whether programs can be told apart by cookies. */
const cookies = since(5, 15);
const COOKIE = 0xfedc_ba98_7654_3210n;
const GETPPID = { x64: 110, arm64: 173 }[process.arch as "x64" | "arm64"];

describeKernel("attaching", () => {
  test("tracepoints, of the section and given, with a cookie", () => {
    using kernel = Kernel.load((opened) => {
      only("by_tracepoint", "emit")(opened);
      opened.rodata.with_cookies = cookies;
    });
    aim(kernel);
    const { by_tracepoint, emit } = kernel.programs;
    const at = { category: "syscalls", name: "sys_enter_getppid" };
    {
      using _ = by_tracepoint.attach(cookies ? { ...at, cookie: COOKIE } : at);
      trigger(3);
    }
    trigger();
    expect([kernel.bss.by_tracepoint_runs, kernel.bss.cookie]).toEqual([3n, cookies ? COOKIE : 0n]);
    if (!cookies)
      expect(thrown(() => by_tracepoint.attach({ ...at, cookie: 1n })).message).toMatch(
        /cookies need kernel 5\.15/,
      );
    using _ = by_tracepoint.attach(at);
    trigger();
    expect([kernel.bss.by_tracepoint_runs, kernel.bss.cookie]).toEqual([4n, 0n]);
    // A given target goes before the section's.
    using __ = emit.attach({ category: "syscalls", name: "sys_exit_getppid" });
    trigger();
    expect(kernel.bss.seq).toBe(1n);
    expect(thrown(() => by_tracepoint.attach({ ...at, cookie: 1 } as never))).toBeInstanceOf(TypeError);
    expect(thrown(() => by_tracepoint.attach({ ...at, cookie: 1n << 64n }))).toBeInstanceOf(RangeError);
  });

  test("raw tracepoints, of the section and given", () => {
    using kernel = Kernel.load((opened) => {
      only("by_raw", "by_raw_bare")(opened);
      opened.rodata.getppid_number = GETPPID;
    });
    aim(kernel);
    const { by_raw, by_raw_bare } = kernel.programs;
    {
      using _ = by_raw.attach();
      trigger(2);
      using __ = by_raw_bare.attach({ name: "sys_enter" });
      trigger(1);
    }
    trigger(1);
    expect(kernel.bss.by_raw_runs).toBe(1003n);
    // libbpf itself has cookies for them from 1.4 on.
    if (!since(6, 10)) {
      expect(thrown(() => by_raw.attach({ cookie: 7n })).message).toMatch(/needs kernel 6\.10/);
      return;
    }
    using _ = by_raw.attach({ cookie: 7n });
    trigger();
    expect(kernel.bss.by_raw_runs).toBe(1004n);
  });

  test("uprobes: by symbol, by offset in the file, of one process or all, on return, by section", () => {
    using kernel = Kernel.load((opened) => {
      only("by_uprobe", "by_uprobe_section", "by_uretprobe")(opened);
      opened.rodata.with_cookies = cookies;
    });
    aim(kernel);
    const { by_uprobe, by_uprobe_section, by_uretprobe } = kernel.programs;
    const path = libcPath();
    const runs = (target: Parameters<typeof by_uprobe.attach>[0]): bigint => {
      kernel.bss.by_uprobe_runs = 0n;
      using _ = by_uprobe.attach(target);
      trigger(2);
      return kernel.bss.by_uprobe_runs;
    };
    expect(runs({ path, symbol: "getppid" })).toBe(2n);
    expect(runs({ path: "libc.so.6", symbol: "getppid", ...(cookies && { cookie: 99n }) })).toBe(2n);
    expect(kernel.bss.cookie).toBe(cookies ? 99n : 0n);
    expect(runs({ path, symbol: "getppid", pid: 0 })).toBe(2n);
    expect(runs({ path, symbol: "getppid", pid: process.pid })).toBe(2n);
    expect(runs({ path, symbol: "getppid", pid: process.ppid })).toBe(0n);
    expect(runs({ path, offset: offsetOf(path, "getppid") })).toBe(2n);
    expect(runs({ path, symbol: "getpid" })).toBe(0n);
    {
      using _ = by_uretprobe.attach({ path, symbol: "getppid" });
      trigger();
    }
    expect(kernel.bss.returned).toBe(BigInt(process.ppid));
    kernel.bss.by_uprobe_runs = 0n;
    using _ = by_uprobe_section.attach();
    trigger();
    expect(kernel.bss.by_uprobe_runs).toBe(1000n);
  });

  test("what cannot be attached says where, what, and what to do; and nothing stays attached", () => {
    using kernel = Kernel.load(only("by_tracepoint", "by_raw_bare", "by_uprobe", "by_xdp"));
    const { by_tracepoint, by_raw_bare, by_uprobe, by_xdp, emit } = kernel.programs;
    const cases: [() => unknown, string, RegExp][] = [
      [
        () => by_tracepoint.attach({ category: "sched", name: "nope" }),
        "ENOENT",
        /^program "by_tracepoint" .*'sched\/nope'.* — ./,
      ],
      [() => by_raw_bare.attach({ name: "nope" }), "ENOENT", /^program "by_raw_bare" .* — .*'nope'/],
      [
        () => by_uprobe.attach({ path: "/nope", symbol: "x" }),
        "ENOENT",
        /^program "by_uprobe" .*\/nope.* — ./,
      ],
      [() => by_uprobe.attach({ path: "no-such-lib.so", symbol: "x" }), "ENOENT", /no-such-lib\.so.* — ./],
      [
        () => by_uprobe.attach({ path: libcPath(), symbol: "no_such_symbol" }),
        "ENOENT",
        /'no_such_symbol'.* — ./,
      ],
      [
        () => by_uprobe.attach({ path: "/etc/passwd", symbol: "x" }),
        "LIBBPF_ERRNO__FORMAT",
        /\/etc\/passwd.* — ./,
      ],
      [() => by_uprobe.attach({ path: libcPath(), symbol: "getppid", pid: 0x7fff_fffe }), "ESRCH", /process/],
      [() => by_xdp.attach("no-such-if"), "ENODEV", /^program "by_xdp" .*"no-such-if" — ./],
      [() => by_xdp.attach({ ifindex: 0x7fff_ffff }), "EINVAL", /^program "by_xdp" .* — ./],
      [() => emit.attach(), "ERR_BPF_STATE", /^program "emit" .*was not loaded — set autoload/],
    ];
    for (const [attach, code, message] of cases) {
      const error = thrown(attach);
      expect(error, attach.toString()).toMatchObject({ name: "BpfError", code });
      expect(error.message).toMatch(message);
    }
    for (const [attach, message] of [
      [() => by_tracepoint.attach(undefined as never), /names no tracepoint — attach\({ category, name }\)$/],
      [() => by_tracepoint.attach({ category: "sched" } as never), / — attach/],
      [() => by_raw_bare.attach({} as never), / — attach\({ name }\)$/],
      [() => by_uprobe.attach({} as never), / — attach\({ path, symbol }\)$/],
      [() => by_xdp.attach({} as never), /attach\(\)/],
      [() => by_xdp.attach("lo\0") as never, /NUL/],
    ] as const) {
      const error = thrown(attach);
      expect(error, attach.toString()).toBeInstanceOf(TypeError);
      expect(error.message).toMatch(message);
    }
  });

  test("XDP on an interface: by name and number, update without a gap, taken, detached", async () => {
    const { code, out, err } = await run("xdp", [], 20_000, ["unshare", "--net"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const said = JSON.parse(out) as Record<string, string>;
    expect(said).toMatchObject({ unattached: "0", detached: "0", destroyed: "0" });
    expect(said.again).toMatch(/^BpfError E(BUSY|EXIST) program "by_xdp_too" .* — /);
    for (const step of ["attached", "back", "index"]) expect(Number(said[step]), step).toBeGreaterThan(0);
    for (const step of ["attached", "back", "index"]) expect(Number(said[step]), step).toBeLessThan(1000);
    expect(Number(said.updated)).toBeGreaterThanOrEqual(1_000_000);
    expect(Number(said.updated) % 1_000_000).toBe(0);
  });
});
