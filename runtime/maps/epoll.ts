import { check, libc, orErrno } from "../ffi/native.js";
import { closeFd } from "./map.js";

/** Events of `epoll_ctl(2)`. */
export const EPOLLIN = 1;
export const EPOLLOUT = 4;
/** Once for each time that the kernel wakes up who waits, and not again and again while it could go on. */
export const EPOLLET = 0x8000_0000;

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EINTR = -4;

/** An epoll instance for one descriptor: readable itself while that has an event which nobody has taken. */
export class Epoll {
  readonly fd: number;
  readonly #where: string;

  constructor(where: string, fd: number, events: number) {
    this.#where = where;
    this.fd = check(where, "epoll_create1", orErrno(libc.epoll_create1(EPOLL_CLOEXEC)));
    try {
      const event = new Uint8Array(new Uint32Array([events, 0, 0, 0]).buffer);
      check(where, "epoll_ctl", orErrno(libc.epoll_ctl(this.fd, EPOLL_CTL_ADD, fd, event)));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Takes the event; blocks until there is one, a signal comes, or the time is over. -1 waits for ever. */
  wait(timeoutMs: number): void {
    const result = orErrno(libc.epoll_wait(this.fd, new Uint8Array(16), 1, timeoutMs));
    if (result !== EINTR) check(this.#where, "epoll_wait", result);
  }

  close(): void {
    closeFd(this.fd);
  }
}
