//! Which cluster and node a connection's broker is.

mod support;

use kafkascope_state::{Broker, State};
use serde_json::{Value as Json, json};
use support::{Connection, host};

fn metadata(cluster: Json, brokers: &[(i32, &str, u16)]) -> Json {
    let brokers: Vec<Json> = brokers
        .iter()
        .map(|(id, host, port)| json!({"nodeId": id, "host": host, "port": port}))
        .collect();
    json!({"clusterId": cluster, "brokers": brokers, "topics": [{"name": "orders", "topicId": "uuid:7"}]})
}

fn to(broker: &str) -> Connection {
    Connection::new(1, host("10.0.0.5:4000", None), host(broker, None))
}

fn broker(state: &mut State, addr: &str) -> (String, Option<i32>) {
    let Broker {
        cluster_id,
        node_id,
    } = state.broker(&host(addr, None));
    (cluster_id.to_string(), node_id)
}

#[test]
fn a_broker_list_names_all_its_brokers() {
    let mut state = State::default();
    to("10.0.0.1:9092").call(
        &mut state,
        3,
        json!({}),
        metadata(json!("A"), &[(1, "10.0.0.1", 9092), (2, "10.0.0.2", 9092)]),
    );
    assert_eq!(broker(&mut state, "10.0.0.1:9092"), ("A".into(), Some(1)));
    assert_eq!(broker(&mut state, "10.0.0.2:9092"), ("A".into(), Some(2)));
    assert_eq!(
        broker(&mut state, "10.0.0.3:9092"),
        ("".into(), None),
        "a bootstrap address may be anything"
    );
}

#[test]
fn brokers_advertised_by_name_are_told_by_their_ports() {
    type Case = (
        &'static [(i32, &'static str, u16)],
        &'static str,
        Option<i32>,
        &'static str,
    );
    let cases: [Case; 5] = [
        (
            &[(1, "broker-1", 9092), (2, "broker-2", 9093)],
            "10.0.0.2:9093",
            Some(2),
            "one has this port",
        ),
        (
            &[(1, "broker-1", 9092), (2, "broker-2", 9092)],
            "10.0.0.2:9092",
            None,
            "both have it",
        ),
        (
            &[(1, "172.17.0.2", 9092)],
            "10.0.0.2:9092",
            Some(1),
            "the cluster's only broker",
        ),
        (
            &[(1, "broker-1", 9092)],
            "10.0.0.2:19092",
            None,
            "another port: a forward",
        ),
        (
            &[(1, "localhost", 9092), (2, "localhost", 9093)],
            "127.0.0.1:9092",
            Some(1),
            "localhost from loopback",
        ),
    ];
    for (brokers, addr, node, case) in cases {
        let mut state = State::default();
        to(addr).call(&mut state, 3, json!({}), metadata(json!("A"), brokers));
        assert_eq!(broker(&mut state, addr), ("A".into(), node), "{case}");
    }
}

#[test]
fn a_client_says_where_it_believes_to_be() {
    let mut state = State::default();
    let request = json!({"clientSoftwareName": "x", "clientSoftwareVersion": "1", "clusterId": "A", "nodeId": 3});
    to("10.0.0.1:9092").call(&mut state, 18, request.clone(), json!({"errorCode": 0}));
    assert_eq!(broker(&mut state, "10.0.0.1:9092"), ("A".into(), Some(3)));
    let refused = to("10.0.0.2:9092");
    refused.call(&mut state, 18, request, json!({"errorCode": 35}));
    assert_eq!(
        broker(&mut state, "10.0.0.2:9092"),
        ("".into(), None),
        "the broker did not agree"
    );
}

#[test]
fn listeners_of_one_process_are_one_broker() {
    let mut state = State::default();
    let at = |addr| Connection::new(1, host("10.0.0.5:4000", None), host(addr, Some(9)));
    at("10.0.0.1:9093").call(
        &mut state,
        12,
        json!({"groupId": "g"}),
        json!({"errorCode": 0}),
    );
    at("10.0.0.1:9092").call(
        &mut state,
        3,
        json!({}),
        metadata(json!("A"), &[(1, "10.0.0.1", 9092)]),
    );
    assert_eq!(
        state
            .broker(&host("10.0.0.1:9093", Some(9)))
            .cluster_id
            .as_ref(),
        "A"
    );
}

#[test]
fn a_process_is_named_by_what_it_says_elsewhere_until_a_message_does() {
    let mut state = State::default();
    let is = |id: &str, node_id| Broker {
        cluster_id: id.into(),
        node_id,
    };
    let at = |state: &mut State, addr, pid| state.broker(&host(addr, Some(pid)));
    assert_eq!(at(&mut state, "10.0.0.1:9092", 1), is("", None));
    // processes of these tests begin in the first tick
    state.learn_process((1, 0), is("A", Some(3)));
    state.learn_process((2, 0), is("A", None));
    state.learn_process((3, 0), is("B", Some(7)));
    state.learn_process((4, 1), is("B", Some(8)));
    assert_eq!(at(&mut state, "10.0.0.1:9092", 1), is("A", Some(3)));
    assert_eq!(at(&mut state, "10.0.0.1:9093", 1), is("A", Some(3)));
    assert_eq!(at(&mut state, "10.0.0.2:9092", 2), is("A", None));
    assert_eq!(at(&mut state, "10.0.0.3:9092", 3), is("B", Some(7)));
    let another = at(&mut state, "10.0.0.4:9092", 4);
    assert_eq!(another, is("", None), "its number is used again");
    let ends = Connection::new(
        1,
        host("10.0.0.5:4000", None),
        host("10.0.0.2:9092", Some(2)),
    );
    let told = metadata(json!("C"), &[(5, "10.0.0.2", 9092)]);
    ends.call(&mut state, 3, json!({}), told);
    assert_eq!(at(&mut state, "10.0.0.2:9092", 2).node_id, Some(5));
}

#[test]
fn an_endpoint_may_come_to_serve_another_cluster() {
    let mut state = State::default();
    let (a, b) = (
        &[(1, "10.0.0.1", 9092), (2, "10.0.0.2", 9092)],
        &[(1, "10.0.0.1", 9092)],
    );
    to("10.0.0.1:9092").call(&mut state, 3, json!({}), metadata(json!("A"), a));
    to("10.0.0.1:9092").call(&mut state, 3, json!({}), metadata(json!("B"), b));
    assert_eq!(broker(&mut state, "10.0.0.1:9092").0, "B");
    assert_eq!(
        broker(&mut state, "10.0.0.2:9092").0,
        "A",
        "the other broker stays"
    );
}

#[test]
fn names_are_told_once_and_again_with_their_cluster() {
    let mut state = State::default();
    let list = &[(1, "10.0.0.1", 9092)];
    let told = |lesson: kafkascope_state::Lesson| {
        lesson
            .names
            .iter()
            .map(|n| n.cluster_id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told(to("10.0.0.1:9092").call(&mut state, 3, json!({}), metadata(Json::Null, list))),
        [""]
    );
    assert_eq!(
        told(to("10.0.0.1:9092").call(&mut state, 3, json!({}), metadata(json!("A"), list))),
        ["A"]
    );
    assert!(
        told(to("10.0.0.1:9092").call(&mut state, 3, json!({}), metadata(json!("A"), list)))
            .is_empty()
    );
    assert_eq!(state.topic_name(&[7; 16]).map(|n| &**n), Some("orders"));
}

#[test]
fn every_message_with_name_and_id_teaches() {
    let pair = |name: &str| json!([{name: "orders", "topicId": "uuid:7"}]);
    let (named, topic) = (pair("name"), pair("topicName"));
    let members =
        |field: &str| json!({"groups": [{"members": [{field: {"topicPartitions": topic}}]}]});
    for (key, request, response, source) in [
        (3, json!({}), json!({"topics": named}), "Metadata"),
        (4, json!({"topicStates": topic}), Json::Null, "LeaderAndIsr"),
        (
            6,
            json!({"topicStates": topic}),
            Json::Null,
            "UpdateMetadata",
        ),
        (19, json!({}), json!({"topics": named}), "CreateTopics"),
        (20, json!({}), json!({"responses": named}), "DeleteTopics"),
        (
            69,
            json!({}),
            members("assignment"),
            "ConsumerGroupDescribe",
        ),
        (
            69,
            json!({}),
            members("targetAssignment"),
            "ConsumerGroupDescribe",
        ),
        (
            75,
            json!({}),
            json!({"topics": named}),
            "DescribeTopicPartitions",
        ),
        (77, json!({}), members("assignment"), "ShareGroupDescribe"),
        (
            90,
            json!({}),
            json!({"groups": [{"topics": topic}]}),
            "DescribeShareGroupOffsets",
        ),
        (
            91,
            json!({}),
            json!({"responses": topic}),
            "AlterShareGroupOffsets",
        ),
        (
            92,
            json!({}),
            json!({"responses": topic}),
            "DeleteShareGroupOffsets",
        ),
    ] {
        let mut state = State::default();
        let told = to("10.0.0.1:9092")
            .call(&mut state, key, request, response)
            .names;
        assert_eq!(told.iter().map(|n| n.source).collect::<Vec<_>>(), [source]);
        assert_eq!(
            state.topic_name(&[7; 16]).map(|n| &**n),
            Some("orders"),
            "{source}"
        );
    }
}

#[test]
fn a_topic_created_anew_under_its_name_has_two_ids() {
    let mut state = State::default();
    let mut tell = |id: u8| {
        let topics = json!([{"name": "orders", "topicId": format!("uuid:{id}")}]);
        let lesson = to("10.0.0.1:9092").call(&mut state, 3, json!({}), json!({"topics": topics}));
        lesson.names.len()
    };
    assert_eq!([tell(7), tell(8), tell(8)], [1, 1, 0]);
    for id in [7, 8] {
        assert_eq!(state.topic_name(&[id; 16]).map(|n| &**n), Some("orders"));
    }
}

#[test]
fn what_was_learned_before_the_cluster_was_known_stays() {
    let mut state = State::default();
    let consumer = |addr| Connection::new(1, host("10.0.0.5:4000", Some(1)), host(addr, None));
    // the group speaks to its coordinator, the fetch goes to another broker, then Metadata joins the two
    let commit =
        json!({"groupId": "g", "memberId": "m", "topics": [{"name": "orders", "partitions": []}]});
    consumer("10.0.0.1:9092").call(&mut state, 8, commit, json!({}));
    let topic = kafkascope_state::TopicKey::Name("orders".into());
    let mut group = || {
        let reader = state.reader(&consumer("10.0.0.2:9092").ends, Some("c"), &topic, 0);
        (reader.group.to_string(), reader.source.name())
    };
    assert_eq!(group(), ("".into(), "unknown"));
    let both = &[(1, "10.0.0.1", 9092), (2, "10.0.0.2", 9092)];
    to("10.0.0.1:9092").call(&mut state, 3, json!({}), metadata(json!("A"), both));
    let lesson = consumer("10.0.0.2:9092").call_at(&mut state, 10, 1, json!({}), json!({}));
    let late = &lesson.late_groups[0];
    assert_eq!(
        (&*late.reader.group, late.last_ns),
        ("g", 0),
        "for what was fetched before"
    );
    let reader = state.reader(&consumer("10.0.0.2:9092").ends, Some("c"), &topic, 0);
    assert_eq!((&*reader.group, reader.source.name()), ("g", "process"));
}
