//! What the protocol makes an observer remember: which cluster a broker belongs to, the names of topic
//! ids, fetch sessions, who is in which group.
//!
//! Everything is learned from `Call`s, one per request with its response, in the order of the
//! responses. Times and addresses are arguments; every map has a limit, and what a limit cost is
//! counted in `Stats`.

mod assignment;
mod bounded;
mod call;
mod clients;
mod clusters;
mod deduce;
mod groups;
mod members;
mod readers;
mod sessions;
mod topics;

pub use assignment::Assignment;
pub use call::{Body, Call, Ends, Host, ProcessKey, TICK_NS};
pub use clients::Software;
pub use clusters::{Broker, ClusterRef};
pub use deduce::deduced_name;
pub use groups::{GroupEvent, Protocol};
pub use readers::{GroupSource, LateGroup, Reader};
pub use sessions::{FetchPlace, Fetched, Idle, replica_id};
pub use topics::{TopicKey, parse_uuid, uuid_text};

use std::{collections::HashMap, sync::Arc};

use clients::Clients;
use clusters::Clusters;
use groups::Groups;
use readers::Readers;
use sessions::Sessions;
use topics::Topics;

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub topics: usize,
    pub endpoints: usize,
    pub sessions: usize,
    /// Partitions in all fetch sessions together.
    pub session_partitions: usize,
    pub members: usize,
    pub readers: usize,
    pub clients: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            topics: 200_000,
            endpoints: 20_000,
            sessions: 20_000,
            session_partitions: 1_000_000,
            members: 100_000,
            readers: 100_000,
            clients: 100_000,
        }
    }
}

/// What the limits cost: entries forgotten, by map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub topics: u64,
    pub endpoints: u64,
    pub sessions: u64,
    pub members: u64,
    pub readers: u64,
    pub clients: u64,
}

impl Stats {
    /// Entries forgotten in all maps.
    pub fn forgotten(&self) -> u64 {
        self.topics + self.endpoints + self.sessions + self.members + self.readers + self.clients
    }
}

/// What a call taught, for the rows about it.
#[derive(Clone, Debug, Default)]
pub struct Lesson {
    /// What is known of the broker by now.
    pub broker: Broker,
    /// Topic names that are new, or whose cluster is now known.
    pub names: Vec<LearnedName>,
    pub group_events: Vec<GroupEvent>,
    /// For a Fetch: what is known of every partition's place before the response.
    pub fetch: Option<FetchPlace>,
    /// Groups of fetches that were seen before anything told them.
    pub late_groups: Vec<LateGroup>,
    /// The cluster's id became known, or the broker's node id, or the client's software.
    pub ends_changed: bool,
}

/// A row of `kafka_topic_names`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LearnedName {
    pub cluster_id: Arc<str>,
    pub topic_id: [u8; 16],
    pub topic: Arc<str>,
    pub source: &'static str,
}

/// The memory of everything seen.
pub struct State {
    clusters: Clusters,
    topics: Topics,
    sessions: Sessions,
    groups: Groups,
    readers: Readers,
    clients: Clients,
}

impl Default for State {
    fn default() -> Self {
        State::new(Limits::default())
    }
}

impl State {
    pub fn new(limits: Limits) -> Self {
        State {
            clusters: Clusters::new(limits.endpoints),
            topics: Topics::new(limits.topics),
            sessions: Sessions::new(limits.sessions, limits.session_partitions),
            groups: Groups::new(limits.members),
            readers: Readers::new(limits.readers),
            clients: Clients::new(limits.clients),
        }
    }

    /// Takes in a call and says what it taught. Calls of one connection come in their order.
    pub fn learn(&mut self, call: &Call) -> Lesson {
        let mut lesson = Lesson {
            ends_changed: self.clusters.learn(call),
            ..Lesson::default()
        };
        lesson.ends_changed |= self.clients.learn(call);
        let cluster;
        (cluster, lesson.broker) = self.clusters.place(&call.ends.broker);
        if self.clusters.take_merged() {
            let root = |c| self.clusters.root(c);
            self.readers.rekey(root);
            self.groups.rekey(root);
        }
        self.topics
            .learn(call, &lesson.broker.cluster_id, &mut lesson.names);
        self.readers
            .learn(call, cluster, &self.topics, &mut lesson.late_groups);
        let deduced = self
            .groups
            .learn(call, cluster, &self.topics, &mut lesson.group_events);
        if let Some((id, name)) = deduced {
            let (cluster_id, source) = (&lesson.broker.cluster_id, "deduced");
            self.topics
                .add(id, &name, cluster_id, source, &mut lesson.names);
        }
        lesson.fetch = self
            .sessions
            .learn(call, self.clusters.broker_key(&call.ends.broker));
        lesson
    }

    /// Names from elsewhere (a broker's log directory). Returns those that are new.
    pub fn learn_topics(
        &mut self,
        names: impl IntoIterator<Item = ([u8; 16], String)>,
    ) -> Vec<LearnedName> {
        let mut new = Vec::new();
        for (id, name) in names {
            self.topics
                .add(id, &name, &Arc::from(""), "log_directory", &mut new);
        }
        new
    }

    /// What a broker's process says of itself elsewhere (its log directory); its start is in clock ticks since boot.
    pub fn learn_process(&mut self, process: (u32, u64), is: Broker) {
        self.clusters.learn_process(process, is);
    }

    /// The name of a topic id.
    pub fn topic_name(&self, id: &[u8; 16]) -> Option<&Arc<str>> {
        self.topics.name(id)
    }

    /// Cluster id (empty while unknown) and node id of the broker at this end.
    pub fn broker(&mut self, broker: &Host) -> Broker {
        self.clusters.broker(broker)
    }

    /// The client software of a connection's client, from its ApiVersions request.
    pub fn software(&self, ends: &Ends, conn: u64, client_id: Option<&str>) -> Option<&Software> {
        self.clients.software(ends, conn, client_id)
    }

    /// The group in which the client of `ends` reads a topic.
    pub fn reader(
        &mut self,
        ends: &Ends,
        client_id: Option<&str>,
        topic: &TopicKey,
        now_ns: i64,
    ) -> Reader {
        let cluster = self.clusters.cluster(&ends.broker);
        self.readers
            .group_of(ends, client_id, cluster, topic, &self.topics, now_ns)
    }

    /// A connection has ended.
    pub fn closed(&mut self, conn: u64) {
        self.clients.closed(conn);
    }

    pub fn stats(&self) -> Stats {
        Stats {
            topics: self.topics.forgotten(),
            endpoints: self.clusters.forgotten(),
            sessions: self.sessions.forgotten(),
            members: self.groups.forgotten(),
            readers: self.readers.forgotten(),
            clients: self.clients.forgotten(),
        }
    }
}
