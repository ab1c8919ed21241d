//! Which group a Fetch reads for. The request does not say; the same process's group requests do.

use std::sync::Arc;

use kafkascope_wire::fields::f;

use crate::{
    Body, Call, Ends, TopicKey,
    bounded::Bounded,
    clients::Actor,
    clusters::ClusterRef,
    members::{assigned_topics, subscribed_topics},
    topics::Topics,
};

/// Groups remembered of one client, and topics of one group.
const GROUPS: usize = 256;
const TOPICS: usize = 1000;
const MEMBERS: usize = 100;
/// A member heartbeats every few seconds; one that was silent for this long has gone.
const SILENCE_NS: i64 = 600_000_000_000;

/// How the group of a Fetch is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupSource {
    /// The request names it.
    Exact,
    /// The client's process, or its address and client id, belongs to one group that reads the topic.
    Process,
    /// It belongs to several.
    Ambiguous,
    Unknown,
}

impl GroupSource {
    pub fn name(self) -> &'static str {
        match self {
            GroupSource::Exact => "exact",
            GroupSource::Process => "process",
            GroupSource::Ambiguous => "ambiguous",
            GroupSource::Unknown => "unknown",
        }
    }
}

/// The group that a client reads a topic for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// Empty unless exactly one is possible.
    pub group: Arc<str>,
    pub source: GroupSource,
}

/// How well a group's known topics fit one topic; the order is the preference.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Other,
    Possible,
    Reads,
}

struct Membership {
    client_id: String,
    group: Arc<str>,
    /// The members by id; nobody for one who only commits or asks for offsets.
    members: Vec<String>,
    topics: Vec<TopicKey>,
    seen_ns: i64,
    /// When its last member left: what was asked before that was asked for the group.
    left_ns: Option<i64>,
}

pub(crate) struct Readers {
    clients: Bounded<(ClusterRef, Actor), Vec<Membership>>,
    forgotten: u64,
}

impl Readers {
    pub fn new(limit: usize) -> Self {
        Readers {
            clients: Bounded::new(limit),
            forgotten: 0,
        }
    }

    pub fn forgotten(&self) -> u64 {
        self.forgotten + self.clients.forgotten()
    }

    /// Clusters were merged: files everything under what they are now.
    pub fn rekey(&mut self, root: impl Fn(ClusterRef) -> ClusterRef) {
        let all: Vec<_> = self.clients.drain().collect();
        for ((cluster, actor), memberships) in all {
            self.clients
                .entry((root(cluster), actor), Vec::new)
                .extend(memberships);
        }
    }

    pub fn learn(&mut self, call: &Call, cluster: ClusterRef) {
        let Some(request) = call.request else { return };
        let root = request.root();
        let group = request.text(f::GROUP_ID);
        let member = request.text(f::MEMBER_ID);
        // a new member is given its id
        let given = call
            .response
            .map(|r| r.text(f::MEMBER_ID))
            .filter(|id| !id.is_empty())
            .unwrap_or(member);
        let member = given.as_ref();
        match call.api_key {
            11 => self.seen(call, cluster, &group, member, subscribed_topics(&request)),
            14 => self.seen(
                call,
                cluster,
                &group,
                member,
                call.response
                    .map(|r| names(assigned_topics(&r)))
                    .unwrap_or_default(),
            ),
            12 => self.seen(call, cluster, &group, member, Vec::new()),
            13 if root.get(f::MEMBERS).is_some() => {
                for m in root.items(f::MEMBERS) {
                    self.left(
                        call,
                        cluster,
                        &group,
                        &request.str(&m, f::MEMBER_ID).unwrap_or_default(),
                    );
                }
            }
            13 => self.left(call, cluster, &group, member),
            68 | 88 if root.int(f::MEMBER_EPOCH).is_some_and(|e| e < 0) => {
                self.left(call, cluster, &group, member)
            }
            68 => self.seen(
                call,
                cluster,
                &group,
                member,
                heartbeat_topics(call, &request),
            ),
            88 => self.seen(call, cluster, &group, member, source_topics(&request)),
            8 | 28 => self.seen(
                call,
                cluster,
                &group,
                member,
                topics_of(&request, root.items(f::TOPICS)),
            ),
            9 if root.get(f::GROUPS).is_some() => {
                for g in root.items(f::GROUPS) {
                    let name = request.str(&g, f::GROUP_ID).unwrap_or_default();
                    let member = request.str(&g, f::MEMBER_ID).unwrap_or_default();
                    self.seen(
                        call,
                        cluster,
                        &name,
                        &member,
                        topics_of(&request, g.items(f::TOPICS)),
                    );
                }
            }
            9 => self.seen(
                call,
                cluster,
                &group,
                "",
                topics_of(&request, root.items(f::TOPICS)),
            ),
            _ => {}
        }
    }

    fn seen(
        &mut self,
        call: &Call,
        cluster: ClusterRef,
        group: &str,
        member: &str,
        topics: Vec<TopicKey>,
    ) {
        if group.is_empty() {
            return;
        }
        let client_id = call.client_id.unwrap_or_default();
        let known = self
            .clients
            .entry((cluster, Actor::of(&call.ends)), Vec::new);
        let membership = match known
            .iter_mut()
            .position(|m| *m.group == *group && m.client_id == client_id)
        {
            Some(i) => &mut known[i],
            None => {
                if known.len() >= GROUPS {
                    let oldest = (0..known.len())
                        .min_by_key(|i| known[*i].seen_ns)
                        .unwrap_or(0);
                    known.swap_remove(oldest);
                    self.forgotten += 1;
                }
                known.push(Membership {
                    client_id: client_id.into(),
                    group: group.into(),
                    members: Vec::new(),
                    topics: Vec::new(),
                    seen_ns: 0,
                    left_ns: None,
                });
                known.last_mut().expect("just pushed")
            }
        };
        membership.seen_ns = membership.seen_ns.max(call.time_ns);
        if membership.left_ns.is_some_and(|left| left < call.time_ns) {
            membership.left_ns = None;
        }
        if !member.is_empty()
            && membership.members.len() < MEMBERS
            && !membership.members.iter().any(|m| m == member)
        {
            membership.members.push(member.to_owned());
        }
        for topic in topics {
            if membership.topics.len() < TOPICS && !membership.topics.contains(&topic) {
                membership.topics.push(topic);
            }
        }
    }

    fn left(&mut self, call: &Call, cluster: ClusterRef, group: &str, member: &str) {
        let client_id = call.client_id.unwrap_or_default();
        let Some(known) = self.clients.get(&(cluster, Actor::of(&call.ends))) else {
            return;
        };
        for m in known
            .iter_mut()
            .filter(|m| *m.group == *group && m.client_id == client_id)
        {
            m.members.retain(|id| id != member);
            if m.members.is_empty() {
                m.left_ns = Some(call.time_ns);
            }
        }
    }

    pub fn group_of(
        &mut self,
        ends: &Ends,
        client_id: Option<&str>,
        cluster: ClusterRef,
        topic: &TopicKey,
        topics: &Topics,
        now_ns: i64,
    ) -> Reader {
        let actor = Actor::of(ends);
        let unknown = || Reader {
            group: Arc::from(""),
            source: GroupSource::Unknown,
        };
        let Some(known) = self.clients.get(&(cluster, actor)) else {
            return unknown();
        };
        let client_id = client_id.unwrap_or_default();
        let alive = |m: &&Membership| {
            now_ns.saturating_sub(m.seen_ns) <= SILENCE_NS
                && m.left_ns.is_none_or(|left| now_ns <= left)
        };
        let mut candidates: Vec<&Membership> = known
            .iter()
            .filter(alive)
            .filter(|m| m.client_id == client_id)
            .collect();
        if candidates.is_empty() && matches!(actor, Actor::Process(_)) {
            candidates = known.iter().filter(alive).collect();
        }
        let fits: Vec<Fit> = candidates.iter().map(|m| fit(m, topic, topics)).collect();
        let Some(best) = fits.iter().max().filter(|best| **best != Fit::Other) else {
            return unknown();
        };
        let mut possible: Vec<&Membership> = candidates
            .iter()
            .zip(&fits)
            .filter(|(_, fit)| *fit == best)
            .map(|(m, _)| *m)
            .collect();
        if possible.iter().any(|m| !m.members.is_empty()) {
            possible.retain(|m| !m.members.is_empty());
        }
        let group = &possible[0].group;
        if possible.iter().all(|m| m.group == *group) {
            Reader {
                group: group.clone(),
                source: GroupSource::Process,
            }
        } else {
            Reader {
                group: Arc::from(""),
                source: GroupSource::Ambiguous,
            }
        }
    }
}

fn fit(membership: &Membership, topic: &TopicKey, topics: &Topics) -> Fit {
    if membership.topics.iter().any(|t| topics.same(t, topic)) {
        return Fit::Reads;
    }
    // a name and an id of unknown name cannot be told apart
    let nameless = |t: &TopicKey| matches!(t, TopicKey::Id(id) if topics.name(id).is_none());
    if membership.topics.is_empty() || nameless(topic) || membership.topics.iter().any(nameless) {
        Fit::Possible
    } else {
        Fit::Other
    }
}

fn names(topics: Vec<(String, Vec<i32>)>) -> Vec<TopicKey> {
    topics
        .into_iter()
        .map(|(name, _)| TopicKey::Name(name.into()))
        .collect()
}

fn topics_of<'t>(
    body: &Body,
    topics: impl Iterator<Item = kafkascope_wire::tape::Object<'t>>,
) -> Vec<TopicKey> {
    topics.filter_map(|t| TopicKey::of(body, &t)).collect()
}

/// The topics that a KIP-848 heartbeat subscribes to, owns or is given.
fn heartbeat_topics(call: &Call, request: &Body) -> Vec<TopicKey> {
    let subscribed = request
        .root()
        .elements(f::SUBSCRIBED_TOPIC_NAMES)
        .filter_map(|t| request.view.str(t.node.value));
    let mut topics: Vec<TopicKey> = subscribed.map(|t| TopicKey::Name((&*t).into())).collect();
    topics.extend(topics_of(
        request,
        request.root().items(f::TOPIC_PARTITIONS),
    ));
    if let Some((response, assignment)) = call
        .response
        .and_then(|r| Some((r, r.root().object(f::ASSIGNMENT)?)))
    {
        topics.extend(topics_of(&response, assignment.items(f::TOPIC_PARTITIONS)));
    }
    topics
}

/// The topics that a streams application's topology reads.
fn source_topics(request: &Body) -> Vec<TopicKey> {
    let Some(topology) = request.root().object(f::TOPOLOGY) else {
        return Vec::new();
    };
    let mut topics = Vec::new();
    for part in topology.items(f::SUBTOPOLOGIES) {
        topics.extend(
            part.elements(f::SOURCE_TOPICS)
                .filter_map(|t| request.view.str(t.node.value))
                .map(|t| TopicKey::Name((&*t).into())),
        );
        topics.extend(topics_of(request, part.items(f::REPARTITION_SOURCE_TOPICS)));
    }
    topics
}

impl Reader {
    /// The group that the request itself names.
    pub fn exact(group: &str) -> Reader {
        let source = if group.is_empty() {
            GroupSource::Unknown
        } else {
            GroupSource::Exact
        };
        Reader {
            group: group.into(),
            source,
        }
    }

    /// No group: a follower.
    pub fn none() -> Reader {
        Reader {
            group: Arc::from(""),
            source: GroupSource::Unknown,
        }
    }
}
