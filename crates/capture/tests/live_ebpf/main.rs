//! Sockets of another process through the kernel's programs. Needs root: `cargo test -- --ignored`.
#![cfg(target_os = "linux")]

mod bytes;
mod containers;
mod harness;
mod kept;
mod kernel;
mod limits;
mod older;
mod others;
mod unreadable;
