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
    "basic.auth",
    "authorization",
    "user.info",
];

/// Ends of names that tell about a secret and hold none, as `delegation.token.max.lifetime.ms` and `ssl.keystore.type`.
const ABOUT: &[&str] = &[
    ".ms",
    ".seconds",
    ".class",
    ".type",
    ".file",
    ".location",
    ".url",
    ".algorithm",
    ".iterations",
    ".length",
    ".enable",
    ".enabled",
    ".client.id",
];

/// ConfigResource.Type of Kafka's Java client: a logger, whose value is a level.
const BROKER_LOGGER: i64 = 8;

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
        32 => withheld(nodes, i).unwrap_or_else(|| named_like_a_secret(nodes, i, view)),
        33 | 44 => named_like_a_secret(nodes, i, view),
        _ => true,
    }
}

/// Who describes a configuration says of each value whether it is sensitive; `None` where the message was cut before that.
fn withheld(nodes: &[Node], i: usize) -> Option<bool> {
    let said = |node: &Node| match (node.field, node.value) {
        (f::IS_SENSITIVE, Value::Bool(said)) => Some(said),
        _ => None,
    };
    // It stands behind a configuration's value, and before its synonyms with theirs.
    let inside_synonym = nodes[..i]
        .iter()
        .rev()
        .find(|n| matches!(n.value, Value::Struct))
        .is_some_and(|n| n.field == f::SYNONYMS);
    if inside_synonym {
        nodes[..i].iter().rev().find_map(said)
    } else {
        nodes[i..]
            .iter()
            .take_while(|n| !matches!(n.value, Value::End))
            .find_map(said)
    }
}

fn named_like_a_secret(nodes: &[Node], i: usize, view: &View) -> bool {
    let before = |field: FieldId| nodes[..i].iter().rev().find(move |n| n.field == field);
    let is_logger =
        before(f::RESOURCE_TYPE).is_some_and(|n| matches!(n.value, Value::Int(BROKER_LOGGER)));
    let name = before(f::NAME).and_then(|n| view.str(n.value));
    !is_logger && name.is_none_or(|name| is_sensitive(&name))
}

/// Whether a configuration of this name may hold a secret.
pub fn is_sensitive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let holds_one = SENSITIVE.iter().any(|part| name.contains(part)) || name.ends_with(".key");
    holds_one && !ABOUT.iter().any(|end| name.ends_with(end))
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
            ("ssl.truststore.certificates", true),
            ("ssl.keystore.certificate.chain", true),
            ("delegation.token.secret.key", true),
            ("sasl.oauthbearer.assertion.private.key.passphrase", true),
            ("basic.auth.user.info", true),
            ("ssl.keystore.type", false),
            ("ssl.client.auth", false),
            ("sasl.oauthbearer.scope.claim.name", false),
            ("sasl.oauthbearer.token.endpoint.url", false),
            ("delegation.token.max.lifetime.ms", false),
            ("password.encoder.iterations", false),
            ("authorizer.class.name", false),
            ("share.auto.offset.reset", false),
        ] {
            assert_eq!(is_sensitive(name), sensitive, "{name}");
        }
    }
}
