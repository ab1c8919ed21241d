//! Who speaks Kafka on this host, and whose connections are encrypted: a short look with the capture itself.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use kafkascope_stream::{Endpoint, Event, Tap};

use super::{Check, Status};
use crate::ebpf::{EbpfSource, Settings};
use crate::tls;

/// Brokers of a cluster speak to each other, and consumers to brokers, at least this often.
const LOOK: Duration = Duration::from_millis(2200);
const RING: u32 = 4 << 20;
/// Connections looked at, and of each kind shown.
const CONNECTIONS: usize = 10_000;
const SHOWN: usize = 5;

/// One end of a connection that was seen at work on this host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct End {
    pid: u32,
    listens: bool,
    tls: bool,
}

type Ends = BTreeMap<(Endpoint, Endpoint), End>;

/// Captures for a moment and says what was found.
pub(super) fn checks() -> Vec<Check> {
    let settings = Settings {
        ring_bytes: RING,
        ..Settings::default()
    };
    // Why it cannot be opened is what the checks of the hooks say.
    let Ok(mut source) = EbpfSource::open(&settings) else {
        return Vec::new();
    };
    let older = match source.older_refusal() {
        None => Check::new(
            "older connections",
            Status::Ok,
            format!("{} whose server end is known", source.stats().older),
            "",
        ),
        Some(why) => Check::new(
            "older connections",
            Status::Warn,
            why,
            "connections older than the capture are judged by their bytes alone: some show after their next message",
        ),
    };
    let mut ends = Ends::new();
    let until = Instant::now() + LOOK;
    while Instant::now() < until {
        let ports = source.listeners().clone();
        let polled = source.poll(Duration::from_millis(50), &mut |event| {
            note(&event, &mut ends, |port| ports.contains(&port));
        });
        if polled.is_err() {
            break;
        }
    }
    let name = |pid| format!("{} ({pid})", comm(pid));
    let mut all = vec![older];
    all.extend(kafka(&ends, &name));
    all.push(encrypted(&ends, &|pid| {
        let library = tls::library(pid).unwrap_or_else(|| "library not known".into());
        format!("{}, {library}", name(pid))
    }));
    all
}

fn note(event: &Event, ends: &mut Ends, listens: impl Fn(u16) -> bool) {
    let Event::Segment(s) = event else { return };
    let (local, remote) = match s.tap {
        Tap::Send => (s.src, s.dst),
        _ => (s.dst, s.src),
    };
    if ends.len() >= CONNECTIONS && !ends.contains_key(&(local, remote)) {
        return;
    }
    let end = ends.entry((local, remote)).or_default();
    end.pid = s.process.map_or(end.pid, |p| p.pid);
    end.listens = listens(local.port);
    end.tls |= matches!(s.bytes, [0x14..=0x17, 3, 0..=4, ..]);
}

fn kafka(ends: &Ends, name: &dyn Fn(u32) -> String) -> Vec<Check> {
    let plain = || ends.iter().filter(|(_, end)| !end.tls && end.pid != 0);
    let brokers = distinct(
        plain()
            .filter(|(_, end)| end.listens)
            .map(|((local, _), end)| format!("{} at {}", name(end.pid), text(*local))),
    );
    let clients = distinct(
        plain()
            .filter(|(_, end)| !end.listens)
            .map(|((_, remote), end)| format!("{} to {}", name(end.pid), text(*remote))),
    );
    if brokers.is_empty() && clients.is_empty() {
        return vec![Check::new(
            "Kafka",
            Status::Warn,
            format!("nothing spoke it within {} s", LOOK.as_secs()),
            "start a client or a broker on this host; encrypted connections are listed below",
        )];
    }
    let of = |what, found: &[String]| Check::new(what, Status::Ok, list(found), "");
    vec![of("brokers", &brokers), of("clients", &clients)]
}

fn encrypted(ends: &Ends, name: &dyn Fn(u32) -> String) -> Check {
    let found = distinct(ends.iter().filter(|(_, end)| end.tls && end.pid != 0).map(
        |((local, remote), end)| {
            let (place, of) = if end.listens {
                ("at", *local)
            } else {
                ("to", *remote)
            };
            format!("{} {place} {}", name(end.pid), text(of))
        },
    ));
    if found.is_empty() {
        return Check::new("TLS connections", Status::Ok, "none seen", "");
    }
    Check::new(
        "TLS connections",
        Status::Warn,
        list(&found),
        "their bytes are counted, their content is not read: where one of them is Kafka, capture a plain-text listener",
    )
}

fn distinct(found: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = found.collect();
    all.sort();
    all.dedup();
    all
}

fn list(found: &[String]) -> String {
    let shown = found[..found.len().min(SHOWN)].join("; ");
    match found.len() {
        0 => "none on this host".into(),
        n if n > SHOWN => format!("{shown}; and {} more", n - SHOWN),
        _ => shown,
    }
}

fn text(end: Endpoint) -> SocketAddr {
    SocketAddr::new(end.addr, end.port)
}

fn comm(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .map(|name| name.trim().to_owned())
        .unwrap_or_else(|_| "a process that has ended".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> Endpoint {
        Endpoint {
            addr: [10, 0, 0, 1].into(),
            port,
        }
    }

    fn ends(of: &[(u16, u16, u32, bool, bool)]) -> Ends {
        of.iter()
            .map(|&(local, remote, pid, listens, tls)| {
                ((at(local), at(remote)), End { pid, listens, tls })
            })
            .collect()
    }

    fn name(pid: u32) -> String {
        format!("p{pid}")
    }

    #[test]
    fn brokers_and_clients_by_who_listens() {
        let found = kafka(
            &ends(&[
                (9092, 4001, 1, true, false),
                (9092, 4002, 1, true, false),
                (4001, 9092, 2, false, false),
                (4003, 9093, 3, false, true),
            ]),
            &name,
        );
        let found: Vec<_> = found.iter().map(|c| (c.name, c.found.as_str())).collect();
        assert_eq!(
            found,
            [
                ("brokers", "p1 at 10.0.0.1:9092"),
                ("clients", "p2 to 10.0.0.1:9092")
            ]
        );
        let nothing = kafka(&ends(&[(4003, 9093, 3, false, true)]), &name);
        assert_eq!((nothing.len(), nothing[0].status), (1, Status::Warn));
    }

    #[test]
    fn what_is_encrypted_is_named() {
        let check = encrypted(
            &ends(&[
                (9093, 4003, 7, true, true),
                (4003, 9093, 3, false, true),
                (9092, 4001, 1, true, false),
            ]),
            &name,
        );
        assert_eq!(check.found, "p3 to 10.0.0.1:9093; p7 at 10.0.0.1:9093");
        assert_eq!(encrypted(&Ends::new(), &name).status, Status::Ok);
    }

    #[test]
    fn long_lists_are_cut_and_say_so() {
        let many: Vec<String> = (0..9).map(|i| i.to_string()).collect();
        assert_eq!(list(&many), "0; 1; 2; 3; 4; and 4 more");
        assert_eq!(list(&[]), "none on this host");
    }
}
