/* SPDX-License-Identifier: GPL-2.0-only */
/* Following the messages of a direction by their lengths. */
#ifndef FRAME_H
#define FRAME_H

/* How much of a message is kept: record contents are not, everything else is. */
INL __u32 limit_of(struct sock_state *ss, const __u8 *p, int request)
{
	if (request) {
		__u32 key = p[4] << 8 | p[5];
		ss->corr = be32(p + 8);
		if (key == FETCH || key == SHARE_FETCH)
			ss->fetches[ss->fetch_at++ & 15] = ss->corr;
		return key == PRODUCE ? cfg_records_cap : cfg_other_cap;
	}
	__u32 corr = be32(p + 4);
	for (int i = 0; i < 16; i++)
		if (ss->fetches[i] == corr)
			return cfg_records_cap;
	return cfg_other_cap;
}

/* One message, or the part of it in this payload, from pos on. Fills e with a record to emit or none; the bytes
 * used up, negative where the frame is lost. n_tx: length, bit 30 no memory to read, bit 31 sent. */
ONCE int step(struct sock_state *ss, struct src *s, struct ev *e, __u32 pos, __u32 n_tx)
{
	if (!ss || !s || !e)
		return -1;
	__u32 n = n_tx & 0x3fffffff, tx = n_tx >> 31, blind = n_tx >> 30 & 1;
	struct dir_state *d = tx ? &ss->d[1] : &ss->d[0];
	__u32 left = n - pos, held = 0;
	e->h.kind = K_NONE;
	e->h.cap = 0;
	d->wait = 0;
	if (d->off >= d->msg) {
		int request = ss->role == (tx ? ROLE_CLIENT : ROLE_SERVER);
		__u32 need = request ? 12 : 8;
		held = d->held;
		if (held > HELD)
			held = HELD;
		__u32 want = held < need ? need - held : 0;
		if (want > left)
			want = left;
		if (want > HELD)
			want = HELD;
		__builtin_memcpy(e->d, d->head, HELD);
		if (blind || (want && take(s, e, pos, want, held) != (int)want)) {
			d->sync = 0;
			return -1;
		}
		if (held + want < need) {
			__builtin_memcpy(d->head, e->d, HELD);
			d->held = held + want;
			return want;
		}
		__u32 size = be32(e->d);
		if (size < need - 4 || size > MESSAGE_MAX) {
			d->sync = 0;
			if (++d->lost > 8)
				ss->verdict = V_NOT;
			return -1;
		}
		d->lim = limit_of(ss, e->d, request);
		d->msg = size + 4;
		d->off = held;
		d->held = 0;
		d->skipped = 0;
	}
	__u32 body = d->msg - d->off, use = left < body ? left : body;
	__u32 seq = e->base + pos - held, keep = 0;
	if (d->off < d->lim && !blind) {
		keep = d->lim - d->off;
		if (keep > use)
			keep = use;
		if (keep > CHUNK) {
			keep = CHUNK;
			use = CHUNK;
		}
		int got = take(s, e, pos, keep, held);
		if (got < 0)
			got = 0;
		segment(e, d, seq, use + held);
		e->h.cap = got + held;
		d->off += use;
		return use;
	}
	d->off += use;
	d->skipped += use;
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
