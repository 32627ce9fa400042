// Says so whenever the process that loaded it writes.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// Whose writes count; set before the program is loaded.
const volatile int my_pid = 0;

// How many there were.
unsigned long long writes = 0;

SEC("tp/syscalls/sys_enter_write")
int handle_tp(void *ctx)
{
	int pid = bpf_get_current_pid_tgid() >> 32;

	if (pid != my_pid)
		return 0;

	__sync_fetch_and_add(&writes, 1);
	bpf_printk("BPF triggered from PID %d.\n", pid);
	return 0;
}
