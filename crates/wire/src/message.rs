//! What a session delivers: requests with their responses, and what it could not read.

use crate::decode::Direction;
use crate::header;
use crate::view::{Hole, View};

/// The two ends of a session, whichever connected first on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Requests.
    Client,
    /// Responses.
    Broker,
}

/// One framed message without its size field, owning what was captured of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Time of its first and of its last byte, nanoseconds since the epoch.
    pub first_ns: i64,
    pub last_ns: i64,
    /// The size field.
    pub declared: u32,
    pub data: Vec<u8>,
    pub holes: Vec<Hole>,
    /// Bytes of the holes that loss made (`HoleReason::Lost` or `Missing`); the rest was left out on purpose.
    pub lost: u32,
}

impl Message {
    pub fn view(&self) -> View<'_> {
        View {
            data: &self.data,
            holes: &self.holes,
            declared: self.declared,
        }
    }
}

/// A request with its response, or one of them alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// -1 for a response whose request was not seen.
    pub api_key: i16,
    pub api_version: i16,
    pub correlation_id: i32,
    pub client_id: Option<String>,
    pub request: Option<Message>,
    pub response: Option<Message>,
    /// Where the bodies begin in the messages, behind their headers.
    pub request_body_at: u32,
    pub response_body_at: u32,
    /// The request wants no response (Produce with acks=0).
    pub no_reply: bool,
    /// A SASL v0 token (`api_key` 36, version -1): the message is opaque bytes and has no header.
    pub raw_sasl: bool,
}

impl Exchange {
    /// The message of one direction, where it was seen, and where its body begins in it.
    pub fn message(&self, direction: Direction) -> Option<(&Message, u32)> {
        let (message, body_at) = match direction {
            Direction::Request => (&self.request, self.request_body_at),
            Direction::Response => (&self.response, self.response_body_at),
        };
        message.as_ref().map(|message| (message, body_at))
    }

    /// The correlation id, where one was captured.
    pub fn numbered(&self) -> Option<i32> {
        let seen = match (&self.request, &self.response) {
            (None, Some(response)) => header::correlation_id(&response.view()).is_some(),
            _ => !self.raw_sasl,
        };
        seen.then_some(self.correlation_id)
    }

    /// Whether the client's id was captured, be it that it is null.
    pub fn says_client(&self) -> bool {
        let request = self.request.as_ref().filter(|_| !self.raw_sasl);
        request.is_some_and(|request| header::request(&request.view()).is_some())
    }

    /// As its header says, any number; none where no header was seen, or there is none.
    pub fn version(&self) -> Option<i16> {
        (self.request.is_some() && !self.raw_sasl).then_some(self.api_version)
    }
}

/// What the bytes of a connection are taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    Unknown,
    Kafka,
    Tls,
    Other,
}

/// One item in the order of a session's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Exchange(Box<Exchange>),
    /// A stretch of a Kafka connection that gave no messages.
    Unreadable {
        side: Side,
        first_ns: i64,
        last_ns: i64,
        bytes: u64,
        why: &'static str,
    },
    /// Messages that are framed and numbered as a broker's answers, on a connection of which nothing else was captured.
    Answers {
        from_a: bool,
        first_ns: i64,
        last_ns: i64,
        messages: u64,
        /// As declared, with the size fields.
        bytes: u64,
    },
    /// A verdict about the connection; may come more than once.
    Protocol {
        protocol: Protocol,
        client_is_first: bool,
    },
}
