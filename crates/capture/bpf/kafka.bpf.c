// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Bytes of sockets that speak Kafka, taken after each send and receive call.
 *
 * The hook finds the call's user memory, judges at a connection's first bytes whether it speaks Kafka, follows
 * the messages' lengths, and copies the first bytes of each message. Everything else costs one look into the
 * socket's state. What the wire says is user space's business: the kernel errs on the side of letting through. */
#include "mini.h"
#include "state.h"
#include "source.h"
#include "judge.h"
#include "frame.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { TCP_ESTABLISHED = 1, TCP_SYN_SENT = 2, TCP_SYN_RECV = 3, TCP_CLOSE = 7, TCP_CLOSE_WAIT = 8, TCP_LAST_ACK = 9, TCP_CLOSING = 11 };
enum { MSG_PEEK = 2, AF_INET = 2, AF_INET6 = 10, IPPROTO_TCP = 6, IPPROTO_MPTCP = 262, TURNS = 64, CALLS = 64, TOLD_MAX = 1 << 28 };

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

/* Both ends of a connection on this host: what the sender has told, the receiver need not. A connection through
 * address translation is not recognized, and told by both. */
INL void pair(struct sock_state *ss, struct stat *c)
{
	struct tuple other;
	if (!ss->payloads || !bpf_map_lookup_elem(&ends, &ss->id.t)) {
		struct told none = {};
		bpf_map_update_elem(&ends, &ss->id.t, &none, BPF_ANY);
	}
	mirror(&ss->id.t, &other);
	__u8 paired = bpf_map_lookup_elem(&ends, &other) != 0;
	if (paired && !ss->paired)
		c->paired++;
	ss->paired = paired;
}

/* The sender's part, after its bytes are told. */
INL void told(struct sock_state *ss, __u32 from, __u32 to, int whole)
{
	struct told *t = bpf_map_lookup_elem(&ends, &ss->id.t);
	if (!t)
		return;
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
}

/* The receiver's part: how many of the n bytes from base on are told, when those from `from` on are. */
INL __u32 told_of(struct sock_state *ss, __u32 from, __u32 base, __u32 n)
{
	struct tuple other;
	mirror(&ss->id.t, &other);
	struct told *t = bpf_map_lookup_elem(&ends, &other);
	if (!t || !t->valid)
		return 0;
	__u32 until = __sync_fetch_and_add(&t->to, 0), gap = t->gap, gap_end = t->gap_end;
	t->read = base + n;
	if (from - t->from > TOLD_MAX)
		return 0;
	if (gap != gap_end && (__s32)(gap_end - from) > 0 && (__s32)(gap - until) < 0)
		until = gap;
	__s32 lead = until - base;
	return lead <= 0 ? 0 : (__u32)lead < n ? lead : n;
}

/* The process at work, once per socket and again when another process goes on with it. */
INL int who(struct sock *sk, struct sock_state *ss)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	if (ss->id.has && ss->id.pid == pid)
		return 0;
	struct task_struct *t = (void *)bpf_get_current_task(), *leader = 0;
	struct socket *so = 0;
	struct file *f = 0;
	__u8 one = 1;
	/* A socket without a file is the kernel's own: the call's memory is not what it sends. */
	if (bpf_map_lookup_elem(&excluded, &pid) || READ(so, sk->sk_socket) || !so || READ(f, so->file) || !f) {
		ss->verdict = V_NOT;
		return -1;
	}
	READ(leader, t->group_leader);
	READ(ss->id.start, leader->start_boottime);
	ss->id.pid = pid;
	if (!ss->id.has)
		addresses(sk, &ss->id);
	bpf_map_update_elem(&users, &pid, &one, BPF_ANY);
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

INL int payload(struct sock *sk, struct sock_state *ss, const struct call *call, const struct progress *p, __u32 n, int tx,
		struct stat *c)
{
	struct src s;
	__u32 z = 0;
	struct ev *e = bpf_map_lookup_elem(&scratch, &z);
	if (!e)
		return 0;
	struct dir_state *d = tx ? &ss->d[1] : &ss->d[0];
	/* sendfile, io_uring, sendmmsg: no user memory to read, only a length */
	int blind = src_of(call, &s, tx);
	if (blind)
		c->no_buffer++;
	e->base = first_seq(p, n, tx);
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
	if (ss->payloads < 4 || (ss->payloads & 15) == 7) {
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
	if (ss->paired && !tx && d->sync && d->count && pid == ss->id.pid)
		s.lead = told_of(ss, from, e->base, n);
	if (!d->sync && !blind)
		resync(ss, &s, e, n, tx);
	__u32 n_tx = (n & 0x3fffffff) | (__u32)tx << 31 | (blind ? 1u << 30 : 0);
	for (int i = 0; i < CALLS; i++)
		if (!follow(ss, &s, e, n_tx, c))
			break;
	__u32 pos = s.pos;
	if (ss->paired && tx)
		told(ss, from, e->base + n - d->held, pos >= n && !s.bad);
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

/* The socket has given its port back by now: what it was is in the state. */
INL int closed(struct sock_state *ss, struct stat *c)
{
	__u32 z = 0;
	struct ev *e = bpf_map_lookup_elem(&scratch_end, &z);
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

/* ---- Linux 6.3 and later: only sockets pay ---- */
INL int sock_length(struct sock *sk, int ret, int tx)
{
	if (ret <= 0 || !running)
		return 0;
	__u16 family = sk->__sk_common.skc_family, protocol = sk->sk_protocol;
	if ((family != AF_INET && family != AF_INET6) || (protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP))
		return 0;
	struct stat *c = counters();
	if (!c)
		return 0;
	if (protocol == IPPROTO_MPTCP) {
		/* Its sequence numbers are not in the socket: it can be counted, not followed. */
		c->mptcp++;
		return 0;
	}
	c->calls++;
	struct sock_state *ss = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (ss && ss->verdict == V_NOT)
		return 0;
	if (!ss)
		ss = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!ss) {
		c->no_state++;
		return 0;
	}
	c->judged++;
	struct pt_regs *r = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	struct call call = { SYSNR(r), ARG2(r), ARG3(r) };
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	struct progress p = { tp->write_seq, tp->copied_seq, tp->rcv_nxt, sk->__sk_common.skc_state, sk->sk_shutdown };
	payload(sk, ss, &call, &p, ret, tx, c);
	return tx && ss->closing ? closed(ss, c) : 0;
}

SEC("tp_btf/sock_send_length") int sock_send(__u64 *ctx)
{
	return sock_length((struct sock *)ctx[0], (int)ctx[1], 1);
}

SEC("tp_btf/sock_recv_length") int sock_recv(__u64 *ctx)
{
	if ((int)ctx[2] & MSG_PEEK)
		return 0;
	return sock_length((struct sock *)ctx[0], (int)ctx[1], 0);
}

/* ---- older kernels: every system call pays ---- */
INL struct sock *socket_of(struct task_struct *t, __u32 fd)
{
	struct files_struct *fs = 0;
	struct fdtable *fdt = 0;
	struct file **table = 0, *f = 0;
	struct inode *in = 0;
	struct socket *so = 0;
	struct sock *sk = 0;
	__u32 max = 0;
	unsigned short mode = 0;
	if (READ(fs, t->files) || !fs || READ(fdt, fs->fdt) || READ(max, fdt->max_fds) || fd >= max || READ(table, fdt->fd))
		return 0;
	if (bpf_probe_read_kernel(&f, sizeof f, table + fd) || !f)
		return 0;
	if (READ(in, f->f_inode) || READ(mode, in->i_mode) || (mode & 0xf000) != 0xc000)
		return 0;
	if (READ(so, f->private_data) || READ(sk, so->sk))
		return 0;
	return sk;
}

INL int on_sys_exit(struct pt_regs *r, __s64 ret)
{
	if (ret <= 0 || !running)
		return 0;
	struct call call = {};
	__u64 fd = 0, flags = 0;
	READ(call.nr, SYSNR(r));
	call.nr = (__u32)call.nr;
	int tx = 0;
	switch (call.nr) {
	case NR_read: case NR_readv: case NR_recvfrom: case NR_recvmsg: break;
	case NR_write: case NR_writev: case NR_sendto: case NR_sendmsg: case NR_sendfile: tx = 1; break;
	default: return 0;
	}
	READ(fd, ARG1(r));
	READ(call.a2, ARG2(r));
	READ(call.a3, ARG3(r));
	if (call.nr == NR_recvfrom)
		READ(flags, ARG4(r));
	if ((call.nr == NR_recvmsg ? call.a3 : flags) & MSG_PEEK)
		return 0;
	struct sock *sk = socket_of((void *)bpf_get_current_task(), fd);
	if (!sk)
		return 0;
	struct stat *c = counters();
	if (!c)
		return 0;
	c->calls++;
	__u64 key = (__u64)sk;
	struct sock_state *ss = bpf_map_lookup_elem(&sockets_lru, &key);
	if (ss && ss->verdict == V_NOT)
		return 0;
	if (!ss) {
		__u32 z = 0;
		struct sock_state *zero = bpf_map_lookup_elem(&fresh, &z);
		__u16 family = 0, protocol = 0;
		if (!zero)
			return 0;
		READ(family, sk->__sk_common.skc_family);
		READ(protocol, sk->sk_protocol);
		if (protocol != IPPROTO_TCP || (family != AF_INET && family != AF_INET6))
			return 0;
		bpf_map_update_elem(&sockets_lru, &key, zero, BPF_NOEXIST);
		ss = bpf_map_lookup_elem(&sockets_lru, &key);
		if (!ss) {
			c->no_state++;
			return 0;
		}
	}
	c->judged++;
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct progress p = {};
	READ(p.write_seq, tp->write_seq);
	READ(p.copied_seq, tp->copied_seq);
	READ(p.rcv_nxt, tp->rcv_nxt);
	READ(p.state, sk->__sk_common.skc_state);
	READ(p.shut, sk->sk_shutdown);
	payload(sk, ss, &call, &p, ret, tx, c);
	if (!tx || !ss->closing)
		return 0;
	closed(ss, c);
	return bpf_map_delete_elem(&sockets_lru, &key);
}

SEC("tp_btf/sys_exit") int sys_exit(__u64 *ctx)
{
	return on_sys_exit((struct pt_regs *)ctx[0], (__s64)ctx[1]);
}

SEC("raw_tp/sys_exit") int raw_sys_exit(__u64 *ctx)
{
	return on_sys_exit((struct pt_regs *)ctx[0], (__s64)ctx[1]);
}

/* ---- ends of connections and processes ---- */
INL void opened(struct sock *sk, struct sock_state *ss, int role)
{
	ss->role = role;
	if (!running) /* its first bytes may pass unseen: as good as an older one */
		return;
	ss->opened = bpf_ktime_get_ns();
	READ(ss->d[1].next, ((struct tcp_sock *)sk)->write_seq);
	addresses(sk, &ss->id);
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
	READ(write_seq, ((struct tcp_sock *)sk)->write_seq);
	ss->closing = ends_within_send(ss, write_seq);
	return c && !ss->closing ? closed(ss, c) : 0;
}

SEC("tp_btf/inet_sock_set_state") int sock_state(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	int from = (int)ctx[1], to = (int)ctx[2];
	if (to == TCP_ESTABLISHED && (from == TCP_SYN_SENT || from == TCP_SYN_RECV)) {
		if (sk->sk_protocol != IPPROTO_TCP)
			return 0;
		struct sock_state *ss = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
		if (ss)
			opened(sk, ss, from == TCP_SYN_SENT ? ROLE_CLIENT : ROLE_SERVER);
		return 0;
	}
	if (to != TCP_CLOSE)
		return 0;
	struct sock_state *ss = bpf_sk_storage_get(&sockets, sk, 0, 0);
	return ss ? socket_closed(sk, ss) : 0;
}

SEC("tp_btf/inet_sock_set_state") int sock_state_lru(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	int from = (int)ctx[1], to = (int)ctx[2];
	__u64 key = (__u64)sk;
	__u32 z = 0;
	if (to == TCP_ESTABLISHED && (from == TCP_SYN_SENT || from == TCP_SYN_RECV)) {
		struct sock_state *zero = bpf_map_lookup_elem(&fresh, &z);
		if (!zero || sk->sk_protocol != IPPROTO_TCP)
			return 0;
		bpf_map_update_elem(&sockets_lru, &key, zero, BPF_ANY);
		struct sock_state *ss = bpf_map_lookup_elem(&sockets_lru, &key);
		if (ss)
			opened(sk, ss, from == TCP_SYN_SENT ? ROLE_CLIENT : ROLE_SERVER);
		return 0;
	}
	if (to != TCP_CLOSE)
		return 0;
	struct sock_state *ss = bpf_map_lookup_elem(&sockets_lru, &key);
	if (!ss)
		return 0;
	socket_closed(sk, ss);
	return ss->closing ? 0 : bpf_map_delete_elem(&sockets_lru, &key);
}

SEC("tp_btf/sched_process_exit") int process_exit(void *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 pid = id >> 32, z = 0;
	if (pid != (__u32)id || !bpf_map_lookup_elem(&users, &pid))
		return 0;
	bpf_map_delete_elem(&users, &pid);
	struct ev *e = bpf_map_lookup_elem(&scratch_end, &z);
	struct stat *c = counters();
	if (!e || !c)
		return 0;
	struct task_struct *t = (void *)bpf_get_current_task(), *leader = 0;
	__builtin_memset(&e->h, 0, sizeof e->h);
	READ(leader, t->group_leader);
	READ(e->h.start, leader->start_boottime);
	e->h.pid = pid;
	e->h.kind = K_EXIT;
	e->h.ts = bpf_ktime_get_ns();
	return emit(e, 0, c);
}

/* ---- sockets that are older: one record each, of all network namespaces ---- */
struct owner { struct ids id; __u32 state, z; };

SEC("iter/task_file") int owners(struct bpf_iter__task_file *x)
{
	struct file *f = x->file;
	struct task_struct *t = x->task;
	if (!f || !t)
		return 0;
	struct socket *so = bpf_sock_from_file(f);
	if (!so)
		return 0;
	struct sock *sk = so->sk;
	if (!sk || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	struct owner o = {};
	addresses(sk, &o.id);
	o.id.pid = t->tgid;
	READ(o.id.start, t->start_boottime);
	o.state = sk->__sk_common.skc_state;
	bpf_seq_write(x->meta->seq, &o, sizeof o);
	return 0;
}
