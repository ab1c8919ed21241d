//! Topics as columns show them, and `kafka_topic_names`.

use std::{fmt::Write, sync::Arc};

use kafkascope_state::{Assignment, LearnedName, State, TopicKey, uuid_text};

use crate::{body::write_string, columns::Batches, rows::KafkaTopicNames};

/// A topic's name where it is known, its id where that is on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TopicText {
    pub name: Arc<str>,
    pub id: String,
}

impl TopicText {
    pub fn of(key: &TopicKey, state: &State) -> Self {
        match key {
            TopicKey::Name(name) => TopicText {
                name: name.clone(),
                id: String::new(),
            },
            TopicKey::Id(id) => TopicText {
                name: state.topic_name(id).cloned().unwrap_or_default(),
                id: uuid_text(id),
            },
        }
    }
}

pub(crate) fn write(names: &[LearnedName], time_ns: i64, out: &mut Batches) {
    for name in names {
        out.push(&KafkaTopicNames {
            time_: time_ns,
            cluster_id: &name.cluster_id,
            topic_id: &uuid_text(&name.topic_id),
            topic: &name.topic,
            source: name.source,
            ..Default::default()
        });
    }
}

/// `[{"topic":…,"partitions":[…]}]`, with `topic_id` where the name is not known; empty for `None`.
pub(crate) fn assignment_json(assignment: Option<&Assignment>, state: &State) -> String {
    let Some(assignment) = assignment else {
        return String::new();
    };
    let mut json = String::from("[");
    for (i, (topic, partitions)) in assignment.iter().enumerate() {
        let text = TopicText::of(topic, state);
        json.push_str(if i == 0 {
            "{\"topic\":"
        } else {
            ",{\"topic\":"
        });
        write_string(&mut json, &text.name);
        if text.name.is_empty() {
            write!(json, ",\"topic_id\":\"{}\"", text.id).expect("writing to a String");
        }
        let list: Vec<String> = partitions.iter().map(i32::to_string).collect();
        write!(json, ",\"partitions\":[{}]}}", list.join(",")).expect("writing to a String");
    }
    json.push(']');
    json
}
