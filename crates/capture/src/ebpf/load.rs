//! Loading the programs: the socket hooks first, system calls where those are not to be had.

use std::os::unix::fs::MetadataExt;

use aya::maps::Array;
use aya::programs::{BtfTracePoint, Iter, ProgramError, RawTracePoint};
use aya::{Btf, Ebpf, EbpfLoader, include_bytes_aligned};

use super::Settings;
use crate::error::CaptureError;

static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/kafka.bpf.o"));

/// Where the kernel is tapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// After each send and receive of a socket (Linux 6.3): nothing else pays.
    Socket,
    /// At the end of each system call.
    SysExit,
    /// The same for kernels that refuse typed tracepoints.
    RawSysExit,
}

impl Hook {
    pub const ALL: [Hook; 3] = [Hook::Socket, Hook::SysExit, Hook::RawSysExit];

    pub fn name(self) -> &'static str {
        match self {
            Hook::Socket => "ebpf: sock_send_length, sock_recv_length",
            Hook::SysExit => "ebpf: sys_exit",
            Hook::RawSysExit => "ebpf: raw sys_exit",
        }
    }
}

/// The kernel's own description of its types.
pub fn kernel_types() -> Result<Btf, CaptureError> {
    Btf::from_sys_fs().map_err(|error| {
        CaptureError::new(
            format!("this kernel does not describe its types: {error}"),
            "eBPF capture needs /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF); capture packets instead",
        )
    })
}

/// Loads and attaches everything of one hook; nothing is recorded before [`run`].
pub fn load(hook: Hook, settings: &Settings, btf: &Btf) -> Result<Ebpf, CaptureError> {
    let wake = settings.ring_bytes / 8;
    // As `WINDOW_BITS` of bpf/state.h counts them.
    let records = (u64::from(settings.records_per_s) << 27).div_ceil(1_000_000_000) as u32;
    let pid_namespace = pid_namespace();
    let mut loader = EbpfLoader::new();
    loader
        .btf(Some(btf))
        .override_global("cfg_records_cap", &settings.records_cap, true)
        .override_global("cfg_other_cap", &settings.other_cap, true)
        .override_global("cfg_hop", &settings.whole_batch, true)
        .override_global("cfg_wake", &wake, true)
        .override_global("cfg_records", &records, true)
        .override_global("cfg_pid_ns", &pid_namespace, true)
        .map_max_entries("ring", settings.ring_bytes);
    let mut bpf = loader
        .load(OBJECT)
        .map_err(|error| refused("the maps", &chain(&error)))?;
    match hook {
        Hook::Socket => {
            typed(&mut bpf, btf, "sock_send", "sock_send_length")?;
            typed(&mut bpf, btf, "sock_recv", "sock_recv_length")?;
            typed(&mut bpf, btf, "sock_state", "inet_sock_set_state")?;
        }
        Hook::SysExit => {
            typed(&mut bpf, btf, "sys_exit", "sys_exit")?;
            typed(&mut bpf, btf, "sock_state_lru", "inet_sock_set_state")?;
        }
        Hook::RawSysExit => {
            raw(&mut bpf, "raw_sys_exit", "sys_exit")
                .map_err(|error| refused("raw_sys_exit", &chain(&error)))?;
            typed(&mut bpf, btf, "sock_state_lru", "inet_sock_set_state")?;
        }
    }
    typed(&mut bpf, btf, "process_exit", "sched_process_exit")?;
    Ok(bpf)
}

/// The inode of this process's pid namespace, 0 for the first one, whose ids are the kernel's: `/proc` shows the ids of that namespace.
fn pid_namespace() -> u32 {
    const FIRST: u32 = 0xEFFF_FFFC; // PROC_PID_INIT_INO
    std::fs::metadata("/proc/self/ns/pid")
        .map(|namespace| namespace.ino() as u32)
        .ok()
        .filter(|&inode| inode != FIRST)
        .unwrap_or(0)
}

/// Lets the programs record: nothing is told until all of them are attached.
pub fn run(bpf: &mut Ebpf) -> Result<(), CaptureError> {
    let map = bpf
        .map_mut(".bss")
        .ok_or_else(|| refused("to run", "the object has no .bss"))?;
    Array::<_, u32>::try_from(map)
        .and_then(|mut running| running.set(0, 1, 0))
        .map_err(|error| refused("to run", &chain(&error)))
}

fn typed(bpf: &mut Ebpf, btf: &Btf, program: &str, hook: &str) -> Result<(), CaptureError> {
    let mut attach = || -> Result<(), ProgramError> {
        let found: &mut BtfTracePoint = named(bpf, program)?;
        found.load(hook, btf)?;
        found.attach()?;
        Ok(())
    };
    attach().map_err(|error| refused(program, &chain(&error)))
}

fn raw(bpf: &mut Ebpf, program: &str, hook: &str) -> Result<(), ProgramError> {
    let found: &mut RawTracePoint = named(bpf, program)?;
    found.load()?;
    found.attach(hook)?;
    Ok(())
}

/// The program that lists open sockets, loaded and attached.
pub fn owners(bpf: &mut Ebpf, btf: &Btf) -> Result<std::fs::File, CaptureError> {
    let mut attach = || -> Result<std::fs::File, String> {
        let found: &mut Iter = named(bpf, "owners").map_err(|e| chain(&e))?;
        found.load("task_file", btf).map_err(|e| chain(&e))?;
        let link = found.attach().map_err(|e| chain(&e))?;
        let link = found.take_link(link).map_err(|e| chain(&e))?;
        link.into_file().map_err(|e| chain(&e))
    };
    attach().map_err(|error| refused("owners", &error))
}

fn named<'a, P>(bpf: &'a mut Ebpf, name: &str) -> Result<&'a mut P, ProgramError>
where
    &'a mut P: TryFrom<&'a mut aya::programs::Program, Error = ProgramError>,
{
    bpf.program_mut(name)
        .ok_or(ProgramError::NotLoaded)?
        .try_into()
}

/// An error with its causes; the verifier's log is shortened to its end, where the reason stands.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() > 8 {
        let tail = lines[lines.len() - 6..].join(" | ");
        return format!("{} … {tail}", lines[0]);
    }
    lines.join(" | ")
}

fn refused(what: &str, error: &str) -> CaptureError {
    let hint = if error.contains("os error 1)") || error.contains("os error 13)") {
        "run as root, or give the program CAP_BPF and CAP_PERFMON (before Linux 5.8: CAP_SYS_ADMIN)"
    } else {
        "kafkascope doctor says what this kernel allows; packets can be captured instead"
    };
    CaptureError::new(format!("the kernel refused {what}: {error}"), hint)
}
