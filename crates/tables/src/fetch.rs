//! `kafka_fetch`: Fetch and ShareFetch.

use kafkascope_state::{FetchPlace, Reader, State, TopicKey, replica_id};
use kafkascope_wire::{fields::f, tape::Object};

use crate::{
    columns::Batches,
    firsts::First,
    records::{Records, millis},
    rows::KafkaFetch,
    seen::{Seen, typed_row},
    topics::TopicText,
};

pub(crate) const SHARE_FETCH: i16 = 78;

pub(crate) fn write(seen: &Seen, place: Option<&FetchPlace>, state: &mut State, out: &mut Batches) {
    let Some(response) = seen.call.response else {
        return;
    };
    let request = seen.call.request;
    let asked = request.map(|r| r.root());
    let int = |field| asked.and_then(|r| r.int(field));
    let share = seen.exchange.api_key == SHARE_FETCH;
    let replica_id = request.map_or(-1, |r| replica_id(&r));
    let max_wait_ms = int(f::MAX_WAIT_MS);
    let latency = seen.latency_ns();
    let session_id = int(f::SESSION_ID)
        .filter(|id| *id != 0)
        .or_else(|| response.root().int(f::SESSION_ID))
        .unwrap_or(0);
    let mut fetched = place.map(|p| p.partitions.iter()).into_iter().flatten();
    let topics = || response.root().items(f::RESPONSES);
    let mut of_request = First::of(topics().flat_map(|t| t.items(f::PARTITIONS)));
    for topic in topics() {
        let key = TopicKey::of(&response, &topic);
        let text = key
            .as_ref()
            .map(|k| TopicText::of(k, state))
            .unwrap_or_default();
        let reader = match (share, replica_id, &key) {
            (true, ..) => Reader::exact(&request.map(|r| r.text(f::GROUP_ID)).unwrap_or_default()),
            (false, ..=-1, Some(key)) => reader(seen, key, state),
            _ => Reader::none(),
        };
        let mut of_topic = First::of(topic.items(f::PARTITIONS));
        for partition in topic.items(f::PARTITIONS) {
            let fetch_offset = fetched.next().and_then(|p| p.fetch_offset);
            let Some(records) = Records::of(&partition, &response.view, seen.response_outcome)
            else {
                continue;
            };
            let newest_ms = records.max_timestamp;
            let acquired = share.then(|| acquired(&partition)).flatten();
            out.push(&typed_row!(KafkaFetch, seen, {
                group_id: &reader.group,
                group_source: reader.source.name(),
                replica_id: replica_id,
                topic: &text.name,
                topic_id: &text.id,
                partition: partition.int(f::PARTITION_INDEX).unwrap_or(-1),
                fetch_offset: fetch_offset,
                first_offset: acquired.map(|a| a.0).or(records.first_offset),
                last_offset: acquired.map(|a| a.1).or(records.last_offset),
                records: records.records,
                batches: records.batches,
                bytes: records.bytes,
                codec: records.codec,
                max_timestamp: millis(newest_ms),
                high_watermark: partition.int(f::HIGH_WATERMARK).filter(|o| *o >= 0),
                last_stable_offset: partition.int(f::LAST_STABLE_OFFSET).filter(|o| *o >= 0),
                log_start_offset: partition.int(f::LOG_START_OFFSET).filter(|o| *o >= 0),
                isolation_level: int(f::ISOLATION_LEVEL).unwrap_or(0),
                session_id: session_id,
                session_epoch: int(f::SESSION_EPOCH).or_else(|| int(f::SHARE_SESSION_EPOCH)).unwrap_or(-1),
                error_code: partition.int(f::ERROR_CODE).unwrap_or(0),
                latency: latency.unwrap_or(0),
                max_wait_ms: max_wait_ms,
                waited: waited(seen.time_ns(), latency, max_wait_ms, newest_ms),
                response_time: seen.response_ns().unwrap_or_else(|| seen.time_ns()),
                first_of_request: of_request.mark(records.bytes),
                first_of_topic: of_topic.mark(records.bytes),
            }));
        }
    }
    let mut of_topic: Option<(&TopicKey, TopicText, Reader)> = None;
    for idle in place.map(|p| p.idle.as_slice()).unwrap_or_default() {
        let (_, text, reader) = match of_topic.take() {
            Some(same) if *same.0 == idle.topic => of_topic.insert(same),
            _ => of_topic.insert((
                &idle.topic,
                TopicText::of(&idle.topic, state),
                reader(seen, &idle.topic, state),
            )),
        };
        out.push(&typed_row!(KafkaFetch, seen, {
            group_id: &reader.group,
            group_source: reader.source.name(),
            replica_id: replica_id,
            topic: &text.name,
            topic_id: &text.id,
            partition: idle.partition.into(),
            fetch_offset: Some(idle.fetch_offset),
            records: Some(0),
            codec: "none",
            high_watermark: idle.high_watermark,
            last_stable_offset: idle.last_stable_offset,
            log_start_offset: idle.log_start_offset,
            isolation_level: int(f::ISOLATION_LEVEL).unwrap_or(0),
            session_id: session_id,
            session_epoch: int(f::SESSION_EPOCH).unwrap_or(-1),
            latency: latency.unwrap_or(0),
            max_wait_ms: max_wait_ms,
            waited: waited(seen.time_ns(), latency, max_wait_ms, None),
            response_time: seen.response_ns().unwrap_or_else(|| seen.time_ns()),
            idle: true,
        }));
    }
}

fn reader(seen: &Seen, topic: &TopicKey, state: &mut State) -> Reader {
    state.reader(
        &seen.call.ends,
        seen.exchange.client_id.as_deref(),
        topic,
        seen.time_ns(),
    )
}

/// First and last offset that a share group's member was given.
fn acquired(partition: &Object) -> Option<(i64, i64)> {
    let ranges = || partition.items(f::ACQUIRED_RECORDS);
    let first = ranges().filter_map(|r| r.int(f::FIRST_OFFSET)).min()?;
    let last = ranges().filter_map(|r| r.int(f::LAST_OFFSET)).max()?;
    Some((first, last))
}

/// Whether the broker held the answer back: it came with records that are younger than the request, or
/// with none when most of the allowed time had passed.
fn waited(
    time_ns: i64,
    latency: Option<i64>,
    max_wait_ms: Option<i64>,
    newest_ms: Option<i64>,
) -> bool {
    match (newest_ms, latency, max_wait_ms) {
        (Some(newest), ..) => newest > time_ns / 1_000_000,
        (None, Some(latency), Some(max_wait)) => {
            max_wait > 0 && latency / 1_000_000 >= max_wait / 2
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_poll_is_told_from_a_slow_answer() {
        const MS: i64 = 1_000_000;
        let cases = [
            (
                Some(450 * MS),
                Some(500),
                None,
                true,
                "nothing came within the wait",
            ),
            (
                Some(3 * MS),
                Some(500),
                None,
                false,
                "an error or a changed watermark at once",
            ),
            (
                Some(90 * MS),
                Some(500),
                Some(1050),
                true,
                "records written after the request",
            ),
            (
                Some(90 * MS),
                Some(500),
                Some(900),
                false,
                "records that were there: the broker was slow",
            ),
            (Some(90 * MS), Some(0), None, false, "no wait was allowed"),
        ];
        for (latency, max_wait, newest, expected, case) in cases {
            assert_eq!(
                waited(1000 * MS, latency, max_wait, newest),
                expected,
                "{case}"
            );
        }
    }
}
