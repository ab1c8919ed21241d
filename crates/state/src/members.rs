//! What members say of themselves: topics they subscribe to, own or are given, also in the opaque bytes of JoinGroup and SyncGroup.

use kafkascope_wire::{
    Outcome, Tape, View,
    blobs::{Blob, decode_blob},
    fields::f,
    tape::Object,
};

use crate::{Body, Call, TopicKey};

/// The topics that a member of a classic group subscribes to, over all its protocols.
pub(crate) fn subscribed_topics(request: &Body) -> Vec<TopicKey> {
    if !is_consumer(&request.text(f::PROTOCOL_TYPE)) {
        return Vec::new();
    }
    let mut topics = Vec::new();
    for metadata in request
        .root()
        .items(f::PROTOCOLS)
        .filter_map(|p| p.bytes(&request.view, f::METADATA))
    {
        for topic in subscription(metadata).unwrap_or_default() {
            let topic = TopicKey::Name(topic.into());
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
    }
    topics
}

/// The topics and partitions that a SyncGroup response assigns; nothing when it is no consumer's.
pub(crate) fn assigned_topics(response: &Body) -> Vec<(String, Vec<i32>)> {
    if !is_consumer(&response.text(f::PROTOCOL_TYPE)) {
        return Vec::new();
    }
    response
        .root()
        .bytes(&response.view, f::ASSIGNMENT)
        .and_then(assignment)
        .unwrap_or_default()
}

/// Older versions do not carry the type.
fn is_consumer(protocol_type: &str) -> bool {
    matches!(protocol_type, "" | "consumer")
}

/// ConsumerProtocolSubscription.
fn subscription(bytes: &[u8]) -> Option<Vec<String>> {
    let mut tape = Tape::default();
    let (_, outcome) = decode_blob(Blob::ConsumerSubscription, bytes, &mut tape);
    let view = View::whole(bytes);
    let topics = tape
        .root()
        .elements(f::TOPICS)
        .filter_map(|t| view.str(t.node.value))
        .map(Into::into)
        .collect();
    (outcome == Outcome::Complete).then_some(topics)
}

/// ConsumerProtocolAssignment.
fn assignment(bytes: &[u8]) -> Option<Vec<(String, Vec<i32>)>> {
    let mut tape = Tape::default();
    let (_, outcome) = decode_blob(Blob::ConsumerAssignment, bytes, &mut tape);
    let view = View::whole(bytes);
    let partitions = |t: &Object| {
        t.elements(f::PARTITIONS)
            .filter_map(|p| p.int())
            .map(|p| p as i32)
            .collect()
    };
    let topics = tape
        .root()
        .items(f::ASSIGNED_PARTITIONS)
        .filter_map(|t| Some((t.str(&view, f::TOPIC)?.into(), partitions(&t))));
    let topics = topics.collect();
    (outcome == Outcome::Complete).then_some(topics)
}

/// A call that begins a membership: what its client did before was not for the group.
pub(crate) fn joins(call: &Call) -> bool {
    let Some(request) = call.request else {
        return false;
    };
    match call.api_key {
        11 => request.text(f::MEMBER_ID).is_empty(),
        68 | 88 => request.root().int(f::MEMBER_EPOCH) == Some(0),
        _ => false,
    }
}

pub(crate) fn names(topics: Vec<(String, Vec<i32>)>) -> Vec<TopicKey> {
    topics
        .into_iter()
        .map(|(name, _)| TopicKey::Name(name.into()))
        .collect()
}

pub(crate) fn topics_of<'t>(
    body: &Body,
    topics: impl Iterator<Item = Object<'t>>,
) -> Vec<TopicKey> {
    topics.filter_map(|t| TopicKey::of(body, &t)).collect()
}

/// The topics that a KIP-848 heartbeat subscribes to, owns or is given.
pub(crate) fn heartbeat_topics(call: &Call, request: &Body) -> Vec<TopicKey> {
    let subscribed = request
        .root()
        .elements(f::SUBSCRIBED_TOPIC_NAMES)
        .filter_map(|t| request.view.str(t.node.value));
    let mut topics: Vec<TopicKey> = subscribed.map(|t| TopicKey::Name((&*t).into())).collect();
    topics.extend(topics_of(
        request,
        request.root().items(f::TOPIC_PARTITIONS),
    ));
    if let Some((response, assignment)) = call
        .response
        .and_then(|r| Some((r, r.root().object(f::ASSIGNMENT)?)))
    {
        topics.extend(topics_of(&response, assignment.items(f::TOPIC_PARTITIONS)));
    }
    topics
}

/// The topics that a streams application's topology reads.
pub(crate) fn source_topics(request: &Body) -> Vec<TopicKey> {
    let Some(topology) = request.root().object(f::TOPOLOGY) else {
        return Vec::new();
    };
    let mut topics = Vec::new();
    for part in topology.items(f::SUBTOPOLOGIES) {
        topics.extend(
            part.elements(f::SOURCE_TOPICS)
                .filter_map(|t| request.view.str(t.node.value))
                .map(|t| TopicKey::Name((&*t).into())),
        );
        topics.extend(topics_of(request, part.items(f::REPARTITION_SOURCE_TOPICS)));
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consumers_blobs() {
        let blob = b"\0\x01\0\0\0\x01\0\x02ab\0\0\0\x02\0\0\0\0\0\0\0\x05\xff\xff\xff\xff";
        assert_eq!(assignment(blob), Some(vec![("ab".to_owned(), vec![0, 5])]));
        assert_eq!(
            subscription(b"\0\0\0\0\0\x02\0\x01a\0\x01b\xff\xff\xff\xff"),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
        for n in 0..blob.len() {
            assert_eq!(assignment(&blob[..n]), None, "cut at {n}");
        }
        assert_eq!(assignment(b"\0\0\x7f\xff\xff\xff"), None);
    }
}
