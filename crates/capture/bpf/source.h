/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The system call's user memory as one stream of bytes: a plain buffer, or iovecs. librdkafka sends each
 * record as iovecs of its own, hundreds in a call. */
#ifndef SOURCE_H
#define SOURCE_H

struct src {
	__u64 ptr, n;
	__u64 at;   /* position in the stream of the iovec `i` */
	__u32 i, block;
	__u32 skip; /* bytes of it that are before the place at hand */
	__u32 iov;
	__u32 lead; /* bytes from its start that the other end of the connection has told */
	__u32 bad;  /* some bytes were not told: they could not be read, or the ring was full */
	__u32 pos;  /* bytes that were followed */
	__u32 z;
};
struct call { __u64 nr, a2, a3; };
#define NR_none (~0ull) /* a call without memory that holds the bytes */
#define NO_BYTES (MSG_PEEK | MSG_ERRQUEUE) /* what such a receive returns is still to come, or was sent by this end */

/* Non-zero when the bytes are in no memory that can be read. */
INL int src_of(const struct call *r, struct src *s, int tx)
{
	int sends = 0;
	s->ptr = r->a2;
	s->n = 1;
	s->at = 0;
	s->i = s->block = s->skip = s->iov = s->lead = s->bad = s->pos = s->z = 0;
	switch (r->nr) {
	case NR_read: case NR_recvfrom: break;
	case NR_write: case NR_sendto: sends = 1; break;
	case NR_readv: s->iov = 1; break;
	case NR_writev: sends = s->iov = 1; break;
	case NR_recvmsg: s->iov = 2; break;
	case NR_sendmsg: sends = 1; s->iov = 2; break;
	default: s->n = 0; s->iov = 1; return -1;
	}
	if (s->iov == 1)
		s->n = r->a3;
	if (s->iov == 2) {
		struct user_msghdr m;
		if (bpf_probe_read_user(&m, sizeof m, (void *)r->a2)) {
			s->n = 0;
			return -1;
		}
		s->ptr = (__u64)m.msg_iov;
		s->n = m.msg_iovlen;
	}
	if (s->iov && s->n == 1) { /* the usual case costs no loop */
		struct iovec v;
		if (bpf_probe_read_user(&v, sizeof v, (void *)s->ptr)) {
			s->n = 0;
			return -1;
		}
		s->ptr = (__u64)v.iov_base;
		s->iov = 0;
	}
	/* A kernel's own transfer within somebody's call: that call's memory has nothing to do with it. */
	return sends == tx ? 0 : -1;
}

/* Where in e->v the iovec i is, which is fetched with its neighbours; negative where there is none. */
ONCE int iovec_at(struct src *s, struct ev *e, __u32 i)
{
	if (!s || !e || i >= s->n)
		return -1;
	__u32 block = i / IOVECS + 1;
	if (s->block != block) {
		__u64 first = i - i % IOVECS, many = s->n - first;
		s->block = 0;
		barrier_var(many);
		if (many > IOVECS)
			many = IOVECS;
		if (bpf_probe_read_user(e->v, many * sizeof(struct iovec), (void *)(s->ptr + first * sizeof(struct iovec))))
			return -1;
		s->block = block;
	}
	return i % IOVECS;
}

/* Goes on to the iovec with the stream position pos. The last bytes of a batch of many records lie behind hundreds. */
ONCE int seek(struct src *s, struct ev *e, __u32 pos)
{
	if (!s || !e)
		return -1;
	if (pos < s->at)
		s->at = s->i = 0;
	__u64 at = s->at, n = s->n;
	__u32 i = s->i;
	for (int block = 0; block <= IOV_MAX / IOVECS; block++) {
		int slot = iovec_at(s, e, i);
		if (slot < 0)
			return -1;
		for (int k = slot; k < IOVECS && i < n; k++) {
			__u64 end = at + e->v[k & (IOVECS - 1)].iov_len;
			if (pos < end) {
				s->at = at;
				s->i = i;
				return 0;
			}
			at = end;
			i++;
		}
	}
	return -1;
}

/* Copies the k-th iovec from the place at hand on, at most left bytes of it, to e->d + at; the bytes copied, negative
 * where there are none. */
ONCE int piece(struct src *s, struct ev *e, __u32 k, __u32 at, __u32 left)
{
	if (!s || !e || at > CHUNK + HELD)
		return -1;
	int slot = iovec_at(s, e, s->i + k);
	if (slot < 0)
		return -1;
	struct iovec *v = &e->v[slot & (IOVECS - 1)];
	__u64 len = v->iov_len, skip = k ? 0 : s->skip;
	len = len > skip ? len - skip : 0;
	if (len > left)
		len = left;
	barrier_var(len);
	if (len > CHUNK)
		len = CHUNK;
	__u64 to = at;
	barrier_var(to);
	if (to > CHUNK + HELD)
		return -1;
	if (len && bpf_probe_read_user(e->d + to, len, (void *)((__u64)v->iov_base + skip)))
		return -1;
	return len;
}

/* Copies up to want bytes from stream position pos to e->d + at; the bytes copied, fewer where they lie in too many
 * pieces for one turn. */
ONCE int take(struct src *s, struct ev *e, __u32 pos, __u32 want32, __u32 at32)
{
	if (!s || !e || at32 > HELD)
		return 0;
	__u64 want = want32 > CHUNK ? CHUNK : want32, at = at32;
	if (!s->iov) {
		barrier_var(want);
		if (want > CHUNK)
			return 0;
		barrier_var(at);
		if (at > HELD)
			return 0;
		if (bpf_probe_read_user(e->d + at, want, (void *)(s->ptr + pos)))
			return 0;
		return want;
	}
	if (seek(s, e, pos) < 0)
		return 0;
	__u32 got = 0;
	s->skip = pos - (__u32)s->at;
	for (__u32 k = 0; k < PIECES && got < want; k++) {
		int n = piece(s, e, k, at32 + got, want - got);
		if (n < 0)
			break;
		got += n;
	}
	return got;
}
#endif
