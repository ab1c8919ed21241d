//! Encoded values inside messages: what members of a classic group tell each other, and whom a forwarded request is from.

use std::sync::OnceLock;

use crate::{
    cursor::{Cursor, Fault},
    decode::run,
    outcome::Outcome,
    plan::Plans,
    schema,
    tape::Tape,
    view::View,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blob {
    /// JoinGroup's `metadata`, DescribeGroups' `memberMetadata`, for protocol type `consumer`.
    ConsumerSubscription,
    /// SyncGroup's `assignment`, DescribeGroups' `memberAssignment`, for protocol type `consumer`.
    ConsumerAssignment,
    /// The same two for protocol type `connect` (KIP-415); an assignment is a subscription's `allocation`, too.
    ConnectSubscription,
    ConnectAssignment,
    /// A subscription's `userData` of the assignor `sticky`, `cooperative-sticky` or, from Kafka Streams, `stream`.
    StickyUserData,
    CooperativeStickyUserData,
    StreamsUserData,
    /// An assignment's `userData` of the assignor `stream`.
    StreamsAssignment,
    /// Envelope's `requestPrincipal`, as the default principal builder writes it (KIP-590).
    Principal,
}

/// How a blob says its version.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Int16,
    Int32,
    /// Not at all: the newest that reads to the end.
    Unsaid,
}

impl Blob {
    pub const ALL: [Blob; 9] = [
        Blob::ConsumerSubscription,
        Blob::ConsumerAssignment,
        Blob::ConnectSubscription,
        Blob::ConnectAssignment,
        Blob::StickyUserData,
        Blob::CooperativeStickyUserData,
        Blob::StreamsUserData,
        Blob::StreamsAssignment,
        Blob::Principal,
    ];

    fn of(self) -> (&'static str, Version) {
        match self {
            Blob::ConsumerSubscription => ("ConsumerProtocolSubscription", Version::Int16),
            Blob::ConsumerAssignment => ("ConsumerProtocolAssignment", Version::Int16),
            Blob::ConnectSubscription => ("ConnectProtocolSubscription", Version::Int16),
            Blob::ConnectAssignment => ("ConnectProtocolAssignment", Version::Int16),
            Blob::StickyUserData => ("StickyAssignorUserData", Version::Unsaid),
            Blob::CooperativeStickyUserData => {
                ("CooperativeStickyAssignorUserData", Version::Unsaid)
            }
            Blob::StreamsUserData => ("StreamsSubscriptionInfo", Version::Int32),
            Blob::StreamsAssignment => ("StreamsAssignmentInfo", Version::Int32),
            Blob::Principal => ("DefaultPrincipalData", Version::Int16),
        }
    }

    fn plans(self) -> Option<&'static Plans> {
        static PLANS: [OnceLock<Option<Plans>>; Blob::ALL.len()] =
            [const { OnceLock::new() }; Blob::ALL.len()];
        PLANS[self as usize]
            .get_or_init(|| schema::message(self.of().0).map(Plans::new))
            .as_ref()
    }
}

/// Reads a blob whose bytes are `bytes`; the tape's strings are ranges of them. Gives the version that the blob names.
///
/// A newer version than the newest known is read as that one: fields are only ever appended (KIP-429, KIP-792, KIP-881).
pub fn decode_blob(blob: Blob, bytes: &[u8], tape: &mut Tape) -> (i16, Outcome) {
    tape.nodes.clear();
    let view = View::whole(bytes);
    let Some(plans) = blob.plans() else {
        return (-1, Outcome::UnknownVersion);
    };
    let versions = plans.message.versions;
    let mut cursor = Cursor::new(&view, 0);
    let version = match blob.of().1 {
        Version::Int16 => cursor.i16(),
        Version::Int32 => cursor
            .i32()
            .and_then(|v| i16::try_from(v).map_err(|_| Fault::Bad("no version"))),
        Version::Unsaid => {
            for version in (versions.low..=versions.high).rev() {
                if let Some(plan) = plans.get(version)
                    && run(plan, &view, 0, tape, true) == Outcome::Complete
                {
                    return (version, Outcome::Complete);
                }
                tape.nodes.clear();
            }
            Err(Fault::Bad("no version"))
        }
    };
    let Ok(version) = version else {
        return (
            -1,
            Outcome::Malformed {
                at: 0,
                field: 0,
                why: "no version",
            },
        );
    };
    match plans.get(version.min(versions.high)) {
        // Old clients append bytes of their own, newer versions fields.
        Some(plan) => (version, run(plan, &view, cursor.at, tape, false)),
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

    fn read(blob: Blob, bytes: &[u8]) -> Option<i16> {
        let mut tape = Tape::default();
        let (version, outcome) = decode_blob(blob, bytes, &mut tape);
        (outcome == Outcome::Complete).then_some(version)
    }

    #[test]
    fn each_blob_in_its_versions() {
        let worker = b"\0\0\0\x05http:\0\0\0\0\0\0\0\x07";
        let mut cooperative = worker.to_vec();
        cooperative[1] = 1;
        let (none, some) = (&b"\xff\xff\xff\xff"[..], &b"\0\0\0\x02\0\x01"[..]);
        let given = b"\0\x01\0\0\0\x01w\0\x01u\0\0\0\0\0\0\0\x07\0\0\0\x01\0\x01c\0\0\0\x01\xff\xff\xff\xff";
        let sticky = b"\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\x03";
        let mut streams = b"\0\0\0\x0b\0\0\0\x0b".to_vec();
        streams.extend([7; 16]);
        streams.extend(
            b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x09\xff\xff\x01\0\0\0\0\0\0\0\0",
        );
        // One active task, one standby with its partition, a topic, its host, no standby's host.
        let tasks = b"\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x02\0\0\0\x01\0\x01t\0\0\0\x02";
        let hosts =
            b"\0\0\0\x01\0\0\0\0\0\x01t\0\0\0\x01\0\x01h\0\0\0\x50\0\0\0\x01\0\0\0\0\0\0\0\x01";
        let assigned = [&b"\0\0\0\x06\0\0\0\x06"[..], tasks, hosts, &[0; 8]].concat();
        for (case, blob, bytes, version) in [
            (
                "tasks of Streams",
                Blob::StreamsAssignment,
                assigned.clone(),
                Some(6),
            ),
            (
                "tasks of Streams, cut",
                Blob::StreamsAssignment,
                assigned[..assigned.len() - 1].to_vec(),
                None,
            ),
            (
                "a worker of Connect",
                Blob::ConnectSubscription,
                worker.to_vec(),
                Some(0),
            ),
            (
                "a cooperative one",
                Blob::ConnectSubscription,
                [&cooperative, none].concat(),
                Some(1),
            ),
            (
                "with an allocation",
                Blob::ConnectSubscription,
                [&cooperative, some].concat(),
                Some(1),
            ),
            (
                "a worker's tasks",
                Blob::ConnectAssignment,
                [&given[..], none, b"\0\0\0\0"].concat(),
                Some(1),
            ),
            ("cut", Blob::ConnectAssignment, given.to_vec(), None),
            (
                "sticky, old",
                Blob::StickyUserData,
                sticky.to_vec(),
                Some(0),
            ),
            (
                "sticky with its generation",
                Blob::StickyUserData,
                [&sticky[..], b"\0\0\0\x05"].concat(),
                Some(1),
            ),
            (
                "sticky and more",
                Blob::StickyUserData,
                [&sticky[..], b"\0\0\0\x05\0"].concat(),
                None,
            ),
            (
                "a generation",
                Blob::CooperativeStickyUserData,
                b"\0\0\0\x05".to_vec(),
                Some(0),
            ),
            (
                "no generation",
                Blob::CooperativeStickyUserData,
                b"\0\0\x05".to_vec(),
                None,
            ),
            ("Streams", Blob::StreamsUserData, streams, Some(11)),
            (
                "Streams of no version",
                Blob::StreamsUserData,
                b"\0\x01\0\0".to_vec(),
                None,
            ),
            (
                "a principal",
                Blob::Principal,
                b"\0\0\x05User\x06alice\0\0".to_vec(),
                Some(0),
            ),
        ] {
            assert_eq!(read(blob, &bytes), version, "{case}");
        }
    }
}
