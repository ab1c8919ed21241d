//! Incremental fetch sessions (KIP-227): which offset a partition is read from, when the request that
//! said so is long past.

use kafkascope_wire::{fields::f, tape::Object};

use crate::{Body, Call, Map, TopicKey, bounded::Bounded, clusters::BrokerKey};

/// Errors after which the broker has forgotten the session.
const SESSION_ERRORS: [i64; 3] = [70, 71, 106];
const FULL: i64 = -1;

/// A partition that nothing happens to is told of so often, and a large session's at this rate.
const IDLE_NS: i64 = 10_000_000_000;
const IDLE_EACH_NS: i64 = 1_000_000;

/// What a Fetch was about, beyond what its own bytes say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchPlace {
    /// One for each partition of the response, in its order.
    pub partitions: Vec<Fetched>,
    /// Partitions of the session that the response leaves out since nothing is new, told of now and then.
    pub idle: Vec<Idle>,
}

/// A partition of a Fetch response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub topic: Option<TopicKey>,
    pub partition: i32,
    /// `None` when the request that named it was not seen.
    pub fetch_offset: Option<i64>,
}

/// A partition that a session reads and to which nothing happened; offsets that were not seen are `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idle {
    pub topic: TopicKey,
    pub partition: i32,
    pub fetch_offset: i64,
    pub high_watermark: Option<i64>,
    pub last_stable_offset: Option<i64>,
    pub log_start_offset: Option<i64>,
}

/// The broker that fetches as a follower, -1 for a consumer.
pub fn replica_id(request: &Body) -> i64 {
    let root = request.root();
    // version 15 moved it into a struct that consumers do not send
    root.object(f::REPLICA_STATE)
        .and_then(|state| state.int(f::REPLICA_ID))
        .or_else(|| root.int(f::REPLICA_ID))
        .unwrap_or(-1)
}

/// Where a partition is read, and what its last response said; -1 for what no response has said.
#[derive(Clone, Copy, Debug)]
struct Position {
    fetch_offset: i64,
    high_watermark: i64,
    last_stable_offset: i64,
    log_start_offset: i64,
    /// When a row told of it.
    told_ns: i64,
}

impl Position {
    fn at(fetch_offset: i64, now_ns: i64) -> Position {
        Position {
            fetch_offset,
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            told_ns: now_ns,
        }
    }
}

#[derive(Default)]
struct Positions {
    topics: Map<TopicKey, Map<i32, Position>>,
    partitions: usize,
}

struct Session {
    /// Epoch of the last request.
    epoch: i64,
    positions: Positions,
    next_idle_ns: i64,
}

pub(crate) struct Sessions {
    sessions: Bounded<(BrokerKey, i64), Session>,
    /// Limit of the partitions in all sessions.
    partitions: usize,
    /// How many there are, at most.
    held: usize,
    forgotten: u64,
}

impl Sessions {
    pub fn new(limit: usize, partitions: usize) -> Self {
        Sessions {
            sessions: Bounded::new(limit),
            partitions,
            held: 0,
            forgotten: 0,
        }
    }

    pub fn forgotten(&self) -> u64 {
        self.forgotten + self.sessions.forgotten()
    }

    /// Follows a Fetch; `None` for other calls.
    pub fn learn(&mut self, call: &Call, broker: BrokerKey) -> Option<FetchPlace> {
        if call.api_key != 1 {
            return None;
        }
        let Some(request) = call.request else {
            return Some(place(call, None));
        };
        let root = request.root();
        let session_id = root.int(f::SESSION_ID).unwrap_or(0);
        let epoch = root.int(f::SESSION_EPOCH).unwrap_or(FULL);
        let error = call.error();
        if SESSION_ERRORS.contains(&error) {
            self.end(&(broker, session_id));
            return Some(place(call, None));
        }
        if epoch > 0 {
            return Some(self.incremental(call, &request, (broker, session_id), epoch));
        }
        // 0 opens a session, -1 does without; both close the one they name
        self.end(&(broker, session_id));
        let mut asked = Positions::default();
        asked.take(&request, call.time_ns);
        let answer = place(call, Some(&mut asked));
        let opened = call
            .response
            .and_then(|r| r.root().int(f::SESSION_ID))
            .unwrap_or(0);
        if epoch == 0 && opened != 0 && error == 0 && self.room(asked.partitions) {
            self.held += asked.partitions;
            // a full request that was cut does not name all partitions: those it misses stay unknown
            let session = Session {
                epoch: 0,
                next_idle_ns: call.time_ns.saturating_add(asked.pace_ns()),
                positions: asked,
            };
            self.sessions.remove(&(broker, opened));
            self.sessions.entry((broker, opened), || session);
        }
        Some(answer)
    }

    fn incremental(
        &mut self,
        call: &Call,
        request: &Body,
        key: (BrokerKey, i64),
        epoch: i64,
    ) -> FetchPlace {
        let named = request.root().items(f::TOPICS);
        let named = named.map(|t| t.elements(f::PARTITIONS).count()).sum();
        let room = self.room(named);
        let session = self.sessions.entry(key, || Session {
            epoch: epoch - 1,
            positions: Positions::default(),
            next_idle_ns: call.time_ns.saturating_add(IDLE_NS),
        });
        let before = session.positions.partitions;
        // the epoch after the greatest is 1
        let follows =
            session.epoch + 1 == epoch || (epoch == 1 && session.epoch == i64::from(i32::MAX));
        if !follows || !request.complete {
            // a request between was not seen whole: what it changed is not known, so nothing is
            session.positions = Positions::default();
        }
        session.epoch = epoch;
        for forgotten in request.root().items(f::FORGOTTEN_TOPICS_DATA) {
            if let Some(topic) = TopicKey::of(request, &forgotten) {
                session.positions.forget(&topic, &forgotten);
            }
        }
        if room {
            session.positions.take(request, call.time_ns);
        }
        self.held = (self.held + session.positions.partitions).saturating_sub(before);
        let mut place = place(call, Some(&mut session.positions));
        if !call.response.is_some_and(|r| r.complete) {
            // what it said of partitions that were not seen is not known
            session.positions.doubt();
        } else if call.error() == 0
            && call.time_ns >= session.next_idle_ns
            && replica_id(request) < 0
        {
            place.idle = session.positions.idle(call.time_ns);
            session.next_idle_ns = call.time_ns.saturating_add(session.positions.pace_ns());
        }
        place
    }

    fn end(&mut self, key: &(BrokerKey, i64)) {
        if let Some(session) = self.sessions.remove(key) {
            self.held = self.held.saturating_sub(session.positions.partitions);
        }
    }

    /// Whether `more` partitions fit; when they do not, every session's offsets are forgotten.
    fn room(&mut self, more: usize) -> bool {
        if self.held + more > self.partitions {
            // sessions that made room for others are still counted in
            self.held = self
                .sessions
                .values_mut()
                .map(|s| s.positions.partitions)
                .sum();
        }
        if self.held + more > self.partitions {
            self.forgotten += self.held as u64;
            self.held = 0;
            self.sessions
                .values_mut()
                .for_each(|s| s.positions = Positions::default());
        }
        more <= self.partitions
    }
}

impl Positions {
    /// Takes over the partitions that a request names.
    fn take(&mut self, request: &Body, now_ns: i64) {
        for topic in request.root().items(f::TOPICS) {
            let Some(key) = TopicKey::of(request, &topic) else {
                continue;
            };
            let known = self.topics.entry(key).or_default();
            let before = known.len();
            for partition in topic.items(f::PARTITIONS) {
                if let (Some(index), Some(offset)) =
                    (partition.int(f::PARTITION), partition.int(f::FETCH_OFFSET))
                {
                    known
                        .entry(index as i32)
                        .or_insert(Position::at(offset, now_ns))
                        .fetch_offset = offset;
                }
            }
            self.partitions += known.len() - before;
        }
    }

    fn forget(&mut self, topic: &TopicKey, forgotten: &Object) {
        let Some(known) = self.topics.get_mut(topic) else {
            return;
        };
        for partition in forgotten.elements(f::PARTITIONS).filter_map(|p| p.int()) {
            self.partitions -= usize::from(known.remove(&(partition as i32)).is_some());
        }
        if known.is_empty() {
            self.topics.remove(topic);
        }
    }

    fn doubt(&mut self) {
        for position in self.topics.values_mut().flat_map(Map::values_mut) {
            position.high_watermark = -1;
            position.last_stable_offset = -1;
            position.log_start_offset = -1;
        }
    }

    fn pace_ns(&self) -> i64 {
        IDLE_NS.max(IDLE_EACH_NS.saturating_mul(self.partitions as i64))
    }

    /// The partitions that no row told of for a while.
    fn idle(&mut self, now_ns: i64) -> Vec<Idle> {
        let known = |offset: i64| (offset >= 0).then_some(offset);
        let mut idle = Vec::new();
        for (topic, partitions) in &mut self.topics {
            for (partition, position) in partitions {
                if now_ns.saturating_sub(position.told_ns) < IDLE_NS {
                    continue;
                }
                position.told_ns = now_ns;
                idle.push(Idle {
                    topic: topic.clone(),
                    partition: *partition,
                    fetch_offset: position.fetch_offset,
                    high_watermark: known(position.high_watermark),
                    last_stable_offset: known(position.last_stable_offset),
                    log_start_offset: known(position.log_start_offset),
                });
            }
        }
        idle.sort_unstable_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        idle
    }
}

/// The places of a response's partitions, whose offsets become known by it.
fn place(call: &Call, mut positions: Option<&mut Positions>) -> FetchPlace {
    let Some(response) = call.response else {
        return FetchPlace::default();
    };
    let mut fetched = Vec::new();
    for topic in response.root().items(f::RESPONSES) {
        let key = TopicKey::of(&response, &topic);
        let mut known = key
            .as_ref()
            .zip(positions.as_mut())
            .and_then(|(key, p)| p.topics.get_mut(key));
        for answer in topic.items(f::PARTITIONS) {
            let partition = answer.int(f::PARTITION_INDEX).unwrap_or(-1) as i32;
            let position = known.as_mut().and_then(|k| k.get_mut(&partition));
            fetched.push(Fetched {
                topic: key.clone(),
                partition,
                fetch_offset: position.as_ref().map(|p| p.fetch_offset),
            });
            if let Some(position) = position {
                let offset = |field| answer.int(field).unwrap_or(-1);
                position.high_watermark = offset(f::HIGH_WATERMARK);
                position.last_stable_offset = offset(f::LAST_STABLE_OFFSET);
                position.log_start_offset = offset(f::LOG_START_OFFSET);
                position.told_ns = call.time_ns;
            }
        }
    }
    FetchPlace {
        partitions: fetched,
        idle: Vec::new(),
    }
}
