import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type * as Koffi from "koffi";
import { expect, test } from "vitest";
import { type Btf, parseBtf } from "../../runtime/btf/index.js";
import {
  AttachType,
  attachTypeName,
  BpfError,
  btf,
  enableStats,
  LibbpfErrno,
  LinkType,
  LogLevel,
  libbpfVersion,
  linkTypeName,
  MapType,
  mapTypeName,
  ProgramType,
  possibleCpus,
  probe,
  programTypeName,
  strerror,
  TcAttachPoint,
} from "../../runtime/index.js";
import { Kernel } from "../fixtures/kernel.skel.js";
import { describeKernel, only, openFds, run, since, thrown } from "./kernel.js";

/** libbpf itself, asked without the runtime. */
function libbpf(declaration: string): (...args: unknown[]) => unknown {
  const koffi = createRequire(import.meta.url)("koffi") as typeof Koffi;
  return koffi.load(process.env.LIBBPF_PATH || "libbpf.so.1").func(declaration);
}

let kernelTypes: Btf | undefined;
/** The members of an enum of the running kernel, without their prefix. */
function kernelEnum(name: string, prefix: string): Record<string, number> {
  kernelTypes ??= parseBtf(new Uint8Array(readFileSync("/sys/kernel/btf/vmlinux")));
  return Object.fromEntries(
    kernelTypes
      .named("enum", name)!
      .values.filter((value) => value.name.startsWith(prefix) && !/_DEPRECATED$/.test(value.name))
      .map((value) => [value.name.slice(prefix.length), Number(value.value)]),
  );
}

describeKernel("introspection", () => {
  test.each([
    ["bpf_map_type", "BPF_MAP_TYPE_", MapType],
    ["bpf_prog_type", "BPF_PROG_TYPE_", ProgramType],
    ["bpf_attach_type", "BPF_", AttachType],
    ["bpf_link_type", "BPF_LINK_TYPE_", LinkType],
  ])("every member of the running kernel's enum %s is known, by its number", (name, prefix, ours) => {
    const members = kernelEnum(name, prefix);
    expect(Object.keys(members).length).toBeGreaterThan(5);
    expect(ours).toMatchObject(members);
    // No number twice, and none left out.
    expect(Object.values(ours)).toEqual(Object.keys(ours).map((_, index) => index));
  });

  test.each([
    ["libbpf_bpf_map_type_str", mapTypeName, MapType],
    ["libbpf_bpf_prog_type_str", programTypeName, ProgramType],
    ["libbpf_bpf_attach_type_str", attachTypeName, AttachType],
    ["libbpf_bpf_link_type_str", linkTypeName, LinkType],
  ] as const)(
    "names are those of %s, and there is one for what libbpf does not know",
    (name, ours, numbers) => {
      const theirs = libbpf(`const char *${name}(int)`);
      let known = 0;
      for (let n = 0; n < 100; n++) {
        const text = theirs(n) as string | null;
        if (text === null) continue;
        known++;
        expect(ours(n)).toBe(text);
      }
      expect(known).toBeGreaterThan(8);
      for (const number of Object.values(numbers)) expect(ours(number)).toMatch(/^[a-z][a-z0-9_]*$/);
      expect(ours(999)).toMatch(/^\w+ type 999$/);
      expect(() => ours("xdp" as never)).toThrow(TypeError);
    },
  );

  test("numbers that are of libbpf, not of the kernel", () => {
    expect(LibbpfErrno.LIBELF).toBe(4000);
    expect(LibbpfErrno.NLPARSE).toBe(4013);
    expect(TcAttachPoint).toEqual({ INGRESS: 1, EGRESS: 2, CUSTOM: 4, QDISC: 8 });
    expect(LogLevel).toEqual({ WARN: 0, INFO: 1, DEBUG: 2 });
  });

  test("the version of libbpf, texts for errors, and possible CPUs", () => {
    const { major, minor, text } = libbpfVersion();
    expect(text).toBe(`v${major}.${minor}`);
    expect(major).toBe(1);
    expect(strerror(2)).toBe("No such file or directory");
    expect(strerror(-2)).toBe("No such file or directory");
    expect(strerror(LibbpfErrno.RELOC)).toBe("Relocation failed");
    expect(strerror(123_456)).toMatch(/123456/);
    for (const bad of [Number.NaN, 0.5, 2 ** 31]) expect(() => strerror(bad)).toThrow(RangeError);
    expect(() => strerror("2" as never)).toThrow(TypeError);
    const possible = readFileSync("/sys/devices/system/cpu/possible", "utf8").trim();
    expect(possibleCpus()).toBe(Number(possible.split("-").at(-1)) + 1);
  });

  // What libbpf tries is more than older kernels take, struct_ops on 5.10 for one.
  test.skipIf(!since(6, 12))(
    "probe tells which types of maps and programs, and which helpers, the kernel (6.12) has",
    () => {
      const fds = openFds();
      const maps = kernelEnum("bpf_map_type", "BPF_MAP_TYPE_");
      const missing = Object.entries(MapType).filter(([, number]) => number > 0 && !probe.mapType(number));
      // Every kind that this kernel has heard of it can make, too.
      expect(missing.map(([name]) => name)).toEqual(Object.keys(MapType).filter((name) => !(name in maps)));
      const programs = kernelEnum("bpf_prog_type", "BPF_PROG_TYPE_");
      for (const [name, number] of Object.entries(ProgramType)) {
        // Takes an infrared receiver's support, and a kernel that does not refuse trampolines.
        if (number === 0 || ["LIRC_MODE2", "TRACING", "EXT", "LSM"].includes(name)) continue;
        expect(probe.programType(number), name).toBe(name in programs);
      }
      expect([probe.mapType(0), probe.mapType(999), probe.programType(0), probe.programType(999)]).toEqual([
        false,
        false,
        false,
        false,
      ]);
      const [bpf_map_lookup_elem, bpf_probe_read_kernel] = [1, 113];
      expect(probe.helper(ProgramType.XDP, bpf_map_lookup_elem)).toBe(true);
      expect(probe.helper(ProgramType.XDP, bpf_probe_read_kernel)).toBe(true);
      expect(probe.helper(ProgramType.XDP, 100_000)).toBe(false);
      expect(probe.helper(ProgramType.SOCKET_FILTER, 14)).toBe(true);
      const told = thrown(() => probe.helper(ProgramType.LSM, bpf_map_lookup_elem));
      expect(told).toMatchObject({ name: "BpfError", code: "EOPNOTSUPP" });
      expect(told.message).toMatch(/^probe\.helper\(\): the helpers of lsm programs .* — /);
      for (const bad of [-1, 0.5, 2 ** 32]) {
        expect(() => probe.mapType(bad)).toThrow(RangeError);
        expect(() => probe.programType(bad)).toThrow(RangeError);
        expect(() => probe.helper(6, bad)).toThrow(RangeError);
      }
      expect(openFds()).toBe(fds);
    },
  );

  test("types in the kernel are listed, and read by their id", () => {
    using kernel = Kernel.load(only("reflect"));
    const fds = openFds();
    const all = [...btf.list()];
    const vmlinux = all.find(({ name }) => name === "vmlinux");
    // From 5.11 on the kernel's own are among them.
    expect(vmlinux !== undefined).toBe(since(5, 11));
    if (vmlinux) {
      expect(vmlinux).toMatchObject({ kernel: true, name: "vmlinux" });
      const file = readFileSync("/sys/kernel/btf/vmlinux");
      expect(file.equals(btf.read(vmlinux.id))).toBe(true);
    }
    const { btfId } = kernel.programs.reflect.info();
    expect(kernel.maps.samples.info().btfId).toBe(btfId);
    const own = all.find(({ id }) => id === btfId)!;
    expect(own).toMatchObject({ kernel: false, name: "" });
    const bytes = btf.read(btfId);
    expect(bytes.length).toBe(own.size);
    expect(parseBtf(bytes).named("struct", "sample")).toBeDefined();
    expect(thrown(() => btf.read(0xffff_fff0))).toMatchObject({ name: "BpfError", code: "ENOENT" });
    expect(() => btf.read(0)).toThrow(RangeError);
    expect(() => btf.read("1" as never)).toThrow(TypeError);
    expect(openFds()).toBe(fds);
  });

  test("statistics are on until they are closed", () => {
    using kernel = Kernel.load(only("reflect"));
    const counted = (): number => {
      const text = readFileSync(`/proc/self/fdinfo/${kernel.programs.reflect.fd}`, "utf8");
      return Number(/^run_cnt:\s*(\d+)$/m.exec(text)![1]);
    };
    using _link = kernel.programs.reflect.attach();
    const fds = openFds();
    const setting = (): string => readFileSync("/proc/sys/kernel/bpf_stats_enabled", "utf8").trim();
    const before = setting();
    {
      using stats = enableStats();
      for (let i = 0; i < 10; i++) void process.ppid;
      expect(counted()).toBeGreaterThanOrEqual(10);
      stats.close();
      stats.close();
    }
    const after = counted();
    if (before === "0") {
      for (let i = 0; i < 10; i++) void process.ppid;
      expect(counted()).toBe(after);
    }
    expect(openFds()).toBe(fds);
  });

  test("what this libbpf lacks fails where it is needed, and says which libbpf has it", async () => {
    const { out } = await run("lacking", [], 20_000, ["env", "LIBBPF_PATH=libz.so.1"]);
    expect(JSON.parse(out)).toEqual({
      code: "ERR_BPF_LIBRARY",
      syscall: "libbpf_major_version",
      // Behind it comes the package, where the distribution is known.
      message: expect.stringMatching(
        /^libbpf_major_version: this libbpf has no such function — install libbpf 1\.1 or newer/,
      ),
    });
    const { major, minor } = libbpfVersion();
    if (1000 * major + minor >= 1004) return;
    const error = thrown(() => Kernel.open({ tokenPath: "/sys/fs/bpf" }));
    expect(error).toBeInstanceOf(BpfError);
    expect(error).toMatchObject({ code: "ERR_BPF_LIBRARY" });
    expect(error.message).toMatch(
      /bpf_token_path: libbpf v1\.\d does not know it — install libbpf 1\.4 or newer$/,
    );
  });
});
