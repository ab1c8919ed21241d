/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where a call's bytes stand in the stream: TCP sequence numbers. */
#ifndef PLACE_H
#define PLACE_H

/* What of a socket tells the place of the bytes that a call moved. */
struct progress { __u32 write_seq, copied_seq, rcv_nxt; __u8 state, shut; };

/* Sequence number of the first of the n bytes that the call moved. */
INL __u32 first_seq(const struct progress *p, __u32 n, int tx)
{
	if (tx)
		return p->write_seq - n;
	/* The peer's FIN takes a number of its own, and the last read of a stream takes it along. */
	int fin = p->copied_seq == p->rcv_nxt && (p->shut & 1) &&
		  (p->state == TCP_CLOSE || p->state == TCP_CLOSE_WAIT || p->state == TCP_LAST_ACK || p->state == TCP_CLOSING);
	return p->copied_seq - fin - n;
}

/* Where the direction stands before this payload; bytes that passed unseen are stepped over. */
INL void place(struct dir_state *d, __u32 seq, __u32 n)
{
	__u32 gap = seq - d->next;
	if (d->seen && gap) {
		if (d->sync && d->msg && (__s32)gap > 0 && gap <= d->msg - d->off) {
			d->off += gap;
			if (d->skipped)
				d->skipped += gap;
		} else {
			d->sync = 0;
			d->msg = d->off = d->skipped = 0;
			d->held = 0;
		}
	}
	d->next = seq + n;
	d->seen = 1;
}
#endif
