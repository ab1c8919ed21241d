//! What the memory of a large cluster costs, counted allocation by allocation.

mod support;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
};

use kafkascope_state::{State, TopicKey};
use serde_json::{Value as Json, json};
use support::{Connection, host};

/// Bytes that are allocated now.
static HELD: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TOPICS: usize = 5000;
const PARTITIONS: usize = 10;
const GROUPS: usize = 5000;
const MEMBERS: usize = 3;

fn id(n: usize) -> String {
    format!("uuid:{}", n % 250 + 2)
}

/// 5,000 topics of 10 partitions, all in the sessions of followers and of consumers; 5,000 groups of 3 members, each of its own
/// process, with what they are given.
#[test]
fn fifty_thousand_partitions_and_five_thousand_groups_fit_in_200_mb() {
    let mut state = State::default();
    let before = HELD.load(Ordering::Relaxed);
    state.learn_topics((0..TOPICS).map(|n| {
        let mut id = [9; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        (id, format!("a-topic-with-a-name-of-usual-length-{n}"))
    }));
    let partitions: Vec<Json> = (0..PARTITIONS)
        .map(|p| json!({"partition": p, "fetchOffset": 7}))
        .collect();
    for follower in 0..2u64 {
        let topics: Vec<Json> = (0..TOPICS)
            .map(|n| json!({"topic": format!("a-topic-with-a-name-of-usual-length-{n}"), "partitions": partitions}))
            .collect();
        let request =
            json!({"replicaId": follower, "sessionId": 0, "sessionEpoch": 0, "topics": topics});
        let connection = Connection::new(
            follower,
            host("10.0.0.2:4000", None),
            host("10.0.0.1:9092", None),
        );
        connection.call(
            &mut state,
            1,
            request,
            json!({"errorCode": 0, "sessionId": 70 + follower}),
        );
    }
    for group in 0..GROUPS {
        for member in 0..MEMBERS {
            let n = group * MEMBERS + member;
            let client = host(
                &format!("10.{}.{}.5:4000", n / 200, n % 200),
                Some(n as u32 + 10),
            );
            let connection = Connection::new(n as u64 + 10, client, host("10.0.0.1:9092", None));
            let topics: Vec<Json> = (0..PARTITIONS)
                .map(|t| json!({"topicId": id(group + t), "partitions": [member]}))
                .collect();
            let names: Vec<String> = (0..PARTITIONS)
                .map(|t| format!("a-topic-{}", group + t))
                .collect();
            let request = json!({"groupId": format!("a-group-{group}"), "memberId": format!("member-{n}-of-some-length"),
                "memberEpoch": 0, "subscribedTopicNames": names});
            let answer = json!({"errorCode": 0, "memberEpoch": 1, "assignment": {"topicPartitions": topics}});
            connection.call(&mut state, 68, request, answer);
            let asks: Vec<Json> = (0..PARTITIONS)
                .map(|t| json!({"topicId": id(group + t), "partitions": [{"partition": member, "fetchOffset": 5}]}))
                .collect();
            let request =
                json!({"replicaId": -1, "sessionId": 0, "sessionEpoch": 0, "topics": asks});
            connection.call(
                &mut state,
                1,
                request,
                json!({"errorCode": 0, "sessionId": 1000 + n}),
            );
        }
    }
    let held = HELD.load(Ordering::Relaxed) - before;
    assert_eq!(state.stats().forgotten(), 0, "all of it is remembered");
    let client = host("10.74.199.5:4000", Some((GROUPS * MEMBERS) as u32 + 9));
    let ends = Connection::new(1, client, host("10.0.0.1:9092", None)).ends;
    let name = format!("a-topic-{}", GROUPS - 1);
    let reader = state.reader(
        &ends,
        Some("c"),
        &TopicKey::Name(name.into()),
        1_000_000_000,
    );
    assert_eq!(&*reader.group, format!("a-group-{}", GROUPS - 1));
    assert!(held < 200_000_000, "{held} bytes");
    assert!(held > 5_000_000, "{held} bytes: nothing was counted");
}
