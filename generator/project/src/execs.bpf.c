#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

// What a record of the ring buffer is.
struct exec_event {
	__u32 pid;
	char comm[16];
};

// Set by the application before the program is loaded.
const volatile __u32 ignored_pid = 0;

// How many events found no room; the application reads it where it lies.
__u64 dropped = 0;

// How often each command was started.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, char[16]);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
	__type(value, struct exec_event);
} events SEC(".maps");

SEC("tp/sched/sched_process_exec")
int on_exec(void *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct exec_event *event;
	char comm[16];
	__u64 one = 1, *count;

	if (pid == ignored_pid)
		return 0;
	bpf_get_current_comm(comm, sizeof(comm));
	count = bpf_map_lookup_elem(&counts, comm);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&counts, comm, &one, BPF_ANY);

	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&dropped, 1);
		return 0;
	}
	event->pid = pid;
	__builtin_memcpy(event->comm, comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return 0;
}
