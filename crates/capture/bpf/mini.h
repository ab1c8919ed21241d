/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The few kernel types and helpers that are used. Every kernel struct carries preserve_access_index, so only
 * names matter: offsets come from the running kernel's BTF at load time. That replaces vmlinux.h and libbpf. */
#ifndef MINI_H
#define MINI_H
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;

#define SEC(n) __attribute__((section(n), used))
#define INL static inline __attribute__((always_inline))
/* A global function is verified once, not once per caller and path. */
#define ONCE __attribute__((noinline))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#define CORE __attribute__((preserve_access_index))
/* Keeps a bound on the register that is passed on, whatever the compiler would compare instead. */
#define barrier_var(v) asm volatile("" : "+r"(v))
#define READ(dst, src) bpf_probe_read_kernel(&(dst), sizeof(dst), __builtin_preserve_access_index(&(src)))

enum {
	BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_PERCPU_ARRAY = 6, BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_SK_STORAGE = 24, BPF_MAP_TYPE_RINGBUF = 27,
};
enum {
	BPF_ANY = 0, BPF_NOEXIST = 1, BPF_F_NO_PREALLOC = 1, BPF_F_MMAPABLE = 1024, BPF_SK_STORAGE_GET_F_CREATE = 1,
	BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2, BPF_RB_AVAIL_DATA = 0,
};

enum { TCP_ESTABLISHED = 1, TCP_SYN_SENT = 2, TCP_SYN_RECV = 3, TCP_CLOSE = 7, TCP_CLOSE_WAIT = 8, TCP_LAST_ACK = 9, TCP_CLOSING = 11 };
enum { MSG_PEEK = 2, MSG_TRUNC = 0x20, MSG_ERRQUEUE = 0x2000, AF_INET = 2, AF_INET6 = 10, IPPROTO_TCP = 6, IPPROTO_MPTCP = 262 };

struct inode { unsigned short i_mode; } CORE;
struct file { void *private_data; struct inode *f_inode; } CORE;
struct fdtable { unsigned int max_fds; struct file **fd; } CORE;
struct files_struct { struct fdtable *fdt; } CORE;
struct ns_common { unsigned int inum; } CORE;
struct pid_namespace { struct ns_common ns; } CORE;
struct upid { int nr; struct pid_namespace *ns; };
struct pid { unsigned int level; struct upid numbers[1]; } CORE;
struct task_struct {
	int tgid;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	__u64 start_boottime;
	struct files_struct *files;
} CORE;
struct in6_addr { union { __u8 u6_addr8[16]; } in6_u; };
struct net { struct ns_common ns; } CORE;
typedef struct { struct net *net; } possible_net_t;
struct sock_common {
	possible_net_t skc_net;
	__be32 skc_daddr, skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	unsigned char skc_state;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
} CORE;
struct socket;
struct sock { struct sock_common __sk_common; struct socket *sk_socket; __u16 sk_protocol; __u8 sk_shutdown; } CORE;
struct tcp_sock { __u32 write_seq, copied_seq, rcv_nxt; } CORE;
struct socket { struct file *file; struct sock *sk; } CORE;

/* User ABI, not relocated. */
struct iovec { void *iov_base; __u64 iov_len; };
struct user_msghdr { void *msg_name; int msg_namelen; struct iovec *msg_iov; __u64 msg_iovlen; };

struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; __u64 session_id, seq_num; } CORE;
struct bpf_iter__task_file { struct bpf_iter_meta *meta; struct task_struct *task; __u32 fd; struct file *file; } CORE;

#if defined(__TARGET_ARCH_x86)
struct pt_regs { unsigned long r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs; } CORE;
#define SYSNR(r) ((r)->orig_ax)
#define ARG1(r) ((r)->di)
#define ARG2(r) ((r)->si)
#define ARG3(r) ((r)->dx)
#define ARG4(r) ((r)->r10)
enum {
	NR_read = 0, NR_write = 1, NR_readv = 19, NR_writev = 20, NR_sendfile = 40, NR_sendto = 44, NR_recvfrom = 45,
	NR_sendmsg = 46, NR_recvmsg = 47, NR_splice = 275,
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs { unsigned long regs[31]; unsigned long orig_x0; int syscallno; } CORE;
#define SYSNR(r) ((r)->syscallno)
#define ARG1(r) ((r)->orig_x0)
#define ARG2(r) ((r)->regs[1])
#define ARG3(r) ((r)->regs[2])
#define ARG4(r) ((r)->regs[3])
enum {
	NR_read = 63, NR_write = 64, NR_readv = 65, NR_writev = 66, NR_sendfile = 71, NR_splice = 76, NR_sendto = 206,
	NR_recvfrom = 207, NR_sendmsg = 211, NR_recvmsg = 212,
};
#endif

static void *(*bpf_map_lookup_elem)(void *, const void *) = (void *)1;
static long (*bpf_map_update_elem)(void *, const void *, const void *, __u64) = (void *)2;
static long (*bpf_map_delete_elem)(void *, const void *) = (void *)3;
static __u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static __u64 (*bpf_get_current_pid_tgid)(void) = (void *)14;
static __u64 (*bpf_get_current_task)(void) = (void *)35;
static void *(*bpf_sk_storage_get)(void *, void *, void *, __u64) = (void *)107;
static long (*bpf_probe_read_user)(void *, __u32, const void *) = (void *)112;
static long (*bpf_probe_read_kernel)(void *, __u32, const void *) = (void *)113;
static long (*bpf_seq_write)(struct seq_file *, const void *, __u32) = (void *)127;
static long (*bpf_ringbuf_output)(void *, void *, __u64, __u64) = (void *)130;
static __u64 (*bpf_ringbuf_query)(void *, __u64) = (void *)134;
static struct tcp_sock *(*bpf_skc_to_tcp_sock)(void *) = (void *)137;
static struct task_struct *(*bpf_get_current_task_btf)(void) = (void *)158;
static struct socket *(*bpf_sock_from_file)(struct file *) = (void *)162;
static long (*bpf_task_pt_regs)(struct task_struct *) = (void *)175;
#endif
