//! Brings requests and responses together: by correlation id, and by order where ids repeat.

use std::collections::VecDeque;

use crate::{
    frame::Limits,
    header,
    message::{Exchange, Item, Message},
};

/// Both taps of a connection have their own delays: a response may seem this much older than its request.
pub(crate) const CLOCK_SLACK_NS: i64 = 5_000_000;
/// A response whose request has not come after this long will not get one: its stream may wait for bytes before it, several times.
const ORPHAN_NS: i64 = 5_000_000_000;
/// The longest waits are joins of a group, and they end with its rebalance timeout.
const PENDING_NS: i64 = 600_000_000_000;

#[derive(Debug, Default)]
pub(crate) struct Pairs {
    pending: VecDeque<Box<Exchange>>,
    pending_bytes: usize,
    orphans: VecDeque<(i32, Message)>,
    orphan_bytes: usize,
    pub counts: PairCounts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PairCounts {
    pub matched: u64,
    pub no_response: u64,
    pub no_request: u64,
    pub evicted: u64,
}

impl Pairs {
    /// Key and version of the request that awaits this correlation id.
    pub(crate) fn find(&self, correlation_id: i32) -> Option<(i16, i16)> {
        let found = self
            .pending
            .iter()
            .find(|e| e.correlation_id == correlation_id)?;
        Some((found.api_key, found.api_version))
    }

    /// Correlation id and time of the request that came last of those that wait.
    pub(crate) fn newest(&self) -> Option<(i32, i64)> {
        let exchange = self.pending.back()?;
        Some((exchange.correlation_id, exchange.request.as_ref()?.first_ns))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The next response is a token without a header.
    pub(crate) fn raw_next(&self) -> bool {
        self.pending.front().is_some_and(|e| e.raw_sasl)
    }

    pub(crate) fn request(
        &mut self,
        exchange: Box<Exchange>,
        limits: &Limits,
        emit: &mut dyn FnMut(Item),
    ) {
        if exchange.no_reply {
            emit(Item::Exchange(exchange));
            return;
        }
        if !self.orphans.is_empty() {
            let since = exchange
                .request
                .as_ref()
                .map_or(i64::MIN, |r| r.first_ns.saturating_sub(CLOCK_SLACK_NS));
            let id = exchange.correlation_id;
            let place = self.orphans.iter().position(|(of, response)| {
                response.first_ns >= since && (*of == id || exchange.raw_sasl)
            });
            if let Some(place) = place {
                for _ in 0..place {
                    self.flush_orphan(emit);
                }
                if let Some((_, response)) = self.pop_orphan() {
                    self.pair(exchange, response, emit);
                }
                return;
            }
        }
        self.pending_bytes += held(exchange.request.as_ref());
        self.pending.push_back(exchange);
        while self.pending.len() > limits.pending || self.pending_bytes > limits.pending_bytes {
            self.counts.evicted += 1;
            self.flush_pending(emit);
        }
    }

    pub(crate) fn response(
        &mut self,
        message: Message,
        limits: &Limits,
        emit: &mut dyn FnMut(Item),
    ) {
        let id = header::correlation_id(&message.view());
        let place = match id {
            _ if self.raw_next() => Some(0),
            Some(id) => self.pending.iter().position(|e| e.correlation_id == id),
            None => None,
        };
        if let Some(place) = place {
            // Responses come in the order of their requests: what stands before will not be answered.
            for _ in 0..place {
                self.flush_pending(emit);
            }
            while !self.orphans.is_empty() {
                self.flush_orphan(emit);
            }
            if let Some(exchange) = self.pop_pending() {
                self.pair(exchange, message, emit);
            }
            return;
        }
        self.orphan_bytes += message.data.len();
        self.orphans.push_back((id.unwrap_or(-1), message));
        while self.orphans.len() > limits.orphans || self.orphan_bytes > limits.orphan_bytes {
            self.counts.evicted += 1;
            self.flush_orphan(emit);
        }
    }

    pub(crate) fn tick(&mut self, now_ns: i64, emit: &mut dyn FnMut(Item)) {
        while self
            .orphans
            .front()
            .is_some_and(|(_, m)| now_ns.saturating_sub(m.last_ns) > ORPHAN_NS)
        {
            self.flush_orphan(emit);
        }
        let old = |e: &Exchange| {
            e.request
                .as_ref()
                .is_some_and(|m| now_ns.saturating_sub(m.last_ns) > PENDING_NS)
        };
        while self.pending.front().is_some_and(|e| old(e)) {
            self.flush_pending(emit);
        }
    }

    pub(crate) fn close(&mut self, emit: &mut dyn FnMut(Item)) {
        while !self.pending.is_empty() {
            self.flush_pending(emit);
        }
        while !self.orphans.is_empty() {
            self.flush_orphan(emit);
        }
    }

    /// Forgets all: what was taken for messages was none.
    pub(crate) fn clear(&mut self) {
        *self = Pairs {
            counts: self.counts,
            ..Pairs::default()
        };
    }

    fn pair(&mut self, mut exchange: Box<Exchange>, response: Message, emit: &mut dyn FnMut(Item)) {
        self.counts.matched += 1;
        if !exchange.raw_sasl {
            let at =
                header::response_body_at(exchange.api_key, exchange.api_version, &response.view());
            exchange.response_body_at = at.unwrap_or(response.declared.min(4));
        }
        exchange.response = Some(response);
        emit(Item::Exchange(exchange));
    }

    fn pop_pending(&mut self) -> Option<Box<Exchange>> {
        let exchange = self.pending.pop_front()?;
        self.pending_bytes -= held(exchange.request.as_ref());
        Some(exchange)
    }

    fn flush_pending(&mut self, emit: &mut dyn FnMut(Item)) {
        if let Some(exchange) = self.pop_pending() {
            self.counts.no_response += 1;
            emit(Item::Exchange(exchange));
        }
    }

    fn pop_orphan(&mut self) -> Option<(i32, Message)> {
        let (id, message) = self.orphans.pop_front()?;
        self.orphan_bytes -= message.data.len();
        Some((id, message))
    }

    fn flush_orphan(&mut self, emit: &mut dyn FnMut(Item)) {
        if let Some((correlation_id, response)) = self.pop_orphan() {
            self.counts.no_request += 1;
            emit(Item::Exchange(Box::new(Exchange {
                api_key: -1,
                api_version: -1,
                correlation_id,
                client_id: None,
                request: None,
                response_body_at: response.declared.min(4),
                response: Some(response),
                request_body_at: 0,
                no_reply: false,
                raw_sasl: false,
            })));
        }
    }
}

fn held(message: Option<&Message>) -> usize {
    message.map_or(0, |m| m.data.len())
}
