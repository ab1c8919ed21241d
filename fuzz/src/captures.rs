//! Any bytes as a capture file, through every stage into rows.

use kafkascope_tables::{files::Files, pipeline::Settings};

use crate::{rows, scratch::with_file};

pub fn run(data: &[u8]) {
    with_file(data, |path| {
        let Ok(mut files) = Files::open(&[path], Settings::default()) else {
            return;
        };
        while let Ok(Some(batches)) = files.next_batches() {
            rows::check(&batches);
        }
    });
}
