//! What a response says of each partition, to be found from the request.

use kafkascope_state::TopicKey;

use crate::Map;

type Partition = (TopicKey, i64);

/// Answers by topic and partition, in whatever order they came. The last of several about one partition counts.
pub(crate) enum Answers<T> {
    None,
    /// Most requests are about one partition, for which a map costs more than it saves.
    One(Partition, T),
    Many(Map<Partition, T>),
}

impl<T> Answers<T> {
    pub fn insert(&mut self, topic: TopicKey, partition: i64, answer: T) {
        let of = (topic, partition);
        match std::mem::replace(self, Answers::None) {
            Answers::None => *self = Answers::One(of, answer),
            Answers::One(first, earlier) => {
                *self = Answers::Many(Map::from_iter([(first, earlier), (of, answer)]));
            }
            Answers::Many(mut answers) => {
                answers.insert(of, answer);
                *self = Answers::Many(answers);
            }
        }
    }

    pub fn get(&self, topic: &TopicKey, partition: i64) -> Option<&T> {
        match self {
            Answers::None => None,
            Answers::One(of, answer) => (of.1 == partition && of.0 == *topic).then_some(answer),
            Answers::Many(answers) => answers.get(&(topic.clone(), partition)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Partition and answer in the order in which they come, and what is found of partitions 0 and 1.
    type Case<'a> = (&'a [(i64, &'a str)], [Option<&'a str>; 2]);

    #[test]
    fn an_answer_is_found_whatever_their_number_and_order() {
        let orders = TopicKey::Name("orders".into());
        let cases: [Case; 5] = [
            (&[], [None, None]),
            (&[(0, "a")], [Some("a"), None]),
            (&[(1, "b")], [None, Some("b")]),
            (&[(1, "b"), (0, "a")], [Some("a"), Some("b")]),
            (&[(0, "a"), (0, "z"), (1, "b")], [Some("z"), Some("b")]),
        ];
        for (told, expected) in cases {
            let mut answers = Answers::None;
            for (partition, answer) in told {
                answers.insert(orders.clone(), *partition, *answer);
            }
            let found = [0, 1].map(|partition| answers.get(&orders, partition).copied());
            assert_eq!(found, expected, "{told:?}");
            assert!(answers.get(&TopicKey::Id([7; 16]), 0).is_none());
        }
    }
}
