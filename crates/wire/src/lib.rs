//! Kafka's wire format: frames to decoded messages, by interpreting schemas that are data.
//!
//! Knows neither sockets nor clocks.

pub mod apis;
pub mod fields;
pub mod header;
pub mod message;
pub mod outcome;
pub mod schema;
pub mod tape;
pub mod view;

mod cursor;
mod decode;
mod plan;

pub use decode::{Direction, body_version, decode};
pub use message::{Exchange, Item, Message, Protocol, Side};
pub use outcome::Outcome;
pub use tape::{FieldId, Node, Tape, Value};
pub use view::{Hole, View};
