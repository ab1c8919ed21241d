//! Interned field names: every name that a schema file uses has a number and a constant.
//!
//! Names are Kafka's own, camelCase, the newest where a field was renamed. Numbers hold within one
//! build only.

use crate::tape::FieldId;

/// One constant per field name of the schema, `TOPICS` for `topics`, `ERROR_CODE` for `errorCode`.
pub mod f {
    use super::FieldId;
    /// No field: the message itself.
    pub const NONE: FieldId = 0;
    include!(concat!(env!("OUT_DIR"), "/field_consts.rs"));
}

// (camelCase, snake_case), ordered by the first; the index is the field's number.
include!(concat!(env!("OUT_DIR"), "/field_names.rs"));

/// The number of a camelCase name, `None` when no schema uses it.
pub fn id(name: &str) -> Option<FieldId> {
    NAMES
        .binary_search_by(|(camel, _)| (*camel).cmp(name))
        .ok()
        .map(|i| i as FieldId)
}

/// Kafka's name, camelCase; empty for `f::NONE`.
pub fn name(id: FieldId) -> &'static str {
    NAMES.get(id as usize).map_or("", |n| n.0)
}

/// The name as PxL scripts use it, snake_case.
pub fn snake_name(id: FieldId) -> &'static str {
    NAMES.get(id as usize).map_or("", |n| n.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_map_both_ways() {
        for i in 0..NAMES.len() as FieldId {
            assert_eq!(id(name(i)), Some(i));
        }
        assert_eq!(name(f::ERROR_CODE), "errorCode");
        assert_eq!(snake_name(f::MAX_WAIT_MS), "max_wait_ms");
        assert_eq!(id("noSuchField"), None);
        assert_eq!(name(FieldId::MAX), "");
    }
}
