//! Every input that once broke a law, and inputs that nobody's fuzzer needs to find: each holds now.

use std::{fs, path::Path};

use kafkascope_fuzz::TARGETS;

#[test]
fn stored_inputs_break_no_law() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut run = 0;
    for entry in fs::read_dir(&folder).expect("the folder of regressions") {
        let path = entry.expect("readable").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let target = name.split('-').next().unwrap_or_default();
        let found = TARGETS.iter().find(|(t, _)| *t == target);
        let (_, law) = found.unwrap_or_else(|| panic!("{name}: no target {target}"));
        law(&fs::read(&path).expect("readable"));
        run += 1;
    }
    assert!(run > 0);
}

#[test]
fn short_and_uniform_inputs_break_no_law() {
    for (_, law) in TARGETS {
        law(&[]);
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            for len in [1, 2, 3, 7, 16, 64, 300] {
                law(&vec![byte; len]);
            }
        }
    }
}
