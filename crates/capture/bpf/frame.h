/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Following the messages of a direction by their lengths. */
#ifndef FRAME_H
#define FRAME_H

INL void asked(struct sock_state *ss, __u32 corr, int for_records)
{
	ss->corr = corr;
	if (for_records)
		ss->fetches[ss->fetch_at++ & 15] = corr;
}

/* How much of a message is kept: record contents are not, everything else is. */
INL __u32 limit_of(struct sock_state *ss, struct dir_state *d, const __u8 *p, int request)
{
	d->records = d->asks = 0;
	d->resume = d->small = 0;
	if (request) {
		__u32 key = p[4] << 8 | p[5];
		d->asks = key == FETCH || key == SHARE_FETCH;
		asked(ss, be32(p + 8), d->asks);
		if (key != PRODUCE)
			return cfg_other_cap;
		d->records = 1;
		return cfg_records_cap;
	}
	__u32 corr = be32(p + 4);
	for (int i = 0; i < 16; i++)
		if (ss->fetches[i] == corr) {
			d->records = 1;
			return cfg_records_cap;
		}
	return cfg_other_cap;
}

enum { BATCH_HEADER = 61, BATCH_OVERHEAD = 12, WINDOW = 256, IOV_HOP = 512, SMALL = CHUNK / BATCH_HEADER };

/* Is there, at e->d + at, the header of a record batch of at most left bytes? Its length in bytes, or 0. */
ONCE int batch_at(struct ev *e, __u32 at, __u32 left)
{
	if (!e || at > WINDOW)
		return 0;
	const __u8 *p = e->d + at;
	__u32 length = be32(p + 8), last = be32(p + 23), records = be32(p + 57);
	if (p[0] | p[1] | p[21] | (p[22] & 0x80))
		return 0;
	if (length < BATCH_HEADER - BATCH_OVERHEAD || length > MESSAGE_MAX || length > left || last >> 31)
		return 0;
	/* Compaction leaves fewer records than offsets, never more. */
	return records && records <= last + 1 ? length + BATCH_OVERHEAD : 0;
}

/* A batch larger than hop that begins in the first bytes of what is left of a message: the bytes up to the end
 * of its header, with the place of the batch's end in e->z; 0 where there is none. have bytes are in e->d. */
ONCE int find_batch(struct ev *e, __u32 have, __u32 left, __u32 hop)
{
	if (!e)
		return 0;
	for (__u32 i = 0; i < WINDOW; i++) {
		if (i + BATCH_HEADER > have)
			return 0;
		if (e->d[i + 16] != 2)
			continue;
		__u32 length = batch_at(e, i, left - i);
		if (!length)
			continue;
		e->z = i + length;
		return length > hop ? (int)(i + BATCH_HEADER) : 0;
	}
	return 0;
}

/* Where in e->d the last whole batch ends of those that follow each other from at on, before one that is larger than hop. have bytes are there. */
ONCE int small_batches(struct ev *e, __u32 at, __u32 have, __u32 hop)
{
	if (!e)
		return 0;
	for (int i = 0; i < SMALL; i++) {
		if (at > CHUNK - BATCH_HEADER)
			break;
		const __u8 *p = e->d + at;
		__u32 length = be32(p + 8) + BATCH_OVERHEAD;
		if (at + BATCH_HEADER > have || p[16] != 2 || length < BATCH_HEADER || length > hop || at + length > have)
			break;
		at += length;
	}
	return at;
}

/* One message, or the part of it in this payload, from pos on. Fills e with a record to emit or none; what the other
 * end has told is followed and not copied. The bytes used up, negative where the frame is lost. n_tx: length, bit 30 no memory to read, bit 31 sent. */
ONCE int step(struct sock_state *ss, struct src *s, struct ev *e, __u32 pos, __u32 n_tx)
{
	if (!ss || !s || !e)
		return -1;
	__u32 n = n_tx & 0x3fffffff, tx = n_tx >> 31, blind = n_tx >> 30 & 1;
	struct dir_state *d = tx ? &ss->d[1] : &ss->d[0];
	__u32 left = n - pos, held = 0, first = 0, lead = s->lead > pos ? s->lead - pos : 0;
	e->h.kind = K_NONE;
	e->h.cap = 0;
	d->wait = 0;
	if (d->off >= d->msg) {
		int request = ss->role == (tx ? ROLE_CLIENT : ROLE_SERVER);
		__u32 need = request ? 12 : 8;
		held = d->held;
		if (held > HELD)
			held = HELD;
		__u32 least = held < need ? need - held : 0, want = lead ? least : WINDOW + BATCH_HEADER;
		if (least > left)
			least = left;
		if (want > left)
			want = left;
		if (held)
			__builtin_memcpy(e->d, d->head, HELD);
		int got = blind ? -1 : take(s, e, pos, want, held);
		/* A message may begin at the end of the memory that can be read. */
		if (!blind && got < (int)least && want > least)
			got = take(s, e, pos, least, held);
		if (got < (int)least) {
			d->sync = 0;
			return -1;
		}
		first = got;
		__u32 have = held + first, size = be32(e->d);
		/* An empty SASL token has nothing to wait for. */
		if (have < need && (have < 4 || size >= need - 4)) {
			__builtin_memcpy(d->head, e->d, HELD);
			d->held = have;
			return first;
		}
		if (size < need - 4 || size > MESSAGE_MAX) {
			d->sync = 0;
			if (++d->lost > 8)
				ss->verdict = V_NOT;
			return -1;
		}
		d->lost = 0;
		d->lim = limit_of(ss, d, e->d, request);
		d->msg = size + 4;
		d->off = held;
		d->held = 0;
		d->skipped = 0;
	}
	__u32 body = d->msg - d->off, use = left < body ? left : body;
	__u32 seq = e->base + pos - held, keep = 0;
	if (d->off < d->resume && use > d->resume - d->off)
		use = d->resume - d->off;
	if (d->off < d->lim && d->off >= d->resume && !blind) {
		e->z = 0;
		/* A batch that lies in pieces costs more to copy than to hop over, and what does not fit is read batch by batch. */
		__u32 tight = body > d->lim - d->off, hop = s->iov || tight ? IOV_HOP : cfg_hop;
		if (d->off < d->small) {
			if (use > d->small - d->off)
				use = d->small - d->off;
		} else if (d->records && cfg_hop && body > hop) {
			__u32 want = WINDOW + BATCH_HEADER, head;
			if (want > use)
				want = use;
			int got = first >= want ? (int)want : take(s, e, pos, want, held);
			head = got > 0 ? find_batch(e, got + held, body + held, hop) : 0;
			if (head > held && head <= want + held) {
				use = head - held;
				d->resume = d->off + e->z - held;
				d->off += use;
				/* The limit is for bytes that are kept: a Fetch of many large batches is read to its last field. */
				d->lim += d->resume - d->off;
				if (use <= lead)
					return use;
				segment(e, d, seq, head);
				e->h.cap = head;
				return use;
			}
			if (e->z > held)
				d->small = d->off + e->z - held;
			/* The next turn begins where a large batch may. */
			if (tight && e->z > held && e->z - held < use)
				use = e->z - held;
		}
		if (lead) {
			if (use > lead)
				use = lead;
			d->off += use;
			return use;
		}
		keep = d->lim - d->off;
		if (keep > use)
			keep = use;
		if (keep > CHUNK) {
			keep = CHUNK;
			use = CHUNK;
		}
		int got = first >= keep ? (int)keep : take(s, e, pos, keep, held);
		if (got < 0)
			got = 0;
		/* The next turn begins where a batch does, or it would not see that one is large and keep it with all that follow. */
		if (e->z > held && use < body && got + held > e->z)
			got = small_batches(e, e->z, got + held, hop) - held;
		if (got && got < keep)
			use = got; /* the rest is another turn's */
		else if (!got)
			s->bad = d->unread = 1;
		segment(e, d, seq, use + held);
		e->h.cap = got + held;
		d->off += use;
		return use;
	}
	d->off += use;
	if (lead >= use)
		return use;
	if (blind)
		s->bad = d->unread = 1;
	d->skipped += use;
	if (d->off == d->resume && d->off < d->msg)
		d->skipped = 0; /* the next record's place tells of these */
	if (d->off >= d->msg) {
		/* Without this the end of a cut message would be known only when the next one comes. */
		segment(e, d, e->base + pos + use - d->skipped, d->skipped);
		d->skipped = 0;
	}
	return use;
}

/* The first bytes of what is left of a payload whose frame is not known, after those that were held. */
INL int rest(struct sock_state *ss, struct src *s, struct ev *e, __u32 pos, __u32 n_tx)
{
	__u32 n = n_tx & 0x3fffffff, tx = n_tx >> 31, left = n - pos;
	struct dir_state *d = tx ? &ss->d[1] : &ss->d[0];
	__u32 held = d->held;
	if (held > HELD)
		held = HELD;
	__builtin_memcpy(e->d, d->head, HELD);
	int got = take(s, e, pos, left, held);
	return held + (got > 0 ? got : 0);
}
#endif
