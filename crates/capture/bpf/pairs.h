/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Both ends of a connection on one host: each byte is told once. */
#ifndef PAIRS_H
#define PAIRS_H

enum { TOLD_MAX = 1 << 28 };

/* Both ends of a connection on this host: what the sender has told, the receiver need not. A connection through
 * address translation is not recognized, and told by both. */
INL void pair(struct sock_state *ss, struct stat *c)
{
	struct tuple other;
	if (!ss->payloads || !bpf_map_lookup_elem(&ends, &ss->id.t)) {
		struct told none = {};
		bpf_map_update_elem(&ends, &ss->id.t, &none, BPF_ANY);
	}
	mirror(&ss->id.t, &other);
	__u8 paired = bpf_map_lookup_elem(&ends, &other) != 0;
	if (paired && !ss->paired)
		c->paired++;
	ss->paired = paired;
}

/* The sender's part, after its bytes are told. */
INL void told(struct sock_state *ss, __u32 from, __u32 to, int whole)
{
	struct told *t = bpf_map_lookup_elem(&ends, &ss->id.t);
	if (!t)
		return;
	if (!t->valid || t->to != from) {
		t->valid = 0;
		t->from = t->gap = t->gap_end = t->read = from;
	}
	if (to - t->from > TOLD_MAX)
		t->from = to - TOLD_MAX;
	if (!whole) {
		if ((__s32)(t->read - t->gap_end) >= 0)
			t->gap = from;
		t->gap_end = to;
	}
	/* Whoever sees this sees the gap too. */
	__sync_lock_test_and_set(&t->to, to);
	t->valid = 1;
}

/* The receiver's part: how many of the n bytes from base on are told, when those from `from` on are. */
INL __u32 told_of(struct sock_state *ss, __u32 from, __u32 base, __u32 n)
{
	struct tuple other;
	mirror(&ss->id.t, &other);
	struct told *t = bpf_map_lookup_elem(&ends, &other);
	if (!t || !t->valid)
		return 0;
	__u32 until = __sync_fetch_and_add(&t->to, 0), gap = t->gap, gap_end = t->gap_end;
	t->read = base + n;
	if (from - t->from > TOLD_MAX)
		return 0;
	if (gap != gap_end && (__s32)(gap_end - from) > 0 && (__s32)(gap - until) < 0)
		until = gap;
	__s32 lead = until - base;
	return lead <= 0 ? 0 : (__u32)lead < n ? lead : n;
}
#endif
