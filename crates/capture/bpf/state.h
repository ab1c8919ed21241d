/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Settings, maps, the state of a socket, and the records that user space reads. */
#ifndef STATE_H
#define STATE_H

/* Set by user space before the load. */
volatile const __u32 cfg_records_cap = 8 << 20; /* bytes kept of a message that carries records */
volatile const __u32 cfg_hop = 4096;          /* of a batch larger than this only the header is kept; 0: whole */
volatile const __u32 cfg_other_cap = 8 << 20; /* bytes kept of any other message */
volatile const __u32 cfg_wake = 1 << 20;      /* wake the reader when this many bytes wait; a power of two */
volatile const __u32 cfg_records = 0;         /* records of a processor in 2^WINDOW_BITS ns at most; 0: no limit */
volatile const __u32 cfg_pid_ns = 0;          /* inode of the pid namespace whose ids are told; 0: the kernel's own ids */

/* Set by user space once all programs are attached and older connections are told. Before that a request may pass a
 * hook whose answer passes none, and the end that a socket is not known. */
volatile __u32 running SEC(".bss");

#define CHUNK 8192 /* bytes of one record at most */
#define HELD 24    /* first bytes of a message that may come in reads of their own */
#define TLS_HELLO 1024
#define TLS_HEADS 8              /* records of an older connection whose first bytes are told, so that user space can judge */
#define TLS_RECORD (16384 + 2048) /* bytes in one at most, RFC 5246 6.2.3 */
#define WINDOW_BITS 27
#define WAKES 64 /* how often a processor looks whether so many bytes wait, while it tells as many */
#define TLS_BYTES (1u << 20)
#define TICKETS 16384 /* ends of connections that tell each other what they told, a power of two */
#define TLS_NS 1000000000ull

enum { V_UNKNOWN, V_KAFKA, V_NOT, V_TLS };
enum { ROLE_NONE, ROLE_CLIENT, ROLE_SERVER };
enum { K_SEGMENT, K_OPEN, K_CLOSE, K_EXIT, K_NONE };

struct hdr { /* 88 bytes, read by src/ebpf/record.rs */
	__u64 ts; /* CLOCK_MONOTONIC */
	__u64 start;
	__u32 pid, kind, seq, len, cap, tap_seq, netns;
	__u16 lport, rport;
	__u8 dir, role;
	__u8 unread; /* some of what was left out since the last record could not be read here: the other end may have it */
	__u8 z[5];
	__u8 laddr[16], raddr[16];
};
_Static_assert(sizeof(struct hdr) == 88, "as record.rs reads it");
enum { IOVECS = 32, PIECES = 64, IOV_MAX = 1024 };
struct ev {
	struct iovec v[IOVECS]; /* some of the call's, see source.h */
	__u32 base, z; /* sequence number of the payload's first byte */
	struct hdr h;
	__u8 d[2 * CHUNK + HELD];
};
struct tuple { __u8 laddr[16], raddr[16]; __u16 lport, rport; __u32 netns; };
struct ids {
	__u64 start;
	__u32 pid;
	__u8 has, z[3];
	struct tuple t;
};
/* Of a direction and of a socket, what following by the other end's lengths needs comes first: it lies in one cache line. */
struct dir_state {
	__u32 off, msg; /* place in and length of the message under way */
	__u32 next;     /* sequence number expected */
	__u32 skipped;  /* bytes since the last record */
	__u32 count;    /* records made */
	__u8 held, sync, seen, wait, lost, records;
	__u8 unread; /* bytes that could not be read since the last record */
	__u8 asks;   /* the message is a request for records */
	__u32 lim;    /* bytes to keep of the message under way */
	__u32 resume; /* place up to which record contents are left out */
	__u32 small;  /* place up to which a batch is kept whole */
	__u16 tries;
	__u8 z[2];
	__u64 told;
	__u8 head[HELD];
};
struct sock_state {
	__u8 verdict, role, blind, looked_up, open_told, fetch_at, closing, z;
	__u32 payloads, corr;
	__u32 tgid;          /* the kernel's id of the process at work */
	__u32 ticket, other; /* places in `told` of this end and of the other one on this host, see pairs.h */
	struct dir_state d[2]; /* received, sent */
	__u64 opened;
	struct ids id;
	__u32 fetches[16]; /* correlation ids of requests whose response carries records */
};
/* What one end has told of the bytes it sent, for the other end on this host: those in [from, to) need no second
 * copy, but for [gap, gap_end) that it could not read. Sequence numbers.
 * Of the last message that went whole in one call, two words that each begin with its sequence number, so that a
 * reader sees whether they belong together: its length with bit 31 for a request for records, and the correlation id. */
struct told { __u32 ticket, from, to, gap, gap_end, read, valid, z; __u64 message, corr, zz[2]; };
_Static_assert(sizeof(struct told) == 64, "a cache line");
struct stat { __u64 calls, judged, records, bytes, lost, not_kafka, no_buffer, no_state, overrun, paired, limited, mptcp, window, used; };

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 24); } ring SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct ev); } scratch SEC(".maps");
/* A connection's end may come in an interrupt, while a payload is at work. */
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct ev); } scratch_end SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct sock_state); } fresh SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct stat); } stats SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_SK_STORAGE); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, int); __type(value, struct sock_state); } sockets SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 65536); __type(key, __u64); __type(value, struct sock_state); } sockets_lru SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 16384); __type(key, struct tuple); __type(value, __u32); } roles SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 16384); __type(key, struct tuple); __type(value, __u32); } rejected SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 16384); __type(key, struct tuple); __type(value, __u32); } ends SEC(".maps");
/* Nobody maps it into memory: such a map begins with a page, and so its values with a cache line. */
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(map_flags, BPF_F_MMAPABLE); __uint(max_entries, TICKETS); __type(key, __u32); __type(value, struct told); } told SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u32); } tickets SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 16384); __type(key, __u32); __type(value, __u32); } users SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1024); __type(key, __u32); __type(value, __u8); } excluded SEC(".maps");

INL struct stat *counters(void)
{
	__u32 z = 0;
	return bpf_map_lookup_elem(&stats, &z);
}

INL __u32 be32(const __u8 *p)
{
	return (__u32)p[0] << 24 | (__u32)p[1] << 16 | (__u32)p[2] << 8 | p[3];
}

INL int is_loopback(const __u8 *a)
{
	const __u32 *w = (const __u32 *)a;
	if (w[0] || w[1])
		return 0;
	return w[2] == 0xffff0000 ? a[12] == 127 : w[2] == 0 && w[3] == 0x01000000;
}

/* Both addresses as IPv6. Loopback addresses mean something only within one network namespace. */
INL void addresses(struct sock *sk, struct ids *d)
{
	__u16 family = 0, remote = 0;
	READ(family, sk->__sk_common.skc_family);
	READ(d->t.lport, sk->__sk_common.skc_num);
	READ(remote, sk->__sk_common.skc_dport);
	d->t.rport = __builtin_bswap16(remote);
	if (family == 2) {
		__u32 l = 0, r = 0;
		READ(l, sk->__sk_common.skc_rcv_saddr);
		READ(r, sk->__sk_common.skc_daddr);
		__builtin_memset(d->t.laddr, 0, 16);
		__builtin_memset(d->t.raddr, 0, 16);
		*(__u32 *)(d->t.laddr + 8) = *(__u32 *)(d->t.raddr + 8) = 0xffff0000;
		*(__u32 *)(d->t.laddr + 12) = l;
		*(__u32 *)(d->t.raddr + 12) = r;
	} else {
		READ(d->t.laddr, sk->__sk_common.skc_v6_rcv_saddr);
		READ(d->t.raddr, sk->__sk_common.skc_v6_daddr);
	}
	d->t.netns = 0;
	if (is_loopback(d->t.laddr) || is_loopback(d->t.raddr)) {
		struct net *net = 0;
		READ(net, sk->__sk_common.skc_net.net);
		READ(d->t.netns, net->ns.inum);
	}
	d->has = 1;
}

INL void give(struct hdr *h, const struct ids *d)
{
	h->start = d->start;
	h->pid = d->pid;
	h->netns = d->t.netns;
	h->lport = d->t.lport;
	h->rport = d->t.rport;
	__builtin_memcpy(h->laddr, d->t.laddr, 16);
	__builtin_memcpy(h->raddr, d->t.raddr, 16);
	h->seq = h->len = h->tap_seq = 0;
	h->unread = 0;
}

/* The connection as its other end names it. */
INL void mirror(const struct tuple *t, struct tuple *m)
{
	__builtin_memcpy(m->laddr, t->raddr, 16);
	__builtin_memcpy(m->raddr, t->laddr, 16);
	m->lport = t->rport;
	m->rport = t->lport;
	m->netns = t->netns;
}

/* The next record of a direction stands for len bytes from seq on. */
INL void segment(struct ev *e, struct dir_state *d, __u32 seq, __u32 len)
{
	e->h.kind = K_SEGMENT;
	e->h.seq = seq;
	e->h.len = len;
	e->h.tap_seq = ++d->count;
	e->h.unread = d->unread;
	d->unread = 0;
}

/* Non-zero when the ring has no room, or the processor has told enough for now: what watching costs is bounded. */
ONCE int emit(struct ev *e, __u32 cap, struct stat *c)
{
	if (!e || !c)
		return -1;
	__u64 size = sizeof(struct hdr) + cap;
	if (!e->h.ts)
		e->h.ts = bpf_ktime_get_ns();
	if (cfg_records) {
		__u64 window = e->h.ts >> WINDOW_BITS;
		if (c->window != window) {
			c->window = window;
			c->used = 0;
		}
		if (c->used++ >= cfg_records) {
			c->limited++;
			return -1;
		}
	}
	e->h.cap = cap;
	barrier_var(size);
	if (size > sizeof(struct hdr) + CHUNK + HELD)
		return -1;
	/* A reader that has much to read needs no interrupt for each record more. */
	__u64 flags = BPF_RB_NO_WAKEUP;
	if ((c->bytes ^ (c->bytes + size)) >= cfg_wake / WAKES && bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > cfg_wake)
		flags = BPF_RB_FORCE_WAKEUP;
	if (bpf_ringbuf_output(&ring, &e->h, size, flags)) {
		c->lost++;
		return -1;
	}
	c->records++;
	c->bytes += size;
	return 0;
}
#endif
