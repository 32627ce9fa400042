// Receives a datagram as a packet, through an AF_XDP socket that a program redirects to by an XSKMAP. Run in a network
// namespace of its own: everything that goes over the loopback interface goes to the socket.
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { createRequire } from "node:module";
import type * as Koffi from "koffi";
import { KernelMapKinds } from "../../fixtures/kernel-map-kinds.skel.js";
import { AF_XDP, xdpSocket } from "../table/descriptors.js";

const koffi = createRequire(import.meta.url)("koffi") as typeof Koffi;
const libc = koffi.load(null);
const mmap = libc.func("uintptr_t mmap(uintptr_t, size_t, int, int, int, int64_t)");
const setsockopt = libc.func("int setsockopt(int, int, int, const void *, uint32_t)");
const getsockopt = libc.func("int getsockopt(int, int, int, void *, void *)");
const bind = libc.func("int bind(int, const void *, uint32_t)");

const SOL_XDP = 283;
const [MMAP_OFFSETS, RX_RING, UMEM_REG, FILL_RING, COMPLETION_RING] = [1, 2, 4, 5, 6];
const FILL_RING_AT = 0x1_0000_0000;
const [PROT_READ_WRITE, MAP_SHARED, MAP_PRIVATE_ANONYMOUS] = [3, 1, 0x22];
const XDP_COPY = 2;
const LO = 1;
const [FRAME, FRAMES] = [4096, 64];

function memory(
  size: number,
  flags: number,
  fd: number,
  offset: number,
): { address: number; bytes: ArrayBuffer } {
  const address = mmap(0, size, PROT_READ_WRITE, flags, fd, offset) as number;
  if (typeof address !== "number") throw new Error(`mmap: errno ${koffi.errno()}`);
  return { address, bytes: koffi.view(BigInt(address), size) as ArrayBuffer };
}

function set(fd: number, option: number, value: Uint32Array | BigUint64Array): void {
  if (setsockopt(fd, SOL_XDP, option, value, value.byteLength) !== 0)
    throw new Error(`setsockopt(${option}): errno ${koffi.errno()}`);
}

execFileSync("ip", ["link", "set", "lo", "up"]);
using kinds = KernelMapKinds.load((opened) => {
  for (const [name, map] of Object.entries(opened.maps)) map.autocreate = name === "xskmap";
  for (const [name, program] of Object.entries(opened.programs)) program.autoload = name === "on_xskmap";
});

const fd = xdpSocket();
const frames = memory(FRAME * FRAMES, MAP_PRIVATE_ANONYMOUS, -1, 0);
set(fd, UMEM_REG, BigUint64Array.of(BigInt(frames.address), BigInt(FRAME * FRAMES), BigInt(FRAME), 0n));
for (const ring of [FILL_RING, COMPLETION_RING, RX_RING]) set(fd, ring, Uint32Array.of(FRAMES));
// Producer, consumer, descriptors and flags of each of the rings rx, tx, fill and completion.
const offsets = new BigUint64Array(16);
if (getsockopt(fd, SOL_XDP, MMAP_OFFSETS, offsets, Uint32Array.of(offsets.byteLength)) !== 0)
  throw new Error(`XDP_MMAP_OFFSETS: errno ${koffi.errno()}`);
const [rxProducer, , rxEntries] = [...offsets.subarray(0, 4)].map(Number) as [number, number, number];
const [fillProducer, , fillEntries] = [...offsets.subarray(8, 12)].map(Number) as [number, number, number];
const rx = memory(rxEntries + FRAMES * 16, MAP_SHARED, fd, 0).bytes;
const fill = memory(fillEntries + FRAMES * 8, MAP_SHARED, fd, FILL_RING_AT).bytes;
new BigUint64Array(fill, fillEntries, FRAMES).set(
  Array.from({ length: FRAMES }, (_, i) => BigInt(i * FRAME)),
);
Atomics.store(new Uint32Array(fill, fillProducer, 1), 0, FRAMES);
const address = new Uint32Array([AF_XDP | (XDP_COPY << 16), LO, 0, 0]);
if (bind(fd, address, 16) !== 0) throw new Error(`bind: errno ${koffi.errno()}`);

kinds.maps.xskmap.set(0, fd);
using _link = kinds.programs.on_xskmap.attach({ interface: "lo", mode: "generic" });
const socket = createSocket("udp4");
socket.send("hello, socket", 9, "127.0.0.1");
for (const until = Date.now() + 5_000; Date.now() < until; ) {
  if (Atomics.load(new Uint32Array(rx, rxProducer, 1), 0) > 0) break;
  await new Promise((resolve) => setTimeout(resolve, 5));
}
const [at, length] = [new BigUint64Array(rx, rxEntries, 1)[0]!, new Uint32Array(rx, rxEntries + 8, 1)[0]!];
const packet = Buffer.from(frames.bytes).subarray(Number(at), Number(at) + length);
console.log(packet.toString("latin1").includes("hello, socket") ? "received" : `got ${length} bytes`);
socket.close();
