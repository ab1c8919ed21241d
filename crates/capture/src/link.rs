//! From a link-layer frame to the TCP segment in it. Checksums are left to `checksum`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use kafkascope_stream::{Endpoint, Segment, Tap};

use crate::fragments::Fragment;

/// Link types by their numbers in capture files.
pub mod link_type {
    pub const NULL: u32 = 0;
    pub const ETHERNET: u32 = 1;
    pub const RAW_BSD: u32 = 12;
    pub const RAW_OPENBSD: u32 = 14;
    pub const RAW: u32 = 101;
    pub const LOOP: u32 = 108;
    pub const LINUX_SLL: u32 = 113;
    pub const IPV4: u32 = 228;
    pub const IPV6: u32 = 229;
    pub const LINUX_SLL2: u32 = 276;
}

const TCP: u8 = 6;
const UDP: u8 = 17;
const IP_IN_IP: u8 = 4;
const IPV6_IN_IP: u8 = 41;
const GRE: u8 = 47;
const TUNNELS: [u8; 4] = [UDP, IP_IN_IP, IPV6_IN_IP, GRE];
const VXLAN_PORT: u16 = 4789;
/// Linux's own, before the number was assigned.
const VXLAN_OLD_PORT: u16 = 8472;
const GENEVE_PORT: u16 = 6081;
/// Tunnels in tunnels.
const MAX_DEPTH: u32 = 2;

/// A TCP segment as far as it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp<'p> {
    pub src: Endpoint,
    pub dst: Endpoint,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    /// Payload by the IP header's length: padding does not count, what the snap length cut off does.
    pub len: u32,
    pub bytes: &'p [u8],
    /// Header and payload, when both were captured to their ends.
    pub whole: Option<&'p [u8]>,
}

impl<'p> Tcp<'p> {
    /// The segment as a packet seen at `time_ns`.
    pub fn segment(self, time_ns: i64) -> Segment<'p> {
        Segment {
            time_ns,
            tap: Tap::Packet,
            src: self.src,
            dst: self.dst,
            netns: 0,
            seq: self.seq,
            len: self.len,
            bytes: self.bytes,
            flags: self.flags,
            ack: self.ack,
            tap_seq: 0,
            process: None,
        }
    }
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'p> {
    Tcp(Tcp<'p>),
    /// Part of an IP packet that was cut on its way.
    Fragment(Fragment<'p>),
    /// Cut before the end of the TCP header.
    Cut,
    /// Neither IP nor TCP.
    Other,
}

/// Whether frames of this link type can be read.
pub fn knows(link: u32) -> bool {
    use link_type::*;
    matches!(
        link,
        NULL | ETHERNET | RAW_BSD | RAW_OPENBSD | RAW | LOOP | LINUX_SLL | IPV4 | IPV6 | LINUX_SLL2
    )
}

/// Reads a frame of which `data` was captured and `length` bytes were on the wire.
pub fn parse(link: u32, data: &[u8], length: u32) -> Frame<'_> {
    use link_type::*;
    let at = match link {
        ETHERNET => return by_ethertype(data, 12, 14, length, 0),
        NULL | LOOP => 4,
        RAW | RAW_BSD | RAW_OPENBSD | IPV4 | IPV6 => 0,
        LINUX_SLL => return by_ethertype(data, 14, 16, length, 0),
        LINUX_SLL2 => return by_ethertype(data, 0, 20, length, 0),
        _ => return Frame::Other,
    };
    ip(data, at, length, 0)
}

fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*data.get(at..)?.first_chunk()?))
}

/// `at` is where the protocol number stands and `payload` where what it names begins.
fn by_ethertype(
    data: &[u8],
    mut at: usize,
    mut payload: usize,
    length: u32,
    depth: u32,
) -> Frame<'_> {
    loop {
        match u16_at(data, at) {
            Some(0x0800 | 0x86dd) => return ip(data, payload, length, depth),
            // VLAN tags, one or several.
            Some(0x8100 | 0x88a8 | 0x9100) => {
                at = payload + 2;
                payload += 4;
            }
            // MPLS (RFC 3032): labels of 4 bytes, the last one marked.
            Some(0x8847 | 0x8848) => loop {
                let Some(label) = u32_at(data, payload) else {
                    return Frame::Cut;
                };
                payload += 4;
                if label & 0x100 != 0 {
                    return ip(data, payload, length, depth);
                }
            },
            // PPPoE (RFC 2516): its header, and PPP's number of IPv4 or IPv6.
            Some(0x8864) => match u16_at(data, payload + 6) {
                Some(0x0021 | 0x0057) => return ip(data, payload + 8, length, depth),
                Some(_) => return Frame::Other,
                None => return Frame::Cut,
            },
            Some(_) => return Frame::Other,
            None => return Frame::Cut,
        }
    }
}

fn ip(data: &[u8], at: usize, length: u32, depth: u32) -> Frame<'_> {
    match data.get(at).map(|first| first >> 4) {
        Some(4) => ipv4(data, at, length, depth),
        Some(6) => ipv6(data, at, length, depth),
        Some(_) => Frame::Other,
        None => Frame::Cut,
    }
}

fn ipv4(data: &[u8], at: usize, length: u32, depth: u32) -> Frame<'_> {
    let Some(header) = data.get(at..at + 20) else {
        return Frame::Cut;
    };
    let header_len = usize::from(header[0] & 15) * 4;
    if header_len < 20 {
        return Frame::Other;
    }
    let protocol = header[9];
    if protocol != TCP && !TUNNELS.contains(&protocol) {
        return Frame::Other;
    }
    let place = u16::from_be_bytes([header[6], header[7]]);
    if place & 0x3fff == 0 && protocol != TCP {
        return tunnel(protocol, data, at + header_len, length, depth);
    }
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    // Segmentation offload leaves the length 0.
    let end = if total == 0 {
        length as usize
    } else {
        at + total
    };
    let addr = |i: usize| {
        IpAddr::V4(Ipv4Addr::new(
            header[i],
            header[i + 1],
            header[i + 2],
            header[i + 3],
        ))
    };
    if place & 0x3fff != 0 {
        let Some(len) = end.checked_sub(at + header_len) else {
            return Frame::Other;
        };
        return Frame::Fragment(Fragment {
            src: addr(12),
            dst: addr(16),
            id: u32::from(u16::from_be_bytes([header[4], header[5]])),
            protocol,
            offset: usize::from(place & 0x1fff) * 8,
            more: place & 0x2000 != 0,
            bytes: data
                .get(at + header_len..end.min(data.len()))
                .unwrap_or_default(),
            len,
        });
    }
    tcp(data, at + header_len, end, addr(12), addr(16))
}

/// What the payload of an IP packet holds that came in parts.
pub(crate) fn joined(payload: &[u8], protocol: u8, src: IpAddr, dst: IpAddr) -> Frame<'_> {
    match protocol {
        TCP => tcp(payload, 0, payload.len(), src, dst),
        protocol if TUNNELS.contains(&protocol) => {
            tunnel(protocol, payload, 0, payload.len() as u32, 0)
        }
        _ => Frame::Other,
    }
}

fn ipv6(data: &[u8], at: usize, length: u32, depth: u32) -> Frame<'_> {
    let Some(header) = data.get(at..).and_then(|d| d.first_chunk::<40>()) else {
        return Frame::Cut;
    };
    let payload = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let end = if payload == 0 {
        length as usize
    } else {
        at + 40 + payload
    };
    let addr = |from: usize| {
        let octets: [u8; 16] = std::array::from_fn(|i| header[from + i]);
        IpAddr::V6(Ipv6Addr::from(octets)).to_canonical()
    };
    let (mut next, mut place) = (header[6], at + 40);
    loop {
        match next {
            TCP => return tcp(data, place, end, addr(8), addr(24)),
            // Hop-by-hop, routing, destination options, fragment, authentication.
            0 | 43 | 60 | 44 | 51 => {
                let Some(extension) = data.get(place..place + 8) else {
                    return Frame::Cut;
                };
                let cut = u16::from_be_bytes([extension[2], extension[3]]);
                if next == 44 && cut & 0xfff9 != 0 {
                    let Some(len) = end.checked_sub(place + 8) else {
                        return Frame::Other;
                    };
                    return Frame::Fragment(Fragment {
                        src: addr(8),
                        dst: addr(24),
                        id: u32_at(extension, 4).unwrap_or_default(),
                        protocol: extension[0],
                        offset: usize::from(cut & 0xfff8),
                        more: cut & 1 != 0,
                        bytes: data.get(place + 8..end.min(data.len())).unwrap_or_default(),
                        len,
                    });
                }
                place += match next {
                    44 => 8,
                    51 => (usize::from(extension[1]) + 2) * 4,
                    _ => (usize::from(extension[1]) + 1) * 8,
                };
                next = extension[0];
            }
            protocol if TUNNELS.contains(&protocol) => {
                return tunnel(protocol, data, place, length, depth);
            }
            _ => return Frame::Other,
        }
    }
}

/// What a packet network between hosts carries inside its own packets: IP in IP, GRE, ERSPAN, VXLAN, Geneve.
fn tunnel(protocol: u8, data: &[u8], at: usize, length: u32, depth: u32) -> Frame<'_> {
    if depth >= MAX_DEPTH {
        return Frame::Other;
    }
    let depth = depth + 1;
    match protocol {
        IP_IN_IP | IPV6_IN_IP => return ip(data, at, length, depth),
        GRE => {
            let Some(flags) = u16_at(data, at) else {
                return Frame::Cut;
            };
            if flags & 7 != 0 {
                return Frame::Other;
            }
            // Checksum, key and sequence number take 4 bytes each.
            let payload = at + 4 + 4 * (flags & 0xb000).count_ones() as usize;
            let mirrored = |header: usize| {
                let frame = payload + header;
                by_ethertype(data, frame + 12, frame + 14, length, depth)
            };
            // A switch's mirror port, sent on: types I, II and III of ERSPAN (draft-foschiano-erspan-03).
            return match u16_at(data, at + 2) {
                Some(0x88be) if flags & 0x1000 == 0 => mirrored(0),
                Some(0x88be) => mirrored(8),
                Some(0x22eb) => match data.get(payload + 11) {
                    Some(last) => mirrored(12 + 8 * usize::from(last & 1)),
                    None => Frame::Cut,
                },
                _ => by_network(data, at + 2, payload, length, depth),
            };
        }
        _ => {}
    }
    let (Some(port), Some(flags)) = (u16_at(data, at + 2), u16_at(data, at + 8)) else {
        return Frame::Other;
    };
    match port {
        VXLAN_PORT | VXLAN_OLD_PORT if flags == 0x0800 => {
            by_ethertype(data, at + 28, at + 30, length, depth)
        }
        GENEVE_PORT if flags >> 14 == 0 => {
            let options = usize::from(flags >> 8 & 0x3f) * 4;
            by_network(data, at + 10, at + 16 + options, length, depth)
        }
        _ => Frame::Other,
    }
}

/// As `by_ethertype`, where a whole Ethernet frame may follow.
fn by_network(data: &[u8], at: usize, payload: usize, length: u32, depth: u32) -> Frame<'_> {
    match u16_at(data, at) {
        Some(0x6558) => by_ethertype(data, payload + 12, payload + 14, length, depth),
        Some(_) => by_ethertype(data, at, payload, length, depth),
        None => Frame::Cut,
    }
}

/// `end` is where the IP packet ends in the whole frame.
fn tcp(data: &[u8], at: usize, end: usize, src: IpAddr, dst: IpAddr) -> Frame<'_> {
    let Some(header) = data.get(at..at + 20) else {
        return Frame::Cut;
    };
    let payload = at + usize::from(header[12] >> 4) * 4;
    if payload < at + 20 || payload > end {
        return Frame::Other;
    }
    let (Some(src_port), Some(dst_port)) = (u16_at(header, 0), u16_at(header, 2)) else {
        return Frame::Cut;
    };
    let (Some(seq), Some(ack)) = (u32_at(header, 4), u32_at(header, 8)) else {
        return Frame::Cut;
    };
    Frame::Tcp(Tcp {
        src: Endpoint {
            addr: src,
            port: src_port,
        },
        dst: Endpoint {
            addr: dst,
            port: dst_port,
        },
        seq,
        ack,
        flags: header[13],
        len: (end - payload) as u32,
        bytes: data.get(payload..end.min(data.len())).unwrap_or(&[]),
        whole: data.get(at..end),
    })
}
