//! What happens to groups: joins, assignments and what they gain and lose, epochs, leaves.

use kafkascope_wire::{fields::f, tape::Object};

use crate::{
    Body, Call, Map, TopicKey,
    assignment::{Assignment, minus, normal},
    bounded::Bounded,
    clusters::ClusterRef,
    deduce::deduced_name,
    members::assigned_topics,
    topics::Topics,
};

/// Which of Kafka's group protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Classic,
    /// KIP-848.
    Consumer,
    /// KIP-932.
    Share,
    /// KIP-1071.
    Streams,
}

impl Protocol {
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Classic => "classic",
            Protocol::Consumer => "consumer",
            Protocol::Share => "share",
            Protocol::Streams => "streams",
        }
    }
}

/// A row of `kafka_group_events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupEvent {
    pub group_id: String,
    pub protocol: Protocol,
    /// join, sync, heartbeat, leave, assignment, epoch.
    pub event: &'static str,
    pub member_id: String,
    pub instance_id: Option<String>,
    pub generation: i64,
    pub is_leader: bool,
    pub members: Option<i64>,
    pub protocol_name: String,
    pub reason: String,
    /// `None` when not known.
    pub assigned: Option<Assignment>,
    pub gained: Option<Assignment>,
    pub lost: Option<Assignment>,
    /// `None` without a response.
    pub error_code: Option<i64>,
}

/// A member, by instance id when it has one: that outlives its member ids.
type MemberKey = (ClusterRef, String, String);

#[derive(Default)]
struct Member {
    assigned: Option<Assignment>,
    epoch: Option<i64>,
    subscribed: Option<Vec<String>>,
    protocol_name: String,
}

pub(crate) struct Groups {
    members: Bounded<MemberKey, Member>,
    /// Streams: the topics that each subtopology reads.
    topologies: Bounded<(ClusterRef, String), Map<String, Vec<TopicKey>>>,
}

impl Groups {
    pub fn new(limit: usize) -> Self {
        Groups {
            members: Bounded::new(limit),
            topologies: Bounded::new(limit.div_ceil(100)),
        }
    }

    pub fn forgotten(&self) -> u64 {
        self.members.forgotten() + self.topologies.forgotten()
    }

    /// Clusters were merged: files everything under what they are now.
    pub fn rekey(&mut self, root: impl Fn(ClusterRef) -> ClusterRef) {
        let members: Vec<_> = self.members.drain().collect();
        for ((cluster, group, member), value) in members {
            *self
                .members
                .entry((root(cluster), group, member), Member::default) = value;
        }
        let topologies: Vec<_> = self.topologies.drain().collect();
        for ((cluster, group), value) in topologies {
            *self.topologies.entry((root(cluster), group), Map::default) = value;
        }
    }

    /// Gives the topic whose name an assignment betrays.
    pub fn learn(
        &mut self,
        call: &Call,
        cluster: ClusterRef,
        topics: &Topics,
        events: &mut Vec<GroupEvent>,
    ) -> Option<([u8; 16], String)> {
        let request = call.request?;
        let mut deduced = None;
        match call.api_key {
            11 => self.join(call, &request, cluster, events),
            14 => self.sync(call, &request, cluster, topics, events),
            12 if call.error() != 0 => {
                let instance_id = request
                    .str(&request.root(), f::GROUP_INSTANCE_ID)
                    .map(Into::into);
                let generation = request.root().int(f::GENERATION_ID).unwrap_or(-1);
                let mut event = event(call, &request, Protocol::Classic, "heartbeat");
                (event.instance_id, event.generation) = (instance_id, generation);
                events.push(event);
            }
            13 => self.leave(call, &request, cluster, events),
            68 => {
                deduced =
                    self.heartbeat(call, &request, Protocol::Consumer, cluster, topics, events);
            }
            76 => {
                deduced = self.heartbeat(call, &request, Protocol::Share, cluster, topics, events);
            }
            88 => {
                deduced =
                    self.heartbeat(call, &request, Protocol::Streams, cluster, topics, events);
            }
            _ => {}
        }
        deduced
    }

    fn join(
        &mut self,
        call: &Call,
        request: &Body,
        cluster: ClusterRef,
        events: &mut Vec<GroupEvent>,
    ) {
        let mut event = event(call, request, Protocol::Classic, "join");
        event.instance_id = request
            .str(&request.root(), f::GROUP_INSTANCE_ID)
            .map(Into::into);
        event.reason = request.text(f::REASON).into();
        if let Some(response) = call.response {
            let root = response.root();
            event.generation = root.int(f::GENERATION_ID).unwrap_or(-1);
            event.protocol_name = response.text(f::PROTOCOL_NAME).into();
            let member_id = response.text(f::MEMBER_ID);
            if !member_id.is_empty() {
                event.member_id = member_id.into();
            }
            event.is_leader = call.error() == 0 && response.text(f::LEADER) == event.member_id;
            if event.is_leader {
                event.members = Some(root.items(f::MEMBERS).count() as i64);
            }
            const MEMBER_ID_REQUIRED: i64 = 79;
            if call.error() == MEMBER_ID_REQUIRED || request.text(f::MEMBER_ID).is_empty() {
                // a new member has nothing yet, so its first assignment is all gain
                self.member(cluster, &event)
                    .assigned
                    .get_or_insert_default();
            }
            if call.error() == 0 {
                let member = self.member(cluster, &event);
                member.protocol_name = event.protocol_name.clone();
                member.epoch = Some(event.generation);
            }
        }
        events.push(event);
    }

    fn sync(
        &mut self,
        call: &Call,
        request: &Body,
        cluster: ClusterRef,
        topics: &Topics,
        events: &mut Vec<GroupEvent>,
    ) {
        let mut event = event(call, request, Protocol::Classic, "sync");
        event.instance_id = request
            .str(&request.root(), f::GROUP_INSTANCE_ID)
            .map(Into::into);
        event.generation = request.root().int(f::GENERATION_ID).unwrap_or(-1);
        // only the leader sends assignments, and a leader always does
        let assignments = request.root().items(f::ASSIGNMENTS).count();
        (event.is_leader, event.members) = (
            assignments > 0,
            (assignments > 0).then_some(assignments as i64),
        );
        let member = self.member(cluster, &event);
        event.protocol_name = match call.response.map(|r| r.text(f::PROTOCOL_NAME)) {
            Some(name) if !name.is_empty() => name.into(),
            _ => member.protocol_name.clone(),
        };
        if let (Some(response), 0) = (call.response, call.error()) {
            let mut assigned = Assignment::new();
            for (topic, partitions) in assigned_topics(&response) {
                assigned
                    .entry(TopicKey::Name(topic.into()))
                    .or_default()
                    .extend(partitions);
            }
            reassign(member, &mut event, assigned, topics);
        }
        events.push(event);
    }

    fn leave(
        &mut self,
        call: &Call,
        request: &Body,
        cluster: ClusterRef,
        events: &mut Vec<GroupEvent>,
    ) {
        let mut left = event(call, request, Protocol::Classic, "leave");
        let root = request.root();
        if root.get(f::MEMBERS).is_none() {
            self.gone(cluster, &mut left);
            events.push(left);
            return;
        }
        let errors: Vec<Option<i64>> = call
            .response
            .map(|r| {
                r.root()
                    .items(f::MEMBERS)
                    .map(|m| m.int(f::ERROR_CODE))
                    .collect()
            })
            .unwrap_or_default();
        for (i, member) in root.items(f::MEMBERS).enumerate() {
            let mut left = left.clone();
            left.member_id = request
                .str(&member, f::MEMBER_ID)
                .unwrap_or_default()
                .into();
            left.instance_id = request.str(&member, f::GROUP_INSTANCE_ID).map(Into::into);
            left.reason = request.str(&member, f::REASON).unwrap_or_default().into();
            if let (Some(0), Some(Some(error))) = (left.error_code, errors.get(i)) {
                left.error_code = Some(*error);
            }
            self.gone(cluster, &mut left);
            events.push(left);
        }
    }

    /// The heartbeats of KIP-848 and its kin do everything: join, leave, assign.
    fn heartbeat(
        &mut self,
        call: &Call,
        request: &Body,
        protocol: Protocol,
        cluster: ClusterRef,
        topics: &Topics,
        events: &mut Vec<GroupEvent>,
    ) -> Option<([u8; 16], String)> {
        let root = request.root();
        let epoch = root.int(f::MEMBER_EPOCH).unwrap_or(-1);
        let mut beat = event(call, request, protocol, "heartbeat");
        beat.instance_id = request.str(&root, f::INSTANCE_ID).map(Into::into);
        beat.protocol_name = request.text(f::SERVER_ASSIGNOR).into();
        beat.generation = epoch;
        if protocol == Protocol::Streams {
            self.learn_topology(request, cluster, &beat.group_id);
        }
        if epoch < 0 {
            beat.event = "leave";
            beat.reason = if epoch == -2 {
                "will return with the same instance id"
            } else {
                ""
            }
            .into();
            self.gone(cluster, &mut beat);
            events.push(beat);
            return None;
        }
        let answered = call.response.and_then(|r| r.root().int(f::MEMBER_EPOCH));
        if let (Some(response), Some(epoch), 0) = (call.response, answered, call.error()) {
            beat.generation = epoch;
            let id = response.text(f::MEMBER_ID);
            if beat.member_id.is_empty() && !id.is_empty() {
                beat.member_id = id.into();
            }
        }
        let assigned = call
            .response
            .filter(|_| call.error() == 0)
            .and_then(|r| self.assigned(&r, protocol, cluster, &beat.group_id));
        let member = self.member(cluster, &beat);
        let subscribed = root
            .get(f::SUBSCRIBED_TOPIC_NAMES)
            .filter(|names| names.node.value != kafkascope_wire::Value::Null);
        let subscribed: Option<Vec<String>> = subscribed.map(|names| {
            names
                .elements()
                .filter_map(|t| request.view.str(t.node.value))
                .map(Into::into)
                .collect()
        });
        let mut told = false;
        if epoch == 0 {
            beat.event = "join";
            (member.assigned, told) = (Some(Assignment::new()), true);
        } else if call.error() != 0 {
            told = true;
        } else if let (Some(new), Some(old)) = (&subscribed, &member.subscribed)
            && new != old
        {
            (beat.reason, told) = ("subscription changed".into(), true);
        }
        if subscribed.is_some() {
            member.subscribed = subscribed;
        }
        if told {
            events.push(beat.clone());
            beat.reason.clear();
        }
        if call.error() != 0 {
            return None;
        }
        let by_pattern = !request.text(f::SUBSCRIBED_TOPIC_REGEX).is_empty();
        let deduced = assigned.as_ref().filter(|_| !by_pattern).and_then(|a| {
            let names = member.subscribed.iter().flatten().map(String::as_str);
            let (id, name) = deduced_name(names, a.keys().filter_map(TopicKey::id), |id| {
                topics.name(id).map(|n| n.to_string())
            })?;
            Some((id, name.to_owned()))
        });
        let before = answered.and_then(|now| member.epoch.replace(now));
        if let Some(assigned) = assigned
            && member.assigned.as_ref().map(|a| normal(a, topics))
                != Some(normal(&assigned, topics))
        {
            beat.event = "assignment";
            reassign(member, &mut beat, assigned, topics);
            events.push(beat);
            return deduced;
        }
        if !told && before.is_some() && before != answered {
            beat.event = "epoch";
            beat.assigned = member.assigned.clone();
            events.push(beat);
        }
        deduced
    }

    /// What a heartbeat's response assigns, `None` for no change.
    fn assigned(
        &mut self,
        response: &Body,
        protocol: Protocol,
        cluster: ClusterRef,
        group: &str,
    ) -> Option<Assignment> {
        let root = response.root();
        let mut assigned = Assignment::new();
        let partitions = |o: &Object| {
            o.elements(f::PARTITIONS)
                .filter_map(|p| p.int())
                .map(|p| p as i32)
                .collect::<Vec<_>>()
        };
        if protocol != Protocol::Streams {
            for topic in root.object(f::ASSIGNMENT)?.items(f::TOPIC_PARTITIONS) {
                assigned
                    .entry(TopicKey::Id(topic.uuid(f::TOPIC_ID)?))
                    .or_default()
                    .extend(partitions(&topic));
            }
            return Some(assigned);
        }
        root.get(f::ACTIVE_TASKS)
            .filter(|t| t.node.value != kafkascope_wire::Value::Null)?;
        // tasks are partitions of what the subtopology reads; without the topology they have no topic
        let topology = self.topologies.get(&(cluster, group.to_owned()))?;
        for task in root.items(f::ACTIVE_TASKS) {
            for topic in topology.get(&*response.str(&task, f::SUBTOPOLOGY_ID)?)? {
                assigned
                    .entry(topic.clone())
                    .or_default()
                    .extend(partitions(&task));
            }
        }
        Some(assigned)
    }

    fn learn_topology(&mut self, request: &Body, cluster: ClusterRef, group: &str) {
        let Some(topology) = request.root().object(f::TOPOLOGY) else {
            return;
        };
        let mut reads = Map::default();
        for part in topology.items(f::SUBTOPOLOGIES) {
            let mut topics: Vec<TopicKey> = part
                .elements(f::SOURCE_TOPICS)
                .filter_map(|t| request.view.str(t.node.value))
                .map(|t| TopicKey::Name((&*t).into()))
                .collect();
            topics.extend(
                part.items(f::REPARTITION_SOURCE_TOPICS)
                    .filter_map(|t| TopicKey::of(request, &t)),
            );
            reads.insert(
                request
                    .str(&part, f::SUBTOPOLOGY_ID)
                    .unwrap_or_default()
                    .into_owned(),
                topics,
            );
        }
        *self
            .topologies
            .entry((cluster, group.to_owned()), Map::default) = reads;
    }

    fn member(&mut self, cluster: ClusterRef, event: &GroupEvent) -> &mut Member {
        self.members.entry(key(cluster, event), Member::default)
    }

    fn gone(&mut self, cluster: ClusterRef, event: &mut GroupEvent) {
        if event.error_code.is_some_and(|e| e != 0) {
            return;
        }
        if let Some(member) = self.members.remove(&key(cluster, event)) {
            event.protocol_name = member.protocol_name;
            event.lost = member.assigned.filter(|a| !a.is_empty());
            event.assigned = Some(Assignment::new());
        }
    }
}

fn key(cluster: ClusterRef, event: &GroupEvent) -> MemberKey {
    (
        cluster,
        event.group_id.clone(),
        event
            .instance_id
            .clone()
            .unwrap_or_else(|| event.member_id.clone()),
    )
}

fn event(call: &Call, request: &Body, protocol: Protocol, event: &'static str) -> GroupEvent {
    GroupEvent {
        group_id: request.text(f::GROUP_ID).into(),
        protocol,
        event,
        member_id: request.text(f::MEMBER_ID).into(),
        instance_id: None,
        generation: -1,
        is_leader: false,
        members: None,
        protocol_name: String::new(),
        reason: String::new(),
        assigned: None,
        gained: None,
        lost: None,
        error_code: call.response.map(|_| call.error()),
    }
}

/// Gives a member its new assignment; what it gained and lost is known when the old one is.
fn reassign(member: &mut Member, event: &mut GroupEvent, assigned: Assignment, topics: &Topics) {
    let new = normal(&assigned, topics);
    if let Some(old) = &member.assigned {
        let old = normal(old, topics);
        (event.gained, event.lost) = (Some(minus(&new, &old)), Some(minus(&old, &new)));
    }
    event.assigned = Some(new);
    member.assigned = Some(assigned);
}
