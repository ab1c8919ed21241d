/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The bytes of one call, from the socket's state to records. */
#ifndef PAYLOAD_H
#define PAYLOAD_H

enum { TURNS = 64, CALLS = 64 };

/* For programs that run for a process: none of them interrupts another. */
INL struct ev *payload_scratch(void)
{
	__u32 z = 0;
	return bpf_map_lookup_elem(&scratch, &z);
}

/* The process at work, once per socket and again when another process goes on with it. */
INL int who(struct sock *sk, struct sock_state *ss)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	if (ss->id.has && ss->tgid == tgid)
		return 0;
	struct task_struct *t = (void *)bpf_get_current_task(), *leader = 0;
	struct socket *so = 0;
	struct file *f = 0;
	READ(leader, t->group_leader);
	__u32 pid = told_id((__u64)leader, tgid);
	/* A socket without a file is the kernel's own: the call's memory is not what it sends. */
	if (bpf_map_lookup_elem(&excluded, &pid) || READ(so, sk->sk_socket) || !so || READ(f, so->file) || !f) {
		ss->verdict = V_NOT;
		return -1;
	}
	READ(ss->id.start, leader->start_boottime);
	ss->id.pid = pid;
	ss->tgid = tgid;
	if (!ss->id.has)
		addresses(sk, &ss->id);
	bpf_map_update_elem(&users, &tgid, &pid, BPF_ANY);
	return 0;
}

/* Roles of connections older than this program, as found at start by who listens. */
INL void older(struct sock *sk, struct sock_state *ss)
{
	addresses(sk, &ss->id);
	__u32 *role = bpf_map_lookup_elem(&roles, &ss->id.t);
	if (role && !ss->role)
		ss->role = *role;
	ss->looked_up = 1;
}

INL void tell_open(struct sock_state *ss, struct ev *e, struct stat *c)
{
	if (ss->open_told || !ss->opened)
		return;
	ss->open_told = 1;
	e->h.ts = ss->opened;
	e->h.kind = K_OPEN;
	emit(e, 0, c);
}

/* TLS says nothing but that it is there and how much of it. */
INL void tls_payload(struct sock_state *ss, struct src *s, struct ev *e, __u32 n, int tx, __u64 now, struct stat *c)
{
	struct dir_state *d = tx ? &ss->d[1] : &ss->d[0];
	__u32 len = n + d->skipped;
	if (!d->count || (!ss->opened && d->count < TLS_HEADS)) {
		int got = take(s, e, 0, n < TLS_HELLO ? n : TLS_HELLO, 0);
		segment(e, d, e->base, n);
		d->skipped = 0;
		d->told = now;
		emit(e, got > 0 ? got : 0, c);
		return;
	}
	d->skipped = len;
	if (len < TLS_BYTES && now - d->told < TLS_NS)
		return;
	segment(e, d, e->base + n - len, len);
	d->skipped = 0;
	d->told = now;
	emit(e, 0, c);
}

/* Follows a payload's messages; non-zero when there is more to do. The verifier walks every turn of a loop, so that
 * many turns are several calls. */
ONCE int follow(struct sock_state *ss, struct src *s, struct ev *e, __u32 n_tx, struct stat *c)
{
	if (!ss || !s || !e || !c)
		return 0;
	__u32 n = n_tx & 0x3fffffff;
	struct dir_state *d = n_tx >> 31 ? &ss->d[1] : &ss->d[0];
	for (int i = 0; i < TURNS; i++) {
		if (s->pos >= n || !d->sync)
			return 0;
		int used = step(ss, s, e, s->pos, n_tx);
		if (used < 0)
			return 0;
		if (e->h.kind == K_SEGMENT && emit(e, e->h.cap, c))
			s->bad = d->unread = 1;
		s->pos += used;
	}
	return 1;
}

INL int payload(struct sock *sk, struct sock_state *ss, const struct call *call, __u32 first, __u32 n, int tx,
		struct stat *c)
{
	struct src s;
	struct ev *e = payload_scratch();
	if (!e)
		return 0;
	struct dir_state *d = tx ? &ss->d[1] : &ss->d[0];
	/* sendfile, io_uring, sendmmsg: no user memory to read, only a length */
	int blind = src_of(call, &s, tx);
	if (blind)
		c->no_buffer++;
	e->base = first;
	if (!ss->id.has && !ss->looked_up)
		older(sk, ss);
	place(d, e->base, n);
	if (ss->verdict == V_UNKNOWN) {
		if (blind) {
			ss->blind = 1;
			return 0;
		}
		judge(ss, &s, e, n, tx);
		if (ss->verdict == V_UNKNOWN)
			return 0;
		if (ss->verdict == V_NOT) {
			c->not_kafka++;
			return 0;
		}
	}
	__u32 pid = ss->id.pid;
	if (who(sk, ss))
		return 0;
	if (due(ss)) {
		if (bpf_map_lookup_elem(&rejected, &ss->id.t)) {
			ss->verdict = V_NOT;
			c->not_kafka++;
			return 0;
		}
		if (ss->verdict == V_KAFKA)
			pair(ss, c);
	}
	ss->payloads++;
	give(&e->h, &ss->id);
	e->h.dir = tx;
	e->h.role = ss->role;
	tell_open(ss, e, c);
	if (ss->verdict == V_TLS) {
		e->h.ts = bpf_ktime_get_ns();
		tls_payload(ss, &s, e, n, tx, e->h.ts, c);
		return 0;
	}
	e->h.ts = 0; /* when there is something to tell */
	d->wait = 0;
	__u32 from = e->base - d->held;
	/* The first record of each end tells that it is here, and who it is. */
	struct told *t = tx ? 0 : told_of(ss->other);
	if (t) {
		if (d->sync && d->count && pid == ss->id.pid)
			s.lead = lead_of(t, from, e->base, n);
		has_read(t, e->base + n);
	} else if (!tx) {
		ss->other = 0;
	}
	if (!d->sync && !blind)
		resync(ss, &s, e, n, tx);
	__u32 n_tx = (n & 0x3fffffff) | (__u32)tx << 31 | (blind ? 1u << 30 : 0);
	for (int i = 0; i < CALLS; i++)
		if (!follow(ss, &s, e, n_tx, c))
			break;
	__u32 pos = s.pos;
	if (ss->other && tx)
		tell(ss, from, e->base + n - d->held, pos >= n && !s.bad);
	if (pos >= n)
		return 0;
	if (d->sync) {
		/* more than the loop has turns: the bytes are not kept, the frame is while it is one message's */
		c->overrun++;
		if (d->off < d->msg && n - pos <= d->msg - d->off) {
			d->off += n - pos;
			d->skipped = 0;
			d->unread = 1;
			blind = 1;
		} else {
			d->sync = 0;
		}
	}
	if (d->wait) /* the first bytes of a message, kept for its rest */
		return 0;
	int got = blind ? 0 : rest(ss, &s, e, pos, n_tx);
	if (!blind && !got)
		c->no_buffer++; /* a worker thread of io_uring's has no call whose memory could be read */
	if (blind || got < n - pos + d->held)
		d->unread = 1;
	segment(e, d, e->base + pos - d->held, n - pos + d->held);
	d->held = 0;
	emit(e, got > 0 ? got : 0, c);
	return 0;
}
#endif
