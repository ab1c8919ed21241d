//! `kafka_produce`.

use kafkascope_state::{State, TopicKey};
use kafkascope_wire::{fields::f, tape::Object};

use crate::{
    answers::Answers,
    columns::Batches,
    firsts::First,
    records::{Records, millis},
    rows::KafkaProduce,
    seen::{Seen, typed_row},
    topics::TopicText,
};

pub(crate) fn write(seen: &Seen, state: &State, out: &mut Batches) {
    let Some(request) = seen.call.request else {
        return;
    };
    let root = request.root();
    let transactional_id = request.str(&root, f::TRANSACTIONAL_ID);
    let acks = root.int(f::ACKS).unwrap_or(0);
    let answers = answers(seen);
    let topics = || root.items(f::TOPIC_DATA);
    let mut of_request = First::of(topics().flat_map(|t| t.items(f::PARTITION_DATA)));
    for topic in topics() {
        let Some(key) = TopicKey::of(&request, &topic) else {
            continue;
        };
        let text = TopicText::of(&key, state);
        let mut of_topic = First::of(topic.items(f::PARTITION_DATA));
        for partition in topic.items(f::PARTITION_DATA) {
            let Some(index) = partition.int(f::INDEX) else {
                continue;
            };
            let Some(records) = Records::of(&partition, &request.view, seen.request_outcome) else {
                continue;
            };
            let answer = answers.get(&key, index);
            let error_code = answer.and_then(|a| a.int(f::ERROR_CODE));
            let base_offset = answer
                .and_then(|a| a.int(f::BASE_OFFSET))
                .filter(|o| *o >= 0);
            let last_offset = base_offset
                .zip(records.offsets)
                .map(|(base, offsets)| base.saturating_add(offsets - 1));
            out.push(&typed_row!(KafkaProduce, seen, {
                transactional_id: transactional_id.as_deref(),
                producer_id: records.producer_id,
                producer_epoch: records.producer_epoch,
                topic: &text.name,
                topic_id: &text.id,
                partition: index,
                acks: acks,
                records: records.records,
                batches: records.batches,
                bytes: records.bytes,
                codec: records.codec,
                base_offset: base_offset,
                last_offset: last_offset,
                min_timestamp: millis(records.min_timestamp),
                max_timestamp: millis(records.max_timestamp),
                error_code: error_code,
                ack_latency: seen.latency_ns(),
                response_time: seen.response_ns(),
                first_of_request: of_request.mark(records.bytes),
                first_of_topic: of_topic.mark(records.bytes),
            }));
        }
    }
}

fn answers<'t>(seen: &Seen<'t>) -> Answers<Object<'t>> {
    let mut answers = Answers::None;
    let Some(response) = seen.call.response else {
        return answers;
    };
    for topic in response.root().items(f::RESPONSES) {
        let Some(key) = TopicKey::of(&response, &topic) else {
            continue;
        };
        for partition in topic.items(f::PARTITION_RESPONSES) {
            if let Some(index) = partition.int(f::INDEX) {
                answers.insert(key.clone(), index, partition);
            }
        }
    }
    answers
}
