//! What must never be shown: the fields that the schemas mark, and configuration values that look like secrets.

use std::sync::OnceLock;

use kafkascope_wire::fields::f;
use kafkascope_wire::schema::{self, FieldDef};
use kafkascope_wire::{FieldId, Node, Value, View};

/// Stands in the place of a secret, quotes included.
pub const MASKED: &str = "\"<masked>\"";

/// Fields marked `secret` in the schemas, by API.
fn marked() -> &'static [(i16, FieldId)] {
    static MARKED: OnceLock<Vec<(i16, FieldId)>> = OnceLock::new();
    MARKED.get_or_init(|| {
        let mut out = Vec::new();
        for message in schema::messages() {
            collect(message.key, &message.fields, &mut out);
        }
        out
    })
}

fn collect(api_key: i16, fields: &[FieldDef], out: &mut Vec<(i16, FieldId)>) {
    for field in fields {
        if field.secret {
            out.push((api_key, field.id));
        }
        collect(api_key, &field.children, out);
    }
}

/// Parts of names of configurations whose values are secrets or contain them.
const SENSITIVE: &[&str] = &[
    "password",
    "passphrase",
    "secret",
    "jaas",
    "credential",
    "token",
    "private",
    "keystore",
    "truststore",
    "apikey",
    "api.key",
    "auth",
];

/// Whether the value of `nodes[i]` must not be shown.
pub fn hides(api_key: i16, nodes: &[Node], i: usize, view: &View) -> bool {
    let field = nodes[i].field;
    // An envelope holds whole messages, with whatever secrets are in them.
    if api_key == 58
        && matches!(
            field,
            f::REQUEST_DATA | f::RESPONSE_DATA | f::REQUEST_PRINCIPAL
        )
    {
        return true;
    }
    if !marked().contains(&(api_key, field)) {
        return false;
    }
    match api_key {
        // Brokers leave sensitive values out of what they describe; a set of values is judged by name.
        32 | 33 | 44 => {
            let name = nodes[..i]
                .iter()
                .rev()
                .find(|n| n.field == f::NAME && matches!(n.value, Value::Str { .. }));
            name.and_then(|n| view.str(n.value))
                .is_none_or(|name| is_sensitive(&name))
        }
        _ => true,
    }
}

/// Whether a configuration of this name may hold a secret.
pub fn is_sensitive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SENSITIVE.iter().any(|part| name.contains(part)) || name.ends_with(".key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemas_mark_what_is_secret() {
        for (api_key, field) in [
            (36, f::AUTH_BYTES),
            (38, f::HMAC),
            (40, f::HMAC),
            (51, f::SALT),
            (51, f::SALTED_PASSWORD),
            (44, f::VALUE),
        ] {
            assert!(marked().contains(&(api_key, field)), "{api_key}");
        }
    }

    #[test]
    fn configurations_are_judged_by_name() {
        for (name, sensitive) in [
            ("retention.ms", false),
            ("cleanup.policy", false),
            ("segment.bytes", false),
            ("compression.type", false),
            ("max.message.bytes", false),
            ("ssl.keystore.password", true),
            ("ssl.keystore.key", true),
            ("listener.name.x.scram-sha-256.sasl.jaas.config", true),
            ("SASL.OAUTHBEARER.CLIENT.SECRET", true),
            ("share.auto.offset.reset", false),
        ] {
            assert_eq!(is_sensitive(name), sensitive, "{name}");
        }
    }
}
