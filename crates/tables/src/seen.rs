//! One request with its response, with everything that rows about it say: the ends, the cluster, the
//! client's software.

use std::sync::Arc;

use kafkascope_state::{Call, Software};
use kafkascope_stream::{ConnInfo, Dir, Endpoint, Process};
use kafkascope_wire::{Exchange, Outcome};

use crate::upid::upid;

/// The two ends of a connection as columns show them.
#[derive(Clone, Debug, Default)]
pub(crate) struct EndsText {
    pub client_upid: String,
    pub client_addr: String,
    pub client_port: i64,
    pub broker_upid: String,
    pub broker_addr: String,
    pub broker_port: i64,
    /// broker, client, both or packet.
    pub observed_by: &'static str,
}

impl EndsText {
    pub fn new(asid: u32, info: &ConnInfo, client_dir: Dir) -> Self {
        let a = (info.a, info.a_process, info.seen_a);
        let b = (info.b, info.b_process, info.seen_b);
        let (client, broker): ((Endpoint, Option<Process>, bool), _) = if client_dir == Dir::AToB {
            (a, b)
        } else {
            (b, a)
        };
        EndsText {
            client_upid: upid(asid, client.1),
            client_addr: client.0.addr.to_string(),
            client_port: client.0.port.into(),
            broker_upid: upid(asid, broker.1),
            broker_addr: broker.0.addr.to_string(),
            broker_port: broker.0.port.into(),
            observed_by: match (client.2, broker.2) {
                (true, true) => "both",
                (true, false) => "client",
                (false, true) => "broker",
                (false, false) => "packet",
            },
        }
    }
}

/// A decoded exchange.
pub(crate) struct Seen<'a> {
    pub exchange: &'a Exchange,
    pub call: Call<'a>,
    pub ends: &'a EndsText,
    /// `None` where there is no message.
    pub request_outcome: Option<Outcome>,
    pub response_outcome: Option<Outcome>,
    pub cluster_id: Arc<str>,
    pub node_id: Option<i32>,
    pub software: Option<Software>,
}

impl Seen<'_> {
    /// Time of the request; of the response when that alone was seen.
    pub fn time_ns(&self) -> i64 {
        self.call.time_ns
    }

    pub fn client_id(&self) -> &str {
        self.exchange.client_id.as_deref().unwrap_or_default()
    }

    pub fn response_ns(&self) -> Option<i64> {
        self.exchange.response.as_ref().map(|r| r.last_ns)
    }

    /// From the request's last byte to the response's last; `None` unless both were seen.
    pub fn latency_ns(&self) -> Option<i64> {
        let (request, response) = (
            self.exchange.request.as_ref()?,
            self.exchange.response.as_ref()?,
        );
        Some((response.last_ns - request.last_ns).max(0))
    }
}

/// The columns that every typed table has about the ends of a call.
macro_rules! typed_row {
    ($table:ident, $seen:expr, { $($field:ident: $value:expr),* $(,)? }) => {
        $table {
            time_: $seen.time_ns(),
            client_upid: &$seen.ends.client_upid,
            client_addr: &$seen.ends.client_addr,
            client_port: $seen.ends.client_port,
            broker_upid: &$seen.ends.broker_upid,
            broker_addr: &$seen.ends.broker_addr,
            broker_port: $seen.ends.broker_port,
            observed_by: $seen.ends.observed_by,
            cluster_id: &$seen.cluster_id,
            client_id: $seen.client_id(),
            $($field: $value,)*
            ..Default::default()
        }
    };
}
pub(crate) use typed_row;
