//! The five bodies whose shape PxL scripts rely on: `req_body` and `resp` of `kafka_events.beta`.
//!
//! Fields that a version does not have carry the value that means absent: scripts compare, and know no null. What these scripts do not read
//! follows under Kafka's names.

use kafkascope_wire::fields::f;
use kafkascope_wire::tape::Object;
use kafkascope_wire::{Direction, FieldId, Node, Tape, Value, View};

use super::{Level, Style, TopicName, Within, Writer, json};

const PRODUCED: &[FieldId] = &[
    f::INDEX,
    f::ERROR_CODE,
    f::BASE_OFFSET,
    f::LOG_APPEND_TIME_MS,
    f::LOG_START_OFFSET,
    f::RECORD_ERRORS,
    f::ERROR_MESSAGE,
];
const FETCH: &[FieldId] = &[
    f::REPLICA_ID,
    f::SESSION_ID,
    f::SESSION_EPOCH,
    f::TOPICS,
    f::FORGOTTEN_TOPICS_DATA,
    f::RACK_ID,
];
const ASKED: &[FieldId] = &[
    f::PARTITION,
    f::CURRENT_LEADER_EPOCH,
    f::FETCH_OFFSET,
    f::LAST_FETCHED_EPOCH,
    f::LOG_START_OFFSET,
    f::PARTITION_MAX_BYTES,
];
const FETCHED: &[FieldId] = &[
    f::PARTITION_INDEX,
    f::ERROR_CODE,
    f::HIGH_WATERMARK,
    f::LAST_STABLE_OFFSET,
    f::LOG_START_OFFSET,
    f::ABORTED_TRANSACTIONS,
    f::PREFERRED_READ_REPLICA,
    f::RECORDS,
];
const JOIN: &[FieldId] = &[
    f::GROUP_ID,
    f::SESSION_TIMEOUT_MS,
    f::REBALANCE_TIMEOUT_MS,
    f::MEMBER_ID,
    f::GROUP_INSTANCE_ID,
    f::PROTOCOL_TYPE,
    f::PROTOCOLS,
];
const JOINED: &[FieldId] = &[
    f::THROTTLE_TIME_MS,
    f::ERROR_CODE,
    f::GENERATION_ID,
    f::PROTOCOL_TYPE,
    f::PROTOCOL_NAME,
    f::LEADER,
    f::MEMBER_ID,
    f::MEMBERS,
];
const SYNC: &[FieldId] = &[
    f::GROUP_ID,
    f::GENERATION_ID,
    f::MEMBER_ID,
    f::GROUP_INSTANCE_ID,
    f::PROTOCOL_TYPE,
    f::PROTOCOL_NAME,
    f::ASSIGNMENTS,
];
const SYNCED: &[FieldId] = &[
    f::THROTTLE_TIME_MS,
    f::ERROR_CODE,
    f::PROTOCOL_TYPE,
    f::PROTOCOL_NAME,
];

/// Writes the body when its API has a shape of its own.
pub fn write(
    out: &mut String,
    api_key: i16,
    direction: Direction,
    tape: &Tape,
    view: &View,
    topic_name: TopicName,
) -> bool {
    let mut w = Shape {
        out,
        api_key,
        nodes: &tape.nodes,
        view,
        topic_name,
        empty: true,
    };
    let root = tape.root();
    match (api_key, direction) {
        (0, Direction::Request) => w.object(|w| w.produce_request(root)),
        (0, Direction::Response) => w.object(|w| w.produce_response(root)),
        (1, Direction::Request) => w.object(|w| w.fetch_request(root)),
        (1, Direction::Response) => w.object(|w| w.fetch_response(root)),
        (3, Direction::Request) => w.object(|w| w.metadata_request(root)),
        (11, Direction::Request) => w.object(|w| w.join_request(root)),
        (11, Direction::Response) => w.object(|w| w.join_response(root)),
        (14, Direction::Request) => w.object(|w| w.sync_request(root)),
        (14, Direction::Response) => w.object(|w| w.sync_response(root)),
        _ => return false,
    }
    true
}

/// A key as it stands in JSON behind another value: as one text, since bodies are mostly keys.
macro_rules! key {
    ($name:literal) => {
        concat!(",\"", $name, "\":")
    };
}

struct Shape<'w, 'v> {
    out: &'w mut String,
    api_key: i16,
    /// Of the whole message.
    nodes: &'w [Node],
    view: &'w View<'v>,
    topic_name: TopicName<'w>,
    /// Nothing was written yet into the innermost object or array.
    empty: bool,
}

impl Shape<'_, '_> {
    fn object(&mut self, inside: impl FnOnce(&mut Self)) {
        self.separate();
        self.out.push('{');
        self.empty = true;
        inside(self);
        self.out.push('}');
        self.empty = false;
    }

    /// The fields of an object that were not written yet.
    fn rest(&mut self, object: Object, written: &[FieldId]) {
        let nodes = object.nodes();
        let told = |field| written.contains(&field);
        let first = nodes.first().and_then(|n| self.nodes.element_offset(n));
        let Some(first) = first.filter(|_| !object.fields().all(|f| told(f.node.field))) else {
            return;
        };
        let level = Level {
            array: false,
            empty: self.empty,
        };
        Writer {
            out: self.out,
            style: Style::Snake,
            api_key: self.api_key,
            view: self.view,
            topic_name: self.topic_name,
            tags: Vec::new(),
            within: Within::Message,
        }
        .inside(level, self.nodes, first..first + nodes.len(), written);
        self.empty = false;
    }

    fn array(&mut self, key: &str, inside: impl FnOnce(&mut Self)) {
        self.key(key);
        self.out.push('[');
        self.empty = true;
        inside(self);
        self.out.push(']');
        self.empty = false;
    }

    fn separate(&mut self) {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(',');
        }
    }

    /// One of `key!`.
    fn key(&mut self, key: &str) {
        let begin = usize::from(std::mem::replace(&mut self.empty, false));
        self.out.push_str(&key[begin..]);
    }

    fn int(&mut self, key: &str, object: Object, field: FieldId, absent: i64) {
        self.key(key);
        json::write_int(self.out, object.int(field).unwrap_or(absent));
    }

    fn bool(&mut self, key: &str, object: Object, field: FieldId) {
        self.key(key);
        self.out.push_str(if object.bool(field) == Some(true) {
            "true"
        } else {
            "false"
        });
    }

    fn str(&mut self, key: &str, object: Object, field: FieldId) {
        self.key(key);
        json::write_string(self.out, &object.str(self.view, field).unwrap_or_default());
    }

    /// The name on the wire, or the one that belongs to the id; the id itself follows where there is one.
    fn topic(&mut self, object: Object, field: FieldId) {
        self.key(key!("name"));
        let id = object.uuid(f::TOPIC_ID).filter(|id| *id != [0; 16]);
        match (object.str(self.view, field), id) {
            (Some(name), _) => json::write_string(self.out, &name),
            (None, Some(id)) => {
                json::write_string(self.out, &(self.topic_name)(&id).unwrap_or_default())
            }
            (None, None) => self.out.push_str("\"\""),
        }
    }

    fn topic_id(&mut self, object: Object) {
        if let Some(id) = object.uuid(f::TOPIC_ID) {
            self.key(key!("topic_id"));
            json::write_uuid(self.out, &id);
        }
    }

    fn items(
        &mut self,
        key: &str,
        object: Object,
        field: FieldId,
        each: impl Fn(&mut Self, Object),
    ) {
        self.array(key, |w| {
            for item in object.items(field) {
                w.object(|w| each(w, item));
            }
        });
    }

    fn records(&mut self, object: Object) {
        self.key(key!("message_set"));
        let size = match object.value(f::RECORDS) {
            Some(Value::Records { size, .. }) => size,
            _ => 0,
        };
        self.out.push_str("{\"size\":");
        json::write_int(self.out, i64::from(size));
        self.out.push('}');
    }

    fn produce_request(&mut self, root: Object) {
        self.str(key!("transactional_id"), root, f::TRANSACTIONAL_ID);
        self.int(key!("acks"), root, f::ACKS, 0);
        self.int(key!("timeout_ms"), root, f::TIMEOUT_MS, 0);
        self.items(key!("topics"), root, f::TOPIC_DATA, |w, topic| {
            w.topic(topic, f::NAME);
            w.items(key!("partitions"), topic, f::PARTITION_DATA, |w, p| {
                w.int(key!("index"), p, f::INDEX, -1);
                w.records(p);
            });
            w.topic_id(topic);
        });
    }

    fn produce_response(&mut self, root: Object) {
        self.items(key!("topics"), root, f::RESPONSES, |w, topic| {
            w.topic(topic, f::NAME);
            w.items(key!("partitions"), topic, f::PARTITION_RESPONSES, |w, p| {
                w.int(key!("index"), p, f::INDEX, -1);
                w.int(key!("error_code"), p, f::ERROR_CODE, 0);
                w.int(key!("base_offset"), p, f::BASE_OFFSET, -1);
                w.int(key!("log_append_time_ms"), p, f::LOG_APPEND_TIME_MS, -1);
                w.int(key!("log_start_offset"), p, f::LOG_START_OFFSET, -1);
                w.items(key!("record_errors"), p, f::RECORD_ERRORS, |w, e| {
                    w.int(key!("batch_index"), e, f::BATCH_INDEX, -1);
                    w.str(key!("error_message"), e, f::BATCH_INDEX_ERROR_MESSAGE);
                });
                w.str(key!("error_message"), p, f::ERROR_MESSAGE);
                w.rest(p, PRODUCED);
            });
            w.topic_id(topic);
        });
        self.int(key!("throttle_time_ms"), root, f::THROTTLE_TIME_MS, 0);
        self.rest(root, &[f::RESPONSES, f::THROTTLE_TIME_MS]);
    }

    fn fetch_request(&mut self, root: Object) {
        let replica = root.object(f::REPLICA_STATE).unwrap_or(root);
        self.int(key!("replica_id"), replica, f::REPLICA_ID, -1);
        self.int(key!("session_id"), root, f::SESSION_ID, 0);
        self.int(key!("session_epoch"), root, f::SESSION_EPOCH, -1);
        self.items(key!("topics"), root, f::TOPICS, |w, topic| {
            w.topic(topic, f::TOPIC);
            w.items(key!("partitions"), topic, f::PARTITIONS, |w, p| {
                w.int(key!("index"), p, f::PARTITION, -1);
                w.int(key!("current_leader_epoch"), p, f::CURRENT_LEADER_EPOCH, -1);
                w.int(key!("fetch_offset"), p, f::FETCH_OFFSET, -1);
                w.int(key!("last_fetched_epoch"), p, f::LAST_FETCHED_EPOCH, -1);
                w.int(key!("log_start_offset"), p, f::LOG_START_OFFSET, -1);
                w.int(key!("partition_max_bytes"), p, f::PARTITION_MAX_BYTES, 0);
                w.rest(p, ASKED);
            });
            w.topic_id(topic);
        });
        self.items(
            key!("forgotten_topics"),
            root,
            f::FORGOTTEN_TOPICS_DATA,
            |w, topic| {
                w.topic(topic, f::TOPIC);
                w.array(key!("partitions_indices"), |w| {
                    for p in topic.elements(f::PARTITIONS).filter_map(|p| p.int()) {
                        w.separate();
                        json::write_int(w.out, p);
                    }
                });
                w.topic_id(topic);
            },
        );
        self.str(key!("rack_id"), root, f::RACK_ID);
        self.rest(root, FETCH);
    }

    fn fetch_response(&mut self, root: Object) {
        self.int(key!("throttle_time_ms"), root, f::THROTTLE_TIME_MS, 0);
        self.int(key!("error_code"), root, f::ERROR_CODE, 0);
        self.int(key!("session_id"), root, f::SESSION_ID, 0);
        self.items(key!("topics"), root, f::RESPONSES, |w, topic| {
            w.topic(topic, f::TOPIC);
            w.items(key!("partitions"), topic, f::PARTITIONS, |w, p| {
                w.int(key!("index"), p, f::PARTITION_INDEX, -1);
                w.int(key!("error_code"), p, f::ERROR_CODE, 0);
                w.int(key!("high_watermark"), p, f::HIGH_WATERMARK, -1);
                w.int(key!("last_stable_offset"), p, f::LAST_STABLE_OFFSET, -1);
                w.int(key!("log_start_offset"), p, f::LOG_START_OFFSET, -1);
                w.items(
                    key!("aborted_transactions"),
                    p,
                    f::ABORTED_TRANSACTIONS,
                    |w, t| {
                        w.int(key!("producer_id"), t, f::PRODUCER_ID, -1);
                        w.int(key!("first_offset"), t, f::FIRST_OFFSET, -1);
                    },
                );
                w.int(
                    key!("preferred_read_replica"),
                    p,
                    f::PREFERRED_READ_REPLICA,
                    -1,
                );
                w.records(p);
                w.rest(p, FETCHED);
            });
            w.topic_id(topic);
        });
        self.rest(
            root,
            &[
                f::THROTTLE_TIME_MS,
                f::ERROR_CODE,
                f::SESSION_ID,
                f::RESPONSES,
            ],
        );
    }

    fn metadata_request(&mut self, root: Object) {
        self.items(key!("topics"), root, f::TOPICS, |w, topic| {
            w.key(key!("topic_id"));
            match topic.uuid(f::TOPIC_ID).filter(|id| *id != [0; 16]) {
                Some(id) => json::write_uuid(w.out, &id),
                None => w.out.push_str("\"\""),
            }
            w.topic(topic, f::NAME);
        });
        self.bool(
            key!("allow_auto_topic_creation"),
            root,
            f::ALLOW_AUTO_TOPIC_CREATION,
        );
        self.bool(
            key!("include_cluster_authorized_operations"),
            root,
            f::INCLUDE_CLUSTER_AUTHORIZED_OPERATIONS,
        );
        self.bool(
            key!("include_topic_authorized_operations"),
            root,
            f::INCLUDE_TOPIC_AUTHORIZED_OPERATIONS,
        );
    }

    fn join_request(&mut self, root: Object) {
        self.str(key!("group_id"), root, f::GROUP_ID);
        self.int(key!("session_timeout_ms"), root, f::SESSION_TIMEOUT_MS, -1);
        self.int(
            key!("rebalance_timeout_ms"),
            root,
            f::REBALANCE_TIMEOUT_MS,
            -1,
        );
        self.str(key!("member_id"), root, f::MEMBER_ID);
        self.str(key!("group_instance_id"), root, f::GROUP_INSTANCE_ID);
        self.str(key!("protocol_type"), root, f::PROTOCOL_TYPE);
        self.items(key!("protocols"), root, f::PROTOCOLS, |w, p| {
            w.str(key!("protocol"), p, f::NAME);
            w.rest(p, &[f::NAME]);
        });
        self.rest(root, JOIN);
    }

    fn join_response(&mut self, root: Object) {
        self.int(key!("throttle_time_ms"), root, f::THROTTLE_TIME_MS, 0);
        self.int(key!("error_code"), root, f::ERROR_CODE, 0);
        self.int(key!("generation_id"), root, f::GENERATION_ID, -1);
        self.str(key!("protocol_type"), root, f::PROTOCOL_TYPE);
        self.str(key!("protocol_name"), root, f::PROTOCOL_NAME);
        self.str(key!("leader"), root, f::LEADER);
        self.str(key!("member_id"), root, f::MEMBER_ID);
        self.items(key!("members"), root, f::MEMBERS, |w, m| {
            w.str(key!("member_id"), m, f::MEMBER_ID);
            w.str(key!("group_instance_id"), m, f::GROUP_INSTANCE_ID);
            w.rest(m, &[f::MEMBER_ID, f::GROUP_INSTANCE_ID]);
        });
        self.rest(root, JOINED);
    }

    fn sync_request(&mut self, root: Object) {
        self.str(key!("group_id"), root, f::GROUP_ID);
        self.int(key!("generation_id"), root, f::GENERATION_ID, -1);
        self.str(key!("member_id"), root, f::MEMBER_ID);
        self.str(key!("group_instance_id"), root, f::GROUP_INSTANCE_ID);
        self.str(key!("protocol_type"), root, f::PROTOCOL_TYPE);
        self.str(key!("protocol_name"), root, f::PROTOCOL_NAME);
        self.items(key!("assignments"), root, f::ASSIGNMENTS, |w, m| {
            w.str(key!("member_id"), m, f::MEMBER_ID);
            w.rest(m, &[f::MEMBER_ID]);
        });
        self.rest(root, SYNC);
    }

    fn sync_response(&mut self, root: Object) {
        self.int(key!("throttle_time_ms"), root, f::THROTTLE_TIME_MS, 0);
        self.int(key!("error_code"), root, f::ERROR_CODE, 0);
        self.str(key!("protocol_type"), root, f::PROTOCOL_TYPE);
        self.str(key!("protocol_name"), root, f::PROTOCOL_NAME);
        self.rest(root, SYNCED);
    }
}
