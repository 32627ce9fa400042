// Drops packets by where they come from, before the network stack sees them, and counts them.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct prefix {
	__u32 length; // in bits
	__u8 address[4];
};

struct traffic {
	__u64 packets;
	__u64 bytes;
};

// What is dropped, by prefixes of source addresses: the longest that matches counts.
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, struct traffic);
} blocked SEC(".maps");

// What is not.
struct traffic passed = {};

static void count(struct traffic *traffic, __u64 bytes)
{
	__sync_fetch_and_add(&traffic->packets, 1);
	__sync_fetch_and_add(&traffic->bytes, bytes);
}

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	__u64 bytes = end - (void *)eth;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP)) {
		count(&passed, bytes);
		return XDP_PASS;
	}
	struct prefix source = { .length = 32 };

	__builtin_memcpy(source.address, &ip->saddr, sizeof(source.address));
	struct traffic *rule = bpf_map_lookup_elem(&blocked, &source);

	count(rule ?: &passed, bytes);
	return rule ? XDP_DROP : XDP_PASS;
}
