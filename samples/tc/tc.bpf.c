// Reports each IPv4 packet that an interface receives or sends: a classifier in either direction.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/types.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct packet {
	__u8 source[4];
	__u8 destination[4];
	__u16 source_port; // 0 where the protocol has none
	__u16 destination_port;
	__u16 length; // of the IP packet, in bytes
	__u8 protocol;
	__u8 ttl;
	bool egress;
};

// Packets that found the ring buffer full.
__u64 dropped = 0;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
	__type(value, struct packet);
} packets SEC(".maps");

static int report(struct __sk_buff *skb, bool egress)
{
	struct iphdr ip;
	__be16 ports[2] = {};

	if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return TC_ACT_UNSPEC;
	// The first fragment only has a header of the next protocol.
	if ((ip.protocol == IPPROTO_TCP || ip.protocol == IPPROTO_UDP) && !(ip.frag_off & bpf_htons(0x1fff)))
		bpf_skb_load_bytes(skb, ETH_HLEN + ip.ihl * 4, ports, sizeof(ports));

	struct packet *packet = bpf_ringbuf_reserve(&packets, sizeof(*packet), 0);
	if (!packet) {
		__sync_fetch_and_add(&dropped, 1);
		return TC_ACT_UNSPEC;
	}
	__builtin_memcpy(packet->source, &ip.saddr, sizeof(packet->source));
	__builtin_memcpy(packet->destination, &ip.daddr, sizeof(packet->destination));
	packet->source_port = bpf_ntohs(ports[0]);
	packet->destination_port = bpf_ntohs(ports[1]);
	packet->length = bpf_ntohs(ip.tot_len);
	packet->protocol = ip.protocol;
	packet->ttl = ip.ttl;
	packet->egress = egress;
	bpf_ringbuf_submit(packet, 0);
	return TC_ACT_UNSPEC; // what becomes of it, others decide
}

SEC("tc/ingress")
int receive(struct __sk_buff *skb)
{
	return report(skb, false);
}

SEC("tc/egress")
int transmit(struct __sk_buff *skb)
{
	return report(skb, true);
}
