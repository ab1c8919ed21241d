//! `kafka_commits`: OffsetCommit and TxnOffsetCommit.

use kafkascope_state::{State, TopicKey};
use kafkascope_wire::fields::f;

use crate::{
    answers::Answers,
    columns::Batches,
    rows::KafkaCommits,
    seen::{Seen, typed_row},
    topics::TopicText,
};

pub(crate) fn write(seen: &Seen, state: &State, out: &mut Batches) {
    let Some(request) = seen.call.request else {
        return;
    };
    let root = request.root();
    let (group, member) = (request.text(f::GROUP_ID), request.text(f::MEMBER_ID));
    let transactional_id = request.str(&root, f::TRANSACTIONAL_ID);
    let errors = errors(seen);
    for topic in root.items(f::TOPICS) {
        let Some(key) = TopicKey::of(&request, &topic) else {
            continue;
        };
        let text = TopicText::of(&key, state);
        for partition in topic.items(f::PARTITIONS) {
            let Some(offset) = partition.int(f::COMMITTED_OFFSET) else {
                continue;
            };
            let index = partition.int(f::PARTITION_INDEX).unwrap_or(-1);
            out.push(&typed_row!(KafkaCommits, seen, {
                group_id: &group,
                member_id: &member,
                generation: root.int(f::GENERATION_ID_OR_MEMBER_EPOCH).unwrap_or(-1),
                transactional_id: transactional_id.as_deref(),
                topic: &text.name,
                topic_id: &text.id,
                partition: index,
                offset: offset,
                error_code: errors.get(&key, index).copied(),
                response_time: seen.response_ns(),
            }));
        }
    }
}

fn errors(seen: &Seen) -> Answers<i64> {
    let mut errors = Answers::None;
    let Some(response) = seen.call.response else {
        return errors;
    };
    for topic in response.root().items(f::TOPICS) {
        let Some(key) = TopicKey::of(&response, &topic) else {
            continue;
        };
        for partition in topic.items(f::PARTITIONS) {
            if let (Some(index), Some(error)) = (
                partition.int(f::PARTITION_INDEX),
                partition.int(f::ERROR_CODE),
            ) {
                errors.insert(key.clone(), index, error);
            }
        }
    }
    errors
}
