//! The tables' columns, the rows that calls become, and the pipeline that joins the stages.

mod answers;
pub mod arrow;
pub mod body;
pub mod catalogue;
mod clients;
pub mod columns;
mod commits;
mod conn;
mod conn_stats;
mod connections;
pub mod decode;
mod events;
mod exchange;
mod fetch;
mod fetch_groups;
pub mod files;
mod firsts;
mod group_events;
mod lines;
pub mod live;
mod loss;
pub mod pipeline;
mod produce;
mod reading;
mod records;
pub mod rows;
mod seen;
pub mod sources;
pub mod tls;
mod topics;
mod upid;

pub use catalogue::CATALOGUE;
pub use columns::{Batch, Batches};
pub use upid::parse_upid;

type Map<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

/// Kafka's name of an API; empty where the key was not seen.
fn api_name(key: i16) -> &'static str {
    if key < 0 {
        ""
    } else {
        kafkascope_wire::apis::name(key)
    }
}
