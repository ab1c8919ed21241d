//! One client: its groups, how much of them has been heard, and which of them reads a topic.

use std::sync::Arc;

use super::{GroupSource, Reader};
use crate::{Call, Map, TopicKey, clients::Actor, members::joins, topics::Topics};

/// A member heartbeats every few seconds; one that was silent for this long has gone.
const SILENCE_NS: i64 = 600_000_000_000;
/// More than the defaults of `heartbeat.interval.ms` and `group.consumer.heartbeat.interval.ms`, 3 s and 5 s.
const HEARTBEATS_NS: i64 = 6_000_000_000;
/// The default of `session.timeout.ms`: a member that is not heard for so long is put out of its group.
const SESSION_NS: i64 = 45_000_000_000;

/// How a group's known topics fit one topic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    Other,
    /// Not all of its topics are known.
    Possible,
    Reads,
}

pub(super) struct Membership {
    pub client_id: String,
    pub group: Arc<str>,
    /// The members by id; nobody for one who only commits or asks for offsets.
    pub members: Vec<String>,
    pub topics: Vec<TopicKey>,
    pub seen_ns: i64,
    /// When it joined; `None` for one that is older than the capture.
    pub since_ns: Option<i64>,
    /// When its last member left: what was asked before that was asked for the group.
    pub left_ns: Option<i64>,
}

/// A group as far as it is known now.
pub(super) struct Answer {
    pub reader: Reader,
    /// Not before more of the client's groups, or of their topics, is known.
    pub may_change: bool,
}

/// Fetches of a topic whose group nothing has told yet.
pub(super) struct Waiting {
    pub client_id: String,
    pub first_ns: i64,
    pub last_ns: i64,
}

/// How much has been heard of a client's groups: one that is older than the capture may have some that have not spoken yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Heard {
    Little,
    /// Each group that heartbeats as often as the defaults say.
    Heartbeats,
    All,
}

pub(super) struct Client {
    pub memberships: Vec<Membership>,
    pub waiting: Map<TopicKey, Vec<Waiting>>,
    /// What was known of two clusters is now known of one.
    pub merged: bool,
    pub first_ns: i64,
    pub heard: Heard,
}

impl Client {
    pub fn new(first_ns: i64, heard: Heard) -> Client {
        Client {
            memberships: Vec::new(),
            waiting: Map::default(),
            merged: false,
            first_ns,
            heard,
        }
    }

    /// A client whose first sign is that it joins has no group that could still be unheard.
    pub fn first_seen(call: &Call) -> Client {
        let heard = if joins(call) {
            Heard::All
        } else {
            Heard::Little
        };
        Client::new(call.time_ns, heard)
    }

    /// True when more of its groups has been heard since the last time.
    pub fn hears(&mut self, now_ns: i64) -> bool {
        let heard = match now_ns.saturating_sub(self.first_ns) {
            SESSION_NS.. => Heard::All,
            HEARTBEATS_NS.. => Heard::Heartbeats,
            _ => Heard::Little,
        };
        let before = self.heard;
        self.heard = before.max(heard);
        self.heard > before
    }

    /// Which of its groups reads a topic at a time.
    pub fn group_of(
        &self,
        actor: Actor,
        client_id: &str,
        topic: &TopicKey,
        topics: &Topics,
        now_ns: i64,
    ) -> Answer {
        let alive = |m: &&Membership| {
            now_ns.saturating_sub(m.seen_ns) <= SILENCE_NS
                && m.since_ns.is_none_or(|since| since <= now_ns)
                && m.left_ns.is_none_or(|left| now_ns <= left)
        };
        let known = || self.memberships.iter().filter(alive);
        let mut candidates: Vec<&Membership> =
            known().filter(|m| m.client_id == client_id).collect();
        if candidates.is_empty() && matches!(actor, Actor::Process(_)) {
            candidates = known().collect();
        }
        let mut fits: Vec<(Fit, &Membership)> = candidates
            .into_iter()
            .map(|m| (fit(m, topic, topics), m))
            .filter(|(fit, _)| *fit != Fit::Other)
            .collect();
        if fits.iter().any(|(_, m)| !m.members.is_empty()) {
            fits.retain(|(_, m)| !m.members.is_empty());
        }
        let Some((_, first)) = fits.first() else {
            return Answer {
                reader: Reader::none(),
                may_change: true,
            };
        };
        let certain = match self.heard {
            Heard::Little => false,
            Heard::Heartbeats => fits.iter().all(|(fit, _)| *fit == Fit::Reads),
            Heard::All => true,
        };
        let one = fits.iter().all(|(_, m)| m.group == first.group);
        let (group, source) = if one && certain {
            (first.group.clone(), GroupSource::Process)
        } else {
            (Arc::from(""), GroupSource::Ambiguous)
        };
        Answer {
            reader: Reader { group, source },
            may_change: !certain,
        }
    }
}

fn fit(membership: &Membership, topic: &TopicKey, topics: &Topics) -> Fit {
    if membership.topics.iter().any(|t| topics.same(t, topic)) {
        return Fit::Reads;
    }
    // a name and an id of unknown name cannot be told apart
    let may_be = |t: &TopicKey| match (t, topic) {
        (TopicKey::Id(id), TopicKey::Name(_)) | (TopicKey::Name(_), TopicKey::Id(id)) => {
            topics.name(id).is_none()
        }
        _ => false,
    };
    if membership.topics.is_empty() || membership.topics.iter().any(may_be) {
        Fit::Possible
    } else {
        Fit::Other
    }
}
