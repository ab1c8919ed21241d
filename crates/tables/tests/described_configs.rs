//! Values of described configurations: whoever describes one says whether it is sensitive.

use kafkascope_tables::body::{Style, write_body};
use kafkascope_wire::{Direction, Tape, View, decode};
use serde_json::Value;

fn short(text: &str) -> Vec<u8> {
    [&(text.len() as i16).to_be_bytes()[..], text.as_bytes()].concat()
}

/// A configuration of DescribeConfigs 1 with one synonym: name, value, read-only, source, sensitive, synonyms.
fn config(name: &str, value: &str, sensitive: bool) -> Vec<u8> {
    let synonym = [&[0, 0, 0, 1][..], &short(name), &short(value), &[5]].concat();
    [
        &short(name)[..],
        &short(value),
        &[0, 5, sensitive.into()],
        &synonym,
    ]
    .concat()
}

/// The values and the synonyms' values that are shown of `resource_type`'s `configs`; `cut` bytes are missing at the end.
fn shown(resource_type: u8, configs: &[Vec<u8>], cut: usize) -> Vec<(String, String)> {
    let mut bytes = b"\0\0\0\0\0\0\0\x01\0\0\xff\xff".to_vec();
    bytes.extend(
        [
            &[resource_type][..],
            &short("r"),
            &(configs.len() as u32).to_be_bytes(),
        ]
        .concat(),
    );
    bytes.extend(configs.concat());
    bytes.truncate(bytes.len() - cut);
    let (mut tape, mut out) = (Tape::default(), String::new());
    let view = View::whole(&bytes);
    decode(32, 1, Direction::Response, &view, 0, &mut tape);
    write_body(
        &mut out,
        Style::RequestLog,
        32,
        Direction::Response,
        &tape,
        &view,
        &|_| None,
    );
    let body: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"));
    let text = |value: &Value| value.as_str().unwrap_or("absent").to_owned();
    let configs = body["results"][0]["configs"].as_array().unwrap();
    configs
        .iter()
        .map(|c| (text(&c["value"]), text(&c["synonyms"][0]["value"])))
        .collect()
}

#[test]
fn whoever_describes_says_what_is_sensitive() {
    let configs = [
        config("connections.credential.kind", "x", false),
        config("retention.ms", "3600000", true),
        config("kafka.server.TokenManager", "INFO", false),
    ];
    let expected = [("x", "x"), ("<masked>", "<masked>"), ("INFO", "INFO")];
    let found = shown(4, &configs, 0);
    assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

#[test]
fn of_a_cut_one_the_name_decides() {
    for (name, value) in [
        ("ssl.key.password", "<masked>"),
        ("retention.ms", "hunter2"),
    ] {
        let configs = [
            config("min.insync.replicas", "2", false),
            config(name, "hunter2", false),
        ];
        // Behind the value: read-only, source, sensitive, one synonym.
        let behind = 3 + 4 + 2 + name.len() + 2 + "hunter2".len() + 1;
        assert_eq!(shown(2, &configs, behind)[1].0, value, "{name}");
    }
}
