//! Incremental fetch sessions (KIP-227): which offset a partition is read from, when the request that
//! said so is long past.

use std::collections::HashMap;

use kafkascope_wire::{fields::f, tape::Object};

use crate::{Body, Call, TopicKey, bounded::Bounded, clusters::BrokerKey};

/// Errors after which the broker has forgotten the session.
const SESSION_ERRORS: [i64; 3] = [70, 71, 106];
const FULL: i64 = -1;

/// What a Fetch was about, beyond what its own bytes say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchPlace {
    /// One for each partition of the response, in its order.
    pub partitions: Vec<Fetched>,
}

/// A partition of a Fetch response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub topic: Option<TopicKey>,
    pub partition: i32,
    /// `None` when the request that named it was not seen.
    pub fetch_offset: Option<i64>,
}

type Offsets = HashMap<(TopicKey, i32), i64>;

struct Session {
    /// Epoch of the last request.
    epoch: i64,
    offsets: Offsets,
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
        let asked = asked(&request);
        let answer = place(call, Some(&asked));
        let opened = call
            .response
            .and_then(|r| r.root().int(f::SESSION_ID))
            .unwrap_or(0);
        if epoch == 0 && opened != 0 && error == 0 && self.room(asked.len()) {
            self.held += asked.len();
            // a full request that was cut does not name all partitions: those it misses stay unknown
            let session = Session {
                epoch: 0,
                offsets: asked,
            };
            *self.sessions.entry((broker, opened), || Session {
                epoch: 0,
                offsets: HashMap::new(),
            }) = session;
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
        let changed = asked(request);
        let room = self.room(changed.len());
        let session = self.sessions.entry(key, || Session {
            epoch: epoch - 1,
            offsets: HashMap::new(),
        });
        let before = session.offsets.len();
        // the epoch after the greatest is 1
        let follows =
            session.epoch + 1 == epoch || (epoch == 1 && session.epoch == i64::from(i32::MAX));
        if !follows || !request.complete {
            // a request between was not seen whole: what it changed is not known, so nothing is
            session.offsets.clear();
        }
        session.epoch = epoch;
        for forgotten in request.root().items(f::FORGOTTEN_TOPICS_DATA) {
            let Some(topic) = TopicKey::of(request, &forgotten) else {
                continue;
            };
            for partition in forgotten.elements(f::PARTITIONS).filter_map(|p| p.int()) {
                session.offsets.remove(&(topic.clone(), partition as i32));
            }
        }
        if room {
            session.offsets.extend(changed);
        }
        self.held = (self.held + session.offsets.len()).saturating_sub(before);
        place(call, Some(&session.offsets))
    }

    fn end(&mut self, key: &(BrokerKey, i64)) {
        if let Some(session) = self.sessions.remove(key) {
            self.held = self.held.saturating_sub(session.offsets.len());
        }
    }

    /// Whether `more` partitions fit; when they do not, every session's offsets are forgotten.
    fn room(&mut self, more: usize) -> bool {
        if self.held + more > self.partitions {
            // sessions that made room for others are still counted in
            self.held = self.sessions.values_mut().map(|s| s.offsets.len()).sum();
        }
        if self.held + more > self.partitions {
            self.forgotten += self.held as u64;
            self.held = 0;
            self.sessions
                .values_mut()
                .for_each(|s| s.offsets = HashMap::new());
        }
        more <= self.partitions
    }
}

/// The partitions that a request names, with their offsets.
fn asked(request: &Body) -> Offsets {
    let mut offsets = HashMap::new();
    for topic in request.root().items(f::TOPICS) {
        let Some(key) = TopicKey::of(request, &topic) else {
            continue;
        };
        for partition in topic.items(f::PARTITIONS) {
            if let (Some(index), Some(offset)) =
                (partition.int(f::PARTITION), partition.int(f::FETCH_OFFSET))
            {
                offsets.insert((key.clone(), index as i32), offset);
            }
        }
    }
    offsets
}

fn place(call: &Call, offsets: Option<&Offsets>) -> FetchPlace {
    let Some(response) = call.response else {
        return FetchPlace::default();
    };
    let mut partitions = Vec::new();
    for topic in response.root().items(f::RESPONSES) {
        let key = TopicKey::of(&response, &topic);
        partitions.extend(topic.items(f::PARTITIONS).map(|p: Object| {
            let partition = p.int(f::PARTITION_INDEX).unwrap_or(-1) as i32;
            let fetch_offset = key
                .as_ref()
                .zip(offsets)
                .and_then(|(key, o)| o.get(&(key.clone(), partition)).copied());
            Fetched {
                topic: key.clone(),
                partition,
                fetch_offset,
            }
        }));
    }
    FetchPlace { partitions }
}
