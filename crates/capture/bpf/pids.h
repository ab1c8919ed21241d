/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A process's id as user space knows it. On a node that is itself a container (kind, k3d) the kernel's id is another one. */
#ifndef PIDS_H
#define PIDS_H

enum { PID_LEVELS = 32 }; /* the kernel's MAX_PID_NS_LEVEL */

/* `leader` is the process's first thread. A process outside that namespace keeps the kernel's id, which with its start names nobody inside. */
ONCE __u32 told_id(__u64 leader, __u32 tgid)
{
	struct task_struct *t = (void *)leader;
	struct pid *p = 0;
	__u32 level = 0;
	if (!cfg_pid_ns || READ(p, t->thread_pid) || !p || READ(level, p->level))
		return tgid;
	const struct upid *numbers = __builtin_preserve_access_index(&p->numbers[0]);
	for (__u32 i = 1; i <= level && i < PID_LEVELS; i++) {
		struct upid u = {};
		__u32 ns = 0;
		if (bpf_probe_read_kernel(&u, sizeof u, numbers + i) || READ(ns, u.ns->ns.inum))
			return tgid;
		if (ns == cfg_pid_ns)
			return u.nr;
	}
	return tgid;
}
#endif
