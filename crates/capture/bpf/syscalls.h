/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Before Linux 6.3: the end of every system call is looked at for a socket's. */
#ifndef SYSCALLS_H
#define SYSCALLS_H

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
	if (call.nr == NR_recvmsg)
		flags = call.a3;
	if (flags & NO_BYTES)
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
	__u32 first = first_seq(&p, ret, tx);
	if (!tx && led(ss, first, ret))
		return 0;
	if (flags & MSG_TRUNC)
		call.nr = NR_none;
	payload(sk, ss, &call, first, ret, tx, c);
	if (!tx || !ss->closing)
		return 0;
	closed(ss, payload_scratch(), c);
	return bpf_map_delete_elem(&sockets_lru, &key);
}
#endif
