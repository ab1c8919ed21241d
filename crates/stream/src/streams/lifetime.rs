//! When a connection begins, how long its end is waited for, and which one goes when there are too many.

use super::strays::Stray;
use super::{Conn, Key, Streams};
use crate::conn::{ConnInfo, Dir, HoleReason, StreamSink};
use crate::event::{Endpoint, Process, Segment, flag};
use crate::feed::Feed;
use crate::reassembly::Flow;

impl Streams {
    pub(super) fn exit(&mut self, time_ns: i64, process: Process) {
        if !self.processes.remove(&process) {
            return;
        }
        for slot in 0..self.conns.len() {
            let Some(conn) = self.conns[slot].as_deref_mut() else {
                continue;
            };
            let is_a = conn.info.a_process == Some(process);
            if conn.closing.is_none() && (is_a || conn.info.b_process == Some(process)) {
                conn.closing = Some(time_ns + self.context.limits.patience(&conn.info, is_a));
                self.wait(slot);
            }
        }
    }

    /// Moves a connection on as far as the time allows.
    pub(super) fn step(&mut self, slot: usize, sink: &mut dyn StreamSink) {
        let now = self.context.now;
        let Some(conn) = self.conns[slot].as_deref_mut() else {
            return;
        };
        if conn.closed {
            match conn.closing {
                Some(until) if now >= until => self.forget(slot),
                _ => self.wait(slot),
            }
            return;
        }
        if conn
            .flows
            .iter()
            .any(|f| f.deadline(&self.context.limits).is_some_and(|d| now >= d))
        {
            self.flush_due(slot, sink);
        }
        let Some(conn) = self.conns[slot].as_deref_mut() else {
            return;
        };
        let finished = conn.flows.iter().all(Flow::finished);
        if finished || conn.closing.is_some_and(|until| now >= until) {
            self.end(slot, sink);
            return;
        }
        if conn.closing.is_some()
            || conn
                .flows
                .iter()
                .any(|f| f.deadline(&self.context.limits).is_some())
        {
            self.wait(slot);
        }
    }

    fn wait(&mut self, slot: usize) {
        if let Some(conn) = self.conns[slot].as_deref_mut()
            && !conn.waiting
        {
            conn.waiting = true;
            self.waiting.push((slot, conn.id));
        }
    }

    fn flush_due(&mut self, slot: usize, sink: &mut dyn StreamSink) {
        self.each_flow(slot, sink, |flow, feed| flow.drain(feed));
    }

    pub(super) fn flush(&mut self, slot: usize, end: bool, sink: &mut dyn StreamSink) {
        self.each_flow(slot, sink, |flow, feed| flow.flush(end, feed));
    }

    fn each_flow(
        &mut self,
        slot: usize,
        sink: &mut dyn StreamSink,
        act: impl Fn(&mut Flow, &mut Feed),
    ) {
        let Some(conn) = self.conns[slot].as_deref_mut() else {
            return;
        };
        for dir in [Dir::AToB, Dir::BToA] {
            let (flow, mut feed) = conn.direction(dir, &mut self.context, sink);
            let before = flow.buffered();
            act(flow, &mut feed);
            self.buffered = self.buffered + flow.buffered() - before;
        }
    }

    /// Tells the sink that the connection ended, and remembers it for late packets.
    fn end(&mut self, slot: usize, sink: &mut dyn StreamSink) {
        self.flush(slot, true, sink);
        let Some(conn) = self.conns[slot].as_deref_mut() else {
            return;
        };
        if conn.closed {
            return;
        }
        conn.closed = true;
        conn.closing = Some(self.context.now + self.context.limits.closed_ns);
        sink.close(conn.id, &conn.info, conn.last_ns);
        self.wait(slot);
    }

    pub(super) fn remove(&mut self, slot: usize, sink: &mut dyn StreamSink) {
        self.end(slot, sink);
        self.forget(slot);
    }

    fn forget(&mut self, slot: usize) {
        if let Some(conn) = self.conns[slot].take() {
            self.by_key.remove(&conn.key);
            self.free.push(slot);
            self.recent = None;
        }
    }

    pub(super) fn create(
        &mut self,
        key: Key,
        a: Endpoint,
        b: Endpoint,
        time_ns: i64,
        sink: &mut dyn StreamSink,
    ) -> usize {
        if self.by_key.len() >= self.context.limits.connections {
            self.evict(sink);
        }
        self.context.stats.connections += 1;
        let info = ConnInfo {
            a,
            b,
            netns: key.netns,
            client_dir: None,
            opened_seen: false,
            first_ns: time_ns,
            a_process: None,
            b_process: None,
            seen_packet: false,
            seen_a: false,
            seen_b: false,
            bytes: [0; 2],
        };
        let conn = Box::new(Conn {
            id: self.context.stats.connections,
            key,
            info,
            flows: [Flow::default(), Flow::default()],
            last_ns: time_ns,
            closing: None,
            closed: false,
            ends_closed: [false; 2],
            opens: [false; 2],
            waiting: false,
        });
        sink.open(conn.id, &conn.info);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.conns.push(None);
            self.conns.len() - 1
        });
        self.conns[slot] = Some(conn);
        self.by_key.insert(key, slot);
        self.recent = Some((key, slot));
        slot
    }

    /// A connection between the ends of an earlier one.
    pub(super) fn begin_anew(
        &mut self,
        before: usize,
        key: Key,
        seg: &Segment,
        sink: &mut dyn StreamSink,
    ) -> usize {
        let syn = seg.flags & flag::SYN != 0;
        let places = match self.conns[before].as_deref() {
            Some(conn) if !syn => conn.strays_near(seg),
            _ => Vec::new(),
        };
        let strays = self.strays.take(key, &places);
        self.remove(before, sink);
        let first = strays.first().map_or(*seg, Stray::segment);
        let slot = self.create(key, first.src, first.dst, first.time_ns, sink);
        if !syn && let Some(conn) = self.conns[slot].as_deref_mut() {
            // Its SYN was not seen, and perhaps more.
            let dir = conn.dir(first.src);
            let (_, mut feed) = conn.direction(dir, &mut self.context, sink);
            feed.desync(first.time_ns, HoleReason::Missing);
        }
        for stray in &strays {
            self.accept(slot, &stray.segment(), sink);
        }
        slot
    }

    /// Makes room by closing the sixteenth that was quiet longest, so that a flood of connections stays cheap.
    fn evict(&mut self, sink: &mut dyn StreamSink) {
        let mut ages: Vec<(i64, usize)> = self
            .conns
            .iter()
            .enumerate()
            .filter_map(|(slot, c)| Some((c.as_ref()?.last_ns, slot)))
            .collect();
        let n = (ages.len() / 16).max(1).min(ages.len());
        ages.sort_unstable();
        for &(_, slot) in &ages[..n] {
            let open = self.conns[slot].as_ref().is_some_and(|c| !c.closed);
            self.context.stats.evicted += u64::from(open);
            self.remove(slot, sink);
        }
    }
}
