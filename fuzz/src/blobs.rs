//! The consumer protocol's blobs inside group messages.

use kafkascope_wire::{
    Tape,
    blobs::{Blob, decode_blob},
};

pub fn run(data: &[u8]) {
    let mut tape = Tape::default();
    for blob in [
        Blob::ConsumerSubscription,
        Blob::ConsumerAssignment,
        Blob::ConnectSubscription,
        Blob::ConnectAssignment,
        Blob::StickyUserData,
        Blob::CooperativeStickyUserData,
        Blob::StreamsUserData,
        Blob::Principal,
    ] {
        decode_blob(blob, data, &mut tape);
        assert!(tape.nodes.len() <= 4 * data.len() + 64);
        assert!(tape.nodes.iter().all(|n| n.at as usize <= data.len()));
    }
}
