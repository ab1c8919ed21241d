//! TCP packets of this host's interfaces: the fallback where eBPF is refused.
//!
//! An AF_PACKET socket sees the interfaces of its own network namespace only, knows no processes, and sees
//! traffic between containers only where it passes an interface of this namespace (a bridge, a veth's end).

use std::ffi::CString;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kafkascope_stream::Event;

use crate::checksum::Checksums;
use crate::error::CaptureError;
use crate::fragments::Fragments;
use crate::link::{self, Frame, link_type};

const BLOCK: usize = 1 << 20;
const BLOCKS: usize = 32;
/// A block that is not full is handed over after this time.
const BLOCK_TIMEOUT_MS: u32 = 20;
const DROPS_EVERY: Duration = Duration::from_millis(500);
const SNAP_LENGTH: u32 = 1 << 19;
const LOOPBACK: u32 = 772;

/// What a user must know when this capture is the one in use.
pub const LIMITS: &str =
    "packet capture sees only its own network namespace and names no processes";

/// Counters of a packet capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketStats {
    pub packets: u64,
    pub dropped: u64,
    /// IP fragments of packets that did not come whole.
    pub fragments: u64,
    /// TCP segments whose checksum is wrong: left out, as their receiver did.
    pub corrupt: u64,
}

/// A ring of packets shared with the kernel, per interface or for all.
pub struct AfPacketSource {
    rings: Vec<Ring>,
    stats: PacketStats,
    parts: Fragments,
    checksums: Checksums,
    drops_read: Instant,
}

struct Ring {
    fd: OwnedFd,
    map: *mut u8,
    next: usize,
}

// SAFETY: the mapping belongs to this ring alone; the kernel hands blocks over through their status word.
unsafe impl Send for Ring {}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: mapped by `Ring::open` with this length.
        unsafe { libc::munmap(self.map.cast(), BLOCK * BLOCKS) };
    }
}

impl AfPacketSource {
    /// Captures on the named interfaces, or on all of this network namespace when none is named.
    pub fn open(interfaces: &[String]) -> Result<AfPacketSource, CaptureError> {
        let mut rings = Vec::new();
        for name in interfaces {
            rings.push(Ring::open(index_of(name)?)?);
        }
        if interfaces.is_empty() {
            rings.push(Ring::open(0)?);
        }
        Ok(AfPacketSource {
            rings,
            stats: PacketStats::default(),
            parts: Fragments::default(),
            checksums: Checksums::default(),
            drops_read: Instant::now(),
        })
    }

    /// Hands over what came, after waiting at most `timeout` for something.
    pub fn poll(
        &mut self,
        timeout: Duration,
        sink: &mut dyn FnMut(Event),
    ) -> Result<(), CaptureError> {
        if !self.rings.iter().any(Ring::ready) {
            let mut fds: Vec<libc::pollfd> = self
                .rings
                .iter()
                .map(|r| libc::pollfd {
                    fd: r.fd.as_raw_fd(),
                    events: libc::POLLIN,
                    revents: 0,
                })
                .collect();
            let ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
            // SAFETY: `fds` is a valid array of its length.
            if unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, ms) } < 0 {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(CaptureError::new(
                        format!("packets cannot be waited for: {error}"),
                        "restart the capture",
                    ));
                }
            }
        }
        for ring in &mut self.rings {
            // One round at most, so that a busy ring does not starve the others.
            for _ in 0..BLOCKS {
                let read = ring.read_block(&mut |time_ns, data, length| {
                    self.stats.packets += 1;
                    let frame = link::parse(link_type::RAW, data, length);
                    self.parts.frame(frame, &mut |frame| match frame {
                        Frame::Tcp(tcp) if self.checksums.refute(&tcp) => self.stats.corrupt += 1,
                        Frame::Tcp(tcp) => sink(Event::Segment(tcp.segment(time_ns))),
                        _ => {}
                    });
                });
                if !read {
                    break;
                }
            }
        }
        if self.drops_read.elapsed() > DROPS_EVERY {
            self.drops_read = Instant::now();
            let dropped: u64 = self.rings.iter().map(Ring::drops).sum();
            if dropped > 0 {
                self.stats.dropped += dropped;
                sink(Event::Lost {
                    time_ns: now_ns(),
                    count: dropped,
                });
            }
        }
        Ok(())
    }

    pub fn stats(&self) -> PacketStats {
        PacketStats {
            fragments: self.parts.unread(),
            ..self.stats
        }
    }
}

impl Ring {
    fn open(index: u32) -> Result<Ring, CaptureError> {
        let protocol = (libc::ETH_P_ALL as u16).to_be();
        // Without a protocol nothing arrives before the filter is in place.
        // SAFETY: plain system call.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            return Err(refused(&io::Error::last_os_error()));
        }
        // SAFETY: just opened, owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let filter = filter();
        let program = libc::sock_fprog {
            len: filter.len() as u16,
            filter: filter.as_ptr().cast_mut(),
        };
        option(&fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)?;
        option(
            &fd,
            libc::SOL_PACKET,
            libc::PACKET_VERSION,
            &(libc::tpacket_versions::TPACKET_V3 as i32),
        )?;
        let request = libc::tpacket_req3 {
            tp_block_size: BLOCK as u32,
            tp_block_nr: BLOCKS as u32,
            tp_frame_size: BLOCK as u32,
            tp_frame_nr: BLOCKS as u32,
            tp_retire_blk_tov: BLOCK_TIMEOUT_MS,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        option(&fd, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        // SAFETY: the kernel chooses the address; the length is that of the ring.
        let map = unsafe {
            libc::mmap(
                null_mut(),
                BLOCK * BLOCKS,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                0,
            )
        };
        if map == libc::MAP_FAILED {
            let error = io::Error::last_os_error();
            return Err(CaptureError::new(
                format!("the ring of packets cannot be mapped: {error}"),
                "raise the limit of locked memory",
            ));
        }
        let ring = Ring {
            fd,
            map: map.cast(),
            next: 0,
        };
        // SAFETY: all zero is a valid address; the fields that matter are set.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = protocol;
        address.sll_ifindex = index as i32;
        // SAFETY: `address` is a sockaddr_ll of the size given.
        let bound = unsafe {
            libc::bind(
                ring.fd.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        if bound < 0 {
            return Err(refused(&io::Error::last_os_error()));
        }
        Ok(ring)
    }

    fn block(&self) -> *mut libc::tpacket_block_desc {
        // SAFETY: `next` is below BLOCKS, so the block lies in the mapping; blocks are page aligned.
        unsafe { self.map.add(self.next * BLOCK) }.cast()
    }

    fn status(&self) -> &AtomicU32 {
        // SAFETY: the status word lies in the mapping, is aligned, and is shared with the kernel atomically.
        unsafe { AtomicU32::from_ptr(&raw mut (*self.block()).hdr.bh1.block_status) }
    }

    fn ready(&self) -> bool {
        self.status().load(Ordering::Acquire) & libc::TP_STATUS_USER != 0
    }

    /// Reads the next block (of each packet its time, what was captured, and its length) and gives it back; `false` when the
    /// kernel still has it.
    fn read_block(&mut self, packet_sink: &mut dyn FnMut(i64, &[u8], u32)) -> bool {
        if !self.ready() {
            return false;
        }
        // SAFETY: the block is ours until its status is given back; the kernel wrote its offsets, which are
        // checked against the block's end all the same.
        unsafe {
            let header = (*self.block()).hdr.bh1;
            let start = self.map.add(self.next * BLOCK);
            let mut at = header.offset_to_first_pkt as usize;
            for _ in 0..header.num_pkts {
                if at + size_of::<libc::tpacket3_hdr>() > BLOCK {
                    break;
                }
                let packet: libc::tpacket3_hdr =
                    start.add(at).cast::<libc::tpacket3_hdr>().read_unaligned();
                let from = at + packet.tp_net as usize;
                let len = packet.tp_snaplen as usize;
                if from + len > BLOCK {
                    break;
                }
                let data = std::slice::from_raw_parts(start.add(from), len);
                let time_ns = i64::from(packet.tp_sec) * 1_000_000_000 + i64::from(packet.tp_nsec);
                packet_sink(time_ns, data, packet.tp_len);
                if packet.tp_next_offset == 0 {
                    break;
                }
                at += packet.tp_next_offset as usize;
            }
        }
        self.status()
            .store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = (self.next + 1) % BLOCKS;
        true
    }

    /// Packets that the ring had no room for since the last call.
    fn drops(&self) -> u64 {
        // SAFETY: all zero is a valid value of these counters.
        let mut stats: libc::tpacket_stats_v3 = unsafe { zeroed() };
        let mut len = size_of::<libc::tpacket_stats_v3>() as libc::socklen_t;
        // SAFETY: the buffer has the length given.
        let got = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut stats).cast(),
                &raw mut len,
            )
        };
        if got == 0 {
            u64::from(stats.tp_drops)
        } else {
            0
        }
    }
}

/// TCP over IPv4 or IPv6 (extension headers are looked into later), and of the loopback interface, where each
/// packet passes twice, only what comes in. Packets begin at the network header.
fn filter() -> [libc::sock_filter; 17] {
    const LOAD_HALF: u16 = 0x28;
    const LOAD_BYTE: u16 = 0x30;
    const IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    // Offsets from here on are the packet's meta data.
    const META: u32 = 0xffff_f000;
    let op = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    [
        op(LOAD_HALF, 0, 0, META + 4), // type of the packet
        op(IF_EQUAL, 0, 2, u32::from(libc::PACKET_OUTGOING)),
        op(LOAD_HALF, 0, 0, META + 28), // type of the hardware
        op(IF_EQUAL, 11, 0, LOOPBACK),
        op(LOAD_HALF, 0, 0, META), // protocol
        op(IF_EQUAL, 0, 2, 0x0800),
        op(LOAD_BYTE, 0, 0, 9),
        op(IF_EQUAL, 8, 7, 6),
        op(IF_EQUAL, 0, 6, 0x86dd),
        op(LOAD_BYTE, 0, 0, 6),
        op(IF_EQUAL, 5, 0, 6),
        op(IF_EQUAL, 4, 0, 0),
        op(IF_EQUAL, 3, 0, 43),
        op(IF_EQUAL, 2, 0, 60),
        op(IF_EQUAL, 1, 0, 44),
        op(RETURN, 0, 0, 0),
        op(RETURN, 0, 0, SNAP_LENGTH),
    ]
}

fn option<T>(fd: &OwnedFd, level: i32, name: i32, value: &T) -> Result<(), CaptureError> {
    // SAFETY: `value` is a plain structure of the size given.
    let set = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if set == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    Err(CaptureError::new(
        format!("the packet socket cannot be set up: {error}"),
        "packet capture needs kernel 3.2 or newer and memory for its ring",
    ))
}

fn index_of(name: &str) -> Result<u32, CaptureError> {
    let known = CString::new(name).map_or(0, |c| {
        // SAFETY: `c` ends with a zero byte.
        unsafe { libc::if_nametoindex(c.as_ptr()) }
    });
    if known == 0 {
        return Err(CaptureError::new(
            format!("there is no interface {name}"),
            "list them: ip link",
        ));
    }
    Ok(known)
}

fn refused(error: &io::Error) -> CaptureError {
    let message = format!("packets cannot be captured: {error}");
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            CaptureError::new(message, "run as root, or give the program CAP_NET_RAW")
        }
        Some(libc::EAFNOSUPPORT) => CaptureError::new(
            message,
            "this kernel has no packet sockets; read a capture file instead",
        ),
        Some(libc::ENETDOWN) => CaptureError::new(message, "the interface is down"),
        _ => CaptureError::new(message, "read a capture file instead"),
    }
}

fn now_ns() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
}
