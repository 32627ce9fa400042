// Each TCP connection that is opened: by whom, whereto, and how long the other side took to answer.
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define AF_INET 2
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_CLOSE 7

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// The tracepoint's record; CO-RE finds where the fields are on the kernel at hand.
struct trace_event_raw_inet_sock_set_state {
	const void *skaddr;
	int oldstate;
	int newstate;
	__u16 dport;
	__u16 family;
	__u8 daddr[4];
	__u8 daddr_v6[16];
} __attribute__((preserve_access_index));

struct connection {
	__u64 duration_ns; // until the answer
	__u32 pid;
	__u16 port;
	bool v6;
	bool refused; // or not answered at all
	__u8 address[16]; // the first 4 bytes of it for IPv4
	char comm[16];
};

// Connections that wait for their answer, by socket; `duration_ns` holds when they began.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct connection);
} pending SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__type(value, struct connection);
} connections SEC(".maps");

SEC("tp/sock/inet_sock_set_state")
int on_state(struct trace_event_raw_inet_sock_set_state *ctx)
{
	__u64 socket = (__u64)BPF_CORE_READ(ctx, skaddr);
	int before = BPF_CORE_READ(ctx, oldstate);
	int now = BPF_CORE_READ(ctx, newstate);

	if (now == TCP_SYN_SENT) {
		// connect(2): the process is the one that called it.
		struct connection fresh = {
			.duration_ns = bpf_ktime_get_ns(),
			.pid = bpf_get_current_pid_tgid() >> 32,
			.port = BPF_CORE_READ(ctx, dport),
			.v6 = BPF_CORE_READ(ctx, family) != AF_INET,
		};

		if (fresh.v6)
			BPF_CORE_READ_INTO(&fresh.address, ctx, daddr_v6);
		else
			bpf_core_read(&fresh.address, 4, &ctx->daddr);
		bpf_get_current_comm(&fresh.comm, sizeof(fresh.comm));
		bpf_map_update_elem(&pending, &socket, &fresh, BPF_ANY);
		return 0;
	}
	if (before != TCP_SYN_SENT)
		return 0;
	struct connection *connection = bpf_map_lookup_elem(&pending, &socket);

	if (!connection)
		return 0;
	connection->duration_ns = bpf_ktime_get_ns() - connection->duration_ns;
	connection->refused = now != TCP_ESTABLISHED;
	bpf_ringbuf_output(&connections, connection, sizeof(*connection), 0);
	bpf_map_delete_elem(&pending, &socket);
	return 0;
}
