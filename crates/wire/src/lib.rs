//! Kafka's wire format: frames to decoded messages, by interpreting schemas that are data.
//!
//! Knows neither sockets nor clocks.

pub mod apis;
pub mod batch;
pub mod blobs;
pub mod checksum;
pub mod errors;
pub mod fields;
pub mod header;
pub mod message;
pub mod outcome;
pub mod schema;
pub mod session;
pub mod tape;
pub mod view;

mod answers;
mod cursor;
mod decode;
mod defaults;
mod frame;
mod pairs;
mod plan;
mod proof;
mod requests;
mod shed;
mod window;

pub use decode::{Direction, body_version, decode, is_refusal};
pub use frame::Limits;
pub use message::{Exchange, Item, Message, Protocol, Side};
pub use outcome::Outcome;
pub use session::Session;
pub use tape::{FieldId, Node, Tape, Value};
pub use view::{Hole, View};
