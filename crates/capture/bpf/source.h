/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The system call's user memory as one stream of bytes: a plain buffer, or up to 16 iovecs. */
#ifndef SOURCE_H
#define SOURCE_H

struct src {
	__u64 ptr, n;
	__u32 iov;
	__u32 lead; /* bytes from its start that the other end of the connection has told */
	__u32 bad;  /* some bytes were not told: they could not be read, or the ring was full */
	__u32 pos;  /* bytes that were followed */
};
struct call { __u64 nr, a2, a3; };

/* Non-zero when the bytes are in no memory that can be read. */
INL int src_of(const struct call *r, struct src *s, int tx)
{
	int sends = 0;
	s->ptr = r->a2;
	s->n = 1;
	s->iov = s->lead = s->bad = s->pos = 0;
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

/* Copies up to want bytes from stream position pos to e->d + at; the bytes copied. */
ONCE int take(struct src *s, struct ev *e, __u32 pos32, __u32 want32, __u32 at32)
{
	if (!s || !e)
		return 0;
	__u64 pos = pos32, want = want32, at = at32, got = 0;
	if (at > HELD)
		return 0;
	if (want > CHUNK)
		want = CHUNK;
	if (!s->iov) {
		barrier_var(want);
		if (want > CHUNK)
			return 0;
		if (bpf_probe_read_user(e->d + at, want, (void *)(s->ptr + pos)))
			return 0;
		return want;
	}
	for (int i = 0; i < 16; i++) {
		struct iovec v;
		if ((__u64)i >= s->n || got >= want)
			break;
		if (bpf_probe_read_user(&v, sizeof v, (void *)(s->ptr + i * sizeof v)))
			break;
		__u64 len = v.iov_len;
		if (pos >= len) {
			pos -= len;
			continue;
		}
		len -= pos;
		__u64 left = want - got;
		if (len > left)
			len = left;
		barrier_var(len);
		if (len > CHUNK)
			len = CHUNK;
		barrier_var(got);
		if (got >= CHUNK)
			break;
		if (bpf_probe_read_user(e->d + at + got, len, (void *)((__u64)v.iov_base + pos)))
			break;
		got += len;
		pos = 0;
	}
	return got;
}
#endif
