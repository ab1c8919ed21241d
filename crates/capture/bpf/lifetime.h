/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How connections begin and end. */
#ifndef LIFETIME_H
#define LIFETIME_H

INL void opened(struct sock *sk, struct sock_state *ss, int role)
{
	ss->role = role;
	if (!running) /* its first bytes may pass unseen: as good as an older one */
		return;
	ss->opened = bpf_ktime_get_ns();
	READ(ss->d[1].next, ((struct tcp_sock *)sk)->write_seq);
	addresses(sk, &ss->id);
	/* An earlier connection between the same addresses and ports may have spoken something else, or told of its bytes. */
	bpf_map_delete_elem(&rejected, &ss->id.t);
	bpf_map_delete_elem(&ends, &ss->id.t);
}

/* The socket has given its port back by now: what it was is in the state. */
INL int closed(struct sock_state *ss, struct ev *e, struct stat *c)
{
	ss->closing = 0;
	if (!e || (ss->verdict != V_KAFKA && ss->verdict != V_TLS) || !ss->id.has)
		return 0;
	give(&e->h, &ss->id);
	e->h.ts = bpf_ktime_get_ns();
	e->h.role = ss->role;
	for (int tx = 0; tx < 2; tx++) {
		struct dir_state *d = tx ? &ss->d[1] : &ss->d[0];
		if (!d->skipped)
			continue;
		e->h.dir = tx;
		segment(e, d, d->next - d->skipped, d->skipped);
		d->skipped = 0;
		emit(e, 0, c);
	}
	bpf_map_delete_elem(&ends, &ss->id.t);
	e->h.kind = K_CLOSE;
	e->h.seq = e->h.len = e->h.tap_seq = e->h.unread = 0;
	return emit(e, 0, c);
}

/* A peer that has gone answers with a reset, and on one host that ends this socket before the call that sends has
 * returned: its bytes are still to come, and the end after them. */
INL int ends_within_send(const struct sock_state *ss, __u32 write_seq)
{
	const struct dir_state *d = &ss->d[1];
	__u32 due = write_seq - d->next; /* a FIN of one's own counts one */
	return (d->seen || ss->opened) && due > 1 && due < 1u << 30;
}

INL int socket_closed(struct sock *sk, struct sock_state *ss)
{
	__u32 write_seq = 0;
	struct stat *c = counters();
	__u32 z = 0;
	struct ev *e = bpf_map_lookup_elem(&scratch_end, &z);
	READ(write_seq, ((struct tcp_sock *)sk)->write_seq);
	ss->closing = ends_within_send(ss, write_seq);
	return c && !ss->closing ? closed(ss, e, c) : 0;
}
#endif
