// Traces how processes start and end: what runs, for how long, and with which result.
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#define TASK_COMM_LEN 16
#define MAX_FILENAME_LEN 127

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// What is read of the kernel's types; CO-RE finds where the fields are on the kernel at hand.
struct task_struct {
	int tgid;
	int exit_code;
	struct task_struct *real_parent;
} __attribute__((preserve_access_index));

struct trace_event_raw_sched_process_exec {
	__u32 __data_loc_filename;
} __attribute__((preserve_access_index));

struct event {
	int pid;
	int ppid;
	unsigned int exit_code;
	__u64 duration_ns;
	char comm[TASK_COMM_LEN];
	char filename[MAX_FILENAME_LEN];
	bool exit_event;
};

// Processes that run for less than this are not reported.
const volatile unsigned long long min_duration_ns = 0;

// Events that found the ring buffer full.
unsigned long long dropped = 0;

// When each process that is running was started.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, int);
	__type(value, __u64);
} exec_start SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__type(value, struct event);
} rb SEC(".maps");

static struct event *reserve_event(int pid)
{
	struct event *e = bpf_ringbuf_reserve(&rb, sizeof(*e), 0);

	if (!e) {
		__sync_fetch_and_add(&dropped, 1);
		return NULL;
	}
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	e->pid = pid;
	e->ppid = BPF_CORE_READ(task, real_parent, tgid);
	e->exit_code = 0;
	e->duration_ns = 0;
	bpf_get_current_comm(&e->comm, sizeof(e->comm));
	e->filename[0] = 0;
	e->exit_event = false;
	return e;
}

SEC("tp/sched/sched_process_exec")
int handle_exec(struct trace_event_raw_sched_process_exec *ctx)
{
	int pid = bpf_get_current_pid_tgid() >> 32;
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&exec_start, &pid, &now, BPF_ANY);

	// Only ends are reported when there is a minimum: how long it will run is not known yet.
	if (min_duration_ns)
		return 0;

	struct event *e = reserve_event(pid);
	if (!e)
		return 0;
	unsigned int filename = BPF_CORE_READ(ctx, __data_loc_filename) & 0xffff;

	bpf_probe_read_kernel_str(&e->filename, sizeof(e->filename), (void *)ctx + filename);
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("tp/sched/sched_process_exit")
int handle_exit(void *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	int pid = id >> 32;

	// A thread that ends is no process that ends.
	if (pid != (__u32)id)
		return 0;

	__u64 *started = bpf_map_lookup_elem(&exec_start, &pid);
	__u64 duration = started ? bpf_ktime_get_ns() - *started : 0;

	bpf_map_delete_elem(&exec_start, &pid);
	if (min_duration_ns && duration < min_duration_ns)
		return 0;

	struct event *e = reserve_event(pid);
	if (!e)
		return 0;
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	e->exit_event = true;
	e->duration_ns = duration;
	e->exit_code = (BPF_CORE_READ(task, exit_code) >> 8) & 0xff;
	bpf_ringbuf_submit(e, 0);
	return 0;
}
