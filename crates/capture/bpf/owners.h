/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sockets that are older than the capture: one record each, of all network namespaces, by an iterator over open files. */
#ifndef OWNERS_H
#define OWNERS_H

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
	struct task_struct *leader = 0;
	struct owner o = {};
	addresses(sk, &o.id);
	READ(leader, t->group_leader);
	o.id.pid = told_id((__u64)leader, t->tgid);
	READ(o.id.start, t->start_boottime);
	o.state = sk->__sk_common.skc_state;
	bpf_seq_write(x->meta->seq, &o, sizeof o);
	return 0;
}
#endif
