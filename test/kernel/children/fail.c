// Preloaded: has the k-th bpf(2), perf_event_open(2) or ioctl(2) of this process fail.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/syscall.h>

static long calls, fail_at;

void bpf_tsgen_fail_at(long k)
{
	calls = 0;
	fail_at = k;
}

long bpf_tsgen_calls(void)
{
	return calls;
}

static int fails(void)
{
	if (__atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) != fail_at)
		return 0;
	errno = EIO;
	return 1;
}

long syscall(long number, ...)
{
	static long (*real)(long, long, long, long, long, long, long);
	long a, b, c, d, e, f;
	va_list args;

	va_start(args, number);
	a = va_arg(args, long);
	b = va_arg(args, long);
	c = va_arg(args, long);
	d = va_arg(args, long);
	e = va_arg(args, long);
	f = va_arg(args, long);
	va_end(args);
	if (!real)
		real = (long (*)(long, long, long, long, long, long, long))dlsym(RTLD_NEXT, "syscall");
	if ((number == SYS_bpf || number == SYS_perf_event_open) && fails())
		return -1;
	return real(number, a, b, c, d, e, f);
}
