//! What decode lines need to know of the whole capture: names of topics by their ids, clusters by their brokers.

use std::net::SocketAddr;

use kafkascope_state::{Body, Call, Ends, Host, State};
use kafkascope_stream::Endpoint;
use kafkascope_wire::fields::f;
use kafkascope_wire::{Exchange, Node, Tape, Value};

use crate::reading::Reading;

/// APIs that tell no names and no clusters, and are too frequent to be learned from in vain.
const TELLS_NOTHING: &[i16] = &[0, 1, 2, 8, 9, 12, 18, 26, 28, 36, 78, 79];

/// Topics and clusters learned so far, by the same state that the tables have.
#[derive(Default)]
pub struct Names {
    state: State,
}

impl Names {
    pub fn topic(&self, id: &[u8; 16]) -> Option<&str> {
        self.state.topic_name(id).map(|name| &**name)
    }

    pub fn cluster(&mut self, broker: Endpoint) -> Option<String> {
        let id = self.state.broker(&host(broker)).cluster_id;
        (!id.is_empty()).then(|| id.to_string())
    }

    /// Takes what a request and its response tell. `readings` say which of the tapes are complete.
    pub fn learn(
        &mut self,
        ends: super::Ends,
        exchange: &Exchange,
        tapes: &[Tape; 2],
        readings: [Option<Reading>; 2],
    ) {
        if exchange.raw_sasl || TELLS_NOTHING.contains(&exchange.api_key) {
            return;
        }
        let messages = [&exchange.request, &exchange.response];
        let body = |side: usize| {
            Some(Body {
                tape: &tapes[side],
                view: messages[side].as_ref()?.view(),
                complete: readings[side].is_some_and(|r| r.fields),
            })
        };
        let first = exchange.request.as_ref().or(exchange.response.as_ref());
        self.state.learn(&Call {
            conn: 0,
            ends: Ends {
                client: host(ends.client),
                broker: host(ends.broker),
            },
            api_key: exchange.api_key,
            api_version: exchange.api_version,
            client_id: exchange.client_id.as_deref(),
            time_ns: first.map_or(0, |m| m.first_ns),
            request: body(0),
            response: body(1),
        });
    }
}

fn host(end: Endpoint) -> Host {
    Host {
        addr: SocketAddr::new(end.addr, end.port),
        netns: 0,
        process: None,
    }
}

/// The topic's name that stands right before or behind its id in the same struct.
pub fn name_beside(nodes: &[Node], i: usize) -> Option<&Node> {
    let is_name = |n: &&Node| {
        matches!(n.field, f::NAME | f::TOPIC | f::TOPIC_NAME)
            && matches!(n.value, Value::Str { .. })
    };
    let before = i
        .checked_sub(1)
        .and_then(|before| nodes.get(before))
        .filter(is_name);
    before.or_else(|| nodes.get(i + 1).filter(is_name))
}
