//! However a stream was cut, repeated, mixed or thinned out, its reader gets the same bytes, or holes of the right length.

mod bounds;
mod packets;
mod reader;
mod taps;
