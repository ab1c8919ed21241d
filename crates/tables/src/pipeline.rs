//! Joins the stages: events to streams, sessions, exchanges, state, rows.

use kafkascope_state::{Broker, LearnedName, State};
use kafkascope_stream::{Endpoint, Event, Streams};

use crate::{columns::Batch, connections::Connections, tls};

const SECOND_NS: i64 = 1_000_000_000;
/// How often what is added up becomes rows.
const REPORT_NS: i64 = SECOND_NS;
const CONN_STATS_NS: i64 = 5 * SECOND_NS;

/// What bounds a pipeline, and whose processes it names.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The agent's number in upids.
    pub asid: u32,
    /// Bytes of rows that wait to be taken; above this rows are refused and counted.
    pub pending_bytes: usize,
    pub streams: kafkascope_stream::Limits,
    pub state: kafkascope_state::Limits,
    /// Asked once for each process with a TLS connection; of a capture file's processes nothing can be told.
    pub tls_library: tls::Lookup,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            asid: 0,
            pending_bytes: 256 << 20,
            streams: kafkascope_stream::Limits::default(),
            state: kafkascope_state::Limits::default(),
            tls_library: |_| None,
        }
    }
}

/// Events in, batches out. Time is the events' time.
pub struct Pipeline {
    streams: Streams,
    connections: Connections,
    events: u64,
    first_ns: Option<i64>,
    now_ns: i64,
    next_report_ns: i64,
    next_conn_stats_ns: i64,
}

impl Pipeline {
    pub fn new(settings: Settings) -> Self {
        Pipeline {
            streams: Streams::new(settings.streams),
            connections: Connections::new(
                settings.asid,
                settings.pending_bytes,
                State::new(settings.state),
                tls::Libraries::new(settings.tls_library),
            ),
            events: 0,
            first_ns: None,
            now_ns: 0,
            next_report_ns: 0,
            next_conn_stats_ns: 0,
        }
    }

    pub fn event(&mut self, event: Event) {
        let time_ns = match &event {
            Event::Segment(segment) => segment.time_ns,
            Event::Open { time_ns, .. }
            | Event::Close { time_ns, .. }
            | Event::ProcessExit { time_ns, .. }
            | Event::Lost { time_ns, .. } => *time_ns,
        };
        self.events += 1;
        self.first_ns.get_or_insert(time_ns);
        if let Event::Lost { count, .. } = event {
            self.connections.lost(time_ns, count);
        }
        self.streams.event(event, &mut self.connections);
        self.advance(time_ns);
    }

    /// Time goes on, whether or not there are events.
    pub fn tick(&mut self, now_ns: i64) {
        self.streams.tick(now_ns, &mut self.connections);
        self.advance(now_ns);
    }

    /// The capture has ended: everything that waits for more is given up.
    pub fn finish(&mut self) {
        self.streams.finish(&mut self.connections);
        self.connections.finish(self.now_ns);
        self.connections.report(self.now_ns);
        self.connections.report_conn_stats(self.now_ns);
    }

    fn advance(&mut self, time_ns: i64) {
        self.now_ns = self.now_ns.max(time_ns);
        if self.now_ns >= self.next_report_ns {
            if self.next_report_ns > 0 {
                self.connections.report(self.now_ns);
            }
            self.next_report_ns = self.now_ns + REPORT_NS;
        }
        if self.now_ns >= self.next_conn_stats_ns {
            if self.next_conn_stats_ns > 0 {
                self.connections.report_conn_stats(self.now_ns);
            }
            self.next_conn_stats_ns = self.now_ns + CONN_STATS_NS;
        }
    }

    /// The rows since the last call, one batch for each table that has any.
    pub fn take(&mut self) -> Vec<Batch> {
        self.connections.out.take()
    }

    /// Connections that turned out to speak something else, with their network namespace.
    pub fn take_rejected(&mut self) -> Vec<(Endpoint, Endpoint, u32)> {
        std::mem::take(&mut self.connections.rejected)
    }

    /// Bytes of rows that wait to be taken.
    pub fn pending_bytes(&self) -> usize {
        self.connections.out.bytes()
    }

    /// Names of topic ids from elsewhere; new ones become rows.
    pub fn learn_topics(
        &mut self,
        names: impl IntoIterator<Item = ([u8; 16], String)>,
    ) -> Vec<LearnedName> {
        self.connections.learn_topics(names, self.now_ns)
    }

    /// What a broker's process says of itself elsewhere; its start is in clock ticks since boot.
    pub fn learn_process(&mut self, process: (u32, u64), is: Broker) {
        self.connections.learn_process(process, is);
    }

    /// Counters since the start, by name.
    pub fn stats(&self) -> Vec<(&'static str, u64)> {
        let streams = self.streams.stats();
        let mut stats = vec![
            ("events", self.events),
            ("first_ns", self.first_ns.unwrap_or(0) as u64),
            ("last_ns", self.now_ns as u64),
            ("segments", streams.segments),
            ("connections", streams.connections),
            ("stream_bytes", streams.bytes),
            ("missing_bytes", streams.missing_bytes),
            ("lost_bytes", streams.lost_bytes),
            ("not_captured_bytes", streams.not_captured_bytes),
            ("repeated_bytes", streams.repeated_bytes),
            ("reordered_bytes", streams.reordered_bytes),
            ("stray_segments", streams.strays),
            ("desyncs", streams.desyncs),
        ];
        stats.extend(self.connections.stats());
        stats
    }
}
