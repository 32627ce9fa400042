import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { release } from "node:os";
import type * as Koffi from "koffi";
import { expect, test } from "vitest";
import { libbpfVersion } from "../../runtime/index.js";
import { fixture } from "../fixtures/fixtures.js";
import { KernelExtra } from "../fixtures/kernel-extra.skel.js";
import { KernelStructOps } from "../fixtures/kernel-struct-ops.skel.js";
import { Hostile } from "../golden/hostile.skel.js";
import { describeKernel, openFds, thrown } from "./kernel.js";

const AF_INET = 2;
const SOCK_STREAM = 1;
const IPPROTO_TCP = 6;
const TCP_CONGESTION = 13;
/** Lets everyone use it, and puts it into the list of those that everyone may use. */
const TCP_CONG_NON_RESTRICTED = 1;

const available = (): string => readFileSync("/proc/sys/net/ipv4/tcp_available_congestion_control", "utf8");
const allowed = (): string => readFileSync("/proc/sys/net/ipv4/tcp_allowed_congestion_control", "utf8");

/** Connects to this machine and has the connection use a congestion control, which is when the kernel calls `init`. */
async function connectWith(name: string): Promise<void> {
  const koffi = createRequire(import.meta.url)("koffi") as typeof Koffi;
  const libc = koffi.load(null);
  const close = libc.func("int close(int)");
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  const fd = libc.func("int socket(int, int, int)")(AF_INET, SOCK_STREAM, 0) as number;
  try {
    const address = Buffer.alloc(16);
    address.writeUInt16LE(AF_INET, 0);
    address.writeUInt16BE(port, 2);
    address.set([127, 0, 0, 1], 4);
    expect(libc.func("int connect(int, void *, uint32_t)")(fd, address, address.length)).toBe(0);
    const set = libc.func("int setsockopt(int, int, int, const char *, uint32_t)");
    expect(set(fd, IPPROTO_TCP, TCP_CONGESTION, name, name.length)).toBe(0);
  } finally {
    close(fd);
    server.close();
  }
}

describeKernel("struct_ops", () => {
  test("attach() registers the struct with the kernel, destroy() takes it out", () => {
    using kernel = KernelStructOps.load(({ maps }) => {
      maps.bare.autocreate = false;
    });
    expect(available()).not.toContain("bpf_tsgen_none");
    kernel.attach();
    expect(available()).toContain("bpf_tsgen_none");
    expect(available()).not.toContain("bpf_tsgen_bare");
    expect(kernel.links.nothing).toBeDefined();
    expect(kernel.links.bare).toBeUndefined();
    kernel.links.nothing?.destroy();
    expect(available()).not.toContain("bpf_tsgen_none");
    // Without a link of the kernel's, a map can be registered once.
    expect(thrown(() => kernel.maps.nothing.attach())).toMatchObject({ code: "EBUSY" });
    expect(kernel.maps.nothing.info().type).toBe(26);
  });

  test("a map's struct is read as it was compiled", () => {
    using opened = KernelStructOps.open();
    const { nothing, bare } = opened.maps;
    expect({ ...nothing.shadow }).toEqual({
      ssthresh: opened.programs.nothing_ssthresh,
      cong_avoid: opened.programs.nothing_cong_avoid,
      undo_cwnd: opened.programs.nothing_undo_cwnd,
      init: opened.programs.first_init,
      flags: 0,
      name: "bpf_tsgen_none",
    });
    expect([bare.shadow.init, bare.shadow.name]).toEqual([null, "bpf_tsgen_bare"]);
  });

  test("its data and its functions are changed before it is loaded", async () => {
    const before = openFds();
    {
      using kernel = KernelStructOps.attach(({ maps, programs, bss }) => {
        maps.nothing.shadow.name = "bpf_tsgen_new";
        maps.nothing.shadow.flags = TCP_CONG_NON_RESTRICTED;
        maps.nothing.shadow.init = programs.second_init;
        maps.bare.shadow.init = programs.second_init;
        // Whatever else has been set counts, in whatever order.
        bss.asked = 5n;
        programs.no_function.autoload = false;
        maps.sized.maxEntries = 9;
        // libbpf has a descriptor of its own from then on.
        using other = KernelStructOps.load();
        other.maps.reused.set(0, 6);
        maps.reused.reuse(other.maps.reused.fd);
      });
      expect([kernel.maps.sized.length, kernel.maps.reused.get(0)]).toEqual([9, 6]);
      expect(available()).not.toContain("bpf_tsgen_none");
      expect(allowed()).toContain("bpf_tsgen_new");
      expect(allowed()).not.toContain("bpf_tsgen_bare");
      expect(kernel.bss.asked).toBeGreaterThanOrEqual(5n);
      await connectWith("bpf_tsgen_new");
      await connectWith("bpf_tsgen_bare");
      expect([...kernel.bss.inits]).toEqual([0n, 0n, 2n]);
      // No map has it any more, and so it is not loaded.
      expect(thrown(() => kernel.programs.first_init.fd)).toMatchObject({ code: "ERR_BPF_STATE" });
      expect(thrown(() => kernel.programs.no_function.fd)).toMatchObject({ code: "ERR_BPF_STATE" });
    }
    expect(available()).not.toContain("bpf_tsgen_");
    expect(openFds()).toBe(before);
  });

  test("an object of which only other programs are loaded: what libbpf crashes at is an error", () => {
    const before = openFds();
    const load = (): void => {
      using kernel = KernelStructOps.load(({ maps, programs }) => {
        maps.nothing.autocreate = false;
        maps.bare.autocreate = false;
        for (const [name, program] of Object.entries(programs)) program.autoload = name === "no_function";
      });
      expect(kernel.programs.no_function.fd).toBeGreaterThan(2);
    };
    const { major, minor } = libbpfVersion();
    if (major > 1 || minor >= 4) load();
    else
      expect(thrown(load)).toMatchObject({
        code: "ERR_BPF_LIBRARY",
        message: expect.stringMatching(
          / — let map "\w+" have a program that is loaded, or install libbpf 1\.4/,
        ),
      });
    expect(openFds()).toBe(before);
  });

  test("a function is taken out with null", async () => {
    using kernel = KernelStructOps.attach(({ maps }) => {
      maps.nothing.shadow.init = null;
    });
    await connectWith("bpf_tsgen_none");
    expect([...kernel.bss.inits]).toEqual([0n, 0n, 0n]);
  });

  test("what does not fit is refused, and changes nothing", () => {
    using other = KernelStructOps.open();
    using opened = KernelStructOps.open();
    const { shadow } = opened.maps.nothing;
    const init = /nothing\.init: takes a program of SEC\("struct_ops"\) from opened\.programs, or null/;
    for (const wrong of [
      undefined,
      1,
      "first_init",
      {},
      opened.programs.no_function,
      other.programs.first_init,
    ])
      expect(() => {
        shadow.init = wrong as never;
      }).toThrow(init);
    expect(() => {
      shadow.name = "longer than its room";
    }).toThrow(RangeError);
    expect(() => {
      shadow.flags = -1;
    }).toThrow(RangeError);
    expect(() => Object.assign(shadow, { release: 1 })).toThrow(TypeError);
    expect([shadow.init, shadow.flags, shadow.name]).toEqual([
      opened.programs.first_init,
      0,
      "bpf_tsgen_none",
    ]);
  });

  test("a program in two places of the struct is libbpf's error", () => {
    const error = thrown(() =>
      KernelStructOps.load(({ maps, programs }) => {
        maps.nothing.shadow.undo_cwnd = programs.nothing_ssthresh;
      }),
    );
    expect(error).toMatchObject({ code: "EINVAL" });
    expect(error.message).toContain("nothing_ssthresh");
  });

  test("once loaded or closed, the struct cannot be reached any more", () => {
    const opened = KernelStructOps.open();
    const { shadow } = opened.maps.nothing;
    using _kernel = opened.load();
    expect(thrown(() => shadow.flags)).toMatchObject({ code: "ERR_BPF_STATE" });
    expect(thrown(() => shadow.init)).toMatchObject({ code: "ERR_BPF_STATE" });
    expect(thrown(() => opened.maps.bare.shadow)).toMatchObject({ code: "ERR_BPF_STATE" });
    const closed = KernelStructOps.open();
    const kept = closed.maps.nothing.shadow;
    closed.close();
    expect(thrown(() => kept.name)).toMatchObject({ code: "ERR_BPF_CLOSED" });
    expect(thrown(() => (kept.init = null))).toMatchObject({ code: "ERR_BPF_CLOSED" });
  });

  test("a program of another kind belongs to one map from then on, where the kernel knows of that", () => {
    using kernel = KernelStructOps.load();
    using extra = KernelExtra.load();
    const { count_up } = extra.programs;
    const associate = (): void => count_up.assocStructOps(kernel.maps.nothing);
    const [major] = release().split(".").map(Number) as [number];
    if (major >= 7) {
      associate();
      expect(thrown(() => count_up.assocStructOps(kernel.maps.bare))).toMatchObject({ code: "EBUSY" });
    } else {
      expect(thrown(associate)).toMatchObject({ name: "BpfError", code: "EINVAL" });
      expect(thrown(associate).message).toMatch(/ — it takes a struct_ops map, and kernel 7\.0$/);
    }
    expect(thrown(() => count_up.assocStructOps(extra.maps.own))).toMatchObject({ code: "EINVAL" });
    expect(() => count_up.assocStructOps({ fd: -1 })).toThrow(RangeError);
    expect(() => count_up.assocStructOps(7 as never)).toThrow(TypeError);
  });

  test("a map that this libbpf does not know yet is refused by the version that it needs", () => {
    // It is in SEC(".struct_ops.link").
    const { major, minor } = libbpfVersion();
    if (major > 1 || minor >= 2) Hostile.open().close();
    else
      expect(() => Hostile.open()).toThrow(
        /^struct_ops map "operations": libbpf \S+ does not know it — install libbpf 1\.4 or newer$/,
      );
  });

  test("a struct that is laid out differently is refused", () => {
    const object = fixture("kernel-struct-ops.bpf.o");
    KernelStructOps.open({ object }).close();
    // `flags` called `flagz` is another struct.
    const renamed = Buffer.from(object).toString("latin1").replaceAll("\0flags\0", "\0flagz\0");
    object.set(Buffer.from(renamed, "latin1"));
    expect(thrown(() => KernelStructOps.open({ object }))).toMatchObject({ code: "ERR_BPF_LAYOUT" });
  });
});
