//! What this host allows a capture to do, each found out by trying.

use std::ffi::CStr;
use std::fs;

use crate::af_packet::AfPacketSource;
use crate::live::RING_BYTES;

#[cfg(ebpf)]
mod traffic;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Ok,
    /// Works, with less.
    Warn,
    Fail,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Fail => "fail",
        }
    }
}

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    pub status: Status,
    pub found: String,
    /// What to do; empty when nothing is to be done.
    pub hint: String,
}

impl Check {
    fn new(
        name: &'static str,
        status: Status,
        found: impl Into<String>,
        hint: impl Into<String>,
    ) -> Check {
        Check {
            name,
            status,
            found: found.into(),
            hint: hint.into(),
        }
    }
}

/// Capability numbers of `linux/capability.h`.
const CAPABILITIES: [(u32, &str); 4] = [
    (13, "CAP_NET_RAW"),
    (21, "CAP_SYS_ADMIN"),
    (38, "CAP_PERFMON"),
    (39, "CAP_BPF"),
];
const SYS_ADMIN: u32 = 21;
const BPF_PAIR: [u32; 2] = [38, 39];

/// Looks at everything a capture needs.
pub fn checks() -> Vec<Check> {
    let release = kernel_release();
    let mut all = vec![
        kernel(&release),
        kernel_types(),
        capabilities(&read("/proc/self/status")),
        lockdown(&read("/sys/kernel/security/lockdown")),
        unprivileged(&read("/proc/sys/kernel/unprivileged_bpf_disabled")),
        locked_memory(version(&release)),
        compiler(&read("/proc/sys/net/core/bpf_jit_enable")),
        memory(&read("/proc/meminfo")),
    ];
    all.extend(hooks());
    all.push(match AfPacketSource::open(&[]) {
        Ok(_) => Check::new("packet capture", Status::Ok, "AF_PACKET opens", ""),
        Err(error) => Check::new("packet capture", Status::Warn, error.message, error.hint),
    });
    #[cfg(ebpf)]
    all.extend(traffic::checks());
    all
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn kernel_release() -> String {
    // SAFETY: all zero is a valid utsname, and uname fills it with text that ends in a zero byte.
    unsafe {
        let mut name: libc::utsname = std::mem::zeroed();
        libc::uname(&raw mut name);
        CStr::from_ptr(name.release.as_ptr())
            .to_string_lossy()
            .into_owned()
    }
}

/// Major and minor number of a kernel release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn kernel(release: &str) -> Check {
    let found = format!("Linux {release}");
    match version(release) {
        Some(v) if v >= (6, 3) => Check::new("kernel", Status::Ok, found, ""),
        Some(v) if v >= (5, 8) => Check::new(
            "kernel",
            Status::Warn,
            found,
            "before Linux 6.3 every system call of the host pays a little for the capture",
        ),
        _ => Check::new(
            "kernel",
            Status::Fail,
            found,
            "eBPF capture needs Linux 5.8; capture packets instead",
        ),
    }
}

fn kernel_types() -> Check {
    match fs::metadata("/sys/kernel/btf/vmlinux") {
        Ok(m) => Check::new(
            "kernel types (BTF)",
            Status::Ok,
            format!("{} bytes", m.len()),
            "",
        ),
        Err(error) => Check::new(
            "kernel types (BTF)",
            Status::Fail,
            format!("/sys/kernel/btf/vmlinux: {error}"),
            "use a kernel with CONFIG_DEBUG_INFO_BTF, or mount /sys; capture packets instead",
        ),
    }
}

fn capabilities(status: &str) -> Check {
    let mask = status
        .lines()
        .find_map(|l| l.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0);
    let has = |bit: u32| mask >> bit & 1 == 1;
    let held: Vec<&str> = CAPABILITIES
        .iter()
        .filter(|c| has(c.0))
        .map(|c| c.1)
        .collect();
    let found = if held.is_empty() {
        "none that matter".to_owned()
    } else {
        held.join(", ")
    };
    if has(SYS_ADMIN) || BPF_PAIR.iter().all(|&bit| has(bit)) {
        Check::new("capabilities", Status::Ok, found, "")
    } else {
        Check::new(
            "capabilities",
            Status::Fail,
            found,
            "run as root, or with CAP_BPF and CAP_PERFMON (and CAP_NET_RAW for packets)",
        )
    }
}

fn lockdown(text: &str) -> Check {
    let mode = text
        .split(['[', ']'])
        .nth(1)
        .unwrap_or(if text.is_empty() {
            "not there"
        } else {
            text.trim()
        })
        .to_owned();
    match mode.as_str() {
        "confidentiality" => Check::new(
            "kernel lockdown",
            Status::Fail,
            mode,
            "lockdown=confidentiality keeps eBPF from reading memory: use lockdown=integrity, or capture packets",
        ),
        _ => Check::new("kernel lockdown", Status::Ok, mode, ""),
    }
}

fn unprivileged(text: &str) -> Check {
    let (found, hint) = match text.trim() {
        "0" => (
            "allowed for everyone",
            "kernel.unprivileged_bpf_disabled=2 is safer; the capture does not need it",
        ),
        "" => ("not there", ""),
        _ => ("for privileged processes only", ""),
    };
    let status = if hint.is_empty() {
        Status::Ok
    } else {
        Status::Warn
    };
    Check::new("unprivileged eBPF", status, found, hint)
}

fn locked_memory(kernel: Option<(u32, u32)>) -> Check {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid rlimit.
    unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) };
    let found = if limit.rlim_cur == libc::RLIM_INFINITY {
        "no limit".to_owned()
    } else {
        format!("{} KiB", limit.rlim_cur >> 10)
    };
    if kernel.is_some_and(|v| v < (5, 11)) && limit.rlim_cur < 64 << 20 {
        Check::new(
            "locked memory",
            Status::Warn,
            found,
            "before Linux 5.11 eBPF memory counts: ulimit -l unlimited",
        )
    } else {
        Check::new("locked memory", Status::Ok, found, "")
    }
}

fn compiler(text: &str) -> Check {
    match text.trim() {
        "0" => Check::new(
            "eBPF compiler",
            Status::Warn,
            "off: programs are interpreted, at several times the cost",
            "sysctl net.core.bpf_jit_enable=1",
        ),
        // Only root may read it, and kernels that always compile do not have it.
        "" => Check::new("eBPF compiler", Status::Ok, "not told", ""),
        _ => Check::new("eBPF compiler", Status::Ok, "on", ""),
    }
}

/// The ring between kernel and agent, and what the host has left.
fn memory(meminfo: &str) -> Check {
    const RING_KIB: u64 = RING_BYTES as u64 >> 10;
    let available = meminfo
        .lines()
        .find_map(|l| l.strip_prefix("MemAvailable:"))
        .and_then(|kib| kib.trim().trim_end_matches(" kB").parse::<u64>().ok());
    let found = format!(
        "{} MiB for the ring between kernel and agent",
        RING_KIB >> 10
    );
    match available {
        Some(kib) if kib < 8 * RING_KIB => Check::new(
            "memory",
            Status::Warn,
            format!("{found}, of {} MiB that are free", kib >> 10),
            "the host is short of memory: the agent's limit in its unit or pod keeps it from making that worse",
        ),
        Some(kib) => Check::new(
            "memory",
            Status::Ok,
            format!("{found}, of {} MiB that are free", kib >> 10),
            "",
        ),
        None => Check::new("memory", Status::Ok, found, ""),
    }
}

#[cfg(ebpf)]
fn hooks() -> Vec<Check> {
    use crate::ebpf::{EbpfSource, Hook, Settings};
    let names = [
        (Hook::Socket, "eBPF socket hook"),
        (Hook::SysExit, "eBPF system call hook"),
        (Hook::RawSysExit, "eBPF raw system call hook"),
    ];
    let tried: Vec<_> = names
        .iter()
        .map(|&(hook, name)| {
            let outcome = EbpfSource::open(&Settings {
                hook: Some(hook),
                ring_bytes: 4096,
                ..Settings::default()
            });
            (
                name,
                outcome.map(|source| {
                    source
                        .verified()
                        .into_iter()
                        .map(|p| p.1)
                        .max()
                        .unwrap_or(0)
                }),
            )
        })
        .collect();
    let any = tried.iter().any(|t| t.1.is_ok());
    tried
        .into_iter()
        .map(|(name, outcome)| match outcome {
            Ok(visited) => Check::new(
                name,
                Status::Ok,
                format!("loads; at most {visited} instructions verified of 1000000"),
                "",
            ),
            // One hook is enough.
            Err(error) => Check::new(
                name,
                if any { Status::Warn } else { Status::Fail },
                error.message,
                error.hint,
            ),
        })
        .collect()
}

#[cfg(not(ebpf))]
fn hooks() -> Vec<Check> {
    vec![Check::new(
        "eBPF hooks",
        Status::Fail,
        "this build has no eBPF program for its processor",
        "capture packets instead",
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_by_release() {
        for (release, status) in [
            ("6.18.44-fc", Status::Ok),
            ("6.3.0", Status::Ok),
            ("6.1.0-13-amd64", Status::Warn),
            ("5.8", Status::Warn),
            ("5.4.0", Status::Fail),
            ("odd", Status::Fail),
        ] {
            assert_eq!(kernel(release).status, status, "{release}");
        }
    }

    #[test]
    fn capabilities_by_mask() {
        for (mask, status) in [
            ("000001ffffffffff", Status::Ok),
            ("0000000000200000", Status::Ok),
            ("000000c000000000", Status::Ok),
            ("0000008000000000", Status::Fail),
            ("0000000000000000", Status::Fail),
            ("odd", Status::Fail),
        ] {
            assert_eq!(
                capabilities(&format!("Name:\tx\nCapEff:\t{mask}\n")).status,
                status,
                "{mask}"
            );
        }
    }

    #[test]
    fn memory_by_what_is_free() {
        for (text, status) in [
            ("MemTotal: 9 kB\nMemAvailable:  8000000 kB\n", Status::Ok),
            ("MemAvailable:  100000 kB\n", Status::Warn),
            ("", Status::Ok),
        ] {
            assert_eq!(memory(text).status, status, "{text}");
        }
        assert_eq!(compiler("0\n").status, Status::Warn);
        assert_eq!(compiler("1\n").status, Status::Ok);
    }

    #[test]
    fn lockdown_by_mode() {
        for (text, status, found) in [
            ("[none] integrity confidentiality", Status::Ok, "none"),
            ("none [integrity] confidentiality", Status::Ok, "integrity"),
            (
                "none integrity [confidentiality]",
                Status::Fail,
                "confidentiality",
            ),
            ("", Status::Ok, "not there"),
        ] {
            let check = lockdown(text);
            assert_eq!((check.status, check.found.as_str()), (status, found));
        }
    }

    #[test]
    fn whatever_fails_says_what_to_do() {
        for check in checks() {
            assert_eq!(
                check.status == Status::Ok,
                check.hint.is_empty(),
                "{check:?}"
            );
        }
    }
}
