//! Which group a Fetch reads for.

mod support;

use kafkascope_state::{Lesson, State, TopicKey};
use serde_json::{Value as Json, json};
use support::{Connection, host};

/// A member's heartbeat of KIP-848, of a client with this process (none for packets) and client id.
fn member(state: &mut State, pid: Option<u32>, client_id: &'static str, group: &str, topics: Json) {
    let connection = Connection {
        client_id,
        ..Connection::new(1, host("10.0.0.5:4000", pid), host("10.0.0.1:9092", None))
    };
    let request = json!({"groupId": group, "memberId": "m", "memberEpoch": 1, "subscribedTopicNames": topics});
    // the second time nothing of the client can be unheard
    for second in [1, 60] {
        let answer = json!({"errorCode": 0, "memberEpoch": 1, "memberId": "m"});
        connection.call_at(state, second, 68, request.clone(), answer);
    }
}

fn reader(state: &mut State, pid: Option<u32>, client_id: &str, topic: &TopicKey) -> String {
    let ends = Connection::new(2, host("10.0.0.5:5000", pid), host("10.0.0.1:9092", None)).ends;
    let reader = state.reader(&ends, Some(client_id), topic, 60_000_000_000);
    format!("{} {}", reader.group, reader.source.name())
}

#[test]
fn the_group_of_a_fetch() {
    let orders = TopicKey::Name("orders".into());
    let mut state = State::default();
    assert_eq!(
        reader(&mut State::default(), Some(1), "a", &orders),
        " unknown",
        "no group request yet"
    );
    member(&mut state, Some(1), "a", "g1", json!(["orders"]));
    assert_eq!(reader(&mut state, Some(1), "a", &orders), "g1 process");
    assert_eq!(
        reader(&mut state, Some(1), "other", &orders),
        "g1 process",
        "the process has but one"
    );
    assert_eq!(
        reader(&mut state, Some(2), "a", &orders),
        " unknown",
        "another process"
    );
    assert_eq!(
        reader(&mut state, Some(1), "a", &TopicKey::Name("audit".into())),
        " unknown",
        "a topic it does not subscribe to"
    );
    member(&mut state, Some(1), "b", "g2", json!(["orders"]));
    assert_eq!(
        reader(&mut state, Some(1), "b", &orders),
        "g2 process",
        "told by its client id"
    );
    assert_eq!(reader(&mut state, Some(1), "other", &orders), " ambiguous");
    member(&mut state, Some(1), "a", "g3", json!(["audit"]));
    assert_eq!(
        reader(&mut state, Some(1), "a", &orders),
        "g1 process",
        "told by the topic"
    );
    assert_eq!(
        reader(&mut state, Some(1), "a", &TopicKey::Id([9; 16])),
        " ambiguous",
        "an id of unknown name may be either"
    );
}

#[test]
fn a_group_that_is_told_late_is_told_for_earlier_fetches() {
    let topic = |name: &str| TopicKey::Name(name.into());
    let heartbeat = json!({"groupId": "g", "memberId": "m", "generationId": 3});
    let commit = json!({"groupId": "g", "memberId": "m", "topics": [{"name": "orders"}]});
    let first_join =
        json!({"groupId": "g", "memberId": "", "protocolType": "consumer", "protocols": []});
    let rejoin =
        json!({"groupId": "g", "memberId": "m", "protocolType": "consumer", "protocols": []});
    for (case, api_key, request, client_id, process, told_by_heartbeats, told_at_last) in [
        (
            "a heartbeat",
            12,
            &heartbeat,
            "c",
            Some(1),
            vec![],
            vec!["audit g process 500", "orders g process 500"],
        ),
        (
            "a commit says which topics",
            8,
            &commit,
            "c",
            Some(1),
            vec!["orders g process 500"],
            vec![],
        ),
        (
            "a first join: what was read before was not for the group",
            11,
            &first_join,
            "c",
            Some(1),
            vec![],
            vec![],
        ),
        (
            "a join again",
            11,
            &rejoin,
            "c",
            Some(1),
            vec![],
            vec!["audit g process 500", "orders g process 500"],
        ),
        (
            "another client of the process",
            12,
            &heartbeat,
            "other",
            Some(1),
            vec![],
            vec!["audit g process 500", "orders g process 500"],
        ),
        (
            "another client of the address",
            12,
            &heartbeat,
            "other",
            None,
            vec![],
            vec![],
        ),
    ] {
        let mut state = State::default();
        let reader = Connection::new(
            2,
            host("10.0.0.5:5000", process),
            host("10.0.0.1:9092", None),
        );
        for (name, times) in [("orders", [100, 500]), ("audit", [200, 500])] {
            for now in times {
                let before = state.reader(&reader.ends, Some("c"), &topic(name), now);
                assert_eq!(before.source.name(), "unknown", "{case}");
            }
        }
        let connection = Connection {
            client_id,
            ..Connection::new(
                1,
                host("10.0.0.5:4000", process),
                host("10.0.0.1:9092", None),
            )
        };
        let mut tell = |second: i64| {
            let answer = json!({"errorCode": 0});
            let lesson = connection.call_at(&mut state, second, api_key, request.clone(), answer);
            told_late(&lesson)
        };
        assert!(tell(1).is_empty(), "{case}: another group may be unheard");
        assert_eq!(tell(7), told_by_heartbeats, "{case}");
        assert!(tell(8).is_empty(), "{case}: told once");
        assert_eq!(tell(50), told_at_last, "{case}: each group was heard");
        assert!(tell(51).is_empty(), "{case}: told once");
    }
}

fn told_late(lesson: &Lesson) -> Vec<String> {
    let mut late: Vec<String> = lesson
        .late_groups
        .iter()
        .map(|l| {
            let TopicKey::Name(topic) = &l.topic else {
                panic!("a name was asked")
            };
            format!(
                "{topic} {} {} {}",
                l.reader.group,
                l.reader.source.name(),
                l.last_ns
            )
        })
        .collect();
    late.sort();
    late
}

/// The capture begins while a process with one client id reads `orders` for `g1` and `audit` for `g2`.
#[test]
fn a_fetch_is_not_counted_for_the_other_group_of_a_process() {
    let orders = TopicKey::Name("orders".into());
    let audit = TopicKey::Name("audit".into());
    let mut state = State::default();
    let connection = Connection {
        client_id: "c",
        ..Connection::new(
            1,
            host("10.0.0.5:4000", Some(1)),
            host("10.0.0.1:9092", None),
        )
    };
    let fetch = |state: &mut State, topic: &TopicKey, second: i64| {
        let reader = state.reader(&connection.ends, Some("c"), topic, second * 1_000_000_000);
        format!("{} {}", reader.group, reader.source.name())
    };
    let ask = |state: &mut State, second: i64, api_key: i16, request: Json| {
        told_late(&connection.call_at(state, second, api_key, request, json!({"errorCode": 0})))
    };
    let heartbeat = |group: &str| json!({"groupId": group, "memberId": group, "generationId": 3});
    let commit = |group: &str, topic: &str| json!({"groupId": group, "memberId": group, "topics": [{"name": topic}]});

    assert!(ask(&mut state, 1, 12, heartbeat("g1")).is_empty());
    assert_eq!(
        fetch(&mut state, &audit, 2),
        " ambiguous",
        "g1 is the only group so far, and not the one that reads it"
    );
    assert!(ask(&mut state, 2, 8, commit("g1", "orders")).is_empty());
    assert_eq!(
        fetch(&mut state, &orders, 2),
        " ambiguous",
        "a group that was not heard may read it too"
    );
    assert!(ask(&mut state, 3, 12, heartbeat("g2")).is_empty());
    assert_eq!(
        ask(&mut state, 8, 8, commit("g1", "orders")),
        Vec::<String>::new(),
        "g2 may read it too"
    );
    assert_eq!(fetch(&mut state, &orders, 9), " ambiguous");
    assert_eq!(
        ask(&mut state, 10, 8, commit("g2", "audit")),
        [
            "audit g2 process 2000000000",
            "orders g1 process 9000000000"
        ]
    );
    assert_eq!(fetch(&mut state, &orders, 11), "g1 process");
    assert_eq!(fetch(&mut state, &audit, 11), "g2 process");
}

#[test]
fn packets_know_clients_by_address_and_client_id() {
    let orders = TopicKey::Name("orders".into());
    let mut state = State::default();
    member(&mut state, None, "a", "g1", json!(["orders"]));
    assert_eq!(reader(&mut state, None, "a", &orders), "g1 process");
    assert_eq!(reader(&mut state, None, "b", &orders), " unknown");
}

#[test]
fn somebody_who_only_asks_for_offsets_is_no_better_reader_than_a_member() {
    let orders = TopicKey::Name("orders".into());
    let mut state = State::default();
    let ask = json!({"groups": [{"groupId": "watched", "topics": [{"name": "orders"}]}]});
    let admin = Connection {
        client_id: "a",
        ..Connection::new(
            1,
            host("10.0.0.5:4000", Some(1)),
            host("10.0.0.1:9092", None),
        )
    };
    for second in [1, 60] {
        admin.call_at(&mut state, second, 9, ask.clone(), json!({}));
    }
    assert_eq!(reader(&mut state, Some(1), "a", &orders), "watched process");
    member(&mut state, Some(1), "a", "own", json!(["orders"]));
    assert_eq!(reader(&mut state, Some(1), "a", &orders), "own process");
}
