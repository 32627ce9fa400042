/* What the runtime takes for granted of libc: the same with glibc and musl, on x86-64 and arm64. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IS(what, value) _Static_assert((what) == (value), #what)

/* ffi/machine.ts */
IS(sizeof(void *), 8);
IS(sizeof(long), 8);
IS(sizeof(size_t), 8);
#ifdef __aarch64__
IS(SYS_bpf, 280);
IS(SYS_perf_event_open, 241);
#else
IS(SYS_bpf, 321);
IS(SYS_perf_event_open, 298);
#endif

/* ffi/prototypes.ts: what is passed as 32 and 64 bits. */
IS(sizeof(off_t), 8);
IS(sizeof(socklen_t), 4);
IS(sizeof(pthread_key_t), 4);

/* ffi/print.ts */
IS(PROT_READ, 1);
IS(PROT_WRITE, 2);
IS(PROT_EXEC, 4);
IS(MAP_PRIVATE | MAP_ANONYMOUS, 0x22);

/* ffi/koffi.ts, maps/mapping.ts, maps/epoll.ts */
IS(F_DUPFD_CLOEXEC, 1030);
IS(MAP_SHARED, 1);
IS(EPOLL_CLOEXEC, 02000000);
IS(EPOLL_CTL_ADD, 1);
IS(EPOLLIN, 1);
IS(EPOLLOUT, 4);
IS((unsigned)EPOLLET, 0x80000000);
/* 12 bytes on x86-64, 16 on arm64: room is made for 16. */
IS(sizeof(struct epoll_event) <= 16, 1);

/* programs/clsact.ts, programs/sockets.ts */
IS(AF_NETLINK, 16);
IS(SOCK_RAW, 3);
IS(SOCK_CLOEXEC, 02000000);
IS(SOL_SOCKET, 1);
IS(SO_ATTACH_BPF, 50);
IS(SO_DETACH_FILTER, 27);
IS(SO_ATTACH_REUSEPORT_EBPF, 52);
IS(SO_DETACH_REUSEPORT_BPF, 68);

/* Functions that native code calls. */
void *const by_address[] = { pthread_getspecific, fputc, vfprintf };
