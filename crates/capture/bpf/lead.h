/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A receiver within a message that the other end has told to its last byte: it follows by what that end left, and
 * reads no memory. That is most of what a broker and its clients on one host receive. */
#ifndef LEAD_H
#define LEAD_H

/* Goes on by n bytes from base on; 0 where they must be looked at. */
ONCE int led(struct sock_state *ss, __u32 base, __u32 n)
{
	if (!ss)
		return 0;
	struct dir_state *d = &ss->d[0];
	/* The first record of each end tells that it is here, and who it is. */
	if (ss->verdict != V_KAFKA || !d->sync || !d->count || d->held || d->skipped || d->next != base || due(ss))
		return 0;
	if (ss->tgid != (__u32)(bpf_get_current_pid_tgid() >> 32))
		return 0;
	struct told *t = told_of(ss->other);
	if (!t)
		return 0;
	__u32 off = d->off, msg = d->msg, corr = 0, asks = 0;
	int begins = off >= msg;
	if (begins) {
		__u64 message = *(volatile __u64 *)&t->message, request = *(volatile __u64 *)&t->corr;
		if (message >> 32 != base || request >> 32 != base)
			return 0;
		off = 0;
		msg = (__u32)message & ~ASKS;
		asks = (__u32)message & ASKS;
		corr = (__u32)request;
	}
	if (n > msg - off || lead_of(t, base, base, msg - off) < msg - off)
		return 0;
	has_read(t, base + n);
	if (begins) {
		if (ss->role == ROLE_SERVER)
			asked(ss, corr, asks != 0);
		d->msg = msg;
		d->resume = d->small = d->records = 0;
		d->lim = cfg_other_cap; /* should the rest be told by nobody after all */
		d->lost = 0;
	}
	d->off = off + n;
	d->next = base + n;
	ss->payloads++;
	return 1;
}
#endif
