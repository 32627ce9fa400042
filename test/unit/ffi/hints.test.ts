import { expect, test } from "vitest";
import {
  type Failed,
  hintFor,
  libraryHint,
  lsmHint,
  type Machine,
  packageHint,
} from "../../../runtime/ffi/hints.js";

const ALL = "CapEff:\t000001ffffffffff\n";
const WITHOUT_ANY = "CapEff:\t0000000000000000\n";
const HOST = "         0          0 4294967295\n";

/** A machine whose files and folders are these. */
function machine(files: Readonly<Record<string, string | readonly string[]>>): Machine {
  const all: Readonly<Record<string, string | readonly string[]>> = {
    "/proc/self/status": ALL,
    "/proc/self/uid_map": HOST,
    "/proc/sys/kernel/osrelease": "6.12.0",
    ...files,
  };
  const at = (path: string) => (Object.hasOwn(all, path) ? all[path] : undefined);
  return {
    read: (path) => (typeof at(path) === "string" ? (at(path) as string) : undefined),
    list: (path) => (Array.isArray(at(path)) ? (at(path) as string[]) : undefined),
  };
}

const EPERM: Failed = { code: "EPERM", syscall: "bpf_object__load" };
const TRACING = {
  "/sys/kernel/tracing/events": ["sched"],
  "/sys/kernel/tracing/events/sched": ["sched_switch"],
};
const MOUNTS =
  "sysfs /sys sysfs rw 0 0\nbpf /sys/fs/bpf bpf rw 0 0\ntmpfs /with\\040space tmpfs rw 0 0\ncgroup2 /cg cgroup2 rw 0 0\n";

const cases: readonly (readonly [
  string,
  Failed,
  Record<string, string | readonly string[]>,
  RegExp | undefined,
])[] = [
  [
    "no capabilities",
    EPERM,
    { "/proc/self/status": WITHOUT_ANY },
    /lacks CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN: run/,
  ],
  [
    "no capabilities, and BPF closed to those",
    EPERM,
    { "/proc/self/status": WITHOUT_ANY, "/proc/sys/kernel/unprivileged_bpf_disabled": "2\n" },
    /lacks CAP_BPF, .*, and kernel\.unprivileged_bpf_disabled is 2: /,
  ],
  [
    "CAP_BPF alone",
    { code: "EACCES", syscall: "bpf_object__load" },
    {
      "/proc/self/status": "CapEff:\t0000008000000000\n",
      "/proc/sys/kernel/unprivileged_bpf_disabled": "2\n",
    },
    /^this process lacks CAP_PERFMON, CAP_NET_ADMIN: /,
  ],
  [
    "no capabilities, on a kernel without CAP_BPF",
    EPERM,
    { "/proc/self/status": WITHOUT_ANY, "/proc/sys/kernel/osrelease": "5.4.0-1-amd64" },
    /lacks CAP_SYS_ADMIN/,
  ],
  ["a user namespace", EPERM, { "/proc/self/uid_map": "0 1000 1\n" }, /user namespace/],
  [
    "lockdown",
    EPERM,
    { "/sys/kernel/security/lockdown": "none integrity [confidentiality]\n" },
    /locked down for confidentiality/,
  ],
  [
    "no lockdown",
    EPERM,
    { "/sys/kernel/security/lockdown": "[none] integrity\n" },
    /refuses it even to root/,
  ],
  [
    "locked memory on an old kernel",
    EPERM,
    {
      "/proc/sys/kernel/osrelease": "5.10.0-32-amd64",
      "/proc/self/limits":
        "Limit  Soft Limit  Hard Limit\nMax locked memory         65536                65536      bytes\n",
    },
    /65536 bytes: ulimit -l unlimited/,
  ],
  [
    "locked memory where it no longer counts",
    EPERM,
    { "/proc/self/limits": "Max locked memory         65536                65536      bytes\n" },
    /refuses it even to root/,
  ],
  ["seccomp", EPERM, { "/proc/self/status": `${ALL}Seccomp:\t2\n` }, /seccomp filter/],
  [
    "no kernel BTF",
    { code: "ESRCH", said: "libbpf: failed to find valid kernel BTF\n" },
    {},
    /brings no BTF .*btfPath/,
  ],
  [
    "kernel BTF is there",
    { code: "ESRCH", said: "libbpf: failed to find valid kernel BTF\n" },
    { "/sys/kernel/btf": ["vmlinux"] },
    undefined,
  ],
  [
    "tracefs is not mounted",
    { code: "ENOENT", said: "failed to determine tracepoint 'sched/sched_switch' perf event ID" },
    {},
    /mount -t tracefs/,
  ],
  [
    "no such tracepoint",
    { code: "ENOENT", said: "failed to determine tracepoint 'sched/sched_swoop' perf event ID" },
    TRACING,
    /no such tracepoint: see \/sys\/kernel\/tracing\/events\/sched$/,
  ],
  [
    "no tracepoints of that kind",
    { code: "ENOENT", said: "failed to determine tracepoint 'shed/x' perf event ID" },
    TRACING,
    /no tracepoints shed\//,
  ],
  [
    "the tracepoint is there",
    { code: "ENOENT", said: "failed to determine tracepoint 'sched/sched_switch' perf event ID" },
    TRACING,
    undefined,
  ],
  [
    "no such function",
    { code: "ENOENT", said: "failed to create kprobe 'do_nothing+0x0' perf event" },
    { "/proc/kallsyms": "0 T do_something\n0 d do_nothing\n" },
    /no such function/,
  ],
  [
    "a function that the compiler changed",
    { code: "ENOENT", said: "failed to create kprobe 'do_nothing+0x0' perf event" },
    { "/proc/kallsyms": "0 t do_nothing.isra.0\n" },
    /made do_nothing\.isra\.0 of it/,
  ],
  [
    "a function that may not be traced",
    { code: "EINVAL", said: "failed to create kprobe 'do_nothing+0x0' perf event" },
    {
      ...TRACING,
      "/proc/kallsyms": "0 T do_nothing\n",
      "/sys/kernel/tracing/available_filter_functions": "do_other\n",
    },
    /may not be traced/,
  ],
  [
    "a function that may",
    { code: "EINVAL", said: "failed to create kprobe 'do_nothing+0x0' perf event" },
    {
      ...TRACING,
      "/proc/kallsyms": "0 T do_nothing\n",
      "/sys/kernel/tracing/available_filter_functions": "do_nothing [mod]\n",
    },
    undefined,
  ],
  [
    "not in the kernel's BTF",
    { code: "ESRCH", said: "libbpf: prog 'x': failed to find kernel BTF type ID of 'nothing': -3" },
    { "/sys/kernel/btf": ["vmlinux"], "/proc/kallsyms": "0 T nothing\n" },
    /BTF has no function nothing/,
  ],
  [
    "a pin elsewhere",
    { code: "EINVAL", pin: "/with space/pin" },
    { "/proc/self/mounts": MOUNTS },
    /is on tmpfs, and pins live on bpffs/,
  ],
  [
    "a pin on bpffs, where there is one",
    { code: "EEXIST", syscall: "bpf_obj_pin", pin: "/sys/fs/bpf/pin" },
    { "/proc/self/mounts": MOUNTS },
    /^something of that name is there already: unpin it/,
  ],
  [
    "a pin with a dot",
    { code: "EPERM", syscall: "bpf_obj_pin", pin: "/sys/fs/bpf/my.pin" },
    { "/proc/self/mounts": MOUNTS },
    /no names with a dot/,
  ],
  [
    "a pin without one, on a bpffs that is mounted on a name with a dot",
    { code: "EPERM", syscall: "bpf_obj_pin", pin: "/my.bpf/pin" },
    { "/proc/self/mounts": "none /my.bpf bpf rw 0 0\n" },
    /refuses it even to root/,
  ],
  [
    "a pin elsewhere, by loading",
    {
      code: "EINVAL",
      said: "libbpf: map 'm': failed to auto-pin at '/with space/m': -22\nlibbpf: map 'm': failed to create: Invalid argument(-22)",
    },
    { "/proc/self/mounts": MOUNTS },
    /is on tmpfs, and pins live on bpffs/,
  ],
  ["pins of a whole object", { code: "EEXIST", syscall: "bpf_object__pin_maps" }, {}, /is there already/],
  ["no folder for a pin", { code: "ENOENT", syscall: "bpf_program__pin" }, {}, /make the folder/],
  ["no pin to remove", { code: "ENOENT", syscall: "bpf_program__unpin" }, {}, /^nothing is pinned there$/],
  ["no pin to open", { code: "ENOENT", syscall: "bpf_obj_get" }, {}, /^nothing is pinned there: /],
  [
    "a pin that cannot be, where bpffs is not mounted",
    { code: "ENOENT", syscall: "bpf_obj_get", pin: "/sys/fs/bpf/pin" },
    { "/proc/self/mounts": "sysfs /sys sysfs rw 0 0\n" },
    /is on sysfs, and pins live on bpffs: mount -t bpf/,
  ],
  ["an id of nothing", { code: "ENOENT", syscall: "bpf_prog_get_fd_by_id" }, {}, /nothing has that one now/],
  ["no descriptor", { code: "EBADF", syscall: "bpf_map_update_elem" }, {}, /closed, or of something else/],
  [
    "no socket",
    { code: "ENOTSOCK", syscall: "setsockopt" },
    {},
    /^that descriptor is open, but not of a socket$/,
  ],
  ["a map too large", { code: "E2BIG", syscall: "bpf_map_create" }, {}, /fewer max_entries/],
  ["a program too large", { code: "E2BIG", syscall: "bpf_prog_load" }, {}, undefined],
  ["a key that is there", { code: "EEXIST", syscall: "bpf_map_update_elem" }, {}, /has an entry already/],
  ["a key that is not", { code: "ENOENT", syscall: "bpf_map_update_elem" }, {}, /has no entry/],
  [
    "no cgroup",
    { code: "EBADF", cgroup: "/with space/x" },
    { "/proc/self/mounts": MOUNTS },
    /is on tmpfs, .*cgroup2/,
  ],
  ["a cgroup", { code: "EBADF", cgroup: "/cg/x" }, { "/proc/self/mounts": MOUNTS }, undefined],
  [
    "no such interface",
    { code: "ENODEV" },
    {
      "/proc/self/net/dev": "Inter-|   Receive\n face |bytes    packets\n    lo: 10 1 0\n  eth0: 20 2 0\n",
    },
    /^this network namespace has lo, eth0$/,
  ],
  [
    "no such interface, but of a CPU that is off",
    { code: "ENODEV", syscall: "perf_event_open" },
    { "/proc/self/net/dev": "    lo: 10 1 0\n" },
    undefined,
  ],
  [
    "a map that may not be written, to root",
    { code: "EPERM", syscall: "bpf_map_update_elem" },
    { "/proc/sys/kernel/unprivileged_bpf_disabled": "2\n" },
    undefined,
  ],
  [
    "a system call that is not there",
    { code: "ENOSYS", syscall: "bpf_object__load" },
    {},
    /CONFIG_BPF_SYSCALL/,
  ],
  ["descriptors run out", { code: "EMFILE", syscall: "bpf_object__load" }, {}, /ulimit -n/],
  [
    "all that BPF takes, but not what it takes to find what others have",
    { code: "EPERM", syscall: "bpf_map_get_fd_by_id" },
    { "/proc/self/status": "CapEff:\t000000c000001000\n" },
    /^this process lacks CAP_SYS_ADMIN: /,
  ],
  ["a pin of somebody else's", { code: "EACCES", syscall: "bpf_obj_get" }, {}, /permissions of the pin/],
  ["nothing is known", { code: "EINVAL" }, {}, undefined],
];

test.each(cases)("%s", (_, failed, files, wanted) => {
  const hint = hintFor(failed, machine(files));
  if (wanted === undefined) expect(hint).toBeUndefined();
  else expect(hint).toMatch(wanted);
});

test("LSM programs run only where bpf is in the kernel's list", () => {
  expect(lsmHint(machine({}))).toBeUndefined();
  expect(lsmHint(machine({ "/sys/kernel/security/lsm": "lockdown,yama,bpf\n" }))).toBeUndefined();
  expect(lsmHint(machine({ "/sys/kernel/security/lsm": "lockdown,yama\n" }))).toMatch(
    /lsm=lockdown,yama,bpf /,
  );
});

test.each([
  ['ID=debian\nVERSION_ID="12"\n', "apt-get install libbpf1"],
  [
    'ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\n',
    "bullseye) has no libbpf 1.1",
  ],
  ['ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n', "apt-get install libbpf1"],
  ['ID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\n', "has no libbpf 1.1"],
  ['ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID=21\n', "apt-get install libbpf1"],
  ["ID=fedora\nVERSION_ID=41\n", "dnf install libbpf"],
  ['ID=rocky\nID_LIKE="rhel centos fedora"\n', "dnf install libbpf"],
  ["ID=alpine\nVERSION_ID=3.20.0\n", "apk add libbpf"],
  ["ID=arch\n", "pacman -S libbpf"],
  ["ID=nixos\n", "libbpf1; elsewhere: libbpf"],
  ["", "libbpf1; elsewhere: libbpf"],
])("how libbpf is installed: %j", (release, wanted) => {
  expect(packageHint(machine({ "/etc/os-release": release }))).toContain(wanted);
});

test("a libbpf that is of another C library, or of a newer one", () => {
  const musl = machine({
    "/proc/self/maps": "… /lib/ld-musl-x86_64.so.1\n",
    "/etc/os-release": "ID=alpine\n",
  });
  const glibc = machine({ "/etc/os-release": "ID=debian\nVERSION_ID=12\n" });
  expect(libraryHint("Error loading shared library ld-linux-x86-64.so.2: No such file", musl)).toMatch(
    /is for glibc, and this Node\.js uses musl: apk add libbpf/,
  );
  expect(libraryHint("libc.musl-x86_64.so.1: cannot open shared object file", glibc)).toMatch(
    /is for musl, and this Node\.js uses glibc: apt-get/,
  );
  expect(
    libraryHint("/lib/libc.so.6: version `GLIBC_2.38' not found (required by libbpf.so.1)", glibc),
  ).toMatch(/built for a newer system/);
  expect(libraryHint("libbpf.so.1: cannot open shared object file: No such file", glibc)).toMatch(
    /^apt-get install libbpf1/,
  );
});
