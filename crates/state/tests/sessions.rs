//! Fetch sessions (KIP-227) as sequences of requests, and the offsets that each response is read at.

mod support;

use kafkascope_state::{Idle, State};
use serde_json::{Value as Json, json};
use support::connection;

/// Partition and offset asked for.
type Offsets = &'static [(i32, i64)];
/// Partition and offset known.
type Read = &'static [(i32, Option<i64>)];

struct Step {
    session: i32,
    epoch: i32,
    asks: Offsets,
    forgets: &'static [i32],
    /// Error and session id of the response.
    error: i16,
    opened: i32,
    /// The partitions that the response has, and the offsets they must be read at.
    expected: Read,
}

const fn step(session: i32, epoch: i32, asks: Offsets, opened: i32, expected: Read) -> Step {
    Step {
        session,
        epoch,
        asks,
        forgets: &[],
        error: 0,
        opened,
        expected,
    }
}

fn run(case: &str, steps: &[Step]) {
    let mut state = State::default();
    for (i, step) in steps.iter().enumerate() {
        let asks: Vec<Json> = step
            .asks
            .iter()
            .map(|(p, offset)| json!({"partition": p, "fetchOffset": offset}))
            .collect();
        let forgets = json!([{"topicId": "uuid:7", "partitions": step.forgets}]);
        let topics = if asks.is_empty() {
            json!([])
        } else {
            json!([{"topicId": "uuid:7", "partitions": asks}])
        };
        let request = json!({"sessionId": step.session, "sessionEpoch": step.epoch, "topics": topics, "forgottenTopicsData": forgets});
        let partitions: Vec<Json> = step
            .expected
            .iter()
            .map(|(p, _)| json!({"partitionIndex": p, "errorCode": 0}))
            .collect();
        let response = json!({"errorCode": step.error, "sessionId": step.opened,
            "responses": [{"topicId": "uuid:7", "partitions": partitions}]});
        let place = connection()
            .call(&mut state, 1, request, response)
            .fetch
            .expect("a Fetch");
        let seen: Vec<_> = place
            .partitions
            .iter()
            .map(|p| (p.partition, p.fetch_offset))
            .collect();
        assert_eq!(seen, step.expected, "{case}, step {i}");
    }
}

#[test]
fn offsets_of_fetches() {
    run(
        "without a session each request says all",
        &[
            step(0, -1, &[(0, 5), (1, 6)], 0, &[(0, Some(5)), (1, Some(6))]),
            step(0, -1, &[(0, 8)], 0, &[(0, Some(8)), (1, None)]),
        ],
    );
    run(
        "an idle partition keeps its offset",
        &[
            step(0, 0, &[(0, 5), (1, 6)], 77, &[]),
            step(77, 1, &[(0, 9)], 77, &[(0, Some(9)), (1, Some(6))]),
            step(77, 2, &[], 77, &[(1, Some(6))]),
        ],
    );
    run(
        "attached in mid-session",
        &[
            step(77, 41, &[(0, 9)], 77, &[(0, Some(9)), (1, None)]),
            step(77, 42, &[(1, 3)], 77, &[(0, Some(9)), (1, Some(3))]),
        ],
    );
    run(
        "a request between was not seen",
        &[
            step(0, 0, &[(0, 5), (1, 6)], 77, &[]),
            step(77, 2, &[(0, 9)], 77, &[(0, Some(9)), (1, None)]),
        ],
    );
    run(
        "closed and opened anew",
        &[
            step(0, 0, &[(0, 5), (1, 6)], 77, &[]),
            step(77, 0, &[(0, 5)], 78, &[(0, Some(5))]),
            step(78, 1, &[], 78, &[(0, Some(5)), (1, None)]),
        ],
    );
    run(
        "the epoch after the greatest",
        &[
            step(77, i32::MAX, &[(0, 5)], 77, &[]),
            step(77, 1, &[], 77, &[(0, Some(5))]),
        ],
    );
    let forgets = Step {
        forgets: &[0],
        ..step(77, 1, &[], 77, &[(0, None), (1, Some(6))])
    };
    run(
        "forgotten",
        &[step(0, 0, &[(0, 5), (1, 6)], 77, &[]), forgets],
    );
    for error in [70, 71, 106] {
        let refused = Step {
            error,
            ..step(77, 1, &[(0, 9)], 0, &[])
        };
        run(
            "the broker has lost the session",
            &[
                step(0, 0, &[(0, 5)], 77, &[]),
                refused,
                step(77, 2, &[], 77, &[(0, None)]),
            ],
        );
    }
    let failed = Step {
        error: 35,
        ..step(0, 0, &[(0, 5)], 77, &[])
    };
    run(
        "an error opens no session",
        &[failed, step(77, 1, &[], 77, &[(0, None)])],
    );
}

/// One incremental Fetch at a second: the partitions that the response has with their high watermark, and the idle ones it
/// should tell of as (partition, offset, high watermark).
type Beat = (
    i64,
    i64,
    i64,
    &'static [(i32, i64)],
    &'static [(i32, i64, Option<i64>)],
);

#[test]
fn idle_partitions_of_a_session_are_told_of_now_and_then() {
    let mut state = State::default();
    let topics = |partitions: &[(i32, i64)], field: &str, value: &str| {
        let of = |(p, n): &(i32, i64)| json!({field: p, value: n, "errorCode": 0});
        json!([{"topicId": "uuid:7", "partitions": partitions.iter().map(of).collect::<Vec<_>>()}])
    };
    let open = json!({"replicaId": -1, "sessionId": 0, "sessionEpoch": 0,
        "topics": topics(&[(0, 5), (1, 6), (2, 7)], "partition", "fetchOffset")});
    let answer = |partitions: &[(i32, i64)]| {
        json!({"errorCode": 0, "sessionId": 77,
        "responses": topics(partitions, "partitionIndex", "highWatermark")})
    };
    connection().call_at(&mut state, 0, 1, open, answer(&[(0, 50), (1, 60), (2, 70)]));
    let beats: &[Beat] = &[
        (1, 1, -1, &[], &[]),
        (9, 2, -1, &[(0, 51)], &[]),
        (11, 3, -1, &[], &[(1, 6, Some(60)), (2, 7, Some(70))]),
        (12, 4, -1, &[], &[]),
        (21, 5, -1, &[(1, 61)], &[(0, 5, Some(51)), (2, 7, Some(70))]),
        (40, 6, 3, &[], &[]),
        (
            41,
            7,
            -1,
            &[],
            &[(0, 5, Some(51)), (1, 6, Some(61)), (2, 7, Some(70))],
        ),
    ];
    for (second, epoch, replica_id, answered, expected) in beats {
        let request =
            json!({"replicaId": replica_id, "sessionId": 77, "sessionEpoch": epoch, "topics": []});
        let lesson = connection().call_at(&mut state, *second, 1, request, answer(answered));
        let told = |i: Idle| (i.partition, i.fetch_offset, i.high_watermark);
        let idle: Vec<_> = lesson
            .fetch
            .expect("a Fetch")
            .idle
            .into_iter()
            .map(told)
            .collect();
        assert_eq!(idle, *expected, "second {second}");
    }
    let unseen = json!({"replicaId": -1, "sessionId": 77, "sessionEpoch": 8, "topics": []});
    connection().call_at(&mut state, 50, 1, unseen, Json::Null);
    let request = json!({"replicaId": -1, "sessionId": 77, "sessionEpoch": 9, "topics": []});
    let lesson = connection().call_at(&mut state, 60, 1, request, answer(&[]));
    let idle = lesson.fetch.expect("a Fetch").idle;
    assert!(
        idle.len() == 3 && idle.iter().all(|i| i.high_watermark.is_none()),
        "a response that was not seen may have said more"
    );
}
