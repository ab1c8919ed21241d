//! Which cluster a broker's endpoint belongs to, and which node it is.
//!
//! A cluster is a number until its id is seen; endpoints begin as clusters of their own and are merged
//! when a broker list, a cluster id or one process behind several listeners ties them together.

use std::{net::IpAddr, net::SocketAddr, sync::Arc};

use kafkascope_wire::{fields::f, tape::Object};

use crate::{
    Body, Call, Host, Map,
    bounded::Bounded,
    call::{ProcessKey, TICK_NS},
};

/// Processes whose cluster was told and whose connections are still to come.
const TOLD: usize = 4096;

/// A cluster, known by id or not. Only `Clusters::root` of it is a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClusterRef(u32);

/// A broker's address where fetch sessions live: `Host` without the process.
pub(crate) type BrokerKey = (u32, SocketAddr);

/// What is known of the broker at one end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Broker {
    /// Empty while unknown.
    pub cluster_id: Arc<str>,
    pub node_id: Option<i32>,
}

#[derive(Clone, Copy)]
struct Entry {
    cluster: ClusterRef,
    node_id: Option<i32>,
}

/// What tells of clusters and brokers.
enum Telling {
    /// A broker list.
    List,
    /// What the client expects of the broker (KIP-1242).
    Expected,
    /// The cluster id in a request.
    Asked,
}

impl Telling {
    fn of(api_key: i16) -> Option<Telling> {
        match api_key {
            3 | 60 => Some(Telling::List),
            18 => Some(Telling::Expected),
            1 | 52..=54 | 59 | 62 | 80..=82 => Some(Telling::Asked),
            _ => None,
        }
    }
}

pub(crate) struct Clusters {
    /// Union-find: a root is its own parent.
    parents: Vec<u32>,
    ids: Map<ClusterRef, Arc<str>>,
    by_id: Map<Arc<str>, ClusterRef>,
    endpoints: Bounded<BrokerKey, Entry>,
    processes: Bounded<ProcessKey, Entry>,
    /// What brokers' processes were said to be, by number and start in ticks.
    told: Bounded<(u32, u64), Broker>,
    nothing: Arc<str>,
    merged: bool,
}

impl Clusters {
    pub fn new(limit: usize) -> Self {
        Clusters {
            parents: Vec::new(),
            ids: Map::default(),
            by_id: Map::default(),
            endpoints: Bounded::new(limit),
            processes: Bounded::new(limit),
            told: Bounded::new(limit.min(TOLD)),
            nothing: Arc::from(""),
            merged: false,
        }
    }

    pub fn broker_key(&self, broker: &Host) -> BrokerKey {
        (broker.netns, broker.addr)
    }

    pub fn root(&self, cluster: ClusterRef) -> ClusterRef {
        let mut at = cluster.0;
        while let Some(&parent) = self.parents.get(at as usize) {
            if parent == at {
                break;
            }
            at = parent;
        }
        ClusterRef(at)
    }

    /// Whether clusters were merged since the last question: keys by cluster are stale.
    pub fn take_merged(&mut self) -> bool {
        std::mem::take(&mut self.merged)
    }

    pub fn id(&self, cluster: ClusterRef) -> Arc<str> {
        self.ids
            .get(&self.root(cluster))
            .unwrap_or(&self.nothing)
            .clone()
    }

    /// The cluster of a broker; a new one for an endpoint never seen.
    pub fn cluster(&mut self, broker: &Host) -> ClusterRef {
        self.find(broker).0
    }

    pub fn broker(&mut self, broker: &Host) -> Broker {
        self.place(broker).1
    }

    /// Both of the above, for whoever needs both: finding a broker takes several look-ups.
    pub fn place(&mut self, broker: &Host) -> (ClusterRef, Broker) {
        let (cluster, node_id) = self.find(broker);
        let cluster_id = self.id(cluster);
        (
            cluster,
            Broker {
                cluster_id,
                node_id,
            },
        )
    }

    /// The cluster of a broker, and the node that its endpoint is.
    fn find(&mut self, broker: &Host) -> (ClusterRef, Option<i32>) {
        let key = self.broker_key(broker);
        let here = match self.endpoints.get(&key) {
            Some(entry) => *entry,
            None => {
                let behind = broker
                    .process
                    .and_then(|p| self.processes.get(&p).map(|e| e.cluster));
                let cluster = behind.unwrap_or_else(|| self.fresh());
                *self.endpoints.entry(key, || Entry {
                    cluster,
                    node_id: None,
                })
            }
        };
        let Some(process) = broker.process else {
            return (self.root(here.cluster), here.node_id);
        };
        let entry = self.processes.entry(process, || Entry {
            cluster: here.cluster,
            node_id: None,
        });
        // a listener that no client was told of is the same node as the process's others
        entry.node_id = here.node_id.or(entry.node_id);
        let behind = *entry;
        let cluster = self.union(behind.cluster, here.cluster);
        if !self.ids.contains_key(&cluster)
            && let Some(told) = self.told.get(&ticks(process))
        {
            let told = told.clone();
            let node_id = behind.node_id.or(told.node_id);
            if let Some(entry) = self.processes.get(&process) {
                entry.node_id = node_id;
            }
            return (self.identify(cluster, told.cluster_id), node_id);
        }
        (cluster, behind.node_id)
    }

    /// What a broker's process says of itself elsewhere (`meta.properties`), for as long as no message tells; its start is in clock ticks.
    pub fn learn_process(&mut self, process: (u32, u64), is: Broker) {
        if !is.cluster_id.is_empty() {
            *self.told.entry(process, Broker::default) = is;
        }
    }

    /// Gives a cluster without an id its id, merging it with the cluster that has it already.
    fn identify(&mut self, cluster: ClusterRef, id: Arc<str>) -> ClusterRef {
        if let Some(&there) = self.by_id.get(&id) {
            return self.union(there, cluster);
        }
        self.ids.insert(cluster, id.clone());
        self.by_id.insert(id, cluster);
        cluster
    }

    /// Takes cluster ids and broker lists out of a call; true when the broker is now better known.
    pub fn learn(&mut self, call: &Call) -> bool {
        let broker = &call.ends.broker;
        // most calls tell nothing, and what is known already takes looking up
        let Some(telling) = Telling::of(call.api_key) else {
            return false;
        };
        let before = self.broker(broker);
        match telling {
            Telling::List => {
                if let Some(body) = call.response {
                    self.learn_list(call, &body);
                }
            }
            // holds when the broker did not refuse
            Telling::Expected => {
                if let (Some(body), 0, true) = (call.request, call.error(), call.response.is_some())
                {
                    self.name(broker, &body.text(f::CLUSTER_ID));
                    if let Some(node) = body.root().int(f::NODE_ID).filter(|n| *n >= 0) {
                        self.set_node(self.broker_key(broker), node as i32);
                    }
                }
            }
            Telling::Asked => {
                if before.cluster_id.is_empty()
                    && let (Some(body), 0) = (call.request, call.error())
                {
                    self.name(broker, &body.text(f::CLUSTER_ID));
                }
            }
        }
        self.broker(broker) != before
    }

    /// Metadata's and DescribeCluster's broker lists.
    fn learn_list(&mut self, call: &Call, body: &Body) {
        let broker = &call.ends.broker;
        self.name(broker, &body.text(f::CLUSTER_ID));
        let cluster = self.cluster(broker);
        let node = |b: &Object| b.int(f::NODE_ID).or_else(|| b.int(f::BROKER_ID));
        let listed: Vec<(i32, String, u16)> = body
            .root()
            .items(f::BROKERS)
            .filter_map(|b| {
                Some((
                    node(&b)? as i32,
                    body.str(&b, f::HOST)?.into_owned(),
                    b.int(f::PORT)? as u16,
                ))
            })
            .collect();
        for (node, host, port) in &listed {
            for addr in addresses(host, broker.addr.ip()) {
                let key = (
                    if addr.is_loopback() { broker.netns } else { 0 },
                    SocketAddr::new(addr, *port),
                );
                let entry = self.endpoints.entry(key, || Entry {
                    cluster,
                    node_id: None,
                });
                entry.node_id = Some(*node);
                let there = entry.cluster;
                if self.root(there) != cluster {
                    self.adopt(key, there, cluster);
                }
            }
        }
        // advertised by a name: the port tells which broker this is, when it is one broker's only
        let own = self.broker_key(broker);
        let mut same_port = listed.iter().filter(|(_, host, port)| {
            *port == broker.addr.port() && (listed.len() == 1 || host.parse::<IpAddr>().is_err())
        });
        if let (Some((node, ..)), None, true) = (
            same_port.next(),
            same_port.next(),
            self.endpoints
                .peek(&own)
                .is_some_and(|e| e.node_id.is_none()),
        ) {
            self.set_node(own, *node);
        }
    }

    /// Gives the broker's cluster its id, merging it with the cluster that has it already.
    fn name(&mut self, broker: &Host, id: &str) {
        if id.is_empty() {
            return;
        }
        let here = self.cluster(broker);
        if !self.ids.contains_key(&here) {
            self.identify(here, id.into());
            return;
        }
        let named = match self.by_id.get(id) {
            Some(&there) => self.root(there),
            None => {
                let fresh = self.fresh();
                self.identify(fresh, id.into())
            }
        };
        if named != here {
            self.adopt(self.broker_key(broker), here, named);
            if let Some(process) = broker.process {
                self.processes
                    .entry(process, || Entry {
                        cluster: named,
                        node_id: None,
                    })
                    .cluster = named;
            }
        }
    }

    /// Moves an endpoint into a cluster: with all of its old cluster when that has no id, alone when the
    /// endpoint now serves another cluster than it did.
    fn adopt(&mut self, key: BrokerKey, from: ClusterRef, to: ClusterRef) {
        if !self.ids.contains_key(&self.root(from)) {
            self.union(to, from);
        } else if self.ids.contains_key(&self.root(to)) {
            self.endpoints
                .entry(key, || Entry {
                    cluster: to,
                    node_id: None,
                })
                .cluster = to;
        } else {
            self.union(from, to);
        }
    }

    fn set_node(&mut self, key: BrokerKey, node: i32) {
        if let Some(entry) = self.endpoints.get(&key) {
            entry.node_id = Some(node);
        }
    }

    fn fresh(&mut self) -> ClusterRef {
        self.parents.push(self.parents.len() as u32);
        ClusterRef(self.parents.len() as u32 - 1)
    }

    /// Merges `b` into `a`, or the other way when only `b` has an id. Two with ids stay apart.
    fn union(&mut self, a: ClusterRef, b: ClusterRef) -> ClusterRef {
        let (a, b) = (self.root(a), self.root(b));
        let (winner, loser) = match (self.ids.contains_key(&a), self.ids.contains_key(&b)) {
            _ if a == b => return a,
            (true, true) => return b,
            (false, true) => (b, a),
            _ => (a, b),
        };
        self.parents[loser.0 as usize] = winner.0;
        self.merged = true;
        winner
    }

    pub fn forgotten(&self) -> u64 {
        self.endpoints.forgotten() + self.processes.forgotten() + self.told.forgotten()
    }
}

fn ticks((pid, start_ns): ProcessKey) -> (u32, u64) {
    (pid, start_ns / TICK_NS)
}

/// The addresses that an advertised host is: itself when it is an address, loopback for `localhost` as
/// seen from a loopback connection.
fn addresses(host: &str, seen: IpAddr) -> Vec<IpAddr> {
    match host.parse::<IpAddr>() {
        Ok(addr) => vec![addr.to_canonical()],
        Err(_) if host.eq_ignore_ascii_case("localhost") && seen.is_loopback() => vec![seen],
        Err(_) => Vec::new(),
    }
}
