// What is measured: maps of the usual kinds, globals, a packet program, and a ring buffer that is filled at will.
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define ENTRIES 100000

struct event {
	__u64 ts;
	__u32 pid;
	__u32 number;
	char comm[16];
};

struct pair {
	__u32 pid;
	__u32 number;
};

/* What the program `fill` is called with. */
struct fill {
	__u32 count;
	__u32 pairs;
};

struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, ENTRIES); __type(key, __u32); __type(value, __u32); } counts SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, ENTRIES); __type(key, __u32); __type(value, struct event); } table SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, ENTRIES); __type(key, __u32); __type(value, __u32); } slots SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, ENTRIES); __uint(map_flags, BPF_F_MMAPABLE); __type(key, __u32); __type(value, __u32); } mapped32 SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, ENTRIES); __uint(map_flags, BPF_F_MMAPABLE); __type(key, __u32); __type(value, __u64); } mapped64 SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_HASH); __uint(max_entries, 1024); __type(key, __u32); __type(value, __u64); } percpu_hash SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1024); __type(key, __u32); __type(value, __u64); } percpu_array SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 16 * 1024 * 1024); __type(value, struct event); } events SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 16 * 1024 * 1024); __type(value, struct pair); } pairs SEC(".maps");

/* Whose calls of getppid(2) send events, and how many each. */
volatile __u32 producer = 0;
volatile __u32 burst = 1;
__u32 number32 = 0;
__u32 hist[64];
__u64 number64 = 0;
/* Events of this object's life: those that found the ring full, and all of them. */
__u64 dropped = 0;
__u64 submitted = 0;

static void send(__u32 number)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	submitted++;
	if (!event) {
		dropped++;
		return;
	}
	event->ts = bpf_ktime_get_ns();
	event->pid = producer;
	event->number = number;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
}

static long send_event(__u32 index, void *ctx)
{
	send(index);
	return 0;
}

static long send_pair(__u32 index, void *ctx)
{
	struct pair pair = { .pid = 1, .number = index };

	bpf_ringbuf_output(&pairs, &pair, sizeof(pair), BPF_RB_NO_WAKEUP);
	return 0;
}

SEC("syscall")
int fill(struct fill *fill)
{
	if (fill->pairs)
		bpf_loop(fill->count, send_pair, NULL, 0);
	else
		bpf_loop(fill->count, send_event, NULL, 0);
	return 0;
}

SEC("tp/syscalls/sys_enter_getppid")
int on_getppid(void *ctx)
{
	if (bpf_get_current_pid_tgid() >> 32 != producer)
		return 0;
	if (burst > 1)
		bpf_loop(burst, send_event, NULL, 0);
	else
		send(0);
	return 0;
}

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}
