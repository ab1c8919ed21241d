//! `kafka_fetch_groups`: what the store completes the group of earlier rows of `kafka_fetch` with.

use kafkascope_state::{LateGroup, State};

use crate::{columns::Batches, rows::KafkaFetchGroups, seen::Seen, topics::TopicText};

pub(crate) fn write(seen: &Seen, late: &[LateGroup], state: &State, out: &mut Batches) {
    for fetches in late {
        let topic = TopicText::of(&fetches.topic, state);
        out.push(&KafkaFetchGroups {
            time_: fetches.last_ns,
            first_time: fetches.first_ns,
            cluster_id: &seen.cluster_id,
            client_upid: &seen.ends.client_upid,
            client_addr: &seen.ends.client_addr,
            client_id: &fetches.client_id,
            topic: &topic.name,
            topic_id: &topic.id,
            group_id: &fetches.reader.group,
            group_source: fetches.reader.source.name(),
            ..Default::default()
        });
    }
}
