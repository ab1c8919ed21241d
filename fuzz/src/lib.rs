//! What no input may do, one module for each fuzz target: `run` panics when a law of its part is broken.
//!
//! The laws need no fuzzer: `tests/regressions.rs` holds every stored input against them with plain `cargo test`.

pub mod batches;
pub mod blobs;
pub mod captures;
pub mod input;
pub mod lines;
pub mod long;
pub mod plans;
pub mod reassembly;
pub mod rows;
pub mod scratch;
pub mod session;

/// A target and its laws.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: [Target; 8] = [
    ("batches", batches::run),
    ("blobs", blobs::run),
    ("captures", captures::run),
    ("lines", lines::run),
    ("long", long::run),
    ("plans", plans::run),
    ("reassembly", reassembly::run),
    ("session", session::run),
];
