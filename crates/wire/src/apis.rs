//! The APIs by key: names, versions, encodings.

use std::sync::OnceLock;

use crate::{
    decode::Direction,
    plan::Plans,
    schema::{self, FieldDef, Kind, Versions},
};

/// One API of Kafka's protocol.
#[derive(Debug)]
pub struct Api {
    pub key: i16,
    /// As in the message definitions, `OffsetCommit`.
    pub name: &'static str,
    /// As in Kafka's request log, `OFFSET_COMMIT`.
    pub log_name: String,
    /// That have a schema, from the first release to the newest.
    pub versions: Versions,
    /// With compact lengths and tagged fields.
    pub flexible: Versions,
    request: Plans,
    response: Plans,
}

impl Api {
    /// The fields of a body, of all versions.
    pub fn fields(&self, direction: Direction) -> &'static [FieldDef] {
        &self.plans(direction).message.fields
    }

    pub(crate) fn plans(&self, direction: Direction) -> &Plans {
        match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        }
    }
}

fn table() -> &'static [Option<Api>] {
    static TABLE: OnceLock<Vec<Option<Api>>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Vec::new();
        let of = |kind| schema::messages().iter().filter(move |m| m.kind == kind);
        for request in of(Kind::Request) {
            let Some(response) = of(Kind::Response).find(|m| m.key == request.key) else {
                continue;
            };
            let name = request.name.trim_end_matches("Request");
            let index = request.key as usize;
            if table.len() <= index {
                table.resize_with(index + 1, || None);
            }
            table[index] = Some(Api {
                key: request.key,
                name,
                log_name: log_name(name),
                versions: request.versions,
                flexible: request.flexible,
                request: Plans::new(request),
                response: Plans::new(response),
            });
        }
        table
    })
}

/// The API of this key, `None` when no schema has it.
pub fn api(key: i16) -> Option<&'static Api> {
    table().get(usize::try_from(key).ok()?)?.as_ref()
}

/// All APIs by key.
pub fn all() -> impl Iterator<Item = &'static Api> {
    table().iter().flatten()
}

/// `Produce`; `Unknown` for a key without a schema.
pub fn name(key: i16) -> &'static str {
    api(key).map_or("Unknown", |a| a.name)
}

/// `PRODUCE`; `UNKNOWN` for a key without a schema.
pub fn log_name_of(key: i16) -> &'static str {
    api(key).map_or("UNKNOWN", |a| &a.log_name)
}

pub(crate) fn plans(key: i16, direction: Direction) -> Option<&'static Plans> {
    api(key).map(|a| a.plans(direction))
}

fn log_name(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apis_have_the_names_of_kafka() {
        for (key, camel, log) in [
            (0, "Produce", "PRODUCE"),
            (4, "LeaderAndIsr", "LEADER_AND_ISR"),
            (24, "AddPartitionsToTxn", "ADD_PARTITIONS_TO_TXN"),
            (94, "UnregisterController", "UNREGISTER_CONTROLLER"),
            (95, "Unknown", "UNKNOWN"),
            (-1, "Unknown", "UNKNOWN"),
        ] {
            assert_eq!((name(key), log_name_of(key)), (camel, log));
        }
        assert_eq!(all().count(), 95);
    }

    #[test]
    fn every_plan_compiles() {
        for api in all() {
            for version in api.versions.low..=api.versions.high {
                assert!(
                    api.request.get(version).is_some() && api.response.get(version).is_some(),
                    "{} {version}",
                    api.name
                );
            }
            assert!(api.request.get(api.versions.high + 1).is_none());
        }
    }
}
