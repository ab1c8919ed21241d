//! What the batch headers of a records field add up to.

use kafkascope_wire::{
    Outcome, Value, View,
    batch::{Batch, Batches},
    checksum::is_corrupt,
    fields::f,
    tape::Object,
};

/// Sums over the batches of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Records {
    pub batches: i64,
    /// `None` when a header was not captured, or a batch is corrupt.
    pub records: Option<i64>,
    /// Size of the records field.
    pub bytes: i64,
    /// Empty when a header was not captured.
    pub codec: &'static str,
    pub first_offset: Option<i64>,
    pub last_offset: Option<i64>,
    /// Offsets that the batches take.
    pub offsets: Option<i64>,
    /// Milliseconds since the epoch.
    pub min_timestamp: Option<i64>,
    pub max_timestamp: Option<i64>,
    pub producer_id: Option<i64>,
    pub producer_epoch: Option<i64>,
}

impl Records {
    /// Of a partition's records field; `None` where the capture ends before it, so that its size is not known. A message whose
    /// `outcome` is malformed may have batches that are not to be believed.
    pub fn of(partition: &Object, view: &View, outcome: Option<Outcome>) -> Option<Records> {
        let empty = Records {
            codec: "none",
            records: Some(0),
            offsets: Some(0),
            ..Records::default()
        };
        let field = partition.get(f::RECORDS)?;
        let bytes = match field.node.value {
            Value::Records { size, .. } => size.into(),
            _ => return Some(empty),
        };
        let mut sums = Records { bytes, ..empty };
        let mut batches = Batches::new(view, field.node);
        // the consumer leaves out a last batch that the response cut
        let doubtful = matches!(outcome, Some(Outcome::Malformed { .. }));
        let mut corrupt = false;
        for batch in batches.by_ref().filter(|b| !b.cut) {
            corrupt = doubtful && is_corrupt(view, &batch);
            if corrupt {
                break;
            }
            sums.add(&batch);
        }
        if corrupt || batches.is_incomplete() {
            // what the headers that are missing say is not known; where the first begins is
            sums = Records {
                batches: sums.batches,
                bytes,
                first_offset: sums.first_offset,
                producer_id: sums.producer_id,
                producer_epoch: sums.producer_epoch,
                ..Records::default()
            };
        }
        Some(sums)
    }

    fn add(&mut self, batch: &Batch) {
        let codec = batch.codec.name();
        self.codec = match self.batches {
            0 => codec,
            _ if self.codec != codec => "mixed",
            _ => codec,
        };
        self.batches += 1;
        // a compressed message of old formats has the offset of the last inside it
        if self.batches == 1 && batch.records.is_some() {
            self.first_offset = Some(batch.base_offset);
        }
        self.last_offset = Some(batch.last_offset);
        let offsets = batch.records.map(|_| {
            batch
                .last_offset
                .saturating_sub(batch.base_offset)
                .saturating_add(1)
        });
        self.offsets = self
            .offsets
            .zip(offsets)
            .map(|(sum, more)| sum.saturating_add(more));
        if batch.control {
            return;
        }
        self.records = self
            .records
            .zip(batch.records)
            .map(|(sum, more)| sum + i64::from(more));
        // a batch that compaction went over has the delete horizon there
        if batch.base_timestamp >= 0 && !batch.has_delete_horizon {
            self.min_timestamp = Some(
                self.min_timestamp
                    .map_or(batch.base_timestamp, |t| t.min(batch.base_timestamp)),
            );
        }
        if batch.max_timestamp >= 0 {
            self.max_timestamp = Some(
                self.max_timestamp
                    .map_or(batch.max_timestamp, |t| t.max(batch.max_timestamp)),
            );
        }
        if self.producer_id.is_none() && batch.producer_id >= 0 {
            (self.producer_id, self.producer_epoch) =
                (Some(batch.producer_id), Some(batch.producer_epoch.into()));
        }
    }
}

/// Nanoseconds of a Kafka timestamp.
pub(crate) fn millis(timestamp: Option<i64>) -> Option<i64> {
    timestamp
        .filter(|t| *t >= 0)
        .map(|t| t.saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkascope_wire::{Direction, Tape, decode};

    /// A message of magic 0 with this compression in its attributes.
    fn message(offset: i64, attributes: u8) -> Vec<u8> {
        let content = [&[0, 0, 0, 0, 0, attributes][..], &[0xff; 4], b"\0\0\0\x01v"].concat();
        let size = content.len() as u32;
        [&offset.to_be_bytes()[..], &size.to_be_bytes(), &content].concat()
    }

    #[test]
    fn where_a_message_set_begins() {
        const GZIP: u8 = 1;
        for (messages, first, last) in [
            (&[(7, 0), (8, 0)][..], Some(7), 8),
            (&[(7, 0), (12, GZIP)], Some(7), 12),
            (&[(8, GZIP)], None, 8),
            (&[(8, GZIP), (17, GZIP)], None, 17),
            (&[(8, GZIP), (9, 0)], None, 9),
        ] {
            let set: Vec<u8> = messages.iter().flat_map(|m| message(m.0, m.1)).collect();
            let head = b"\0\x01\0\0\x03\xe8\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\0";
            let body = [&head[..], &(set.len() as u32).to_be_bytes(), &set].concat();
            let (view, mut tape) = (View::whole(&body), Tape::default());
            let outcome = decode(0, 0, Direction::Request, &view, 0, &mut tape);
            let topic = tape.root().items(f::TOPIC_DATA).next().expect("a topic");
            let partition = topic.items(f::PARTITION_DATA).next().expect("a partition");
            let sums = Records::of(&partition, &view, Some(outcome)).expect("records");
            assert_eq!(
                (sums.first_offset, sums.last_offset),
                (first, Some(last)),
                "{messages:?}"
            );
        }
    }
}
