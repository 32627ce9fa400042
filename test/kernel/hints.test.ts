import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeKernel, run } from "./kernel.js";

/** What a child says that does `what` on a machine made by `prefix`. */
async function said(what: string, prefix: string[] = [], path = ""): Promise<string> {
  const { code, out, err } = await run("hinted", [what, path], 60_000, prefix);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return out.trimEnd();
}

/** In a mount namespace of its own, after a command. */
const mounted = (command: string): string[] => ["unshare", "-m", "sh", "-c", `${command}; exec "$@"`, "sh"];
const without = (...names: string[]): string[] => [
  ...["setpriv", "--inh-caps=-all", "--ambient-caps=-all"],
  `--bounding-set=${names.map((name) => `-${name}`).join()}`,
];
const setpriv = spawnSync("setpriv", ["--inh-caps=-all", "true"]).status === 0;
const compiler = spawnSync("cc", ["--version"]).status === 0;
const distribution = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bpf-tsgen-hints-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A shared library without any function, that needs another library. */
function library(name: string, needs?: string): string {
  const source = join(folder, "nothing.c");
  writeFileSync(source, "int bpf_tsgen_nothing;\n");
  const path = join(folder, name);
  const needed = needs ? [join(folder, needs)] : [];
  if (needs) execFileSync("cc", ["-shared", `-Wl,-soname,${needs}`, "-o", needed[0]!, source]);
  execFileSync("cc", ["-shared", "-Wl,--no-as-needed", "-o", path, source, ...needed]);
  if (needs) rmSync(needed[0]!);
  return path;
}

describeKernel("hints, on machines that are like that", () => {
  test.skipIf(!setpriv).concurrent("no capabilities", async () => {
    expect(await said("load", without("all"))).toMatch(
      / — this process lacks CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN(, and kernel\.unprivileged_bpf_disabled is [12])?: run it as root/,
    );
  });

  test.skipIf(!setpriv).concurrent("all but the one for networking", async () => {
    const message = await said("load", without("sys_admin", "net_admin"));
    expect(message === "nothing" || / — this process lacks CAP_NET_ADMIN: /.test(message), message).toBe(
      true,
    );
  });

  test.concurrent("a user namespace", async () => {
    expect(await said("load", ["unshare", "--user", "--map-root-user"])).toMatch(
      / — it has its privileges in a user namespace only/,
    );
  });

  test.concurrent("no kernel BTF", async () => {
    const empty = mounted("mount -t tmpfs none /sys/kernel/btf");
    const message = await said("relocate", empty);
    expect(message).toMatch(
      /BTF.* — this kernel brings no BTF \(CONFIG_DEBUG_INFO_BTF\): open\(\{ btfPath \}\)/,
    );
  });

  test.concurrent("tracefs is not mounted", async () => {
    const command =
      "umount -l /sys/kernel/tracing; umount -l /sys/kernel/debug/tracing; umount -l /sys/kernel/debug";
    expect(await said("attach", mounted(`(${command}) 2>/dev/null`))).toMatch(
      / — tracefs is not mounted: mount -t tracefs tracefs \/sys\/kernel\/tracing$/,
    );
  });

  test.concurrent("no such tracepoint, no such function, no such interface", async () => {
    expect(await said("tracepoint")).toMatch(
      / — this kernel has no such tracepoint: see \/sys\/kernel\/.*\/syscalls$/,
    );
    expect(await said("function", [], "bpf_tsgen_no_such_function")).toMatch(
      / — this kernel has no such function, or the compiler has inlined it/,
    );
    expect(await said("interface")).toMatch(/"eth99" — this network namespace has .*\blo\b/);
  });

  test.concurrent("a function that may not be traced", async () => {
    const traceable = join(folder, "traceable");
    writeFileSync(traceable, "vfs_read\n");
    // What handles a page fault is not to be probed on any kernel; what may be, not everybody may read.
    const there = mounted(`mount --bind ${traceable} /sys/kernel/tracing/available_filter_functions`);
    expect(await said("function", there, "exc_page_fault")).toMatch(
      / — this kernel has the function, but it may not be traced: see \S+\/available_filter_functions$/,
    );
  });

  test.concurrent("LSM programs, where the kernel would never run them", async () => {
    const command =
      "mount -t tmpfs none /sys/kernel/security && echo lockdown,yama > /sys/kernel/security/lsm";
    expect(await said("lsm", mounted(command))).toMatch(
      / — add bpf to the kernel's list of security modules: lsm=lockdown,yama,bpf /,
    );
  });

  test.concurrent("a map that is frozen", async () => {
    expect(await said("frozen")).toMatch(
      /^map "small": bpf_map_update_elem: .* \(EPERM\) — it is frozen, and from here on only BPF programs write to it$/,
    );
  });

  test.concurrent("what is pinned, and what is not; an id of nothing; no socket; a map too large", async () => {
    const [json = ""] = (await said("simple", [], `bpf-tsgen-${process.pid}`)).split("\n");
    const seen = JSON.parse(json) as Record<string, string>;
    const advice = Object.entries(seen).map(([what, message]) => [what, message.split(" — ")[1]]);
    const nothing = "nothing is pinned there";
    const id = "ids are of what is in the kernel, and nothing has that one now: see list()";
    const taken = "something of that name is there already: unpin it, or take another path";
    const large = "give it fewer max_entries, or smaller keys and values";
    const odd = "are its type, its max_entries and the sizes of its keys and values what this kernel takes?";
    expect(Object.fromEntries(advice)).toEqual({
      "a pin of a map": taken,
      "a pin of a program": taken,
      "a pin of a link": taken,
      "all pins": taken,
      "a pin in no folder": "make the folder of the pin first",
      "a pin in no folder, by loading": "make the folder of the pin first",
      "a pin of another map, by loading":
        "what is pinned there is another map: unpin it, or take another path",
      "a pin with a dot": "bpffs takes no names with a dot: call it something else",
      "a pin removed": nothing,
      "a pin opened": `${nothing}: was it unpinned, or the machine restarted?`,
      "a map's id": id,
      "a program's id": id,
      "a link's id": id,
      "BTF's id": id,
      "a filter": "that descriptor is open, but not of a socket",
      "a socket in a map": "that descriptor is open, but not of a socket",
      "no program for a map": "that descriptor is closed, or of something else",
      "no event": "is that descriptor still open, and of what such programs attach to?",
      "a write to a map for reading":
        "it is for reading only here: open it without access, or make it without such a flag",
      "a read of a map for writing":
        "it is for writing only here: open it without access, or make it without such a flag",
      "a large map": large,
      "a large value": large,
      "an odd map": odd,
      "an entry": 'that key has an entry already: mode "any" or "replace" changes it',
      "no entry": 'that key has no entry: mode "any" or "create" makes one',
    });
  });

  test.concurrent("pins and cgroups where there are none", async () => {
    expect(await said("pin", mounted(`mount -t tmpfs none ${folder}`), `${folder}/pin`)).toMatch(
      / — \S+\/pin is on tmpfs, and pins live on bpffs: mount -t bpf bpf \/sys\/fs\/bpf$/,
    );
    expect(await said("cgroup", [], "/proc")).toMatch(
      / — \/proc is on proc, and it takes a folder of a mounted cgroup2/,
    );
  });

  test.concurrent("no libbpf: the package of this distribution", async () => {
    const message = await said("load", ["env", `LIBBPF_PATH=${folder}/none.so`]);
    expect(message).toMatch(/none\.so: .*cannot open shared object file.* — /);
    if (/^ID=debian$/m.test(distribution))
      expect(message).toContain("— apt-get install libbpf1, or set LIBBPF_PATH");
  });

  test.concurrent("another distribution, by its os-release", async () => {
    const release = join(folder, "os-release");
    writeFileSync(release, "ID=alpine\nVERSION_ID=3.20.0\n");
    const there = mounted(`mount --bind ${release} /etc/os-release`);
    expect(await said("load", [...there, "env", `LIBBPF_PATH=${folder}/none.so`])).toContain(
      "— apk add libbpf, or",
    );
  });

  test.skipIf(!compiler)("a libbpf that is too old, or of another C library", async () => {
    const old = library("old.so");
    expect(await said("load", ["env", `LIBBPF_PATH=${old}`])).toMatch(
      /: this libbpf has no such function — install libbpf \d\.\d+ or newer/,
    );
    const other = library("musl.so", "libc.musl-x86_64.so.1");
    expect(await said("load", ["env", `LIBBPF_PATH=${other}`])).toMatch(
      / — that libbpf is for musl, and this Node\.js uses glibc: /,
    );
  });
});
