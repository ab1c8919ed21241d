//! Bytes of sockets, taken by eBPF programs after each send and receive call, with the process at work.
//!
//! Nothing is pinned: the kernel drops programs and maps with the last file descriptor, however this
//! process ends.

mod load;
mod owners;
mod record;
mod wake;

use std::collections::HashSet;
use std::os::fd::AsRawFd;
use std::time::Duration;

use aya::Ebpf;
use aya::maps::{HashMap, MapData, PerCpuArray, RingBuf};
use kafkascope_stream::{Endpoint, Event};

pub use load::Hook;

use crate::error::CaptureError;
use wake::WakeUps;

/// Handed over in one poll, so that a flood does not hold up the caller's clock.
const BATCH: usize = 65_536;
const MIN_RING: u32 = 4096;

/// What an eBPF capture may use and what it leaves out.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Only this hook; the best one that loads when `None`.
    pub hook: Option<Hook>,
    /// Memory between kernel and reader, a power of two.
    pub ring_bytes: u32,
    /// Bytes kept of each message that carries records.
    pub records_cap: u32,
    /// Bytes kept of any other message.
    pub other_cap: u32,
    /// Of a record batch larger than this only the header is kept; 0 keeps every batch.
    pub whole_batch: u32,
    /// Records per second and processor, 0 for no limit: what the programs may cost at most, at about 0.3 µs each.
    pub records_per_s: u32,
    /// Processes that are not captured; the own one never is.
    pub exclude_pids: Vec<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            hook: None,
            ring_bytes: crate::live::RING_BYTES,
            records_cap: 8 << 20,
            other_cap: 8 << 20,
            whole_batch: 4 << 10,
            records_per_s: crate::live::RECORDS_PER_S,
            exclude_pids: Vec::new(),
        }
    }
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EbpfStats {
    /// Send and receive calls of TCP sockets seen.
    pub calls: u64,
    /// Of them on sockets that speak Kafka or are not known yet.
    pub judged: u64,
    pub records: u64,
    pub bytes: u64,
    /// Records the ring had no room for, and those beyond `Settings::records_per_s`.
    pub lost: u64,
    /// Sockets found to speak something else.
    pub not_kafka: u64,
    /// Calls whose bytes had to be looked at and lie in no readable memory: sendfile, io_uring, sendmmsg.
    pub no_buffer: u64,
    /// Calls without room for the socket's state.
    pub no_state: u64,
    /// Calls with more messages than are followed.
    pub overrun: u64,
    /// Ends of connections of which the other one is on this host as well: their bytes are copied once.
    pub paired: u64,
    /// Those of `lost` that were beyond the limit of records per second.
    pub limited: u64,
    /// Calls of MPTCP sockets, which are not followed.
    pub mptcp: u64,
    /// Records that could not be read.
    pub unreadable: u64,
    /// Connections older than the capture whose server end is known.
    pub older: u64,
}

impl EbpfStats {
    /// All counters by name.
    pub fn named(&self) -> [(&'static str, u64); 14] {
        [
            ("calls", self.calls),
            ("judged", self.judged),
            ("records", self.records),
            ("bytes", self.bytes),
            ("lost", self.lost),
            ("not_kafka", self.not_kafka),
            ("no_buffer", self.no_buffer),
            ("no_state", self.no_state),
            ("overrun", self.overrun),
            ("paired", self.paired),
            ("limited", self.limited),
            ("mptcp", self.mptcp),
            ("unreadable", self.unreadable),
            ("older", self.older),
        ]
    }
}

/// `struct stat` of `bpf/state.h`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Counters([u64; COUNTERS + 2]);

/// The two numbers after them belong to the limit of records per second.
const COUNTERS: usize = 12;

// SAFETY: plain numbers without padding.
unsafe impl aya::Pod for Counters {}

/// The loaded programs and the ring they write to.
pub struct EbpfSource {
    ring: RingBuf<MapData>,
    counters: PerCpuArray<MapData, Counters>,
    rejected: HashMap<MapData, owners::Tuple, u32>,
    hook: Hook,
    stats: EbpfStats,
    told_lost: u64,
    wake: WakeUps,
    /// The last poll ended at its limit.
    left_over: bool,
    listeners: HashSet<u16>,
    older_refusal: Option<String>,
    /// Owns the programs: dropped with the source, they are gone.
    bpf: Ebpf,
}

impl EbpfSource {
    /// Loads the programs; an error says why every hook was refused.
    pub fn open(settings: &Settings) -> Result<EbpfSource, CaptureError> {
        if !settings.ring_bytes.is_power_of_two() || settings.ring_bytes < MIN_RING {
            return Err(CaptureError::new(
                format!("a ring of {} bytes is not possible", settings.ring_bytes),
                "use a power of two, 4096 or more",
            ));
        }
        let btf = load::kernel_types()?;
        let hooks = match settings.hook {
            Some(hook) => vec![hook],
            None => Hook::ALL.to_vec(),
        };
        let mut refusals: Vec<CaptureError> = Vec::new();
        for hook in hooks {
            match load::load(hook, settings, &btf) {
                Ok(bpf) => return EbpfSource::with(bpf, hook, settings, &btf),
                Err(error) => refusals.push(error),
            }
        }
        let hint = refusals.first().map_or(String::new(), |e| e.hint.clone());
        let reasons: Vec<String> = refusals.into_iter().map(|e| e.message).collect();
        Err(CaptureError::new(reasons.join("; "), hint))
    }

    fn with(
        mut bpf: Ebpf,
        hook: Hook,
        settings: &Settings,
        btf: &aya::Btf,
    ) -> Result<EbpfSource, CaptureError> {
        exclude(&mut bpf, &settings.exclude_pids)?;
        // Without the list older connections are judged by their bytes alone.
        let (owners, older_refusal) = match owners::list(&mut bpf, btf) {
            Ok(owners) => (owners, None),
            Err(error) => (Vec::new(), Some(error.message)),
        };
        let listeners = owners::listening(&owners);
        let older = owners::tell(&mut bpf, &owners, &listeners);
        load::run(&mut bpf)?;
        let missing = |what: &str| {
            CaptureError::new(
                format!("the eBPF object has no {what}"),
                "this build is broken: build it again",
            )
        };
        let ring = bpf
            .take_map("ring")
            .and_then(|m| RingBuf::try_from(m).ok())
            .ok_or_else(|| missing("ring"))?;
        let counters = bpf
            .take_map("stats")
            .and_then(|m| PerCpuArray::try_from(m).ok())
            .ok_or_else(|| missing("counters"))?;
        let rejected = bpf
            .take_map("rejected")
            .and_then(|m| HashMap::try_from(m).ok())
            .ok_or_else(|| missing("verdicts"))?;
        let wake = WakeUps::of(ring.as_raw_fd()).map_err(|error| {
            CaptureError::new(
                format!("the ring cannot be waited for: {error}"),
                "raise the limit of open files (ulimit -n)",
            )
        })?;
        Ok(EbpfSource {
            ring,
            wake,
            left_over: false,
            counters,
            rejected,
            hook,
            stats: EbpfStats {
                older: older as u64,
                ..EbpfStats::default()
            },
            told_lost: 0,
            listeners,
            older_refusal,
            bpf,
        })
    }

    /// The hook in use, for people.
    pub fn hook(&self) -> &'static str {
        self.hook.name()
    }

    /// Hands over what came, after waiting at most `timeout` for something.
    pub fn poll(
        &mut self,
        timeout: Duration,
        sink: &mut dyn FnMut(Event),
    ) -> Result<(), CaptureError> {
        // What a flood left over does not wait.
        if !self.left_over {
            self.wake.wait(timeout);
        }
        self.left_over = self.drain(wall_offset_ns(), sink) == BATCH;
        self.count();
        if self.stats.lost > self.told_lost {
            let count = self.stats.lost - self.told_lost;
            self.told_lost = self.stats.lost;
            sink(Event::Lost {
                time_ns: now(libc::CLOCK_REALTIME),
                count,
            });
        }
        Ok(())
    }

    fn drain(&mut self, offset: i64, sink: &mut dyn FnMut(Event)) -> usize {
        for n in 0..BATCH {
            let Some(item) = self.ring.next() else {
                return n;
            };
            match record::event(&item, offset) {
                Some(event) => sink(event),
                None => self.stats.unreadable += 1,
            }
        }
        BATCH
    }

    fn count(&mut self) {
        let Ok(values) = self.counters.get(&0, 0) else {
            return;
        };
        let mut sum = [0u64; COUNTERS];
        for value in values.iter() {
            for (total, n) in sum.iter_mut().zip(value.0) {
                *total += n;
            }
        }
        let [
            calls,
            judged,
            records,
            bytes,
            lost,
            not_kafka,
            no_buffer,
            no_state,
            overrun,
            paired,
            limited,
            mptcp,
        ] = sum;
        self.stats = EbpfStats {
            calls,
            judged,
            records,
            bytes,
            lost: lost + limited,
            not_kafka,
            no_buffer,
            no_state,
            overrun,
            paired,
            limited,
            mptcp,
            ..self.stats
        };
    }

    /// Counters as of the last poll.
    pub fn stats(&self) -> EbpfStats {
        self.stats
    }

    /// Tells the kernel that a connection speaks something else: its bytes are not copied any more.
    pub fn reject(&mut self, a: Endpoint, b: Endpoint, netns: u32) {
        for (local, remote) in [(a, b), (b, a)] {
            let tuple = owners::Tuple {
                local: mapped(local),
                remote: mapped(remote),
                local_port: local.port,
                remote_port: remote.port,
                netns,
            };
            // The map forgets its oldest entry when full; then the connection goes on being copied.
            self.rejected.insert(tuple, 1, 0).ok();
        }
    }

    /// Ports that a process of this host listened on when the capture began, in whatever network namespace.
    pub fn listeners(&self) -> &HashSet<u16> {
        &self.listeners
    }

    /// Why the connections that are older than the capture could not be listed.
    pub fn older_refusal(&self) -> Option<&str> {
        self.older_refusal.as_deref()
    }

    /// Instructions that the verifier visited, by program: what is left of the kernel's limit of a million.
    pub fn verified(&self) -> Vec<(String, u32)> {
        self.bpf
            .programs()
            .filter_map(|(name, program)| {
                let visited = program.info().ok()?.verified_instruction_count()?;
                Some((name.to_owned(), visited))
            })
            .collect()
    }
}

fn mapped(end: Endpoint) -> [u8; 16] {
    match end.addr {
        std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        std::net::IpAddr::V6(v6) => v6.octets(),
    }
}

fn exclude(bpf: &mut Ebpf, pids: &[u32]) -> Result<(), CaptureError> {
    let failed = |error: String| {
        CaptureError::new(
            format!("processes cannot be left out: {error}"),
            "name fewer processes",
        )
    };
    let map = bpf
        .map_mut("excluded")
        .ok_or_else(|| failed("no such map".into()))?;
    let mut excluded = HashMap::<_, u32, u8>::try_from(map).map_err(|e| failed(e.to_string()))?;
    for pid in pids.iter().chain([&std::process::id()]) {
        excluded
            .insert(pid, 1, 0)
            .map_err(|e| failed(e.to_string()))?;
    }
    Ok(())
}

fn now(clock: libc::clockid_t) -> i64 {
    let mut t = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `t` is a valid timespec.
    unsafe { libc::clock_gettime(clock, &raw mut t) };
    t.tv_sec * 1_000_000_000 + t.tv_nsec
}

/// Read at each poll: the wall clock is adjusted, the monotonic one is not.
fn wall_offset_ns() -> i64 {
    now(libc::CLOCK_REALTIME) - now(libc::CLOCK_MONOTONIC)
}
