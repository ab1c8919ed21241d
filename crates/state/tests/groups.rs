//! What happens to groups.

mod support;

use kafkascope_state::{Assignment, GroupEvent, Lesson, State, TopicKey};
use serde_json::{Value as Json, json};
use support::connection;

fn show(assignment: &Option<Assignment>) -> String {
    let Some(assignment) = assignment else {
        return "?".into();
    };
    let topic = |t: &TopicKey| match t {
        TopicKey::Name(name) => name.to_string(),
        TopicKey::Id(id) => format!("#{}", id[0]),
    };
    let one = |(t, p): (&TopicKey, &std::collections::BTreeSet<i32>)| {
        format!("{}{:?}", topic(t), p.iter().collect::<Vec<_>>())
    };
    assignment.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// `event generation assigned +gained -lost error`
fn told(lesson: &Lesson) -> Vec<String> {
    let one = |e: &GroupEvent| {
        let (assigned, gained, lost) = (show(&e.assigned), show(&e.gained), show(&e.lost));
        format!(
            "{} {} {assigned} +{gained} -{lost} {}",
            e.event,
            e.generation,
            e.error_code.unwrap_or(-1)
        )
    };
    lesson.group_events.iter().map(one).collect()
}

/// ConsumerProtocolAssignment of one topic of one letter.
fn assignment(topic: char, partitions: &[i32]) -> Json {
    let list: String = partitions.iter().map(|p| format!("{p:08x}")).collect();
    json!(format!(
        "bytes:0001000000010001{:02x}{:08x}{list}ffffffff",
        topic as u32,
        partitions.len()
    ))
}

fn join(member: &str, answer: Json) -> (Json, Json) {
    (
        json!({"groupId": "g", "memberId": member, "protocolType": "consumer", "reason": "why"}),
        answer,
    )
}

#[test]
fn a_classic_member() {
    let mut state = State::default();
    let mut call = |key, (request, response): (Json, Json)| {
        told(&connection().call(&mut state, key, request, response))
    };
    let refused = json!({"errorCode": 79, "generationId": -1, "memberId": "m1", "leader": ""});
    assert_eq!(call(11, join("", refused)), ["join -1 ? +? -? 79"]);
    let joined = json!({"errorCode": 0, "generationId": 5, "memberId": "m1", "leader": "m1", "protocolName": "range", "members": [{"memberId": "m1"}]});
    assert_eq!(call(11, join("m1", joined.clone())), ["join 5 ? +? -? 0"]);
    let sync = |generation, partitions: &[i32]| {
        (
            json!({"groupId": "g", "memberId": "m1", "generationId": generation}),
            json!({"errorCode": 0, "assignment": assignment('t', partitions)}),
        )
    };
    assert_eq!(call(14, sync(5, &[0, 1])), ["sync 5 t[0, 1] +t[0, 1] - 0"]);
    let beat = |error| {
        (
            json!({"groupId": "g", "memberId": "m1", "generationId": 5}),
            json!({"errorCode": error}),
        )
    };
    assert!(
        call(12, beat(0)).is_empty(),
        "a heartbeat that changes nothing is no event"
    );
    assert_eq!(call(12, beat(27)), ["heartbeat 5 ? +? -? 27"]);
    assert_eq!(call(14, sync(6, &[1, 2])), ["sync 6 t[1, 2] +t[2] -t[0] 0"]);
    let leave = json!({"groupId": "g", "members": [{"memberId": "m1", "reason": "closed"}]});
    let left = json!({"errorCode": 0, "members": [{"memberId": "m1", "errorCode": 0}]});
    assert_eq!(call(13, (leave, left)), ["leave -1  +? -t[1, 2] 0"]);
}

#[test]
fn what_a_member_had_before_the_capture_is_not_guessed() {
    let mut state = State::default();
    let request = json!({"groupId": "g", "memberId": "m1", "generationId": 9});
    let response = json!({"errorCode": 0, "assignment": assignment('t', &[3])});
    assert_eq!(
        told(&connection().call(&mut state, 14, request, response)),
        ["sync 9 t[3] +? -? 0"]
    );
}

#[test]
fn a_static_member_keeps_its_partitions_under_a_new_member_id() {
    let mut state = State::default();
    let mut sync = |member: &str, partitions: &[i32]| {
        let request =
            json!({"groupId": "g", "memberId": member, "groupInstanceId": "i", "generationId": 1});
        let response = json!({"errorCode": 0, "assignment": assignment('t', partitions)});
        told(&connection().call(&mut state, 14, request, response))
    };
    sync("m1", &[0]);
    assert_eq!(sync("m2", &[0]), ["sync 1 t[0] + - 0"]);
}

#[test]
fn other_protocols_bytes_are_no_assignment() {
    let mut state = State::default();
    let request = json!({"groupId": "connect", "memberId": "m1", "generationId": 1});
    let response =
        json!({"errorCode": 0, "protocolType": "connect", "assignment": assignment('t', &[0])});
    assert_eq!(
        told(&connection().call(&mut state, 14, request, response)),
        ["sync 1  +? -? 0"]
    );
}

#[test]
fn a_member_of_kip_848() {
    let mut state = State::default();
    let mut beat = |key, epoch, answer: i32, given: Json| {
        let request = json!({"groupId": "g", "memberId": "m", "memberEpoch": epoch, "subscribedTopicNames": null});
        let response =
            json!({"errorCode": 0, "memberId": "m", "memberEpoch": answer, "assignment": given});
        told(&connection().call(&mut state, key, request, response))
    };
    let given = |partitions: &[i32]| json!({"topicPartitions": [{"topicId": "uuid:7", "partitions": partitions}]});
    for key in [68, 76] {
        assert_eq!(
            beat(key, 0, 1, given(&[0, 1])),
            ["join 1 ? +? -? 0", "assignment 1 #7[0, 1] +#7[0, 1] - 0"]
        );
        assert!(beat(key, 1, 1, Json::Null).is_empty());
        assert!(beat(key, 1, 1, given(&[1, 0])).is_empty(), "the same again");
        assert_eq!(
            beat(key, 1, 1, given(&[1])),
            ["assignment 1 #7[1] + -#7[0] 0"]
        );
        assert_eq!(beat(key, 1, 2, Json::Null), ["epoch 2 #7[1] +? -? 0"]);
        assert_eq!(beat(key, -1, -1, Json::Null), ["leave -1  +? -#7[1] 0"]);
    }
}

/// Subscribed names, the pattern, the ids assigned; what is deduced for id 9.
type Deduction = (Json, Json, &'static [u8], Option<&'static str>);

#[test]
fn an_assignment_betrays_the_name_of_an_id() {
    let cases: &[(&str, i16, Deduction)] = &[
        (
            "one name, one id",
            68,
            (json!(["orders"]), Json::Null, &[9], Some("orders")),
        ),
        (
            "of a share group",
            76,
            (json!(["orders"]), Json::Null, &[9], Some("orders")),
        ),
        (
            "the other name is known",
            68,
            (
                json!(["orders", "audit"]),
                Json::Null,
                &[7, 9],
                Some("orders"),
            ),
        ),
        (
            "either of two",
            68,
            (json!(["orders", "new"]), Json::Null, &[9], None),
        ),
        (
            "by a pattern",
            68,
            (json!(["orders"]), json!("o.*"), &[9], None),
        ),
        (
            "the topic was created anew",
            68,
            (json!(["audit"]), Json::Null, &[9], Some("audit")),
        ),
    ];
    for (case, key, (names, pattern, ids, expected)) in cases {
        let mut state = State::default();
        state.learn_topics([([7; 16], "audit".to_owned())]);
        let given: Vec<Json> = ids
            .iter()
            .map(|id| json!({"topicId": format!("uuid:{id}"), "partitions": [0]}))
            .collect();
        let mut beat = |epoch: i32, names: &Json, given: Json| {
            let request = json!({"groupId": "g", "memberId": "m", "memberEpoch": epoch,
                "subscribedTopicNames": names, "subscribedTopicRegex": pattern});
            let response =
                json!({"errorCode": 0, "memberId": "m", "memberEpoch": 1, "assignment": given});
            connection().call(&mut state, *key, request, response).names
        };
        assert!(beat(0, names, Json::Null).is_empty(), "{case}");
        // unchanged since the join
        let told = beat(1, &Json::Null, json!({"topicPartitions": given}));
        let told: Vec<_> = told.iter().map(|n| (&*n.topic, n.source)).collect();
        assert_eq!(
            told,
            Vec::from_iter(expected.map(|name| (name, "deduced"))),
            "{case}"
        );
        assert_eq!(
            state.topic_name(&[9; 16]).map(|n| &**n),
            *expected,
            "{case}"
        );
        assert_eq!(
            state.topic_name(&[7; 16]).map(|n| &**n),
            Some("audit"),
            "{case}"
        );
    }
}

#[test]
fn tasks_of_a_streams_member_are_partitions_of_what_they_read() {
    let mut state = State::default();
    let request = json!({"groupId": "g", "memberId": "m", "memberEpoch": 0, "topology": {"epoch": 1, "subtopologies": [
        {"subtopologyId": "0", "sourceTopics": ["in"], "repartitionSourceTopics": [{"name": "by-key"}]}]}});
    let response = json!({"errorCode": 0, "memberId": "m", "memberEpoch": 1, "activeTasks": [{"subtopologyId": "0", "partitions": [2]}]});
    let events = told(&connection().call(&mut state, 88, request, response));
    assert_eq!(
        events,
        [
            "join 1 ? +? -? 0",
            "assignment 1 by-key[2] in[2] +by-key[2] in[2] - 0"
        ]
    );
}
