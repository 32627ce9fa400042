// Which host names are looked up, by whom, for how long and with which result: a function of the C library, traced in
// every process that calls it.
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct lookup {
	__u64 duration_ns;
	__u32 pid;
	int result; // 0, or an EAI_* of getaddrinfo(3)
	char comm[16];
	char host[128];
};

// The calls that are under way, by thread; `duration_ns` holds when they began.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct lookup);
} pending SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__type(value, struct lookup);
} lookups SEC(".maps");

SEC("uprobe/libc.so.6:getaddrinfo")
int BPF_KPROBE(enter, const char *host)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct lookup lookup = { .duration_ns = bpf_ktime_get_ns(), .pid = thread >> 32 };

	bpf_get_current_comm(&lookup.comm, sizeof(lookup.comm));
	bpf_probe_read_user_str(&lookup.host, sizeof(lookup.host), host);
	bpf_map_update_elem(&pending, &thread, &lookup, BPF_ANY);
	return 0;
}

SEC("uretprobe/libc.so.6:getaddrinfo")
int BPF_KRETPROBE(leave, int result)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct lookup *lookup = bpf_map_lookup_elem(&pending, &thread);

	if (!lookup)
		return 0;
	lookup->duration_ns = bpf_ktime_get_ns() - lookup->duration_ns;
	lookup->result = result;
	bpf_ringbuf_output(&lookups, lookup, sizeof(*lookup), 0);
	bpf_map_delete_elem(&pending, &thread);
	return 0;
}
