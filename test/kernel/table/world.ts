// What the table's programs are to see: one of each of the things that run them, done by this process, through the C
// library where Node has no call for it. It does not know vitest: other machines run the table as a plain script.
import { execFileSync } from "node:child_process";
import { mkdirSync, openSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import type * as Koffi from "koffi";

const koffi = createRequire(import.meta.url)("koffi") as typeof Koffi;
const libc = koffi.load(null);
const socket = libc.func("int socket(int, int, int)");
const bind = libc.func("int bind(int, const void *, uint32_t)");
const listen = libc.func("int listen(int, int)");
const connect = libc.func("int connect(int, const void *, uint32_t)");
const accept = libc.func("int accept(int, void *, void *)");
const sendto = libc.func("int64_t sendto(int, const void *, size_t, int, const void *, uint32_t)");
const recvfrom = libc.func("int64_t recvfrom(int, void *, size_t, int, void *, void *)");
const getsockname = libc.func("int getsockname(int, void *, void *)");
const getpeername = libc.func("int getpeername(int, void *, void *)");
const setsockopt = libc.func("int setsockopt(int, int, int, const void *, uint32_t)");
const getsockopt = libc.func("int getsockopt(int, int, int, void *, void *)");
const close = libc.func("int close(int)");
const ifNameToIndex = libc.func("uint32_t if_nametoindex(const char *)");

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const IPPROTO_TCP = 6;
const TCP_CONGESTION = 13;

/** Runs `ip` and says whether it went well. */
export function ip(...args: string[]): boolean {
  try {
    execFileSync("ip", args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** The number of an interface of this network namespace, which sysfs may not show. */
export function interfaceIndex(name: string): number {
  return ifNameToIndex(name) as number;
}

function inet(port: number): Buffer {
  const address = Buffer.alloc(16);
  address.writeUInt16LE(AF_INET, 0);
  address.writeUInt16BE(port, 2);
  address.set([127, 0, 0, 1], 4);
  return address;
}

function inet6(port: number): Buffer {
  const address = Buffer.alloc(28);
  address.writeUInt16LE(AF_INET6, 0);
  address.writeUInt16BE(port, 2);
  address[23] = 1;
  return address;
}

function unix(path: string): Buffer {
  const address = Buffer.alloc(110);
  address.writeUInt16LE(AF_UNIX, 0);
  address.write(path, 2);
  return address;
}

function portOf(fd: number): number {
  const address = Buffer.alloc(28);
  getsockname(fd, address, new Uint32Array([28]));
  return address.readUInt16BE(2);
}

/** A datagram there and an answer back, asking for both ends' names; then the same by a stream. */
function talk(family: number, any: Buffer, at: (fd: number) => Buffer): void {
  const one = new Uint32Array([1]);
  const name = (call: (fd: number, out: Buffer, size: Uint32Array) => number, fd: number): void =>
    void call(fd, Buffer.alloc(110), new Uint32Array([110]));
  const server = socket(family, SOCK_DGRAM, 0) as number;
  const client = socket(family, SOCK_DGRAM, 0) as number;
  bind(server, any, any.length);
  const there = at(server);
  sendto(client, Buffer.from("x"), 1, 0, there, there.length);
  recvfrom(server, Buffer.alloc(16), 16, MSG_DONTWAIT, Buffer.alloc(110), new Uint32Array([110]));
  connect(client, there, there.length);
  sendto(client, Buffer.from("x"), 1, 0, null, 0);
  recvfrom(server, Buffer.alloc(16), 16, MSG_DONTWAIT, Buffer.alloc(110), new Uint32Array([110]));
  setsockopt(client, SOL_SOCKET, SO_REUSEADDR, one, 4);
  getsockopt(client, SOL_SOCKET, SO_REUSEADDR, one, new Uint32Array([4]));
  name(getpeername, client);
  name(getsockname, server);
  close(client);
  close(server);
  if (family === AF_UNIX) rmSync(there.toString("latin1", 2).replace(/\0.*$/s, ""), { force: true });
  const listener = socket(family, SOCK_STREAM, 0) as number;
  bind(listener, any, any.length);
  listen(listener, 1);
  const caller = socket(family, SOCK_STREAM, 0) as number;
  const where = at(listener);
  connect(caller, where, where.length);
  const called = accept(listener, null, null) as number;
  name(getpeername, called);
  name(getsockname, caller);
  sendto(caller, Buffer.from("x"), 1, 0, null, 0);
  for (const fd of [called, caller, listener]) close(fd);
}

/** Everything that this process can do at once which one of the table's programs may see. */
export function everything(): void {
  for (let i = 0; i < 3; i++) void process.ppid;
  readFileSync("/proc/sys/net/ipv4/ip_forward");
  close(openSync("/dev/null", "r"));
  talk(AF_INET, inet(0), (fd) => inet(portOf(fd)));
  talk(AF_INET6, inet6(0), (fd) => inet6(portOf(fd)));
  const path = `${tmpdir()}/bpf-tsgen-table-${process.pid}`;
  talk(AF_UNIX, unix(path), () => unix(path));
  rmSync(path, { force: true });
  catchInC();
}

/** Catches an exception of C++ that was never thrown: a statically defined tracepoint of its library is there. */
function catchInC(): void {
  const cpp = koffi.load("libstdc++.so.6");
  const object = cpp.func("uintptr_t __cxa_allocate_exception(size_t)")(8) as number;
  cpp.func("uintptr_t __cxa_init_primary_exception(uintptr_t, uintptr_t, uintptr_t)")(object, 0, 0);
  const UNWIND_HEADER = 32;
  cpp.func("uintptr_t __cxa_begin_catch(uintptr_t)")(object - UNWIND_HEADER);
  cpp.func("void __cxa_end_catch()")();
}

/** A datagram socket bound to a port of this machine, one that shares it; and what sends to it. */
export function datagrams(): { readonly fd: number; receive(): void; close(): void } {
  const fd = socket(AF_INET, SOCK_DGRAM, 0) as number;
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, new Uint32Array([1]), 4);
  bind(fd, inet(0), 16);
  const there = inet(portOf(fd));
  return {
    fd,
    receive: () => {
      const client = socket(AF_INET, SOCK_DGRAM, 0) as number;
      sendto(client, Buffer.from("x"), 1, 0, there, there.length);
      close(client);
    },
    close: () => close(fd),
  };
}

/** The two ends of a TCP connection of this machine, the second by a congestion control of its own; and a byte sent from the second to the first. */
export function connection(congestion?: string): {
  readonly ends: readonly [number, number];
  send(): void;
  close(): void;
} {
  const listener = socket(AF_INET, SOCK_STREAM, 0) as number;
  bind(listener, inet(0), 16);
  listen(listener, 1);
  const there = inet(portOf(listener));
  const caller = socket(AF_INET, SOCK_STREAM, 0) as number;
  if (congestion !== undefined)
    setsockopt(caller, IPPROTO_TCP, TCP_CONGESTION, Buffer.from(congestion), congestion.length);
  connect(caller, there, there.length);
  const called = accept(listener, null, null) as number;
  return {
    ends: [called, caller],
    send: () => {
      sendto(caller, Buffer.from("x"), 1, 0, null, 0);
      sendto(called, Buffer.from("x"), 1, 0, null, 0);
    },
    close: () => {
      for (const fd of [called, caller, listener]) close(fd);
    },
  };
}

/** A cgroup of version 2 with this process in it, until closed; undefined where there are none. */
export function cgroup(): { readonly folder: string; close(): void } | undefined {
  const [, root] =
    readFileSync("/proc/mounts", "utf8")
      .split("\n")
      .map((line) => line.split(" "))
      .find(([, , type]) => type === "cgroup2") ?? [];
  if (root === undefined) return undefined;
  const before = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1] ?? "/";
  const folder = `${root}/bpf-tsgen-table-${process.pid}`;
  mkdirSync(folder);
  writeFileSync(`${folder}/cgroup.procs`, String(process.pid));
  return {
    folder,
    close: () => {
      writeFileSync(`${root}${before}/cgroup.procs`, String(process.pid));
      rmdirSync(folder);
    },
  };
}
