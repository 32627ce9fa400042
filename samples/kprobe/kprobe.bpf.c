// Sees which files are unlinked, by whom, and with which result: a kprobe and a kretprobe on one kernel function.
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <linux/types.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// What is read of the kernel's type; CO-RE finds where the field is on the kernel at hand.
struct filename {
	const char *name;
} __attribute__((preserve_access_index));

struct unlink {
	__u32 pid;
	int result; // 0, or a negative errno
	char comm[16];
	char path[256];
};

// The calls that are under way, by thread.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct unlink);
} pending SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__type(value, struct unlink);
} unlinks SEC(".maps");

// A struct on the stack would be too big.
static const struct unlink empty = {};

// Which function it is, the application says: Linux 7.0 has renamed it.
SEC("kprobe")
int BPF_KPROBE(enter, int dfd, struct filename *name)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 thread = id;

	bpf_map_update_elem(&pending, &thread, &empty, BPF_ANY);
	struct unlink *call = bpf_map_lookup_elem(&pending, &thread);

	if (!call)
		return 0;
	call->pid = id >> 32;
	bpf_get_current_comm(&call->comm, sizeof(call->comm));
	bpf_probe_read_kernel_str(&call->path, sizeof(call->path), BPF_CORE_READ(name, name));
	return 0;
}

SEC("kretprobe")
int BPF_KRETPROBE(leave, long result)
{
	__u32 thread = bpf_get_current_pid_tgid();
	struct unlink *call = bpf_map_lookup_elem(&pending, &thread);

	if (!call)
		return 0;
	call->result = result;
	bpf_ringbuf_output(&unlinks, call, sizeof(*call), 0);
	bpf_map_delete_elem(&pending, &thread);
	return 0;
}
