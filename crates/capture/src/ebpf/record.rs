//! The records of the ring: `struct hdr` of `bpf/state.h`, little endian on every supported machine.

use std::net::{IpAddr, Ipv6Addr};

use kafkascope_stream::{Endpoint, Event, Process, Segment, Tap, event::flag};

const HEADER: usize = 88;
const SEGMENT: u32 = 0;
const OPEN: u32 = 1;
const CLOSE: u32 = 2;
const EXIT: u32 = 3;
const CLIENT: u8 = 1;

fn u16_at(b: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([b[at], b[at + 1]])
}

fn u32_at(b: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]])
}

fn u64_at(b: &[u8], at: usize) -> u64 {
    u64::from(u32_at(b, at)) | u64::from(u32_at(b, at + 4)) << 32
}

/// An address of the kernel: always sixteen bytes, IPv4 as mapped IPv6.
pub fn address(b: &[u8; 16]) -> IpAddr {
    Ipv6Addr::from(*b).to_canonical()
}

fn endpoint(b: &[u8], addr: usize, port: usize) -> Endpoint {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&b[addr..addr + 16]);
    Endpoint {
        addr: address(&bytes),
        port: u16_at(b, port),
    }
}

/// Reads a record; `wall_offset_ns` turns the kernel's monotonic time into wall time. `None` for what no
/// version of the program writes.
pub fn event(b: &[u8], wall_offset_ns: i64) -> Option<Event<'_>> {
    if b.len() < HEADER {
        return None;
    }
    let time_ns = i64::try_from(u64_at(b, 0))
        .ok()?
        .saturating_add(wall_offset_ns);
    let pid = u32_at(b, 16);
    // Pid 0 is nobody: the socket was not used yet.
    let process = (pid != 0).then(|| Process {
        pid,
        start_boot_ns: u64_at(b, 8),
    });
    let (sent, role) = (b[48] != 0, b[49]);
    let netns = u32_at(b, 40);
    let local = endpoint(b, 56, 44);
    let remote = endpoint(b, 72, 46);
    match u32_at(b, 20) {
        SEGMENT => {
            let captured = u32_at(b, 32) as usize;
            let bytes = b.get(HEADER..HEADER + captured)?;
            let (tap, src, dst) = if sent {
                (Tap::Send, local, remote)
            } else {
                (Tap::Receive, remote, local)
            };
            Some(Event::Segment(Segment {
                time_ns,
                tap,
                src,
                dst,
                netns,
                seq: u32_at(b, 24),
                len: u32_at(b, 28),
                bytes,
                // What could not be read here may be had at the other end.
                flags: if b[50] == 0 { flag::FINAL } else { 0 },
                ack: 0,
                tap_seq: u32_at(b, 36),
                process,
            }))
        }
        OPEN => {
            let observer_is_client = role == CLIENT;
            let (client, server) = if observer_is_client {
                (local, remote)
            } else {
                (remote, local)
            };
            Some(Event::Open {
                time_ns,
                client,
                server,
                netns,
                observer: process,
                observer_is_client,
            })
        }
        CLOSE => Some(Event::Close {
            time_ns,
            local,
            remote,
            netns,
            observer: process,
        }),
        EXIT => Some(Event::ProcessExit {
            time_ns,
            process: process?,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u32, dir: u8, payload: &[u8]) -> Vec<u8> {
        let mut b = vec![0; HEADER];
        b[0..8].copy_from_slice(&1_000u64.to_le_bytes());
        b[8..16].copy_from_slice(&77u64.to_le_bytes());
        b[16..20].copy_from_slice(&42u32.to_le_bytes());
        b[20..24].copy_from_slice(&kind.to_le_bytes());
        b[24..28].copy_from_slice(&5u32.to_le_bytes());
        b[28..32].copy_from_slice(&100u32.to_le_bytes());
        b[32..36].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
        b[36..40].copy_from_slice(&9u32.to_le_bytes());
        b[44..46].copy_from_slice(&4000u16.to_le_bytes());
        b[46..48].copy_from_slice(&9092u16.to_le_bytes());
        b[48] = dir;
        b[49] = CLIENT;
        b[66..72].copy_from_slice(&[0xff, 0xff, 10, 0, 0, 1]);
        b[87] = 1;
        b.extend_from_slice(payload);
        b
    }

    #[test]
    fn a_sent_segment_runs_from_the_local_end() {
        let b = record(SEGMENT, 1, b"abc");
        let Some(Event::Segment(s)) = event(&b, 50) else {
            panic!("no segment");
        };
        assert_eq!((s.time_ns, s.seq, s.len, s.tap_seq), (1050, 5, 100, 9));
        assert_eq!(s.bytes, b"abc");
        assert_eq!((s.tap, s.src.port, s.dst.port), (Tap::Send, 4000, 9092));
        assert_eq!(s.src.addr, "10.0.0.1".parse::<IpAddr>().unwrap());
        assert_eq!(s.dst.addr, "::1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn a_received_segment_runs_to_the_local_end() {
        let b = record(SEGMENT, 0, b"");
        let Some(Event::Segment(s)) = event(&b, 0) else {
            panic!("no segment");
        };
        assert_eq!((s.tap, s.src.port, s.dst.port), (Tap::Receive, 9092, 4000));
    }

    #[test]
    fn a_record_cut_short_is_none() {
        let b = record(SEGMENT, 1, b"abc");
        for n in 0..b.len() {
            assert!(event(&b[..n], 0).is_none(), "{n} bytes");
        }
        assert!(event(&record(77, 0, b""), 0).is_none());
    }
}
