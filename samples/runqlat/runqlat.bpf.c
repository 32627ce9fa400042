// How long tasks that could run wait for a CPU: a histogram by powers of two of microseconds.
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define SLOTS 26

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// What is read of the kernel's type; CO-RE finds where the fields are on the kernel at hand.
struct task_struct {
	int pid;
	int tgid;
} __attribute__((preserve_access_index));

// 0: all processes.
const volatile __u32 only_pid = 0;

// Slot n counts waits of 2^n microseconds or more, but less than twice as many; slot 0 the shorter ones, too.
__u64 waits[SLOTS] = {};

// Since when each task waits, in nanoseconds.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, int);
	__type(value, __u64);
} since SEC(".maps");

static int waiting(struct task_struct *task)
{
	int pid = task->pid;
	__u64 now = bpf_ktime_get_ns();

	// What has number 0 is the CPU doing nothing.
	if (pid && (!only_pid || only_pid == task->tgid))
		bpf_map_update_elem(&since, &pid, &now, BPF_ANY);
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *task)
{
	return waiting(task);
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *task)
{
	return waiting(task);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *previous, struct task_struct *next)
{
	int pid = next->pid;

	// It did not want to stop.
	if (preempt)
		waiting(previous);
	__u64 *start = bpf_map_lookup_elem(&since, &pid);

	if (!start)
		return 0;
	__u64 us = (bpf_ktime_get_ns() - *start) / 1000;
	__u32 slot = 0;

	for (int i = 1; i < SLOTS; i++)
		if (us >> i)
			slot = i;
	if (slot < SLOTS)
		__sync_fetch_and_add(&waits[slot], 1);
	bpf_map_delete_elem(&since, &pid);
	return 0;
}
