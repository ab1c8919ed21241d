//! Which row stands for its request, so that requests are counted by a sum and not by telling times apart.

use kafkascope_wire::{Value, fields::f, tape::Object};

/// Marks one of some rows: the first with records, or the first where none has any.
///
/// With records, since scripts leave out the partitions that brought none.
pub(crate) struct First {
    with_records: bool,
    marked: bool,
}

impl First {
    /// For the rows of these partitions.
    pub fn of<'t>(mut partitions: impl Iterator<Item = Object<'t>>) -> First {
        First {
            with_records: partitions.any(|partition| has_records(&partition)),
            marked: false,
        }
    }

    /// Whether the next row, with a records field of so many bytes, is the one.
    pub fn mark(&mut self, bytes: i64) -> bool {
        let marks = !self.marked && (bytes > 0 || !self.with_records);
        self.marked |= marks;
        marks
    }
}

fn has_records(partition: &Object) -> bool {
    partition
        .get(f::RECORDS)
        .is_some_and(|field| matches!(field.node.value, Value::Records { size, .. } if size > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_is_marked_the_first_with_records_before_others() {
        let cases: [(&[i64], &[bool]); 5] = [
            (&[], &[]),
            (&[0], &[true]),
            (&[0, 0], &[true, false]),
            (&[0, 7, 0, 7], &[false, true, false, false]),
            (&[7, 0, 7], &[true, false, false]),
        ];
        for (bytes, expected) in cases {
            let mut first = First {
                with_records: bytes.iter().any(|b| *b > 0),
                marked: false,
            };
            let marks: Vec<bool> = bytes.iter().map(|b| first.mark(*b)).collect();
            assert_eq!(marks, expected, "{bytes:?}");
        }
    }
}
