/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Both ends of a connection on one host: each byte is told once. */
#ifndef PAIRS_H
#define PAIRS_H

enum { TOLD_MAX = 1 << 28 };
#define ASKS (1u << 31)

/* What the end with that ticket has told; 0 where a later ticket took its place. Tickets are found by addresses, which
 * costs as much as all else of a call that is only followed, and kept in the socket's state. */
INL struct told *told_of(__u32 ticket)
{
	__u32 slot = ticket & (TICKETS - 1);
	struct told *t = ticket ? bpf_map_lookup_elem(&told, &slot) : 0;
	return t && t->ticket == ticket ? t : 0;
}

INL __u32 ticket_of(const struct tuple *end)
{
	__u32 *ticket = bpf_map_lookup_elem(&ends, end);
	return ticket && told_of(*ticket) ? *ticket : 0;
}

/* It takes the place of the oldest one. */
INL __u32 new_ticket(const struct tuple *end)
{
	__u32 z = 0, *last = bpf_map_lookup_elem(&tickets, &z);
	if (!last)
		return 0;
	__u32 ticket = __sync_fetch_and_add(last, 1) + 1, slot = ticket & (TICKETS - 1);
	struct told *t = bpf_map_lookup_elem(&told, &slot);
	if (!t || !ticket)
		return 0;
	t->ticket = t->valid = 0;
	t->message = t->corr = 0;
	__sync_lock_test_and_set(&t->ticket, ticket);
	return bpf_map_update_elem(&ends, end, &ticket, BPF_ANY) ? 0 : ticket;
}

/* At a connection's beginning and now and then it is looked up who else knows of it; seldom once the other end is found, which
 * stays until a ticket is lost. */
INL int due(const struct sock_state *ss)
{
	return ss->payloads < 4 || (ss->payloads & (ss->other ? 255 : 15)) == 7;
}

/* Both ends of a connection on this host: what the sender has told, the receiver need not. A connection through
 * address translation is not recognized, and told by both. */
ONCE int pair(struct sock_state *ss, struct stat *c)
{
	if (!ss || !c)
		return 0;
	struct tuple other;
	if (!told_of(ss->ticket)) {
		ss->ticket = ss->payloads ? ticket_of(&ss->id.t) : 0;
		if (!ss->ticket)
			ss->ticket = new_ticket(&ss->id.t);
	}
	mirror(&ss->id.t, &other);
	__u32 before = ss->other;
	ss->other = ticket_of(&other);
	if (ss->other && !before)
		c->paired++;
	return 0;
}

/* The sender's part, after its bytes are told: `whole` when all of them could be read. */
INL void tell(struct sock_state *ss, __u32 from, __u32 to, int whole)
{
	const struct dir_state *d = &ss->d[1];
	struct told *t = told_of(ss->ticket);
	if (!t) {
		ss->other = 0;
		return;
	}
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
	__u64 place = (__u64)from << 32;
	if (d->sync && d->off == d->msg && d->msg == to - from) {
		*(volatile __u64 *)&t->corr = place | ss->corr;
		*(volatile __u64 *)&t->message = place | d->msg | (d->asks ? ASKS : 0);
	} else {
		*(volatile __u64 *)&t->message = 0;
	}
}

/* The receiver's part: it matters to the sender where a gap is. */
INL void has_read(struct told *t, __u32 to)
{
	if (t->gap != t->gap_end)
		t->read = to;
}

/* How many of the n bytes from base on are told, when those from `from` on are. */
INL __u32 lead_of(struct told *t, __u32 from, __u32 base, __u32 n)
{
	if (!t || !t->valid)
		return 0;
	__u32 until = __sync_fetch_and_add(&t->to, 0), gap = t->gap, gap_end = t->gap_end;
	if (from - t->from > TOLD_MAX)
		return 0;
	if (gap != gap_end && (__s32)(gap_end - from) > 0 && (__s32)(gap - until) < 0)
		until = gap;
	__s32 lead = until - base;
	return lead <= 0 ? 0 : (__u32)lead < n ? lead : n;
}
#endif
