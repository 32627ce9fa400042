// Descriptors that Node does not hand out, made with libc itself: sockets, pidfds.
import { createRequire } from "node:module";
import type * as Koffi from "koffi";

let libc: Koffi.LibraryHandle | undefined;
function call(declaration: string): (...args: unknown[]) => number {
  const koffi = createRequire(import.meta.url)("koffi") as typeof Koffi;
  libc ??= koffi.load(null);
  const bound = libc.func(declaration);
  return (...args) => {
    const result = bound(...args) as number;
    if (result < 0) throw new Error(`${declaration}: errno ${koffi.errno()}`);
    return result;
  };
}

const AF_INET = 2;
export const AF_XDP = 44;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOL_SOCKET = 1;
const SO_REUSEPORT = 15;
const SO_COOKIE = 57;

/** A UDP socket, bound to some port of the loopback interface. */
export function udpSocket(): number {
  const fd = call("int socket(int, int, int)")(AF_INET, SOCK_DGRAM, 0);
  call("int setsockopt(int, int, int, void *, uint32_t)")(
    fd,
    SOL_SOCKET,
    SO_REUSEPORT,
    new Uint32Array([1]),
    4,
  );
  const address = Uint8Array.of(AF_INET, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  call("int bind(int, void *, uint32_t)")(fd, address, 16);
  return fd;
}

/** A socket for packets as XDP sees them. */
export function xdpSocket(): number {
  return call("int socket(int, int, int)")(AF_XDP, SOCK_RAW, 0);
}

const SOL_XDP = 283;
const [RX_RING, UMEM_REG, FILL_RING, COMPLETION_RING] = [2, 4, 5, 6];
const [PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS] = [3, 0x22];

/** Such a socket with memory for packets, without which kernels from 7 on do not take it into a map. */
export function readyXdpSocket(): number {
  const [FRAME, FRAMES] = [4096, 16];
  const fd = xdpSocket();
  const size = FRAME * FRAMES;
  const address = call("int64_t mmap(int64_t, size_t, int, int, int, int64_t)")(
    0,
    size,
    PROT_READ_WRITE,
    MAP_PRIVATE_ANONYMOUS,
    -1,
    0,
  );
  const set = call("int setsockopt(int, int, int, const void *, uint32_t)");
  set(fd, SOL_XDP, UMEM_REG, BigUint64Array.of(BigInt(address), BigInt(size), BigInt(FRAME), 0n), 32);
  for (const ring of [FILL_RING, COMPLETION_RING, RX_RING]) set(fd, SOL_XDP, ring, Uint32Array.of(FRAMES), 4);
  return fd;
}

/** The cookie of a socket (`SO_COOKIE`). */
export function cookieOf(socket: number): bigint {
  const value = new BigUint64Array(1);
  call("int getsockopt(int, int, int, void *, void *)")(
    socket,
    SOL_SOCKET,
    SO_COOKIE,
    value,
    new Uint32Array([8]),
  );
  return value[0]!;
}

/** pidfd_open(2). */
export function pidfd(pid: number): number {
  return call("long syscall(long, int, unsigned int)")(434, pid, 0);
}

/** Sends a datagram to a socket of {@link udpSocket}, which has it when this returns. */
export function sendTo(socket: number): void {
  const address = new Uint8Array(16);
  call("int getsockname(int, void *, void *)")(socket, address, new Uint32Array([16]));
  const from = udpSocket();
  call("int64_t sendto(int, void *, size_t, int, void *, uint32_t)")(
    from,
    new Uint8Array(8),
    8,
    0,
    address,
    16,
  );
  call("int close(int)")(from);
}
