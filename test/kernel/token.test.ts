import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as Koffi from "koffi";
import { describe, expect, test } from "vitest";
import { BpfMap, codecs, HashMap, libbpfVersion } from "../../runtime/index.js";
import { Kernel } from "../fixtures/kernel.skel.js";
import { describeKernel, only, openFds, openPidfd, reasons, start, thrown } from "./kernel.js";

const { major, minor } = reasons.length === 0 ? libbpfVersion() : { major: 0, minor: 0 };
const libbpfKnows = major > 1 || minor >= 4;

const [FSOPEN, FSCONFIG, PIDFD_GETFD] = [430, 431, 438];
const [SET_STRING, CREATE] = [1, 6];
const libc = (): Koffi.LibraryHandle => (createRequire(import.meta.url)("koffi") as typeof Koffi).load(null);

/** Sets an option of a file system that is being made, or, without a name, makes it: 0 or -1. */
function fsconfig(context: number, name: string | null, value: string | null): number {
  const syscall = libc().func("long syscall(long, long, long, const char *, const char *, long)");
  return syscall(FSCONFIG, context, name === null ? CREATE : SET_STRING, name, value, 0) as number;
}

/** Why there are no tokens here; undefined where there are. */
function obstacle(): string | undefined {
  if (reasons.length > 0) return reasons[0];
  const spaces = spawnSync("unshare", ["--user", "--map-root-user", "--mount", "--net", "true"]);
  if (spaces.status !== 0) return "no user namespaces can be made";
  const context = libc().func("long syscall(long, const char *, long)")(FSOPEN, "bpf", 0) as number;
  const delegates = context >= 0 && fsconfig(context, "delegate_cmds", "any") === 0;
  if (context >= 0) libc().func("int close(int)")(context);
  return delegates ? undefined : "the kernel delegates no BPF (before 6.9)";
}
const why = obstacle();

describe.skipIf(why !== undefined || !libbpfKnows)(`tokens${why ? `: ${why}` : ", with libbpf 1.4"}`, () => {
  test("what was delegated to a user namespace can be done there, and nothing without", async () => {
    const folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-token-"));
    const spaces = ["unshare", "--user", "--map-root-user", "--mount", "--net"];
    const child = start("token", [folder], 30_000, spaces);
    try {
      const there = Number(/\d+/.exec(await child.says("context "))![0]);
      const pidfd = openPidfd(child.process.pid!);
      const context = libc().func("long syscall(long, long, long, long)")(
        PIDFD_GETFD,
        pidfd,
        there,
        0,
      ) as number;
      for (const option of ["delegate_cmds", "delegate_maps", "delegate_progs", "delegate_attachs"])
        expect(fsconfig(context, option, "any")).toBe(0);
      expect(fsconfig(context, null, null)).toBe(0);
      for (const fd of [context, pidfd]) libc().func("int close(int)")(fd);
      child.process.stdin!.write("\n");
      const { code, out, err } = await child.ended;
      expect({ code, err }).toEqual({ code: 0, err: "" });
      const said = JSON.parse(out.trimEnd().split("\n").at(-1)!);
      expect(said.without).toMatch(/^BpfError EPERM .* — .*open\(\{ tokenPath \}\)$/s);
      expect(said.nowhere).toMatch(/^BpfError /);
      expect(said.mapWithout).toMatch(/^BpfError EPERM /);
      expect(said).toMatchObject({
        run: 2,
        attached: true,
        info: ["xdp", true],
        value: 7,
        detached: false,
        own: [[1, "2"]],
      });
    } finally {
      child.process.kill("SIGKILL");
      rmSync(folder, { recursive: true });
    }
  });
});

describeKernel("tokens, where there are none", () => {
  test("say what they take", () => {
    const fds = openFds();
    const make = (tokenPath: string): Error =>
      thrown(() => BpfMap.create({ maxEntries: 4, tokenPath }, HashMap, codecs.u32, codecs.u64));
    expect(make("/nowhere")).toMatchObject({ name: "BpfError", code: "ENOENT", syscall: "open" });
    expect(make("/nowhere").message).toMatch(/ — is it where the bpffs is mounted\?$/);
    expect(make("/proc")).toMatchObject({ name: "BpfError", code: "EINVAL" });
    expect(make("/proc").message).toMatch(
      /^map "": tokenPath "\/proc": .* — it takes the root of a mounted bpffs, and kernel 6\.9$/,
    );
    expect(make("a\0b")).toBeInstanceOf(TypeError);
    expect(make(1 as never)).toBeInstanceOf(TypeError);
    expect(() => Kernel.open({ tokenPath: 1 as never })).toThrow(TypeError);
    if (libbpfKnows) {
      const error = thrown(() => Kernel.load(only("by_xdp"), { tokenPath: "/proc" }));
      expect(error).toMatchObject({ name: "BpfError", code: "EINVAL" });
    }
    expect(openFds()).toBe(fds);
  });
});
