//! Which name a topic id has. Ids are random and never used twice, so one map serves all clusters.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kafkascope_wire::{fields::f, tape::Object};

use crate::{Body, Call, LearnedName, bounded::Bounded};

/// The id of KRaft's metadata log, which has no name on the wire.
const METADATA_LOG: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// A topic as one message names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TopicKey {
    Name(Arc<str>),
    Id([u8; 16]),
}

impl TopicKey {
    /// The id, `None` for a topic that was named.
    pub fn id(&self) -> Option<[u8; 16]> {
        match self {
            TopicKey::Id(id) => Some(*id),
            TopicKey::Name(_) => None,
        }
    }

    /// The topic of a struct that has its name or, in newer versions, its id.
    pub fn of(body: &Body, topic: &Object) -> Option<TopicKey> {
        let name = topic
            .str(&body.view, f::NAME)
            .or_else(|| topic.str(&body.view, f::TOPIC));
        match (name, topic.uuid(f::TOPIC_ID)) {
            (Some(name), _) if !name.is_empty() => Some(TopicKey::Name(name.into())),
            (_, Some(id)) => Some(TopicKey::Id(id)),
            _ => None,
        }
    }
}

/// Kafka's text of an id: URL-safe base64 without padding; empty for the zero id.
pub fn uuid_text(id: &[u8; 16]) -> String {
    if *id == [0; 16] {
        String::new()
    } else {
        URL_SAFE_NO_PAD.encode(id)
    }
}

/// The id of Kafka's text.
pub fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    URL_SAFE_NO_PAD
        .decode(text.trim_end_matches('='))
        .ok()?
        .try_into()
        .ok()
}

struct Known {
    name: Arc<str>,
    /// The id was announced together with its cluster.
    with_cluster: bool,
}

pub(crate) struct Topics {
    names: Bounded<[u8; 16], Known>,
}

impl Topics {
    pub fn new(limit: usize) -> Self {
        let mut names = Bounded::new(limit);
        names.entry(METADATA_LOG, || Known {
            name: "__cluster_metadata".into(),
            with_cluster: true,
        });
        Topics { names }
    }

    pub fn name(&self, id: &[u8; 16]) -> Option<&Arc<str>> {
        self.names.peek(id).map(|known| &known.name)
    }

    /// Whether two ways of naming a topic mean the same, as far as names are known.
    pub fn same(&self, a: &TopicKey, b: &TopicKey) -> bool {
        match (a, b) {
            (TopicKey::Name(name), TopicKey::Id(id)) | (TopicKey::Id(id), TopicKey::Name(name)) => {
                self.name(id) == Some(name)
            }
            _ => a == b,
        }
    }

    pub fn add(
        &mut self,
        id: [u8; 16],
        name: &str,
        cluster_id: &Arc<str>,
        source: &'static str,
        new: &mut Vec<LearnedName>,
    ) {
        if id == [0; 16] || name.is_empty() {
            return;
        }
        let with_cluster = !cluster_id.is_empty();
        let mut fresh = false;
        let known = self.names.entry(id, || {
            fresh = true;
            Known {
                name: name.into(),
                with_cluster,
            }
        });
        if *known.name != *name {
            (known.name, fresh) = (name.into(), true);
        }
        if with_cluster && !known.with_cluster {
            (known.with_cluster, fresh) = (true, true);
        }
        if fresh {
            new.push(LearnedName {
                cluster_id: cluster_id.clone(),
                topic_id: id,
                topic: known.name.clone(),
                source,
            });
        }
    }

    /// Takes the pairs of name and id out of a call.
    pub fn learn(&mut self, call: &Call, cluster_id: &Arc<str>, new: &mut Vec<LearnedName>) {
        // before KRaft the controller tells the brokers in requests, everybody else is told in responses
        let body = match call.api_key {
            4 | 6 => call.request,
            _ => call.response,
        };
        let Some(body) = body else { return };
        let root = body.root();
        let mut pair = |topic: Object, name, source| {
            if let (Some(id), Some(name)) = (topic.uuid(f::TOPIC_ID), body.str(&topic, name)) {
                self.add(id, &name, cluster_id, source, new);
            }
        };
        match call.api_key {
            3 => root
                .items(f::TOPICS)
                .for_each(|t| pair(t, f::NAME, "Metadata")),
            4 | 6 => {
                let source = if call.api_key == 4 {
                    "LeaderAndIsr"
                } else {
                    "UpdateMetadata"
                };
                root.items(f::TOPIC_STATES)
                    .for_each(|t| pair(t, f::TOPIC_NAME, source));
            }
            19 => root
                .items(f::TOPICS)
                .for_each(|t| pair(t, f::NAME, "CreateTopics")),
            20 => root
                .items(f::RESPONSES)
                .for_each(|t| pair(t, f::NAME, "DeleteTopics")),
            75 => root
                .items(f::TOPICS)
                .for_each(|t| pair(t, f::NAME, "DescribeTopicPartitions")),
            69 | 77 => {
                let source = if call.api_key == 69 {
                    "ConsumerGroupDescribe"
                } else {
                    "ShareGroupDescribe"
                };
                for member in root.items(f::GROUPS).flat_map(|g| g.items(f::MEMBERS)) {
                    for assignment in [f::ASSIGNMENT, f::TARGET_ASSIGNMENT]
                        .into_iter()
                        .filter_map(|a| member.object(a))
                    {
                        assignment
                            .items(f::TOPIC_PARTITIONS)
                            .for_each(|t| pair(t, f::TOPIC_NAME, source));
                    }
                }
            }
            90 => root
                .items(f::GROUPS)
                .flat_map(|g| g.items(f::TOPICS))
                .for_each(|t| pair(t, f::TOPIC_NAME, "DescribeShareGroupOffsets")),
            91 => root
                .items(f::RESPONSES)
                .for_each(|t| pair(t, f::TOPIC_NAME, "AlterShareGroupOffsets")),
            92 => root
                .items(f::RESPONSES)
                .for_each(|t| pair(t, f::TOPIC_NAME, "DeleteShareGroupOffsets")),
            _ => {}
        }
    }

    pub fn forgotten(&self) -> u64 {
        self.names.forgotten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_kafka_writes_them() {
        let id: [u8; 16] = core::array::from_fn(|i| 0xf0 + i as u8);
        assert_eq!(uuid_text(&id), "8PHy8_T19vf4-fr7_P3-_w");
        assert_eq!(parse_uuid("8PHy8_T19vf4-fr7_P3-_w"), Some(id));
        assert_eq!(uuid_text(&[0; 16]), "");
        assert_eq!(parse_uuid("short"), None);
    }

    #[test]
    fn a_name_is_new_once_and_again_with_its_cluster() {
        let (mut topics, mut new) = (Topics::new(10), Vec::new());
        let (id, none, cluster) = ([7; 16], Arc::from(""), Arc::from("c1"));
        for cluster in [&none, &none, &cluster, &cluster, &none] {
            topics.add(id, "orders", cluster, "Metadata", &mut new);
        }
        assert_eq!(
            new.iter().map(|n| &*n.cluster_id).collect::<Vec<_>>(),
            ["", "c1"]
        );
        assert!(topics.same(&TopicKey::Id(id), &TopicKey::Name("orders".into())));
        assert!(!topics.same(&TopicKey::Id(id), &TopicKey::Name("other".into())));
    }
}
