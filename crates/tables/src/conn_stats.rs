//! `conn_stats`: bytes and connections by process and peer, counted from the start of the capture.

use std::{collections::HashMap, net::IpAddr};

use kafkascope_stream::{ConnInfo, Dir, Process};
use kafkascope_wire::Protocol;

use crate::{columns::Batches, rows::ConnStats, upid::upid};

/// Pairs of process and peer that are counted.
const PAIRS: usize = 50_000;
const AF_INET: i64 = 2;
const AF_INET6: i64 = 10;
/// PxL's numbers.
const PROTOCOL_KAFKA: i64 = 10;

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Pair {
    process: Option<(u32, u64)>,
    remote: IpAddr,
    /// 0 when the process is the server: its clients' ports say nothing.
    remote_port: u16,
    server: bool,
}

#[derive(Default)]
struct Counts {
    open: i64,
    close: i64,
    sent: i64,
    received: i64,
    kafka: bool,
    tls: bool,
    /// One of the connections was live since the last report.
    live: bool,
}

/// Counters by process and peer.
pub(crate) struct StatsBook {
    asid: u32,
    pairs: HashMap<Pair, Counts>,
    /// Pairs forgotten for others.
    pub forgotten: u64,
}

/// What of a connection is in the counters already.
#[derive(Default)]
pub(crate) struct Counted {
    pairs: Vec<Pair>,
    bytes: [u64; 2],
}

impl StatsBook {
    pub fn new(asid: u32) -> Self {
        StatsBook {
            asid,
            pairs: HashMap::new(),
            forgotten: 0,
        }
    }

    /// Brings the counters up to what a connection is now.
    pub fn update(
        &mut self,
        counted: &mut Counted,
        info: &ConnInfo,
        client_dir: Dir,
        protocol: Protocol,
    ) {
        let pairs = pairs(info, client_dir);
        if pairs != counted.pairs {
            // a process or the roles became known: the connection moves to another line
            for pair in counted.pairs.drain(..) {
                if let Some(counts) = self.pairs.get_mut(&pair) {
                    counts.open -= 1;
                    let (sent, received) = sides(pair.server, client_dir, counted.bytes);
                    counts.sent -= sent;
                    counts.received -= received;
                }
            }
            for pair in &pairs {
                self.pair(*pair).open += 1;
            }
            (counted.pairs, counted.bytes) = (pairs, [0; 2]);
        }
        let new = [
            info.bytes[0] - counted.bytes[0].min(info.bytes[0]),
            info.bytes[1] - counted.bytes[1].min(info.bytes[1]),
        ];
        counted.bytes = info.bytes;
        for pair in counted.pairs.clone() {
            let (sent, received) = sides(pair.server, client_dir, new);
            let counts = self.pair(pair);
            counts.sent += sent;
            counts.received += received;
            counts.live = true;
            counts.kafka |= protocol == Protocol::Kafka;
            counts.tls |= protocol == Protocol::Tls;
        }
    }

    pub fn close(&mut self, counted: &Counted) {
        for pair in &counted.pairs {
            self.pair(*pair).close += 1;
        }
    }

    pub fn report(&mut self, now_ns: i64, out: &mut Batches) {
        let mut live: Vec<_> = self
            .pairs
            .iter_mut()
            .filter(|(_, counts)| counts.live)
            .collect();
        live.sort_by_key(|(pair, _)| **pair);
        for (pair, counts) in live {
            counts.live = false;
            let process = pair
                .process
                .map(|(pid, start_boot_ns)| Process { pid, start_boot_ns });
            out.push(&ConnStats {
                time_: now_ns,
                upid: &upid(self.asid, process),
                remote_addr: &pair.remote.to_string(),
                remote_port: pair.remote_port.into(),
                trace_role: if pair.server { 2 } else { 1 },
                addr_family: if pair.remote.is_ipv4() {
                    AF_INET
                } else {
                    AF_INET6
                },
                protocol: if counts.kafka { PROTOCOL_KAFKA } else { 0 },
                ssl: counts.tls,
                conn_open: counts.open,
                conn_close: counts.close,
                conn_active: (counts.open - counts.close).max(0),
                bytes_sent: counts.sent,
                bytes_recv: counts.received,
                ..Default::default()
            });
        }
    }

    fn pair(&mut self, pair: Pair) -> &mut Counts {
        if self.pairs.len() >= PAIRS && !self.pairs.contains_key(&pair) {
            let before = self.pairs.len();
            self.pairs.retain(|_, c| c.live || c.open > c.close);
            if self.pairs.len() >= PAIRS {
                self.pairs.clear();
            }
            self.forgotten += (before - self.pairs.len()) as u64;
        }
        self.pairs.entry(pair).or_default()
    }
}

/// One pair for each end that was observed; for packets the server's.
fn pairs(info: &ConnInfo, client_dir: Dir) -> Vec<Pair> {
    let (client, server) = if client_dir == Dir::AToB {
        (
            (info.a, info.a_process, info.seen_a),
            (info.b, info.b_process, info.seen_b),
        )
    } else {
        (
            (info.b, info.b_process, info.seen_b),
            (info.a, info.a_process, info.seen_a),
        )
    };
    let key = |p: Option<Process>| p.map(|p| (p.pid, p.start_boot_ns));
    let mut pairs = Vec::new();
    if server.2 || !client.2 {
        pairs.push(Pair {
            process: key(server.1),
            remote: client.0.addr,
            remote_port: 0,
            server: true,
        });
    }
    if client.2 {
        pairs.push(Pair {
            process: key(client.1),
            remote: server.0.addr,
            remote_port: server.0.port,
            server: false,
        });
    }
    pairs
}

/// Sent and received bytes at one end.
fn sides(server: bool, client_dir: Dir, bytes: [u64; 2]) -> (i64, i64) {
    let requests = bytes[client_dir.index()] as i64;
    let responses = bytes[client_dir.other().index()] as i64;
    if server {
        (responses, requests)
    } else {
        (requests, responses)
    }
}
