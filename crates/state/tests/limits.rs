//! What limits cost is counted, and what is left goes on.

mod support;

use kafkascope_state::{Limits, State};
use serde_json::{Value as Json, json};
use support::{Connection, connection, host};

const FEW: Limits = Limits {
    topics: 10,
    endpoints: 10,
    sessions: 10,
    session_partitions: 100,
    members: 10,
    readers: 10,
    clients: 10,
};

#[test]
fn every_memory_is_bounded() {
    let mut state = State::new(FEW);
    for i in 1..=200u8 {
        let client = host(&format!("10.0.1.{i}:4000"), Some(i.into()));
        let connection = Connection::new(i.into(), client, host(&format!("10.0.2.{i}:9092"), None));
        let topics = json!([{"name": format!("t{i}"), "topicId": format!("uuid:{i}")}]);
        connection.call(
            &mut state,
            3,
            json!({}),
            json!({"clusterId": "A", "brokers": [], "topics": topics}),
        );
        let software = json!({"clientSoftwareName": "x", "clientSoftwareVersion": "1"});
        connection.call(&mut state, 18, software, json!({"errorCode": 0}));
        let member = json!({"groupId": "g", "memberId": format!("m{i}"), "memberEpoch": 0, "subscribedTopicNames": ["t"]});
        connection.call(
            &mut state,
            68,
            member,
            json!({"errorCode": 0, "memberEpoch": 1}),
        );
        let request = json!({"sessionId": 0, "sessionEpoch": 0, "topics": []});
        connection.call(
            &mut state,
            1,
            request,
            json!({"errorCode": 0, "sessionId": i}),
        );
    }
    let stats = state.stats();
    for (name, forgotten) in [
        ("topics", stats.topics),
        ("endpoints", stats.endpoints),
        ("sessions", stats.sessions),
        ("members", stats.members),
        ("readers", stats.readers),
        ("clients", stats.clients),
    ] {
        assert!(forgotten >= 190, "{name}: {forgotten}");
    }
    assert_eq!(
        state.topic_name(&[200; 16]).map(|n| &**n),
        Some("t200"),
        "the newest stays"
    );
}

#[test]
fn a_session_of_more_partitions_than_fit_has_unknown_offsets() {
    let mut state = State::new(FEW);
    let ask = |n: i32| -> Json {
        let partitions: Vec<Json> = (0..n)
            .map(|p| json!({"partition": p, "fetchOffset": 7}))
            .collect();
        json!([{"topicId": "uuid:7", "partitions": partitions}])
    };
    let mut fetch = |session: i32, epoch: i32, topics: Json, opened: i32| {
        let request = json!({"sessionId": session, "sessionEpoch": epoch, "topics": topics});
        let partitions = json!([{"partitionIndex": 0, "errorCode": 0}]);
        let response = json!({"errorCode": 0, "sessionId": opened, "responses": [{"topicId": "uuid:7", "partitions": partitions}]});
        connection()
            .call(&mut state, 1, request, response)
            .fetch
            .expect("a Fetch")
            .partitions[0]
            .fetch_offset
    };
    assert_eq!(
        fetch(0, 0, ask(1000), 5),
        Some(7),
        "the request itself says so"
    );
    assert_eq!(fetch(5, 1, json!([]), 5), None);
    assert_eq!(fetch(0, 0, ask(50), 6), Some(7));
    assert_eq!(fetch(6, 1, json!([]), 6), Some(7));
}
