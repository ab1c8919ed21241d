//! Which group a Fetch reads for. The request does not say; the same process's group requests do.

mod client;

use std::sync::Arc;

use client::{Client, Heard, Membership, Waiting};
use kafkascope_wire::fields::f;

use crate::{
    Call, Ends, TopicKey,
    bounded::Bounded,
    clients::Actor,
    clusters::ClusterRef,
    members::{
        assigned_topics, heartbeat_topics, joins, names, source_topics, subscribed_topics,
        topics_of,
    },
    topics::Topics,
};

/// Groups remembered of one client, topics of one group, and fetched topics whose group is not known yet.
const GROUPS: usize = 256;
const WAITING: usize = 1000;
const TOPICS: usize = 1000;
const MEMBERS: usize = 100;

/// How the group of a Fetch is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupSource {
    /// The request names it.
    Exact,
    /// The client's process, or its address and client id, belongs to one group that reads the topic.
    Process,
    /// It belongs to several, or another of its groups may not have been heard yet.
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

/// The group of fetches that were seen before anything told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateGroup {
    pub client_id: String,
    pub topic: TopicKey,
    /// Times of the first and of the last such Fetch.
    pub first_ns: i64,
    pub last_ns: i64,
    pub reader: Reader,
}

pub(crate) struct Readers {
    clients: Bounded<(ClusterRef, Actor), Client>,
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
        for ((cluster, actor), client) in all {
            let same = || Client::new(client.first_ns, client.heard);
            let merged = self.clients.entry((root(cluster), actor), same);
            merged.merged = true;
            merged.first_ns = merged.first_ns.min(client.first_ns);
            merged.heard = merged.heard.min(client.heard);
            merged.memberships.extend(client.memberships);
            for (topic, waiting) in client.waiting {
                merged.waiting.entry(topic).or_default().extend(waiting);
            }
        }
    }

    /// Takes in what a call says of its client's groups; `late` gets what it tells of earlier fetches.
    pub fn learn(
        &mut self,
        call: &Call,
        cluster: ClusterRef,
        topics: &Topics,
        late: &mut Vec<LateGroup>,
    ) {
        let mut new = self.learn_membership(call, cluster);
        // Produce, of which there may be most, tells nothing of who reads
        if call.api_key != 0
            && let Some(client) = self.clients.get(&(cluster, Actor::of(&call.ends)))
        {
            new |= std::mem::take(&mut client.merged) | client.hears(call.time_ns);
        }
        if new {
            self.answer(call, cluster, topics, late);
        }
    }

    /// True when a group of the client is new, or a topic of it.
    fn learn_membership(&mut self, call: &Call, cluster: ClusterRef) -> bool {
        let Some(request) = call.request else {
            return false;
        };
        let root = request.root();
        // functions: most calls have neither
        let group = || request.text(f::GROUP_ID);
        // a new member is given its id
        let member = || {
            call.response
                .map(|r| r.text(f::MEMBER_ID))
                .filter(|id| !id.is_empty())
                .unwrap_or_else(|| request.text(f::MEMBER_ID))
        };
        match call.api_key {
            11 => self.seen(
                call,
                cluster,
                &group(),
                &member(),
                subscribed_topics(&request),
            ),
            14 => {
                let topics = call.response.map(|r| names(assigned_topics(&r)));
                self.seen(
                    call,
                    cluster,
                    &group(),
                    &member(),
                    topics.unwrap_or_default(),
                )
            }
            12 => self.seen(call, cluster, &group(), &member(), Vec::new()),
            13 if root.get(f::MEMBERS).is_some() => {
                for m in root.items(f::MEMBERS) {
                    let member = request.str(&m, f::MEMBER_ID).unwrap_or_default();
                    self.left(call, cluster, &group(), &member);
                }
                false
            }
            13 => self.left(call, cluster, &group(), &member()),
            68 | 88 if root.int(f::MEMBER_EPOCH).is_some_and(|e| e < 0) => {
                self.left(call, cluster, &group(), &member())
            }
            68 => {
                let topics = heartbeat_topics(call, &request);
                self.seen(call, cluster, &group(), &member(), topics)
            }
            88 => self.seen(call, cluster, &group(), &member(), source_topics(&request)),
            8 | 28 => {
                let topics = topics_of(&request, root.items(f::TOPICS));
                self.seen(call, cluster, &group(), &member(), topics)
            }
            9 if root.get(f::GROUPS).is_some() => {
                let mut new = false;
                for g in root.items(f::GROUPS) {
                    let name = request.str(&g, f::GROUP_ID).unwrap_or_default();
                    let member = request.str(&g, f::MEMBER_ID).unwrap_or_default();
                    let topics = topics_of(&request, g.items(f::TOPICS));
                    new |= self.seen(call, cluster, &name, &member, topics);
                }
                new
            }
            9 => {
                let topics = topics_of(&request, root.items(f::TOPICS));
                self.seen(call, cluster, &group(), "", topics)
            }
            _ => false,
        }
    }

    fn seen(
        &mut self,
        call: &Call,
        cluster: ClusterRef,
        group: &str,
        member: &str,
        topics: Vec<TopicKey>,
    ) -> bool {
        if group.is_empty() {
            return false;
        }
        let client_id = call.client_id.unwrap_or_default();
        let known = &mut self
            .clients
            .entry((cluster, Actor::of(&call.ends)), || {
                Client::first_seen(call)
            })
            .memberships;
        let mut new = false;
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
                    since_ns: joins(call).then_some(call.time_ns),
                    left_ns: None,
                });
                new = true;
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
                new = true;
            }
        }
        new
    }

    fn left(&mut self, call: &Call, cluster: ClusterRef, group: &str, member: &str) -> bool {
        let client_id = call.client_id.unwrap_or_default();
        let Some(known) = self.clients.get(&(cluster, Actor::of(&call.ends))) else {
            return false;
        };
        for m in known
            .memberships
            .iter_mut()
            .filter(|m| *m.group == *group && m.client_id == client_id)
        {
            m.members.retain(|id| id != member);
            if m.members.is_empty() {
                m.left_ns = Some(call.time_ns);
            }
        }
        false
    }

    /// Asks again for the group of earlier fetches.
    fn answer(
        &mut self,
        call: &Call,
        cluster: ClusterRef,
        topics: &Topics,
        late: &mut Vec<LateGroup>,
    ) {
        let actor = Actor::of(&call.ends);
        let Some(client) = self.clients.get(&(cluster, actor)) else {
            return;
        };
        let mut all_waiting = std::mem::take(&mut client.waiting);
        all_waiting.retain(|topic, waiting| {
            waiting.retain(|w| {
                let answer = client.group_of(actor, &w.client_id, topic, topics, w.last_ns);
                if answer.may_change {
                    return true;
                }
                late.push(LateGroup {
                    client_id: w.client_id.clone(),
                    topic: topic.clone(),
                    first_ns: w.first_ns,
                    last_ns: w.last_ns,
                    reader: answer.reader,
                });
                false
            });
            !waiting.is_empty()
        });
        client.waiting = all_waiting;
    }

    /// The group of a Fetch; one that is not certain is remembered until it is.
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
        let client_id = client_id.unwrap_or_default();
        let client = self
            .clients
            .entry((cluster, actor), || Client::new(now_ns, Heard::Little));
        let answer = client.group_of(actor, client_id, topic, topics, now_ns);
        if answer.may_change {
            let room = client.waiting.len() < WAITING || client.waiting.contains_key(topic);
            if !room {
                self.forgotten += 1;
                return answer.reader;
            }
            let waiting = client.waiting.entry(topic.clone()).or_default();
            if let Some(same) = waiting.iter_mut().find(|w| w.client_id == client_id) {
                same.last_ns = same.last_ns.max(now_ns);
            } else if waiting.len() < GROUPS {
                waiting.push(Waiting {
                    client_id: client_id.to_owned(),
                    first_ns: now_ns,
                    last_ns: now_ns,
                });
            } else {
                self.forgotten += 1;
            }
        }
        answer.reader
    }
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
