//! What the pipeline keeps of every connection, and how its messages become rows.

use std::collections::HashMap;

use kafkascope_state::{Body, Call, Ends, Host, LearnedName, State};
use kafkascope_stream::{ConnId, ConnInfo, Dir, Endpoint, HoleReason, Process, StreamSink};
use kafkascope_wire::{
    Direction, Exchange, Item, Outcome, Protocol, Session, Tape, decode, session::Missing,
};

use crate::{
    body::{Style, write_body},
    clients::Card,
    columns::Batches,
    commits,
    conn_stats::{Counted, StatsBook},
    events, fetch, group_events,
    loss::{LossBook, Reason},
    produce,
    seen::{EndsText, Seen},
    topics,
};

/// Verdicts that wait; one that does not fit costs the capture some bytes more.
const REJECTED: usize = 10_000;

struct Conn {
    session: Session,
    /// Bytes have come, so the handshake is known as far as it will be.
    begun: bool,
    info: ConnInfo,
    client_dir: Dir,
    protocol: Protocol,
    ends: Ends,
    text: EndsText,
    card: Card,
    counted: Counted,
    /// Bytes of a TLS connection that are in a row of `kafka_loss`.
    tls_bytes: u64,
    /// Something happened since the last `conn_stats`.
    active: bool,
}

/// The end of the pipeline behind the streams.
pub(crate) struct Connections {
    asid: u32,
    conns: HashMap<ConnId, Box<Conn>, foldhash::fast::RandomState>,
    pub out: Batches,
    state: State,
    losses: LossBook,
    conn_stats: StatsBook,
    /// Verdicts that the capture may act on.
    pub rejected: Vec<(Endpoint, Endpoint, u32)>,
    items: Vec<Item>,
    tapes: [Tape; 2],
    bodies: [String; 2],
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    exchanges: u64,
    incomplete: u64,
    unreadable_bytes: u64,
    tls_connections: u64,
    kafka_connections: u64,
    events_lost: u64,
    forgotten_reported: u64,
}

impl Connections {
    pub fn new(asid: u32, pending_bytes: usize, state: State) -> Self {
        Connections {
            asid,
            conns: HashMap::default(),
            out: Batches::new(pending_bytes),
            state,
            losses: LossBook::default(),
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
            conn.note_tls(*id, now_ns, &mut self.losses);
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
        if !std::mem::replace(&mut conn.begun, true) {
            conn.session = Session::new(info.client_dir.map(|d| d == Dir::AToB), info.opened_seen);
            conn.card.set_opened_seen(info.opened_seen);
        }
        let client_dir = info.client_dir.unwrap_or(conn.client_dir);
        let known = |i: &ConnInfo| (i.a_process, i.b_process, i.seen_packet, i.seen_a, i.seen_b);
        let changed = known(info) != known(&conn.info) || client_dir != conn.client_dir;
        if let (Some(dir), None) = (info.client_dir, conn.info.client_dir) {
            conn.session.learn_client(dir == Dir::AToB);
        }
        conn.info = info.clone();
        conn.active = true;
        if changed {
            conn.set_ends(asid, client_dir);
        }
    }

    /// Lets a connection's session do something, then turns what it yields into rows.
    fn session(&mut self, id: ConnId, act: impl FnOnce(&mut Session, &mut dyn FnMut(Item))) {
        let Some(mut conn) = self.conns.remove(&id) else {
            return;
        };
        let mut items = std::mem::take(&mut self.items);
        act(&mut conn.session, &mut |item| items.push(item));
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
            Item::Protocol {
                protocol,
                client_is_first,
            } => {
                if protocol != conn.protocol {
                    match protocol {
                        Protocol::Kafka => self.counts.kafka_connections += 1,
                        Protocol::Tls => {
                            self.counts.tls_connections += 1;
                            conn.card.set_tls(conn.info.first_ns);
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

    fn exchange(&mut self, id: ConnId, conn: &mut Conn, exchange: &Exchange) {
        self.counts.exchanges += 1;
        let [mut request_tape, mut response_tape] = std::mem::take(&mut self.tapes);
        let request_outcome = read(exchange, Direction::Request, &mut request_tape);
        let response_outcome = read(exchange, Direction::Response, &mut response_tape);
        let call = Call {
            conn: id,
            ends: conn.ends,
            api_key: exchange.api_key,
            api_version: exchange.api_version,
            client_id: exchange.client_id.as_deref(),
            time_ns: exchange
                .request
                .as_ref()
                .or(exchange.response.as_ref())
                .map_or(0, |m| m.first_ns),
            request: body(exchange.request.as_ref(), &request_tape, request_outcome),
            response: body(exchange.response.as_ref(), &response_tape, response_outcome),
        };
        let lesson = self.state.learn(&call);
        let broker = self.state.broker(&conn.ends.broker);
        let seen = Seen {
            exchange,
            call,
            ends: &conn.text,
            request_outcome,
            response_outcome,
            cluster_id: broker.cluster_id,
            node_id: broker.node_id,
            software: self
                .state
                .software(&conn.ends, id, exchange.client_id.as_deref())
                .cloned(),
        };
        conn.card.learn(&seen);
        topics::write(
            &lesson.names,
            seen.response_ns().unwrap_or(call.time_ns),
            &mut self.out,
        );
        match exchange.api_key {
            0 => produce::write(&seen, &self.state, &mut self.out),
            1 | fetch::SHARE_FETCH => {
                fetch::write(&seen, lesson.fetch.as_ref(), &mut self.state, &mut self.out)
            }
            8 | 28 => commits::write(&seen, &self.state, &mut self.out),
            _ => {}
        }
        group_events::write(&seen, &lesson.group_events, &self.state, &mut self.out);
        self.event_row(&seen);
        self.note_faults(id, conn, &seen);
        (request_tape.nodes, response_tape.nodes) =
            (cleared(request_tape.nodes), cleared(response_tape.nodes));
        self.tapes = [request_tape, response_tape];
    }

    fn event_row(&mut self, seen: &Seen) {
        let name = |id: &[u8; 16]| self.state.topic_name(id).map(|n| n.to_string());
        let (key, version) = (seen.exchange.api_key, seen.exchange.api_version);
        for (i, direction) in [Direction::Request, Direction::Response]
            .into_iter()
            .enumerate()
        {
            self.bodies[i].clear();
            let body = if i == 0 {
                seen.call.request
            } else {
                seen.call.response
            };
            if let Some(body) = body {
                write_body(
                    &mut self.bodies[i],
                    Style::Snake,
                    key,
                    version,
                    direction,
                    body.tape,
                    &body.view,
                    &name,
                );
            }
        }
        events::write(seen, &self.bodies[0], &self.bodies[1], &mut self.out);
    }

    fn note_faults(&mut self, id: ConnId, conn: &Conn, seen: &Seen) {
        let messages = [
            (&seen.exchange.request, seen.request_outcome),
            (&seen.exchange.response, seen.response_outcome),
        ];
        for (message, outcome) in messages {
            let (Some(message), Some(outcome)) = (message, outcome) else {
                continue;
            };
            let missing = i64::from(message.declared) - message.data.len() as i64;
            let (reason, bytes) = match outcome {
                Outcome::Complete => continue,
                // a response whose request was not seen: its row says so
                _ if seen.exchange.request.is_none() => continue,
                Outcome::Truncated { .. } | Outcome::Gap { .. } if message.lost > 0 => continue,
                Outcome::Truncated { .. } | Outcome::Gap { .. } => (Reason::NotCaptured, missing),
                Outcome::Malformed { .. } => (Reason::Malformed, i64::from(message.declared)),
                Outcome::UnknownVersion => (Reason::UnknownVersion, i64::from(message.declared)),
            };
            self.counts.incomplete += 1;
            let api = crate::api_name(seen.exchange.api_key);
            let detail = match outcome {
                Outcome::Malformed { field, why, .. } => {
                    format!(
                        "{api} v{}: {}: {why}",
                        seen.exchange.api_version,
                        kafkascope_wire::fields::name(field)
                    )
                }
                _ => format!("{api} v{}", seen.exchange.api_version),
            };
            self.losses.note(
                Some((id, &conn.text)),
                reason,
                &detail,
                message.last_ns,
                1,
                bytes,
            );
        }
    }

    fn end(&mut self, id: ConnId, time_ns: i64) {
        self.session(id, |session, sink| session.close(time_ns, sink));
        if let Some(mut conn) = self.conns.remove(&id) {
            conn.note_tls(id, time_ns, &mut self.losses);
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

fn cleared<T>(mut vec: Vec<T>) -> Vec<T> {
    vec.clear();
    vec
}

impl Conn {
    /// Notes the bytes of a TLS connection since the last time.
    fn note_tls(&mut self, id: ConnId, now_ns: i64, losses: &mut LossBook) {
        let bytes: u64 = self.info.bytes.iter().sum();
        if self.protocol == Protocol::Tls && bytes > self.tls_bytes {
            let (first, more) = (
                i64::from(self.tls_bytes == 0),
                (bytes - self.tls_bytes) as i64,
            );
            losses.note(
                Some((id, &self.text)),
                Reason::Tls,
                "encrypted: the content cannot be seen",
                now_ns,
                first,
                more,
            );
            self.tls_bytes = bytes;
        }
    }

    fn set_ends(&mut self, asid: u32, client_dir: Dir) {
        let process = |p: Option<Process>| p.map(|p| (p.pid, p.start_boot_ns));
        let host = |end: Endpoint, p| Host {
            addr: std::net::SocketAddr::new(end.addr, end.port),
            netns: self.info.netns,
            process: process(p),
        };
        let (a, b) = (
            host(self.info.a, self.info.a_process),
            host(self.info.b, self.info.b_process),
        );
        let (client, broker) = if client_dir == Dir::AToB {
            (a, b)
        } else {
            (b, a)
        };
        self.client_dir = client_dir;
        self.ends = Ends { client, broker };
        self.text = EndsText::new(asid, &self.info, client_dir);
        self.card.ends_changed(self.info.first_ns);
    }
}

/// Decodes one message of an exchange; `None` when it is not there.
fn read(exchange: &Exchange, direction: Direction, tape: &mut Tape) -> Option<Outcome> {
    let (message, at) = match direction {
        Direction::Request => (exchange.request.as_ref()?, exchange.request_body_at),
        Direction::Response => (exchange.response.as_ref()?, exchange.response_body_at),
    };
    if exchange.raw_sasl {
        return Some(Outcome::Complete);
    }
    let outcome = decode(
        exchange.api_key,
        exchange.api_version,
        direction,
        &message.view(),
        at,
        tape,
    );
    match outcome {
        // brokers ignore them, and librdkafka sends some: what was read is complete
        Outcome::Malformed {
            why: "bytes behind the last field",
            ..
        } => Some(Outcome::Complete),
        outcome => Some(outcome),
    }
}

fn body<'a>(
    message: Option<&'a kafkascope_wire::Message>,
    tape: &'a Tape,
    outcome: Option<Outcome>,
) -> Option<Body<'a>> {
    Some(Body {
        tape,
        view: message?.view(),
        complete: outcome == Some(Outcome::Complete),
    })
}

impl StreamSink for Connections {
    fn open(&mut self, id: ConnId, info: &ConnInfo) {
        let client_dir = info.client_dir.unwrap_or(Dir::AToB);
        let any = Host {
            addr: std::net::SocketAddr::new(info.a.addr, info.a.port),
            netns: info.netns,
            process: None,
        };
        let mut conn = Box::new(Conn {
            session: Session::new(None, false),
            begun: false,
            info: info.clone(),
            client_dir,
            protocol: Protocol::Unknown,
            ends: Ends {
                client: any,
                broker: any,
            },
            text: EndsText::default(),
            card: Card::default(),
            counted: Counted::default(),
            tls_bytes: 0,
            active: true,
        });
        conn.set_ends(self.asid, client_dir);
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
        let lost = reason != HoleReason::NotCaptured;
        if lost && let Some(conn) = self.conns.get(&id) {
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
        let kind = if lost {
            Missing::Lost
        } else {
            Missing::LeftOut
        };
        self.session(id, |session, sink| {
            session.hole(dir == Dir::AToB, time_ns, len, kind, sink)
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
