import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Link, Program, SkLookup, Tc, Xdp } from "../../runtime/index.js";
import { KernelKinds } from "../fixtures/kernel-kinds.skel.js";
import { KernelStructOpsLink } from "../fixtures/kernel-struct-ops-link.skel.js";
import { describeKernel, libbpfHas, libcPath, openFds, run, since, thrown, trigger } from "./kernel.js";

const hasTc = spawnSync("tc", ["-V"]).status === 0;

type Name = keyof KernelKinds["programs"];

/** Loads only the named programs. */
function load(...names: Name[]): ReturnType<typeof KernelKinds.load> {
  const kinds = KernelKinds.load(({ programs }) => {
    for (const [name, program] of Object.entries(programs)) program.autoload = names.includes(name as Name);
  });
  kinds.bss.target = process.pid;
  return kinds;
}

const pinned = (name: string): string => `/sys/fs/bpf/bpf-tsgen-links-${process.pid}-${name}`;
const netns = "/proc/self/ns/net";

describeKernel("links", () => {
  test.skipIf(!since(6, 10))("tell what they are on, each kind its own", () => {
    using kinds = load(
      "on_uprobe",
      "on_uprobe_multi",
      "on_tp",
      "on_raw_tp",
      "on_tp_btf",
      "on_iter",
      "on_sk_lookup",
    );
    const { on_uprobe, on_uprobe_multi, on_tp, on_raw_tp, on_tp_btf, on_iter, on_sk_lookup } = kinds.programs;
    const path = libcPath();
    const programId = on_uprobe.info().id;
    expect(on_uprobe.attach({ path, symbol: "getppid", cookie: 7n }).info()).toMatchObject({
      kind: "perf_event",
      event: "uprobe",
      file: path,
      programId,
    });
    const multi = on_uprobe_multi.attach({
      path,
      symbols: ["getppid", "getpid"],
      cookies: [1n, 2n],
      pid: process.pid,
    });
    const info = multi.info();
    expect(info).toMatchObject({ kind: "uprobe_multi", path, cookies: [1n, 2n], retprobe: false });
    expect(new Set(info.kind === "uprobe_multi" ? info.offsets : []).size).toBe(2);
    expect(on_tp.attach().info()).toMatchObject({ event: "tracepoint", name: "sys_enter_openat" });
    expect(on_raw_tp.attach({ cookie: 9n }).info()).toMatchObject({
      kind: "raw_tracepoint",
      name: "sys_enter",
    });
    expect(on_tp_btf.attach().info()).toMatchObject({
      kind: "raw_tracepoint",
      name: "sys_enter",
    });
    expect(on_iter.attach({ tid: process.pid }).info()).toMatchObject({
      kind: "iter",
      target: "task",
      tid: process.pid,
    });
    expect(on_sk_lookup.attach({ netns }).info()).toMatchObject({ kind: "netns", attachType: 36 });
  });

  test.skipIf(!since(6, 6))(
    "uprobes on many functions: by pattern, by symbols, by offsets, of one process; none, and not there",
    () => {
      using kinds = load("on_uprobe_multi");
      const { on_uprobe_multi } = kinds.programs;
      const path = libcPath();
      const runs = (target: Parameters<typeof on_uprobe_multi.attach>[0]): bigint => {
        const before = kinds.bss.hits;
        using link = on_uprobe_multi.attach(target);
        expect(link.info()).toMatchObject({ type: 12 });
        trigger(3);
        return kinds.bss.hits - before;
      };
      expect(runs({ path, pattern: "getppid" })).toBe(3n);
      expect(runs({ path: "libc.so.6", symbols: ["getppid"] })).toBe(3n);
      expect(runs({ path, symbols: ["getpgid"] })).toBe(0n);
      expect(runs({ path, pattern: "getp?id", pid: process.ppid })).toBe(0n);
      {
        using link = on_uprobe_multi.attach({ path, symbols: ["getppid"] });
        const info = link.info();
        const offsets = info.kind === "uprobe_multi" ? info.offsets : [];
        expect(runs({ path, offsets })).toBe(6n);
      }
      const code = (attach: () => unknown): string | undefined => thrown(attach).code;
      expect(code(() => on_uprobe_multi.attach({ path, pattern: "no_such_*" }))).toBe("ENOENT");
      expect(code(() => on_uprobe_multi.attach({ path, symbols: ["no_such"] }))).toBe("ENOENT");
      expect(code(() => on_uprobe_multi.attach({ path: "no-such.so", pattern: "*" }))).toBe("ENOENT");
      expect(code(() => on_uprobe_multi.attach({ path: "/etc/passwd", pattern: "*" }))).toBe(
        "LIBBPF_ERRNO__FORMAT",
      );
      expect(code(() => on_uprobe_multi.attach({ path, symbols: ["getppid"], pid: 0x7fff_fffe }))).toBe(
        "ESRCH",
      );
      expect(() => on_uprobe_multi.attach({ path, symbols: ["getppid"], cookies: [] })).toThrow(RangeError);
      expect(() => on_uprobe_multi.attach({ path, symbols: ["getppid"], cookies: [1n, 2n] })).toThrow(
        /one for each/,
      );
    },
  );

  test("are opened by pin and by id, updated, and listed; unpin() forgets only what it removed", () => {
    using kinds = load("on_sk_lookup", "on_xdp");
    const made = kinds.programs.on_sk_lookup.attach({ netns });
    const { id, programId } = made.info();
    const [first, second] = [pinned("first"), pinned("second")];
    made.pin(first);
    made.pin(second);
    made.destroy();
    const fds = openFds();
    {
      using link = Link.open({ pin: first });
      expect(link.info()).toMatchObject({ id, programId, kind: "netns" });
      using other = load("on_sk_lookup");
      link.update(other.programs.on_sk_lookup, { expected: kinds.programs.on_sk_lookup });
      expect(link.info().programId).toBe(other.programs.on_sk_lookup.info().id);
      // It is another one's by now.
      expect(
        thrown(() => link.update(other.programs.on_sk_lookup, { expected: kinds.programs.on_sk_lookup })),
      ).toMatchObject({ code: "EPERM" });
      expect(thrown(() => link.update(kinds.programs.on_xdp)).message).toMatch(/bpf_link_update/);
      expect([...Link.list()].find((each) => each.id === id)).toMatchObject({ kind: "netns" });
      using again = Link.open({ id });
      expect(again.info().id).toBe(id);
      // Somebody else has removed one already.
      execFileSync("rm", [first]);
      link.unpin();
      expect(thrown(() => link.unpin(first))).toMatchObject({ code: "ENOENT" });
      link.unpin(second);
    }
    expect(existsSync(second)).toBe(false);
    expect(openFds()).toBe(fds);
    expect(thrown(() => Link.open({ id }))).toMatchObject({ code: "ENOENT" });
    expect(thrown(() => Link.open({ pin: first }))).toMatchObject({ code: "ENOENT" });
    expect(() => Link.open({} as never)).toThrow(TypeError);
    expect(() => Link.open({ id: 0 })).toThrow(RangeError);
    kinds.programs.on_xdp.pin(first);
    try {
      expect(thrown(() => Link.open({ pin: first })).message).toMatch(/is no link/);
      expect(openFds()).toBe(fds);
    } finally {
      kinds.programs.on_xdp.unpin(first);
    }
  });

  test("programs are opened by pin and by id, looked at, run, attached, listed", () => {
    using kinds = load("on_sk_lookup", "on_tp", "on_tc_ingress");
    const { id } = kinds.programs.on_sk_lookup.info();
    expect([...Program.list()].find((each) => each.id === id)).toMatchObject({
      name: "on_sk_lookup",
      type: 30,
      gplCompatible: true,
    });
    const fds = openFds();
    {
      using program = Program.open({ id });
      expect(program.info()).toEqual(kinds.programs.on_sk_lookup.info());
      expect(program.info().mapIds.length).toBe(1);
      using link = program.as(SkLookup).attach({ netns });
      expect(link.info().programId).toBe(id);
      program.pin(pinned("program"));
      using same = Program.open({ pin: pinned("program") });
      expect(same.info().id).toBe(id);
      same.unpin(pinned("program"));
      expect(() => program.as(Object as never)).toThrow(TypeError);
      expect(thrown(() => program.as(Xdp).attach("lo"))).toMatchObject({ code: "EINVAL" });
      using tracepoint = Program.open({ id: kinds.programs.on_tp.info().id });
      expect(thrown(() => tracepoint.attach({ target: 0 })).message).toMatch(/attachType/);
      using tc = Program.open({ id: kinds.programs.on_tc_ingress.info().id });
      using _ = tc.as(Tc<"arguments">).attach({ interface: "lo", direction: "egress" });
    }
    expect(openFds()).toBe(fds);
    const closed = Program.open({ id });
    closed.close();
    closed.close();
    expect(thrown(() => closed.fd)).toMatchObject({ code: "ERR_BPF_CLOSED" });
    expect(thrown(() => Program.open({ id: 0xffff_fff0 }))).toMatchObject({ code: "ENOENT" });
  });

  test.skipIf(!since(6, 6))("order: first, last, by id, by revision, and what is there", () => {
    using kinds = load("on_tc_ingress", "on_tc_plain", "on_tcx_ingress");
    const { on_tc_ingress, on_tc_plain, on_tcx_ingress } = kinds.programs;
    const before = on_tc_ingress.attachments("lo").programs.length;
    const ours = (): number[] =>
      on_tc_ingress.attachments("lo").programs.flatMap(({ programId }) => {
        const at = [on_tc_ingress, on_tc_plain, on_tcx_ingress].findIndex(
          (each) => each.info().id === programId,
        );
        return at === -1 ? [] : [at];
      });
    const link = on_tc_ingress.attach("lo");
    on_tc_plain.attach({ interface: "lo", direction: "ingress", before: { linkId: link.info().id } });
    expect(ours()).toEqual([1, 0]);
    on_tcx_ingress.attach({ interface: "lo", before: { programId: on_tc_ingress.info().id } }).destroy();
    on_tcx_ingress.attach({ interface: "lo", before: on_tc_ingress }).destroy();
    const { revision } = on_tc_ingress.attachments("lo");
    expect(
      thrown(() => on_tcx_ingress.attach({ interface: "lo", expectedRevision: revision - 1n })),
    ).toMatchObject({
      code: "ESTALE",
    });
    on_tcx_ingress.attach({ interface: "lo", before: "all", expectedRevision: revision });
    expect(ours()).toEqual([2, 1, 0]);
    expect(() => on_tcx_ingress.attach({ interface: "lo", before: "all", after: "all" })).toThrow(/exclude/);
    expect(() => on_tcx_ingress.attach({ interface: "lo", before: "first" as never })).toThrow(
      'attach(): before is "all", a program, a link, { programId } or { linkId }',
    );
    // A refusal for another reason is no reason for clsact.
    expect(thrown(() => on_tc_ingress.attach("lo"))).toMatchObject({ code: "EEXIST" });
    kinds.detach();
    expect(on_tc_ingress.attachments("lo").programs.length).toBe(before);
  });

  test("iterators go through one map, cgroups in an order, or one task", () => {
    using kinds = load("on_iter");
    const { on_iter } = kinds.programs;
    const runs = (target?: Parameters<typeof on_iter.attach>[0]): bigint => {
      kinds.bss.hits = 0n;
      void [...on_iter.bytes(target)];
      return kinds.bss.hits;
    };
    const all = runs();
    if (since(6, 1)) expect(runs({ tid: process.pid })).toBeLessThan(all);
    else expect(thrown(() => runs({ tid: process.pid })).message).toMatch(/need kernel 6\.1/);
    expect(() => on_iter.attach({ pid: 1, tid: 1 } as never)).toThrow(/exclude/);
    expect(() => on_iter.attach({ order: "self" } as never)).toThrow(/order/);
    expect(() => on_iter.attach({ map: kinds.maps.numbers })).toThrow(/goes through no map/);
    expect(() => on_iter.attach({ cgroup: "/sys/fs/cgroup" })).toThrow(/goes through no cgroup/);
  });
});

describeKernel("attachments without a link of the kernel's", () => {
  test.skipIf(!hasTc)(
    "clsact: taken away with the last filter, if it was made for it and nobody else uses it",
    async () => {
      const { code, out, err } = await run("clsact", [], 30_000, ["unshare", "--net"]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(JSON.parse(out)).toEqual([
        [1, 1, "clsact"],
        [1, 1],
        [0, 0],
        [1, 0],
        [1, 0],
      ]);
    },
  );

  test.skipIf(!since(6, 10))("sockmaps without a link: told, and removed", () => {
    using kinds = load("on_sk_skb_verdict", "on_sk_skb");
    const { on_sk_skb_verdict, on_sk_skb } = kinds.programs;
    const map = kinds.maps.socks;
    const link = on_sk_skb_verdict.attach({ map, fallback: "always" });
    expect(link.info()).toMatchObject({ kind: "none", fallback: "bpf_prog_attach" });
    link.destroy();
    using real = on_sk_skb.attach({ map, hook: "verdict", fallback: false });
    expect(real.info()).toMatchObject({ kind: "sockmap", attachType: 38 });
    expect(thrown(() => on_sk_skb.attach({ map: kinds.maps.numbers, hook: "verdict" })).name).toBe(
      "BpfError",
    );
    expect(() => on_sk_skb.attach({ map } as never)).toThrow(/hook is one of/);
  });
});

describeKernel("struct_ops with a link", () => {
  test.skipIf(!libbpfHas("bpf_link__update_map") || !since(6, 4))(
    "another map takes its place without a gap",
    () => {
      const listed = (): string =>
        readFileSync("/proc/sys/net/ipv4/tcp_available_congestion_control", "utf8");
      using kernel = KernelStructOpsLink.load();
      const { first, second } = kernel.maps;
      using link = first.attach();
      expect(link.info()).toMatchObject({ kind: "struct_ops", mapId: first.info().id });
      expect(listed()).toContain("bpf_tsgen_swap");
      link.update(second);
      expect(link.info()).toMatchObject({ mapId: second.info().id });
      expect(() => link.update({ fd: first.fd })).toThrow(TypeError);
      link.destroy();
      expect(listed()).not.toContain("bpf_tsgen_swap");
    },
  );
});
