//! Partitions by topic, and what one assignment has that another has not.

use std::collections::{BTreeMap, BTreeSet};

use crate::{TopicKey, topics::Topics};

/// Partitions by topic.
pub type Assignment = BTreeMap<TopicKey, BTreeSet<i32>>;

/// Topics by name where it is known, so that an id and its name do not count as two topics.
pub(crate) fn normal(assigned: &Assignment, topics: &Topics) -> Assignment {
    let mut named = Assignment::new();
    for (topic, partitions) in assigned {
        let topic = match topic {
            TopicKey::Id(id) => topics
                .name(id)
                .map_or(topic.clone(), |name| TopicKey::Name(name.clone())),
            TopicKey::Name(_) => topic.clone(),
        };
        named.entry(topic).or_default().extend(partitions);
    }
    named
}

pub(crate) fn minus(a: &Assignment, b: &Assignment) -> Assignment {
    let mut rest = Assignment::new();
    for (topic, partitions) in a {
        let left: BTreeSet<i32> = b
            .get(topic)
            .map_or_else(|| partitions.clone(), |other| partitions - other);
        if !left.is_empty() {
            rest.insert(topic.clone(), left);
        }
    }
    rest
}
