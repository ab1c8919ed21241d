/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Does this socket speak Kafka, and where does a message begin? */
#ifndef JUDGE_H
#define JUDGE_H

#define MESSAGE_MAX (100u << 20)
enum { PRODUCE = 0, FETCH = 1, API_VERSIONS = 18, SHARE_FETCH = 78 };
#define TRIES 32
#define TRIES_MAX 2000

INL int fits_size(__u32 size)
{
	return size >= 10 && size <= MESSAGE_MAX;
}

/* Produce from its body: no transactional id, acks of -1, 0 or 1, a sensible time-out. */
INL int looks_produce(const __u8 *p, __u32 n, __u32 version)
{
	__u32 at = version < 3 ? 14 : 16;
	if (n < at + 6)
		return 0;
	if (version >= 3 && version < 9 && (p[14] != 0xff || p[15] != 0xff))
		return 0;
	if (version >= 9 && (p[14] || p[15]))
		return 0;
	const __u8 *q = version < 3 ? p + 14 : p + 16;
	__u32 acks = q[0] << 8 | q[1], ms = be32(q + 2);
	return (acks == 0xffff || acks <= 1) && ms >= 100 && ms <= 3600000;
}

/* Is this the start of a request: size, key, version, correlation id, client id? n bytes are there, 14 or more. A
 * client that opens a connection may have any name. */
INL int looks_request(const __u8 *p, __u32 n, int opens)
{
	__u32 size = be32(p), key = p[4] << 8 | p[5], version = p[6] << 8 | p[7], client = p[12] << 8 | p[13];
	/* A broker answers ApiVersions of any version (KIP-511). */
	if (!fits_size(size) || key > 100 || (version > 20 && !(opens && key == API_VERSIONS)))
		return 0;
	if (client == 0xffff)
		return 1;
	/* ZooKeeper's frames look like Produce with an empty client id; kafka-go's writer sends just that. */
	if (client == 0 && key == PRODUCE)
		return version > 0 && looks_produce(p, n, version);
	if (client > 0x7fff || client + 10 > size)
		return 0;
	if (opens)
		return 1;
	for (__u32 j = 0; j < 4; j++) /* UTF-8 without control characters; a response with a small correlation id fails here */
		if (j < client && 14 + j < n && (p[14 + j] < 0x20 || p[14 + j] == 0x7f || (!j && p[14] > 0x7f && (p[14] < 0xc2 || p[14] > 0xf4))))
			return 0;
	return 1;
}

/* The start of a TLS record: the handshake of a new connection, any record of one that is older than this program. */
INL int looks_tls(const __u8 *p, __u32 n, int older)
{
	if (n < 5 || p[1] != 3 || p[2] > 4)
		return n >= 3 && p[0] == 0x16 && p[1] == 3 && p[2] <= 4;
	__u32 size = p[3] << 8 | p[4];
	return p[0] == 0x16 || (older && p[0] >= 0x14 && p[0] <= 0x17 && size && size <= TLS_RECORD);
}

INL void hold(struct dir_state *d, struct ev *e, __u32 have)
{
	__builtin_memcpy(d->head, e->d, HELD);
	d->held = have;
}

/* The first bytes at hand: those held from earlier reads and those of this payload, in e->d. */
INL __u32 begin(struct dir_state *d, struct src *s, struct ev *e, __u32 n)
{
	__u32 held = d->held;
	if (held > HELD)
		held = HELD;
	__u32 want = HELD - held;
	__builtin_memcpy(e->d, d->head, HELD);
	if (want > n)
		want = n;
	int got = want ? take(s, e, 0, want, held) : 0;
	return held + (got > 0 ? got : 0);
}

/* First payloads of a socket: sets the verdict when it is clear. */
ONCE int judge(struct sock_state *ss, struct src *s, struct ev *e, __u32 n, __u32 tx)
{
	if (!ss || !s || !e)
		return 0;
	struct dir_state *d = tx ? &ss->d[1] : &ss->d[0], *other = tx ? &ss->d[0] : &ss->d[1];
	__u32 held = d->held, have = begin(d, s, e, n);
	if (looks_tls(e->d, have, !ss->opened)) {
		ss->verdict = V_TLS;
		return 0;
	}
	/* An opened socket sends requests, an accepted one receives them, and Kafka's server never speaks first. A
	 * connection older than this program may well be met while an answer is on its way. */
	if (ss->role && ss->role != (tx ? ROLE_CLIENT : ROLE_SERVER)) {
		if (ss->opened && !ss->blind)
			ss->verdict = V_NOT;
		return 0;
	}
	__u32 size = have >= 4 ? be32(e->d) : 0;
	if (have < 4 || (have < 14 && fits_size(size) && held + n < size + 4)) {
		hold(d, e, have);
		return 0;
	}
	/* A connection older than this program is judged wherever it stands: there a message must be whole, or begin
	 * with a read of its header alone. A 17-byte HTTP/2 PING that claims 2054 bytes is neither. */
	int whole = ss->role || held || n >= 1024 || n >= size + 4;
	if (have >= 14 && whole && looks_request(e->d, have, ss->opened && !ss->blind)) {
		ss->verdict = V_KAFKA;
		other->sync = ss->role != ROLE_NONE && !ss->blind;
		ss->role = tx ? ROLE_CLIENT : ROLE_SERVER;
		d->sync = 1;
		d->off = d->msg = 0;
		return 0;
	}
	d->held = 0;
	if (ss->opened && !ss->blind) {
		ss->verdict = V_NOT;
		return 0;
	}
	d->tries++;
	if ((d->tries >= TRIES && (ss->role || other->tries >= TRIES)) || d->tries >= TRIES_MAX)
		ss->verdict = V_NOT;
	return 0;
}

/* Looks for the start of a message at the start of a payload, where the frame is not known. */
ONCE int resync(struct sock_state *ss, struct src *s, struct ev *e, __u32 n, __u32 tx)
{
	if (!ss || !s || !e)
		return 0;
	struct dir_state *d = tx ? &ss->d[1] : &ss->d[0];
	__u32 held = d->held, have = begin(d, s, e, n), request = ss->role == (tx ? ROLE_CLIENT : ROLE_SERVER);
	__u32 size = have >= 4 ? be32(e->d) : 0, need = request ? 14 : 8;
	d->wait = 0;
	if (have < need && (have < 4 || (size >= 4 && size <= MESSAGE_MAX && held + n < size + 4))) {
		hold(d, e, have);
		d->wait = 1;
		return 0;
	}
	if (have < need)
		return 0;
	if (request ? looks_request(e->d, have, 0)
		    : size >= 4 && size <= MESSAGE_MAX && ss->corr - be32(e->d + 4) < 4096) {
		d->sync = 1;
		d->off = d->msg = 0;
	}
	return 0;
}
#endif
