//! What the state learns from: a decoded request with its response, and who spoke to whom.

use std::{borrow::Cow, net::SocketAddr};

use kafkascope_wire::{FieldId, Tape, View, tape::Object};

/// A process: id and start time in nanoseconds since boot.
pub type ProcessKey = (u32, u64);
/// A clock tick of /proc, in nanoseconds.
pub const TICK_NS: u64 = 10_000_000;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    pub addr: SocketAddr,
    /// Network namespace for addresses that repeat in each, otherwise 0.
    pub netns: u32,
    pub process: Option<ProcessKey>,
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ends {
    pub client: Host,
    pub broker: Host,
}

/// A decoded message body.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    pub tape: &'a Tape,
    pub view: View<'a>,
    /// Everything but opaque fields was read.
    pub complete: bool,
}

impl<'a> Body<'a> {
    pub fn root(&self) -> Object<'a> {
        self.tape.root()
    }

    pub fn str(&self, object: &Object<'a>, field: FieldId) -> Option<Cow<'a, str>> {
        object.str(&self.view, field)
    }

    /// A string field of the message itself; empty when absent or null.
    pub fn text(&self, field: FieldId) -> Cow<'a, str> {
        self.root().str(&self.view, field).unwrap_or_default()
    }
}

/// A request with its response, as far as they were seen.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The connection.
    pub conn: u64,
    pub ends: Ends,
    pub api_key: i16,
    pub api_version: i16,
    pub client_id: Option<&'a str>,
    /// Time of the request, or of the response when that alone was seen.
    pub time_ns: i64,
    pub request: Option<Body<'a>>,
    pub response: Option<Body<'a>>,
}

impl Call<'_> {
    /// The response's top-level error; 0 when it has none.
    pub fn error(&self) -> i64 {
        self.response
            .and_then(|r| r.root().int(kafkascope_wire::fields::f::ERROR_CODE))
            .unwrap_or(0)
    }
}
