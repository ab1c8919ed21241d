//! The keys under which Pixie's scripts read the bodies of five APIs, where they are not Kafka's names.

use kafkascope_wire::fields::f;
use kafkascope_wire::schema::{FieldDef, Type};
use kafkascope_wire::{Direction, FieldId};

const KEYS: &[(i16, Direction, FieldId, &str)] = &[
    (0, Direction::Request, f::TOPIC_DATA, "topics"),
    (0, Direction::Request, f::PARTITION_DATA, "partitions"),
    (0, Direction::Request, f::RECORDS, "message_set"),
    (0, Direction::Response, f::RESPONSES, "topics"),
    (0, Direction::Response, f::PARTITION_RESPONSES, "partitions"),
    (
        0,
        Direction::Response,
        f::BATCH_INDEX_ERROR_MESSAGE,
        "error_message",
    ),
    (1, Direction::Request, f::TOPIC, "name"),
    (1, Direction::Request, f::PARTITION, "index"),
    (
        1,
        Direction::Request,
        f::FORGOTTEN_TOPICS_DATA,
        "forgotten_topics",
    ),
    (1, Direction::Response, f::RESPONSES, "topics"),
    (1, Direction::Response, f::TOPIC, "name"),
    (1, Direction::Response, f::PARTITION_INDEX, "index"),
    (1, Direction::Response, f::RECORDS, "message_set"),
    (11, Direction::Request, f::NAME, "protocol"),
];

/// The key of a field that is not called as in Kafka's message definitions.
pub fn of(api_key: i16, direction: Direction, field: &FieldDef) -> Option<&'static str> {
    // the partitions that a Fetch forgets are numbers, those that it asks for are structs
    if (api_key, direction, field.id) == (1, Direction::Request, f::PARTITIONS)
        && field.ty == Type::Int32
    {
        return Some("partitions_indices");
    }
    KEYS.iter()
        .find(|(key, of, id, _)| (*key, *of, *id) == (api_key, direction, field.id))
        .map(|(.., name)| *name)
}
