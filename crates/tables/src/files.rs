//! Rows of capture files.

use std::path::PathBuf;

use kafkascope_capture::{CaptureFileError, FileSource};
use kafkascope_stream::Limits;

use crate::{
    columns::Batch,
    pipeline::{Pipeline, Settings},
};

/// Bytes of rows that make a batch.
const BATCH: usize = 16 << 20;

/// Of a pipe rows are wanted soon.
pub(crate) fn streams_limits(source: &FileSource) -> Limits {
    match source.is_live() {
        true => Limits::default(),
        false => Limits::of_recordings(),
    }
}

/// Capture files in, batches out, in the order of time.
pub struct Files {
    source: FileSource,
    pipeline: Pipeline,
    ended: bool,
}

impl Files {
    pub fn open(paths: &[PathBuf], mut settings: Settings) -> Result<Files, CaptureFileError> {
        let source = FileSource::open(paths)?;
        settings.streams = streams_limits(&source);
        Ok(Files {
            source,
            pipeline: Pipeline::new(settings),
            ended: false,
        })
    }

    /// The next rows, of a pipe those that are known before its next packet comes; `None` after the last.
    pub fn next_batches(&mut self) -> Result<Option<Vec<Batch>>, CaptureFileError> {
        let enough = if self.source.is_live() { 1 } else { BATCH };
        while !self.ended && self.pipeline.pending_bytes() < enough {
            let pipeline = &mut self.pipeline;
            if !self.source.poll(&mut |event| pipeline.event(event))? {
                self.pipeline.finish();
                self.ended = true;
            }
        }
        let batches = self.pipeline.take();
        Ok((!batches.is_empty()).then_some(batches))
    }

    /// Counters so far, by name.
    pub fn stats(&self) -> Vec<(&'static str, u64)> {
        let files = self.source.stats();
        let mut stats = vec![
            ("packets", files.packets),
            ("tcp_packets", files.tcp),
            ("cut_packets", files.cut_packets),
            ("cut_bytes", files.cut_bytes),
            ("fragments", files.fragments),
            ("corrupt_packets", files.corrupt),
        ];
        stats.extend(self.pipeline.stats());
        stats
    }

    /// What a user should know of the files.
    pub fn warnings(&self) -> &[String] {
        self.source.warnings()
    }
}
