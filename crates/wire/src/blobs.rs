//! Encoded values inside messages: what members of a classic group tell each other.

use std::sync::OnceLock;

use crate::{
    cursor::Cursor, decode::run, outcome::Outcome, plan::Plans, schema, tape::Tape, view::View,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blob {
    /// JoinGroup's `metadata`, DescribeGroups' `memberMetadata`, for protocol type `consumer`.
    ConsumerSubscription,
    /// SyncGroup's `assignment`, DescribeGroups' `memberAssignment`, for protocol type `consumer`.
    ConsumerAssignment,
}

impl Blob {
    fn plans(self) -> Option<&'static Plans> {
        static PLANS: [OnceLock<Option<Plans>>; 2] = [OnceLock::new(), OnceLock::new()];
        let (slot, name) = match self {
            Blob::ConsumerSubscription => (0, "ConsumerProtocolSubscription"),
            Blob::ConsumerAssignment => (1, "ConsumerProtocolAssignment"),
        };
        PLANS[slot]
            .get_or_init(|| schema::message(name).map(Plans::new))
            .as_ref()
    }
}

/// Reads a blob whose bytes are `bytes`; the tape's strings are ranges of them. Gives the version that the blob names.
///
/// A newer version than the newest known is read as that one: fields are only ever appended (KIP-429, KIP-792, KIP-881).
pub fn decode_blob(blob: Blob, bytes: &[u8], tape: &mut Tape) -> (i16, Outcome) {
    tape.nodes.clear();
    let view = View::whole(bytes);
    let Ok(version) = Cursor::new(&view, 0).i16() else {
        return (
            -1,
            Outcome::Malformed {
                at: 0,
                field: 0,
                why: "no version",
            },
        );
    };
    let Some(plans) = blob.plans() else {
        return (version, Outcome::UnknownVersion);
    };
    let newest = plans.message.versions.high;
    match plans.get(version.min(newest)) {
        // Old clients append bytes of their own, newer versions fields.
        Some(plan) => (version, run(plan, &view, 2, tape, false)),
        None => (version, Outcome::UnknownVersion),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::f;

    #[test]
    fn subscriptions_of_known_and_newer_versions() {
        let v1 = b"\0\x01\0\0\0\x01\0\x01t\xff\xff\xff\xff\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x07";
        let mut tape = Tape::default();
        assert_eq!(
            decode_blob(Blob::ConsumerSubscription, v1, &mut tape),
            (1, Outcome::Complete)
        );
        let view = View::whole(v1);
        let topics: Vec<_> = tape
            .root()
            .elements(f::TOPICS)
            .filter_map(|t| view.str(t.node.value))
            .collect();
        assert_eq!(topics, ["t"]);
        let owned = tape.root().items(f::OWNED_PARTITIONS).next().unwrap();
        assert_eq!(
            owned
                .elements(f::PARTITIONS)
                .filter_map(|p| p.int())
                .collect::<Vec<_>>(),
            [7]
        );

        let mut v9 = v1.to_vec();
        v9[1] = 9;
        v9.extend_from_slice(b"\0\0\0\x05\xff\xffnew");
        assert_eq!(
            decode_blob(Blob::ConsumerSubscription, &v9, &mut tape),
            (9, Outcome::Complete)
        );
        assert_eq!(tape.root().int(f::GENERATION_ID), Some(5));
        assert!(matches!(
            decode_blob(Blob::ConsumerAssignment, b"\0", &mut tape).1,
            Outcome::Malformed { .. }
        ));
    }
}
