// Reports each program that is started, with its arguments, and who started it.
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define MAX_ARGS 256

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// What is read of the kernel's types; CO-RE finds where the fields are on the kernel at hand.
struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
} __attribute__((preserve_access_index));

struct task_struct {
	int tgid;
	struct task_struct *real_parent;
	struct mm_struct *mm;
	char comm[16];
} __attribute__((preserve_access_index));

struct exec {
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	__u32 length; // of the arguments, as many as fit
	char comm[16];
	char parent[16];
	__u8 args[MAX_ARGS]; // each ends with a NUL
};

// Starts that found the ring buffer full.
__u64 dropped = 0;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 512 * 1024);
	__type(value, struct exec);
} execs SEC(".maps");

SEC("tp/sched/sched_process_exec")
int on_exec(void *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	unsigned long start = BPF_CORE_READ(task, mm, arg_start);
	unsigned long length = BPF_CORE_READ(task, mm, arg_end) - start;
	struct exec *exec = bpf_ringbuf_reserve(&execs, sizeof(*exec), 0);

	if (!exec) {
		__sync_fetch_and_add(&dropped, 1);
		return 0;
	}
	if (length > MAX_ARGS)
		length = MAX_ARGS;
	exec->pid = bpf_get_current_pid_tgid() >> 32;
	exec->ppid = BPF_CORE_READ(task, real_parent, tgid);
	exec->uid = bpf_get_current_uid_gid();
	exec->length = bpf_probe_read_user(&exec->args, length, (void *)start) ? 0 : length;
	bpf_get_current_comm(&exec->comm, sizeof(exec->comm));
	BPF_CORE_READ_STR_INTO(&exec->parent, task, real_parent, comm);
	bpf_ringbuf_submit(exec, 0);
	return 0;
}
