// Runs in a user namespace, with mount and network namespaces of it: `token FOLDER`. It makes a file system for pins,
// says by which descriptor, waits until somebody with privileges has delegated BPF to it, and then does all that a
// token is for, and prints what came of it.
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { readSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import type * as Koffi from "koffi";
import { BpfMap, codecs, HashMap } from "../../../runtime/index.js";
import { Kernel } from "../../fixtures/kernel.skel.js";
import { complain, only } from "../child.js";

const koffi = createRequire(import.meta.url)("koffi") as typeof Koffi;
const syscall = koffi.load(null).func("long syscall(long, long, str, long, str, long)");
const [MOVE_MOUNT, FSOPEN, FSMOUNT] = [429, 430, 432];
const [AT_FDCWD, MOVE_MOUNT_F_EMPTY_PATH] = [-100, 4];
const call = (name: string, ...args: unknown[]): number => {
  const result = (syscall as (...args: unknown[]) => number)(...args);
  if (result < 0) throw new Error(`${name}: errno ${koffi.errno()}`);
  return result;
};

const folder = process.argv[2]!;
const fsopen = koffi.load(null).func("long syscall(long, str, long)");
const context = fsopen(FSOPEN, "bpf", 0) as number;
if (context < 0) throw new Error(`fsopen: errno ${koffi.errno()}`);
writeFileSync(1, `context ${context}\n`);
readSync(0, Buffer.alloc(1));
const mount = koffi.load(null).func("long syscall(long, long, long, long)")(FSMOUNT, context, 0, 0) as number;
if (mount < 0) throw new Error(`fsmount: errno ${koffi.errno()}`);
call("move_mount", MOVE_MOUNT, mount, "", AT_FDCWD, folder, MOVE_MOUNT_F_EMPTY_PATH);

const said: Record<string, unknown> = {};
// The system's own folder for pins is looked at by libbpf when it is told of no other.
process.env.LIBBPF_BPF_TOKEN_PATH = "";
said.without = complain(() => Kernel.load(only("by_xdp")));
said.nowhere = complain(() => Kernel.load(only("by_xdp"), { tokenPath: "/proc/self" }));
said.mapWithout = complain(() => BpfMap.create({ maxEntries: 4 }, HashMap, codecs.u32, codecs.u64));

execFileSync("ip", ["link", "set", "lo", "up"]);
const kernel = Kernel.load(only("by_xdp"), { tokenPath: folder });
const send = async (): Promise<bigint> => {
  const before = kernel.bss.packets;
  const socket = createSocket("udp4");
  await new Promise((resolve) => socket.send("x", 9, "127.0.0.1", resolve));
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.close();
  return kernel.bss.packets - before;
};
said.run = kernel.programs.by_xdp.testRun({ data: new Uint8Array(64) }).retval;
const link = kernel.programs.by_xdp.attach("lo");
said.attached = (await send()) > 0n;
said.info = [link.info().kind, kernel.programs.by_xdp.info().id === link.info().programId];
kernel.maps.small.set(1n, 7n);
said.value = Number(kernel.maps.small.get(1n));
kernel.programs.by_xdp.pin(`${folder}/by_xdp`);
link.destroy();
said.detached = (await send()) > 0n;
{
  using own = BpfMap.create({ maxEntries: 4, tokenPath: folder }, HashMap, codecs.u32, codecs.u64);
  own.set(1, 2n);
  said.own = [...own].map(([key, value]) => [key, String(value)]);
}
kernel.close();
console.log(JSON.stringify(said));
