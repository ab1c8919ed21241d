//! The end of the pipeline behind the streams: sessions, and what is added up over connections.

use std::collections::HashMap;

use kafkascope_state::{Broker, LearnedName, State};
use kafkascope_stream::{ConnId, ConnInfo, Dir, Endpoint, HoleReason, StreamSink};
use kafkascope_wire::{Item, Protocol, Session, Tape, session::Missing};

use crate::{
    columns::Batches,
    conn::{Conn, begin, missing},
    conn_stats::StatsBook,
    loss::{LossBook, Reason},
    tls::Libraries,
    topics,
};

/// Verdicts that wait; one that does not fit costs the capture some bytes more.
const REJECTED: usize = 10_000;

/// The end of the pipeline behind the streams.
pub(crate) struct Connections {
    asid: u32,
    conns: HashMap<ConnId, Box<Conn>, foldhash::fast::RandomState>,
    pub out: Batches,
    pub state: State,
    pub losses: LossBook,
    conn_stats: StatsBook,
    libraries: Libraries,
    /// Verdicts that the capture may act on.
    pub rejected: Vec<(Endpoint, Endpoint, u32)>,
    items: Vec<Item>,
    pub tapes: [Tape; 2],
    pub bodies: [String; 2],
    pub counts: Counts,
}

/// Counters since the start.
#[derive(Default)]
pub(crate) struct Counts {
    pub exchanges: u64,
    pub incomplete: u64,
    unreadable_bytes: u64,
    tls_connections: u64,
    kafka_connections: u64,
    events_lost: u64,
    forgotten_reported: u64,
}

impl Connections {
    pub fn new(asid: u32, pending_bytes: usize, state: State, libraries: Libraries) -> Self {
        Connections {
            asid,
            conns: HashMap::default(),
            out: Batches::new(pending_bytes),
            state,
            losses: LossBook::default(),
            libraries,
            conn_stats: StatsBook::new(asid),
            rejected: Vec::new(),
            items: Vec::new(),
            tapes: Default::default(),
            bodies: Default::default(),
            counts: Counts::default(),
        }
    }

    pub fn lost(&mut self, time_ns: i64, count: u64) {
        self.counts.events_lost += count;
        self.losses.note(
            None,
            Reason::EventsLost,
            "events that did not fit the capture's buffer",
            time_ns,
            count as i64,
            0,
        );
    }

    pub fn learn_topics(
        &mut self,
        names: impl IntoIterator<Item = ([u8; 16], String)>,
        now_ns: i64,
    ) -> Vec<LearnedName> {
        let new = self.state.learn_topics(names);
        topics::write(&new, now_ns, &mut self.out);
        new
    }

    pub fn learn_process(&mut self, process: (u32, u64), is: Broker) {
        self.state.learn_process(process, is);
    }

    /// Lets sessions give up on what does not come.
    fn tick(&mut self, now_ns: i64) {
        let mut items = Vec::new();
        for (id, conn) in &mut self.conns {
            conn.session
                .tick(now_ns, &mut |item| items.push((*id, item)));
        }
        for (id, item) in items {
            if let Some(mut conn) = self.conns.remove(&id) {
                self.item(id, &mut conn, item);
                self.conns.insert(id, conn);
            }
        }
    }

    pub fn finish(&mut self, now_ns: i64) {
        let ids: Vec<ConnId> = self.conns.keys().copied().collect();
        for id in ids {
            self.end(id, now_ns);
        }
    }

    /// Rows about what was added up: losses, clients.
    pub fn report(&mut self, now_ns: i64) {
        self.tick(now_ns);
        for (id, conn) in &mut self.conns {
            conn.note_tls(*id, now_ns, &mut self.libraries, &mut self.losses);
            conn.card.report(&conn.text, &mut self.out);
        }
        let refused = self.out.take_refused();
        if refused > 0 {
            self.losses.note(
                None,
                Reason::Limit,
                "rows refused: nobody took them in time",
                now_ns,
                refused as i64,
                0,
            );
        }
        let forgotten = self.state.stats().forgotten() + self.conn_stats.forgotten;
        if forgotten > self.counts.forgotten_reported {
            let more = forgotten - self.counts.forgotten_reported;
            self.losses.note(
                None,
                Reason::Limit,
                "topics, sessions, members or clients forgotten",
                now_ns,
                more as i64,
                0,
            );
            self.counts.forgotten_reported = forgotten;
        }
        self.losses.report(now_ns, &mut self.out);
    }

    pub fn report_conn_stats(&mut self, now_ns: i64) {
        for conn in self.conns.values_mut() {
            if std::mem::take(&mut conn.active) {
                self.conn_stats.update(
                    &mut conn.counted,
                    &conn.info,
                    conn.client_dir,
                    conn.protocol,
                );
            }
        }
        self.conn_stats.report(now_ns, &mut self.out);
    }

    pub fn stats(&self) -> Vec<(&'static str, u64)> {
        let counts = &self.counts;
        vec![
            ("requests", counts.exchanges),
            ("incomplete", counts.incomplete),
            ("unreadable_bytes", counts.unreadable_bytes),
            ("kafka_connections", counts.kafka_connections),
            ("tls_connections", counts.tls_connections),
            ("events_lost", counts.events_lost),
            ("rows_refused", self.out.refused_ever()),
            (
                "forgotten",
                self.state.stats().forgotten() + self.conn_stats.forgotten,
            ),
        ]
    }

    /// Takes over what is newly known of a connection.
    fn refresh(&mut self, id: ConnId, info: &ConnInfo) {
        let asid = self.asid;
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        if begin(&mut conn.session, &mut conn.begun, info) {
            conn.card.set_opened_seen(info.opened_seen);
        }
        let client_dir = info.client_dir.unwrap_or(conn.client_dir);
        let known = |i: &ConnInfo| (i.a_process, i.b_process, i.seen_packet, i.seen_a, i.seen_b);
        let changed = known(info) != known(&conn.info) || client_dir != conn.client_dir;
        conn.info = info.clone();
        conn.active = true;
        if changed {
            conn.set_ends(asid, client_dir);
            if conn.tls_listed {
                self.libraries.learn(&conn.ends);
            }
        }
    }

    /// Lets a connection's session do something, then turns what it yields into rows.
    fn session(&mut self, id: ConnId, act: impl FnOnce(&mut Session, &mut dyn FnMut(Item))) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        act(&mut conn.session, &mut |item| self.items.push(item));
        // half of all pieces are requests, which yield nothing yet
        if self.items.is_empty() {
            return;
        }
        let Some(mut conn) = self.conns.remove(&id) else {
            return;
        };
        let mut items = std::mem::take(&mut self.items);
        for item in items.drain(..) {
            self.item(id, &mut conn, item);
        }
        self.items = items;
        self.conns.insert(id, conn);
    }

    fn item(&mut self, id: ConnId, conn: &mut Conn, item: Item) {
        match item {
            Item::Exchange(exchange) => self.exchange(id, conn, &exchange),
            Item::Unreadable {
                last_ns,
                bytes,
                why,
                ..
            } => {
                self.counts.unreadable_bytes += bytes;
                self.losses.note(
                    Some((id, &conn.text)),
                    Reason::Unreadable,
                    why,
                    last_ns,
                    1,
                    bytes as i64,
                );
            }
            Item::Answers {
                from_a,
                last_ns,
                messages,
                bytes,
                ..
            } => {
                // the broker is whoever sends them
                let client_dir = if from_a { Dir::BToA } else { Dir::AToB };
                if client_dir != conn.client_dir {
                    conn.set_ends(self.asid, client_dir);
                }
                self.losses.note(
                    Some((id, &conn.text)),
                    Reason::NotCaptured,
                    "one direction only: framed and numbered as a broker's answers, without requests",
                    last_ns,
                    messages as i64,
                    bytes as i64,
                );
            }
            Item::Protocol {
                protocol,
                client_is_first,
            } => {
                if protocol != conn.protocol {
                    match protocol {
                        Protocol::Kafka => self.counts.kafka_connections += 1,
                        Protocol::Tls => {
                            self.counts.tls_connections += 1;
                            conn.tls_listed = conn.may_be_kafka();
                            if conn.tls_listed {
                                conn.card.set_tls(conn.info.first_ns);
                                self.libraries.learn(&conn.ends);
                            }
                        }
                        Protocol::Other if self.rejected.len() < REJECTED => {
                            self.rejected
                                .push((conn.info.a, conn.info.b, conn.info.netns));
                        }
                        _ => {}
                    }
                    conn.protocol = protocol;
                }
                let client_dir = if client_is_first {
                    Dir::AToB
                } else {
                    Dir::BToA
                };
                if protocol == Protocol::Kafka && client_dir != conn.client_dir {
                    conn.set_ends(self.asid, client_dir);
                }
            }
        }
    }

    fn end(&mut self, id: ConnId, time_ns: i64) {
        self.session(id, |session, sink| session.close(time_ns, sink));
        if let Some(mut conn) = self.conns.remove(&id) {
            conn.note_tls(id, time_ns, &mut self.libraries, &mut self.losses);
            self.conn_stats.update(
                &mut conn.counted,
                &conn.info,
                conn.client_dir,
                conn.protocol,
            );
            self.conn_stats.close(&conn.counted);
            conn.card.report(&conn.text, &mut self.out);
            self.state.closed(id);
        }
    }
}

impl StreamSink for Connections {
    fn open(&mut self, id: ConnId, info: &ConnInfo) {
        let conn = Box::new(Conn::new(self.asid, info));
        self.conns.insert(id, conn);
    }

    fn data(&mut self, id: ConnId, info: &ConnInfo, dir: Dir, time_ns: i64, bytes: &[u8]) {
        self.refresh(id, info);
        self.session(id, |session, sink| {
            session.data(dir == Dir::AToB, time_ns, bytes, sink)
        });
    }

    fn hole(
        &mut self,
        id: ConnId,
        info: &ConnInfo,
        dir: Dir,
        time_ns: i64,
        len: u64,
        reason: HoleReason,
    ) {
        self.refresh(id, info);
        if missing(reason) == Missing::Lost
            && let Some(conn) = self.conns.get(&id)
        {
            let detail = if reason == HoleReason::Lost {
                "lost between kernel and agent"
            } else {
                "segments that never came"
            };
            self.losses.note(
                Some((id, &conn.text)),
                Reason::BytesMissing,
                detail,
                time_ns,
                1,
                len as i64,
            );
        }
        self.session(id, |session, sink| {
            session.hole(dir == Dir::AToB, time_ns, len, missing(reason), sink)
        });
    }

    fn desync(&mut self, id: ConnId, info: &ConnInfo, dir: Dir, time_ns: i64, _reason: HoleReason) {
        self.refresh(id, info);
        if let Some(conn) = self.conns.get(&id) {
            let detail = "a stretch of unknown length";
            self.losses.note(
                Some((id, &conn.text)),
                Reason::BytesMissing,
                detail,
                time_ns,
                1,
                0,
            );
        }
        self.session(id, |session, sink| {
            session.desync(dir == Dir::AToB, time_ns, sink)
        });
    }

    fn close(&mut self, id: ConnId, info: &ConnInfo, time_ns: i64) {
        self.refresh(id, info);
        self.end(id, time_ns);
    }
}
