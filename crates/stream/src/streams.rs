//! All connections: which segment belongs to which.

mod lifetime;
mod strays;

use std::collections::{HashMap, HashSet};

use crate::conn::{ConnId, ConnInfo, Dir, StreamSink};
use crate::event::{Endpoint, Event, Process, Segment, Tap, flag};
use crate::feed::{Context, Feed};
use crate::limits::{Limits, Stats};
use crate::reassembly::Flow;
use strays::Strays;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    netns: u32,
    low: Endpoint,
    high: Endpoint,
}

impl Key {
    fn new(x: Endpoint, y: Endpoint, netns: u32) -> Key {
        let (low, high) = if x <= y { (x, y) } else { (y, x) };
        Key { netns, low, high }
    }
}

struct Conn {
    id: ConnId,
    key: Key,
    info: ConnInfo,
    flows: [Flow; 2],
    last_ns: i64,
    /// An end is gone: when to stop waiting for the rest.
    closing: Option<i64>,
    closed: bool,
    /// `Event::Close` came from a, from b.
    ends_closed: [bool; 2],
    /// `Event::Open` came from the client's host, from the server's.
    opens: [bool; 2],
    waiting: bool,
}

impl Conn {
    fn dir(&self, src: Endpoint) -> Dir {
        if src == self.info.a {
            Dir::AToB
        } else {
            Dir::BToA
        }
    }

    /// Where segments began that did not fit, and are of the same connection as this one.
    fn strays_near(&self, seg: &Segment) -> Vec<(Endpoint, u32)> {
        let dir = self.dir(seg.src);
        let before = self.flows[dir.index()].stray_near(seg.seq);
        let answered = match seg.flags & flag::ACK {
            0 => None,
            _ => self.flows[dir.other().index()].stray_near(seg.ack),
        };
        let places = [(seg.src, before), (seg.dst, answered)];
        places
            .into_iter()
            .filter_map(|(src, seq)| Some((src, seq?)))
            .collect()
    }

    /// One direction, and where its bytes go.
    fn direction<'a>(
        &'a mut self,
        dir: Dir,
        context: &'a mut Context,
        sink: &'a mut dyn StreamSink,
    ) -> (&'a mut Flow, Feed<'a>) {
        let feed = Feed {
            id: self.id,
            info: &mut self.info,
            dir,
            sink,
            context,
        };
        (&mut self.flows[dir.index()], feed)
    }
}

/// To which of the connections between its ends a segment belongs.
enum Belongs {
    Here,
    Later,
    Nowhere,
}

/// Reassembles every connection of a capture.
pub struct Streams {
    context: Context,
    conns: Vec<Option<Box<Conn>>>,
    free: Vec<usize>,
    by_key: HashMap<Key, usize, foldhash::fast::RandomState>,
    /// Connections with a deadline.
    waiting: Vec<(usize, ConnId)>,
    processes: HashSet<Process>,
    strays: Strays,
    buffered: usize,
    ticked: i64,
    swept: i64,
    recent: Option<(Key, usize)>,
}

impl Default for Streams {
    fn default() -> Self {
        Streams::new(Limits::default())
    }
}

impl Streams {
    pub fn new(limits: Limits) -> Self {
        Streams {
            context: Context {
                limits,
                stats: Stats::default(),
                now: i64::MIN,
                lost_ns: i64::MIN,
            },
            conns: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::default(),
            waiting: Vec::new(),
            processes: HashSet::new(),
            strays: Strays::default(),
            buffered: 0,
            ticked: i64::MIN,
            swept: i64::MIN,
            recent: None,
        }
    }

    pub fn stats(&self) -> Stats {
        self.context.stats
    }

    /// Connections that are open or just ended, and bytes that wait for earlier ones.
    pub fn sizes(&self) -> (usize, usize) {
        (self.by_key.len(), self.buffered)
    }

    /// Takes the next observation; may hand over any number of bytes of any connection.
    pub fn event(&mut self, event: Event, sink: &mut dyn StreamSink) {
        match event {
            Event::Segment(segment) => {
                self.clock(segment.time_ns, sink);
                self.segment(&segment, sink);
            }
            Event::Open {
                time_ns,
                client,
                server,
                netns,
                observer,
                observer_is_client,
            } => {
                self.clock(time_ns, sink);
                self.open(
                    time_ns,
                    client,
                    server,
                    netns,
                    observer,
                    observer_is_client,
                    sink,
                );
            }
            Event::Close {
                time_ns,
                local,
                remote,
                netns,
                observer,
            } => {
                self.clock(time_ns, sink);
                self.close_end(time_ns, local, remote, netns, observer, sink);
            }
            Event::ProcessExit { time_ns, process } => {
                self.clock(time_ns, sink);
                self.exit(time_ns, process);
            }
            Event::Lost { time_ns, count } => {
                self.clock(time_ns, sink);
                self.context.stats.lost_events += count;
                self.context.lost_ns = self.context.lost_ns.max(time_ns);
            }
        }
    }

    /// Gives up on what did not come by `now_ns`.
    pub fn tick(&mut self, now_ns: i64, sink: &mut dyn StreamSink) {
        self.context.now = self.context.now.max(now_ns);
        self.ticked = self.context.now;
        for (slot, id) in std::mem::take(&mut self.waiting) {
            if let Some(conn) = self.conns[slot].as_deref_mut().filter(|c| c.id == id) {
                conn.waiting = false;
                self.step(slot, sink);
            }
        }
        let sweep_ns = self.context.limits.idle_ns / 16;
        if self.swept == i64::MIN {
            self.swept = self.context.now;
        } else if self.context.now - self.swept > sweep_ns {
            self.swept = self.context.now;
            let before = self.context.now - self.context.limits.idle_ns;
            for slot in 0..self.conns.len() {
                if self.conns[slot]
                    .as_ref()
                    .is_some_and(|c| c.last_ns < before)
                {
                    self.context.stats.idle += 1;
                    self.remove(slot, sink);
                }
            }
        }
    }

    /// Hands over all that waits and closes every connection.
    pub fn finish(&mut self, sink: &mut dyn StreamSink) {
        let mut slots: Vec<usize> = (0..self.conns.len())
            .filter(|&s| self.conns[s].is_some())
            .collect();
        slots.sort_by_key(|&s| self.conns[s].as_ref().map(|c| c.id));
        for slot in slots {
            self.remove(slot, sink);
        }
        self.waiting.clear();
    }

    fn clock(&mut self, time_ns: i64, sink: &mut dyn StreamSink) {
        self.context.now = self.context.now.max(time_ns);
        if self.ticked == i64::MIN {
            self.ticked = self.context.now;
        } else if self.context.now - self.ticked > self.context.limits.proven_gap_ns / 2 {
            self.tick(self.context.now, sink);
        }
    }

    fn find(&mut self, key: Key) -> Option<usize> {
        match self.recent {
            Some((recent, slot)) if recent == key => Some(slot),
            _ => {
                let slot = *self.by_key.get(&key)?;
                self.recent = Some((key, slot));
                Some(slot)
            }
        }
    }

    fn segment(&mut self, seg: &Segment, sink: &mut dyn StreamSink) {
        self.context.stats.segments += 1;
        let key = Key::new(seg.src, seg.dst, seg.netns);
        let syn = seg.flags & flag::SYN != 0;
        let found = self.find(key);
        let slot = match found.map(|slot| (slot, self.belongs(slot, seg))) {
            Some((slot, Belongs::Here)) => slot,
            Some((slot, Belongs::Later)) => self.begin_anew(slot, key, seg, sink),
            Some((_, Belongs::Nowhere)) => {
                self.context.stats.strays += 1;
                self.strays.keep(key, seg);
                return;
            }
            // A reset or a bare acknowledgement of something unknown tells nothing.
            None if !syn && seg.len == 0 => return,
            None => self.create(key, seg.src, seg.dst, seg.time_ns, sink),
        };
        self.accept(slot, seg, sink);
    }

    /// A segment of the connection.
    fn accept(&mut self, slot: usize, seg: &Segment, sink: &mut dyn StreamSink) {
        let syn = seg.flags & flag::SYN != 0;
        let Some(conn) = self.conns[slot].as_deref_mut() else {
            return;
        };
        conn.last_ns = conn.last_ns.max(seg.time_ns);
        if conn.closed {
            self.context.stats.after_close += u64::from(seg.len > 0);
            return;
        }
        let dir = conn.dir(seg.src);
        let buffered = conn.flows[0].buffered() + conn.flows[1].buffered();
        let sees_a = (dir == Dir::AToB) == (seg.tap != Tap::Receive);
        if seg.tap == Tap::Packet {
            conn.info.seen_packet = true;
        } else {
            let (seen, process) = match sees_a {
                true => (&mut conn.info.seen_a, &mut conn.info.a_process),
                false => (&mut conn.info.seen_b, &mut conn.info.b_process),
            };
            *seen = true;
            if seg.process.is_some() && *process != seg.process {
                *process = seg.process;
                self.processes.extend(seg.process);
            }
        }
        if seg.flags & flag::ACK != 0 {
            let other = &mut conn.flows[dir.other().index()];
            if syn && !other.started() {
                other.open_at(seg.ack);
            } else {
                other.acknowledged(seg.ack, self.context.now);
            }
        }
        if syn {
            let client_dir = if seg.flags & flag::ACK == 0 {
                dir
            } else {
                dir.other()
            };
            conn.info.client_dir = Some(client_dir);
            conn.info.opened_seen = true;
            let (flow, mut feed) = conn.direction(dir, &mut self.context, sink);
            let seq = seg.seq.wrapping_add(1);
            if !flow.started() {
                flow.open_at(seq);
            }
            // TCP Fast Open (RFC 7413): the first bytes ride on the SYN
            if seg.len > 0 {
                flow.packet(&Segment { seq, ..*seg }, &mut feed);
            }
        } else {
            let other_end = if sees_a {
                conn.info.seen_b
            } else {
                conn.info.seen_a
            };
            let (flow, mut feed) = conn.direction(dir, &mut self.context, sink);
            match seg.tap {
                Tap::Packet if seg.len > 0 => flow.packet(seg, &mut feed),
                Tap::Packet => {}
                _ => flow.tap(seg, other_end, &mut feed),
            }
            if seg.flags & flag::FIN != 0 {
                flow.fin(seg.seq.wrapping_add(seg.len), seg.time_ns);
            }
            if seg.flags & flag::RST != 0 && conn.closing.is_none() {
                let limits = &self.context.limits;
                let whole = conn.flows[dir.index()].complete_up_to(seg.seq)
                    && conn.flows.iter().all(|f| f.deadline(limits).is_none());
                let patience = if whole {
                    limits.reset_ns
                } else {
                    limits.linger_ns
                };
                conn.closing = Some(seg.time_ns + patience);
            }
        }
        self.buffered =
            self.buffered + conn.flows[0].buffered() + conn.flows[1].buffered() - buffered;
        if conn.closing.is_some() || conn.flows.iter().any(|f| f.finished() || f.buffered() > 0) {
            self.step(slot, sink);
        }
        if self.buffered > self.context.limits.total_bytes {
            self.context.stats.buffer_limits += 1;
            self.flush(slot, false, sink);
        }
    }

    /// A segment is of a later connection between the same ends when it is a SYN that does not repeat the one of this connection,
    /// or bytes that are none of this one's, be it that this one has ended or that they, or what they acknowledge, cannot be of it.
    fn belongs(&mut self, slot: usize, seg: &Segment) -> Belongs {
        let syn = seg.flags & flag::SYN != 0;
        if !syn && (seg.tap != Tap::Packet || seg.len == 0) {
            return Belongs::Here;
        }
        let Some(conn) = &mut self.conns[slot] else {
            return Belongs::Later;
        };
        let now = seg.time_ns;
        let dir = conn.dir(seg.src);
        let other = &conn.flows[dir.other().index()];
        let ack_excluded = seg.flags & flag::ACK != 0 && other.excludes_ack(seg.ack, now);
        let answered = conn.info.bytes[dir.other().index()] > 0;
        let flow = &mut conn.flows[dir.index()];
        let later = if syn {
            // Nobody is answered before the first SYN.
            match flow.started() {
                true => !flow.starts_with(seg.seq.wrapping_add(1)),
                false => conn.closed || seg.flags & flag::ACK == 0 && answered,
            }
        } else if conn.closed {
            ack_excluded || flow.is_beyond(seg.seq, seg.len)
        } else {
            // One number may have been damaged on its way.
            match (flow.excludes(seg.seq, now), ack_excluded) {
                (false, false) => false,
                (true, true) => true,
                _ if flow.went_elsewhere(seg.seq) => true,
                _ => return Belongs::Nowhere,
            }
        };
        if later { Belongs::Later } else { Belongs::Here }
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of Event::Open")]
    fn open(
        &mut self,
        time_ns: i64,
        client: Endpoint,
        server: Endpoint,
        netns: u32,
        observer: Option<Process>,
        observer_is_client: bool,
        sink: &mut dyn StreamSink,
    ) {
        let key = Key::new(client, server, netns);
        let end = usize::from(!observer_is_client);
        let found = self.find(key);
        let known = found.filter(|&slot| {
            self.conns[slot].as_ref().is_some_and(|c| {
                let recent = time_ns - c.info.first_ns < self.context.limits.linger_ns;
                !c.closed && c.closing.is_none() && !c.opens[end] && (recent || c.opens[1 - end])
            })
        });
        let slot = match (known, found) {
            (Some(slot), _) => slot,
            (None, Some(slot)) => {
                self.remove(slot, sink);
                self.create(key, client, server, time_ns, sink)
            }
            (None, None) => self.create(key, client, server, time_ns, sink),
        };
        let Some(conn) = self.conns[slot].as_deref_mut() else {
            return;
        };
        conn.opens[end] = true;
        conn.last_ns = conn.last_ns.max(time_ns);
        conn.info.client_dir = Some(conn.dir(client));
        // Bytes that came before the handshake was reported are the first ones all the same.
        conn.info.opened_seen = true;
        self.observed(
            slot,
            if observer_is_client { client } else { server },
            observer,
        );
    }

    fn observed(&mut self, slot: usize, end: Endpoint, observer: Option<Process>) {
        let Some(conn) = self.conns[slot].as_deref_mut() else {
            return;
        };
        let (seen, process) = match end == conn.info.a {
            true => (&mut conn.info.seen_a, &mut conn.info.a_process),
            false => (&mut conn.info.seen_b, &mut conn.info.b_process),
        };
        *seen = true;
        if observer.is_some() {
            *process = observer;
            self.processes.extend(observer);
        }
    }

    fn close_end(
        &mut self,
        time_ns: i64,
        local: Endpoint,
        remote: Endpoint,
        netns: u32,
        observer: Option<Process>,
        sink: &mut dyn StreamSink,
    ) {
        let Some(slot) = self.find(Key::new(local, remote, netns)) else {
            return;
        };
        let Some(conn) = self.conns[slot].as_deref_mut() else {
            return;
        };
        if conn.closed {
            return;
        }
        conn.ends_closed[usize::from(local != conn.info.a)] = true;
        conn.last_ns = conn.last_ns.max(time_ns);
        let until = if conn.ends_closed == [true; 2] {
            i64::MIN
        } else {
            time_ns
                + self
                    .context
                    .limits
                    .patience(&conn.info, local == conn.info.a)
        };
        conn.closing = Some(conn.closing.map_or(until, |c| c.min(until)));
        if observer.is_some() {
            self.observed(slot, local, observer);
        }
        self.step(slot, sink);
    }
}
