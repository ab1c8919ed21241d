//! `kafka_group_events`.

use kafkascope_state::{GroupEvent, State};

use crate::{
    columns::Batches,
    rows::KafkaGroupEvents,
    seen::{Seen, typed_row},
    topics::assignment_json,
};

pub(crate) fn write(seen: &Seen, events: &[GroupEvent], state: &State, out: &mut Batches) {
    for event in events {
        let json = |a| assignment_json(a, state);
        out.push(&typed_row!(KafkaGroupEvents, seen, {
            group_id: &event.group_id,
            protocol: event.protocol.name(),
            event: event.event,
            member_id: &event.member_id,
            instance_id: event.instance_id.as_deref(),
            generation: event.generation,
            is_leader: event.is_leader,
            members: event.members,
            protocol_name: &event.protocol_name,
            reason: &event.reason,
            assigned: &json(event.assigned.as_ref()),
            gained: &json(event.gained.as_ref()),
            lost: &json(event.lost.as_ref()),
            error_code: event.error_code,
            duration: seen.latency_ns(),
        }));
    }
}
