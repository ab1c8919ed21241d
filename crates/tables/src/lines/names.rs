//! What decode lines need to know of the whole capture: names of topics by their ids, clusters by their brokers.

use std::collections::HashMap;
use std::net::IpAddr;

use kafkascope_stream::Endpoint;
use kafkascope_wire::fields::f;
use kafkascope_wire::{Direction, Node, Tape, Value, View};

const MAX_TOPICS: usize = 200_000;
const MAX_BROKERS: usize = 20_000;

const METADATA: i16 = 3;
const DESCRIBE_CLUSTER: i16 = 60;
/// APIs that carry ids without names, or neither, and are too frequent to be searched in vain.
const WITHOUT_NAMES: &[i16] = &[0, 1, 2, 8, 9, 12, 18, 26, 28, 36, 68, 76, 78, 79];

/// Topics and clusters learned so far.
#[derive(Debug, Default)]
pub struct Names {
    topics: HashMap<[u8; 16], String>,
    clusters: HashMap<Endpoint, String>,
    /// Names and clusters that found no room.
    pub refused: u64,
}

impl Names {
    pub fn topic(&self, id: &[u8; 16]) -> Option<&str> {
        self.topics.get(id).map(String::as_str)
    }

    pub fn cluster(&self, broker: &Endpoint) -> Option<&str> {
        self.clusters.get(broker).map(String::as_str)
    }

    /// Takes what a body tells.
    pub fn learn(
        &mut self,
        api_key: i16,
        direction: Direction,
        tape: &Tape,
        view: &View,
        broker: Endpoint,
    ) {
        if !WITHOUT_NAMES.contains(&api_key) {
            for (i, node) in tape.nodes.iter().enumerate() {
                if let (f::TOPIC_ID, Value::Uuid(id)) = (node.field, node.value)
                    && let Some(name) = name_beside(&tape.nodes, i)
                    && let Some(name) = view.str(name.value)
                {
                    self.learn_topic(id, &name);
                }
            }
        }
        if direction == Direction::Response && matches!(api_key, METADATA | DESCRIBE_CLUSTER) {
            self.learn_cluster(tape, view, broker);
        }
    }

    fn learn_topic(&mut self, id: [u8; 16], name: &str) {
        if id == [0; 16] || name.is_empty() || self.topics.contains_key(&id) {
            return;
        }
        if self.topics.len() >= MAX_TOPICS {
            self.refused += 1;
            return;
        }
        self.topics.insert(id, name.to_owned());
    }

    fn learn_cluster(&mut self, tape: &Tape, view: &View, broker: Endpoint) {
        let root = tape.root();
        let Some(cluster) = root.str(view, f::CLUSTER_ID).filter(|c| !c.is_empty()) else {
            return;
        };
        let listed = root.items(f::BROKERS).filter_map(|b| {
            let addr: IpAddr = b.str(view, f::HOST)?.parse().ok()?;
            Some(Endpoint {
                addr,
                port: u16::try_from(b.int(f::PORT)?).ok()?,
            })
        });
        for end in listed.chain([broker]) {
            if self.clusters.len() >= MAX_BROKERS && !self.clusters.contains_key(&end) {
                self.refused += 1;
            } else if self
                .clusters
                .get(&end)
                .is_none_or(|known| *known != *cluster)
            {
                self.clusters.insert(end, cluster.to_string());
            }
        }
    }
}

/// The topic's name that stands right before or behind its id in the same struct.
pub fn name_beside(nodes: &[Node], i: usize) -> Option<&Node> {
    let is_name = |n: &&Node| {
        matches!(n.field, f::NAME | f::TOPIC | f::TOPIC_NAME)
            && matches!(n.value, Value::Str { .. })
    };
    let before = i
        .checked_sub(1)
        .and_then(|before| nodes.get(before))
        .filter(is_name);
    before.or_else(|| nodes.get(i + 1).filter(is_name))
}
