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
#include "place.h"
#include "pids.h"
#include "pairs.h"
#include "lead.h"
#include "payload.h"
#include "lifetime.h"
#include "syscalls.h"
#include "owners.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* ---- Linux 6.3 and later: only sockets pay ---- */
INL int sock_length(struct sock *sk, int ret, int tx, int flags)
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
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	struct progress p = { tp->write_seq, tp->copied_seq, tp->rcv_nxt, sk->__sk_common.skc_state, sk->sk_shutdown };
	__u32 first = first_seq(&p, ret, tx);
	if (!tx && led(ss, first, ret))
		return 0;
	struct pt_regs *r = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	struct call call = { SYSNR(r), ARG2(r), ARG3(r) };
	if (flags & MSG_TRUNC) /* the bytes were thrown away */
		call.nr = NR_none;
	payload(sk, ss, &call, first, ret, tx, c);
	return tx && ss->closing ? closed(ss, payload_scratch(), c) : 0;
}

SEC("tp_btf/sock_send_length") int sock_send(__u64 *ctx)
{
	return sock_length((struct sock *)ctx[0], (int)ctx[1], 1, 0);
}

SEC("tp_btf/sock_recv_length") int sock_recv(__u64 *ctx)
{
	int flags = (int)ctx[2];
	return flags & NO_BYTES ? 0 : sock_length((struct sock *)ctx[0], (int)ctx[1], 0, flags);
}

/* ---- older kernels: every system call pays ---- */
SEC("tp_btf/sys_exit") int sys_exit(__u64 *ctx)
{
	return on_sys_exit((struct pt_regs *)ctx[0], (__s64)ctx[1]);
}

SEC("raw_tp/sys_exit") int raw_sys_exit(__u64 *ctx)
{
	return on_sys_exit((struct pt_regs *)ctx[0], (__s64)ctx[1]);
}

/* ---- ends of connections and processes ---- */
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
	__u32 tgid = id >> 32;
	__u32 *told = tgid == (__u32)id ? bpf_map_lookup_elem(&users, &tgid) : 0;
	if (!told)
		return 0;
	__u32 pid = *told;
	bpf_map_delete_elem(&users, &tgid);
	struct ev *e = payload_scratch();
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
