//! Connections and their two byte streams: segments in, ordered bytes and holes of known length out.
//!
//! Knows TCP; knows neither Kafka nor the operating system. Time comes with the events.

pub mod conn;
pub mod event;
mod feed;
pub mod limits;
mod reassembly;
pub mod streams;

pub use conn::{ConnId, ConnInfo, Dir, HoleReason, StreamSink};
pub use event::{Endpoint, Event, Process, Segment, Tap};
pub use limits::{Limits, Stats};
pub use streams::Streams;
