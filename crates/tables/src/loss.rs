//! `kafka_loss`: what was not seen or not read, added up by connection and reason.

use std::collections::HashMap;

use kafkascope_stream::ConnId;

use crate::{columns::Batches, rows::KafkaLoss, seen::EndsText};

/// Connections and reasons that are added up between two reports.
const ENTRIES: usize = 20_000;

/// Why something is missing; the catalogue's `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    EventsLost,
    BytesMissing,
    NotCaptured,
    Malformed,
    UnknownVersion,
    Unreadable,
    Tls,
    Limit,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Reason::EventsLost => "events_lost",
            Reason::BytesMissing => "bytes_missing",
            Reason::NotCaptured => "not_captured",
            Reason::Malformed => "malformed",
            Reason::UnknownVersion => "unknown_version",
            Reason::Unreadable => "unreadable",
            Reason::Tls => "tls",
            Reason::Limit => "limit",
        }
    }
}

struct Entry {
    time_ns: i64,
    ends: EndsText,
    events: i64,
    bytes: i64,
}

/// Losses since the last report.
#[derive(Default)]
pub(crate) struct LossBook {
    entries: HashMap<(Option<ConnId>, Reason, String), Entry>,
    /// Losses whose own row did not fit.
    other: (i64, i64),
}

impl LossBook {
    /// Notes a loss, with the connection where there is one.
    pub fn note(
        &mut self,
        at: Option<(ConnId, &EndsText)>,
        reason: Reason,
        detail: &str,
        time_ns: i64,
        events: i64,
        bytes: i64,
    ) {
        let key = (at.map(|a| a.0), reason, detail.to_owned());
        if self.entries.len() >= ENTRIES && !self.entries.contains_key(&key) {
            self.other = (self.other.0 + events, self.other.1 + bytes);
            return;
        }
        let entry = self.entries.entry(key).or_insert_with(|| Entry {
            time_ns,
            ends: at.map(|a| a.1.clone()).unwrap_or_default(),
            events: 0,
            bytes: 0,
        });
        entry.events += events;
        entry.bytes += bytes;
    }

    pub fn report(&mut self, now_ns: i64, out: &mut Batches) {
        let (events, bytes) = std::mem::take(&mut self.other);
        if events > 0 {
            self.entries.insert(
                (
                    None,
                    Reason::Limit,
                    "losses of more connections than are listed".into(),
                ),
                Entry {
                    time_ns: now_ns,
                    ends: EndsText::default(),
                    events,
                    bytes,
                },
            );
        }
        let mut entries: Vec<_> = self.entries.drain().collect();
        entries.sort_by_key(|(key, entry)| (entry.time_ns, key.0));
        for ((_, reason, detail), entry) in entries {
            // a broker's view unless only the client was observed
            let ends = &entry.ends;
            let broker = (&ends.broker_upid, &ends.broker_addr, ends.broker_port);
            let client = (&ends.client_upid, &ends.client_addr, ends.client_port);
            let (local, remote) = if ends.observed_by == "client" {
                (client, broker)
            } else {
                (broker, client)
            };
            out.push_always(&KafkaLoss {
                time_: entry.time_ns,
                upid: local.0,
                local_addr: local.1,
                local_port: local.2,
                remote_addr: remote.1,
                remote_port: remote.2,
                reason: reason.name(),
                events: entry.events,
                bytes: entry.bytes,
                detail: &detail,
                ..Default::default()
            });
        }
    }
}
